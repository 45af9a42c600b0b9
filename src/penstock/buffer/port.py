"""Where events wait. Every promise written here is a test in tests/contract/.

accept knows `Log`, deliver knows `Backlog`, operate knows `Shelf`; they meet nowhere else.
"""

import dataclasses
import enum
from collections.abc import Mapping, Sequence
from typing import Protocol

from penstock.event import Event


class Outcome(enum.StrEnum):
    """How an event ended at one destination. Each event gets exactly one."""

    DELIVERED = "delivered"
    NO_OP = "no-op"
    COALESCED = "coalesced"
    FILTERED = "filtered"
    SUPPRESSED = "suppressed"
    REJECTED = "rejected"
    DEAD = "dead"
    ERASED = "erased"


#: Later than any place in the log.
SEQ_MAX = 2**63 - 1
#: Outcomes that can be undone: the payload is kept, and a better mapping or a mended field may help.
REPLAYABLE = frozenset({Outcome.DEAD, Outcome.REJECTED})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of one call, as a person will want to see it later. Holds no key."""

    #: When the call was sent, seconds since 1970.
    at: float
    method: str
    path: str
    #: HTTP status, or None when no answer came.
    status: int | None
    #: Custify's answer, bounded, or what went wrong on the way.
    answer: str
    duration_ms: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The temporary right to deliver one event."""

    event: Event
    #: The event's place in the log; later is larger.
    seq: int
    #: 1 for the first try. A retry that does not count keeps the number.
    attempt: int
    #: Retry-clock seconds of the first counted failure, None before there was one.
    first_failed_at: float | None
    #: Names this very lease; a later lease of the same event has another.
    token: int
    #: Seconds since 1970 after which the event is handed out again.
    expires_at: float


class Log(Protocol):
    """accept's end: append only."""

    async def append(self, events: Sequence[Event]) -> int:
        """Store all events, or none, and return how many were new.

        When this returns, they are synced to disk. A (source, message_id) seen before is not stored again.
        Raises BufferUnavailable when the disk or the buffer's limit does not allow it; nothing is kept then.
        """


class Backlog(Protocol):
    """deliver's end, for one destination: the events of its sources that have no outcome yet."""

    async def lease(self, *, limit: int, lease_s: float) -> Sequence[Lease]:
        """Hand out up to `limit` due events; the longest due first.

        An event belongs to the lane of its person and, when it writes a company, also to that company's lane.
        While an earlier event of one of its lanes has no outcome, it is not handed out. Lanes do not wait for
        one another. Once an event names an anonymous and a known id, later events of both go in one order.
        """

    async def settle(
        self, lease: Lease, outcome: Outcome, *, reason: str = "", attempts: Sequence[Attempt] = ()
    ) -> None:
        """Write the event's outcome, durably, and free its lanes. Raises LeaseLost.

        `dead` and `rejected` events stay on the shelf with their reason and attempts, and can be replayed.
        """

    async def retry(
        self, lease: Lease, *, at: float, first_failed_at: float | None, counts: bool, attempts: Sequence[Attempt] = ()
    ) -> None:
        """Hand the event out again at `at` (seconds since 1970), not before. Raises LeaseLost.

        `counts` says whether the attempt number grows; being throttled or held does not make an event older.
        """

    async def replay(self, seqs: Sequence[int]) -> int:
        """Put dead or rejected events back at the end of their lanes; return how many were. Their outcome is undone."""

    async def remember(self, notes: Mapping[str, object]) -> None:
        """Keep what the destination learned (holds, pace) across a restart; merges key by key."""

    async def notes(self) -> Mapping[str, object]:
        """Return what `remember` kept."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """received == waiting + sum(outcomes), always."""

    received: int
    waiting: int
    #: Of those waiting, the ones that failed at least once.
    retrying: int
    outcomes: Mapping[Outcome, int]
    #: When the oldest waiting event was received, milliseconds since 1970; None when none waits.
    oldest_received_at_ms: int | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One event at one destination, as far as it has come."""

    event: Event
    seq: int
    #: An Outcome's text, or "waiting" or "retrying".
    state: str
    reason: str
    #: When the outcome was written, seconds since 1970.
    ended_at: float | None
    attempts: Sequence[Attempt]


class Shelf(Protocol):
    """operate's end: look, never change."""

    def accepted(self) -> Mapping[str, int]:
        """Return the number of events ever stored, by source."""

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
