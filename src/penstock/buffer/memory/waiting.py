"""What a backlog in memory keeps of an event that waits, and of a replay."""

import collections
import dataclasses
from collections.abc import Sequence

from penstock.buffer.port.backlog import Priority
from penstock.buffer.port.outcomes import Outcome
from penstock.event import Lane


@dataclasses.dataclass(slots=True)
class Waiting:
    """An event without an outcome, at one destination."""

    seq: int
    lanes: tuple[Lane, ...]
    due: float
    attempt: int = 1
    first_failed_at: float | None = None
    priority: Priority = Priority.LIVE
    #: The replay that put the event back; 0 for none.
    job: int = 0
    #: How the event had ended before that, and whether it is to count once more.
    was: str = ""
    is_anew: bool = False
    #: When it was parked first, and for which subjects it is parked now; none: it stands in its lanes.
    parked_at: float | None = None
    parked_for: Sequence[str] = ()
    #: The person the event's visitor became.
    became: str = ""
    #: A store may have only in mind where those stand that were never tried; of this one it is written down.
    is_written: bool = False


@dataclasses.dataclass(slots=True)
class ReplayJob:
    """How far a replay has come."""

    cursor: int = 0
    replayed: int = 0
    is_read: bool = False
    outcomes: collections.Counter[Outcome] = dataclasses.field(default_factory=collections.Counter)
