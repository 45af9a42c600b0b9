"""How much of the store one source may take, so that its flood leaves room for the others. Pure; counts, scans nothing.

What is stored counts, with an outcome or without: retention makes room before anybody is refused, and what cannot make
room is what waits.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping

# Retention begins at this part of a limit: refusals begin at the whole of it.
PRESSED = 0.9


def whole(_: str) -> float:
    """Return the share of a source where none is bounded."""
    return 1.0


@dataclasses.dataclass(slots=True, kw_only=True)
class StoreShares:
    """What is stored now, and how much of it may be whose."""

    #: The share of a source, above 0 and at most 1.
    share_of: Callable[[str], float] = whole
    events_max: float = math.inf
    #: What all sources together take of the disk, and may take; as of the last look at it.
    disk_bytes: float = 0.0
    disk_bytes_max: float = math.inf
    #: Events and bytes of each source; bytes are only compared with those of the other sources.
    stored: Mapping[str, tuple[int, int]] = dataclasses.field(default_factory=dict)
    #: Why nothing more of a source can be stored, for those of which that is so; as of the last weighing.
    used_up: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def weigh(self) -> None:
        """Find out whose share is used up: after what is stored or what may be stored has changed, not at each request."""
        self.used_up = {source: problem for source in self.stored if (problem := self.problem(source))}

    def problem(self, source: str) -> str:
        """Return why nothing more of this source can be stored now; empty when something can."""
        share = self.share_of(source)
        if share >= 1.0:
            return ""  # what bounds everybody bounds it too
        events, size_bytes = self._taken(source)
        if events >= share * self.events_max:
            return f"{events} events of {source} are stored, {share:.0%} of {self.events_max:.0f} are its share"
        if size_bytes >= share * self.disk_bytes_max:
            return f"{source} takes {size_bytes:.0f} bytes, {share:.0%} of {self.disk_bytes_max:.0f} are its share"
        return ""

    def is_pressed(self) -> bool:
        """Return whether one source, or all together, will soon be refused."""
        total = sum(events for events, _ in self.stored.values())
        if total >= PRESSED * self.events_max or self.disk_bytes >= PRESSED * self.disk_bytes_max:
            return True
        return any(self._is_near(source) for source in self.stored)

    def _is_near(self, source: str) -> bool:
        bound = PRESSED * self.share_of(source)
        events, size_bytes = self._taken(source)
        return events >= bound * self.events_max or size_bytes >= bound * self.disk_bytes_max

    def _taken(self, source: str) -> tuple[int, float]:
        """Return the events of a source, and its part of what is taken of the disk: indexes too."""
        events, size_bytes = self.stored.get(source, (0, 0))
        total = sum(each for _, each in self.stored.values())
        return events, self.disk_bytes * size_bytes / total if total else 0.0
