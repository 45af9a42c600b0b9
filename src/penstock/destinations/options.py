"""How a destination wants the events of a source read: what holds for every kind of destination."""

import dataclasses
from typing import ClassVar

from penstock.placeholders import PLACEHOLDER_IDS
from penstock.settings.source import Trust


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Part of the settings of a destination and of a source. A value: it can be compared, and sent to another process."""

    #: The package that reads events so; see every.py.
    type: ClassVar[str]
    #: The reading and its version, as people are shown it.
    name: str
    #: The event's source, empty for one that is gone; what it may write, and with `traits`, which.
    source: str = ""
    trust: Trust = "trusted"
    trusted_traits: tuple[str, ...] = ()
    #: How many names an event may have among its traits and properties, and how long one may be.
    names_max: int = 10_000
    name_chars_max: int = 1_000
    #: Ids that name no person; see placeholders.py.
    placeholder_ids: tuple[str, ...] = PLACEHOLDER_IDS
    #: How far the time of an event may be ahead of its arrival.
    clock_ahead_s_max: float = 86_400.0

    @property
    def is_alone(self) -> bool:
        """Return whether a call is read without what stands beside the calls of its batch."""
        return False
