"""What became of events: operate's end of the store."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Protocol

from penstock.buffer.port.log import SEQ_MAX
from penstock.buffer.port.outcomes import Attempt, Outcome
from penstock.event import Event


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """received == waiting + sum(outcomes), always."""

    received: int
    waiting: int
    #: Of those waiting, the ones that failed at least once.
    retrying: int
    #: Of those waiting, the ones parked until their person is known.
    parked: int
    outcomes: Mapping[Outcome, int]
    #: When the oldest waiting event that is not parked was received, milliseconds since 1970; None when none waits.
    oldest_received_at_ms: int | None
    #: Of those parked, the one that is parked for longest.
    parked_longest: "ParkedLongest | None" = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ParkedLongest:
    """The event that is parked for longest, and so is given up first."""

    #: Milliseconds since 1970.
    received_at_ms: int
    #: Since when, on the retry clock.
    parked_at: float
    #: It waits for a visitor to sign in; else for the destination to know its person.
    is_visitors: bool


#: Of which source an event was, empty where it is not known, and how it ended.
EndedAs = tuple[str, Outcome]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One event at one destination, as far as it has come."""

    event: Event
    seq: int
    #: An Outcome's text, or "waiting", "retrying" or "parked".
    state: str
    reason: str
    #: One of causes.py; empty for what arrived and what waits.
    cause: str
    #: When the outcome was written, seconds since 1970.
    ended_at: float | None
    attempts: Sequence[Attempt]
    #: What the ledger decided, as JSON; empty for nothing.
    notes: str = ""
    #: How events were read, by the key that attempts name; of a story that was asked for alone.
    readings: Mapping[str, object] = dataclasses.field(default_factory=dict)


class Shelf(Protocol):
    """operate's end: look, never change."""

    def accepted(self) -> Mapping[str, int]:
        """Return the number of events ever stored, by source."""

    def stored(self, source: str, *, since: float) -> int:
        """Return how many events of a source that came since a time, in seconds since 1970, are in store.

        Those that came in one sync with the first may be among them.
        """

    def counts(self, destination: str, sources: Sequence[str]) -> Counts:
        """Return the sums for a destination that the named sources are connected to."""

    def stories(
        self,
        destination: str,
        *,
        after_seq: int = 0,
        before_seq: int = SEQ_MAX,
        limit: int = 100,
        newest: bool = False,
    ) -> Sequence[Story]:
        """Return events between two places in the log, oldest first; the first `limit`, or the newest."""

    def story(self, destination: str, message_id: str) -> Story | None:
        """Return one event by its message id."""

    def by_minute(self, destination: str, *, since: int, step: int = 1) -> Mapping[int, Mapping[EndedAs, int]]:
        """Return how many events ended how in each `step` minutes since 1970, from `since` on, by their first minute.

        Two months are kept; what is older than two days, by the hour.
        """
