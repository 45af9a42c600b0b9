"""What ended badly, and how far sending it again has come."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Protocol

from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.port.selection import Selection
from penstock.buffer.port.shelf import Story


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """All events of a destination that ended badly for one cause."""

    cause: str
    outcome: Outcome
    count: int
    #: Places in the log of the first and the last of them.
    first_seq: int
    last_seq: int
    #: When the first and the last of them ended, in seconds since 1970.
    first_at: float
    last_at: float
    #: How many of them cannot be sent again, for their bodies are no longer kept.
    gone: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReplayProgress:
    """How far a replay has come; replayed == waiting + the sum of outcomes, always."""

    replayed: int
    waiting: int
    outcomes: Mapping[Outcome, int]
    #: Everything that was selected has been put back.
    is_read: bool


class DeadLetters(Protocol):
    """operate's end of what ended badly: look, never change."""

    def problems(self, destination: str) -> Sequence[Problem]:
        """Return what can be sent again by cause, the most frequent first: dead, rejected, kept back in shadow mode."""

    def select(self, destination: str, selection: Selection, *, after_seq: int = 0, limit: int = 100) -> "Selected":
        """Return the events of a selection in the order of the log; looks at `limit` at most."""

    def progress(self, job: int) -> ReplayProgress | None:
        """Return how far a replay has come; None while deliver has not begun with it."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """One page of a selection."""

    stories: Sequence[Story]
    #: Where the next page begins; None when this was the last.
    next_seq: int | None
