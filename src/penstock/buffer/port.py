"""Where events wait. Every promise written here is a test in tests/contract/.

accept knows `Log`, deliver knows `Backlog`, operate knows `Shelf` and `DeadLetters`; they meet nowhere else.
What people ask of deliver goes through `Orders`.
"""

import dataclasses
import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from penstock import causes
from penstock.buffer.control_port import Nudges
from penstock.buffer.search import Query as Query  # noqa: PLC0414 - part of the port
from penstock.buffer.selection import Selection as Selection  # noqa: PLC0414 - part of the port
from penstock.event import Batch, Event


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


class Priority(enum.IntEnum):
    """Whose turn it is when not everything can be sent at once; within a lane, the earlier ones stand in front."""

    LIVE = 0
    REPLAY = 1
    BACKFILL = 2


#: Live traffic is what customers look at; the others always move.
SHARES: Mapping[Priority, float] = {Priority.LIVE: 0.8, Priority.REPLAY: 0.15, Priority.BACKFILL: 0.05}


#: Outcomes after which Custify holds what the event says.
TAKEN = frozenset({Outcome.DELIVERED, Outcome.NO_OP, Outcome.COALESCED})
#: Outcomes that can be undone: the payload is kept, and a better mapping or a mended field may help.
REPLAYABLE = frozenset({Outcome.DEAD, Outcome.REJECTED})


def is_replayable(outcome: str, cause: str, *, wanted: str) -> bool:
    """Return whether a replay of a cause (empty: any) takes an event; what shadow mode kept back only when it is named."""
    return wanted == cause == causes.SHADOW or (outcome in REPLAYABLE and wanted in {"", cause})


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
    #: When the event was parked first, on the retry clock; None when it never was.
    parked_at: float | None = None
    #: Events right behind this one in all of their lanes, leased along with it, in order.
    followers: "Sequence[Lease]" = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How one leased event ends."""

    lease: Lease
    outcome: Outcome
    #: One of causes.py; empty for what arrived.
    cause: str = ""
    reason: str = ""
    #: What Explain wants to say later, as JSON; empty for nothing.
    notes: str = ""
    attempts: Sequence[Attempt] = ()


#: Given what is kept of a subject, returns what is to be kept; None is nothing. Called inside the transaction.
Learn = Callable[[bytes | None], bytes | None]
Learned = Mapping[str, Learn]
NOTHING_LEARNED: Learned = {}


@dataclasses.dataclass(frozen=True, slots=True)
class CallCount:
    """One figure about the calls of a destination."""

    #: `/people`, `/company` or `/event`.
    path: str
    #: planned, sent or saved.
    kind: str
    count: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReplayStep:
    """How far one step of a replay came."""

    #: Events put back by this step.
    replayed: int
    #: Events of this replay that have no outcome again yet.
    waiting: int
    #: Nothing is left that the replay could put back.
    is_read: bool


class Log(Protocol):
    """accept's end: append only."""

    async def append(self, batches: Sequence[Batch]) -> int:
        """Store all events of some batches, one at least, or none, and return how many were new.

        When this returns, they are synced to disk. A (source, message_id) seen before is not stored again.
        Raises BufferUnavailable when the disk or the buffer's limit does not allow it; ShareUsedUp when a source among
        them has as much in store as it may have, which is nobody else's trouble. Nothing is kept then.
        """


class Notebook(Protocol):
    """What a destination learned about Custify: holds, pace."""

    async def remember(self, notes: Mapping[str, object]) -> None:
        """Keep notes across a restart; merges key by key."""

    async def notes(self) -> Mapping[str, object]:
        """Return what `remember` kept."""


class Return(Protocol):
    """The ways back into the lanes."""

    async def wake_all(self) -> None:
        """Let every parked event take its place again."""

    async def replay(self, selection: Selection, *, job: int, limit: int) -> ReplayStep:
        """Put the next dead or rejected events of a selection back behind the live ones of their lanes.

        Their outcome is undone; their old attempts are kept. At most `limit` are looked at in one step. `job` names
        the replay: each event is put back once by it, in the order of the log, also across restarts, and an event
        that ends badly again is left to another replay. One that came to its end is not begun again.
        """


class Backlog(Notebook, Return, Protocol):
    """deliver's end, for one destination: the events of its sources that have no outcome yet.

    An event belongs to the lane of its person and, when it writes a company, also to that company's lane. While an
    earlier event of one of its lanes has no outcome, it is not handed out. Lanes do not wait for one another. Once an
    event names an anonymous and a known id, later events of both go in one order.
    """

    async def lease(
        self, *, limit: int, lease_s: float, shares: Mapping[Priority, float] | None = None, together: int = 0
    ) -> Sequence[Lease]:
        """Hand out up to `limit` due events; of each priority the longest due first.

        While several priorities have due events, each gets its share of what is handed out over time; SHARES
        without `shares`. A share that is not used goes to the others.
        Live events stand in front of replayed ones in their lanes; only one of a lane is ever handed out, but for
        its followers: up to `together` identify and group calls that nothing else stands between, and none while an
        event is parked for the first one's person: it takes its place right behind it.
        """

    async def lease_behind(self, lease: Lease, *, limit: int, bytes_max: int) -> Lease:
        """Return a lease again with more followers: up to `limit` events right behind it, of whatever type, in order.

        An event follows when nothing but the lease and its followers stands in front of it, and it is due. The bodies
        of those that are added take `bytes_max` together at most. They run out with the lease. Raises LeaseLost.
        """

    async def settle(
        self, *endings: Ending, learned: Learned = NOTHING_LEARNED, calls: Sequence[CallCount] = ()
    ) -> None:
        """Write the outcomes, durably and all at once, and free the lanes. Raises LeaseLost, and writes nothing then.

        `learned` changes what the ledger keeps, and `calls` is added to its figures, in the same transaction. Events
        parked for a subject of which something is known now take their places again, in front of later ones.
        `dead` and `rejected` events stay on the shelf with their cause, reason and attempts, and can be replayed.
        Followers that do not end with the first one go back as they were, also those that were leased after it.
        """

    async def retry(
        self,
        lease: Lease,
        *,
        at: float,
        first_failed_at: float | None,
        counts: bool,
        attempts: Sequence[Attempt] = (),
        learned: Learned = NOTHING_LEARNED,
    ) -> None:
        """Hand the event out again at `at` (seconds since 1970), not before; followers go back as they were.

        `counts` says whether the attempt number grows; being throttled or held does not make an event older.
        `learned` is as in `settle`. Raises LeaseLost.
        """

    async def park(
        self, lease: Lease, *, since: float, until: float, subjects: Sequence[str], room: int | None = None
    ) -> bool:
        """Take the event out of its lanes until something is learned of one of the subjects, or until `until`.

        Later events of its lanes pass meanwhile. Then it takes its place again, in front of those that have not been
        handed out. `since` is kept from the first time. Followers go back as they were.
        A visitor's lane is a subject too: something is learned when an event names that visitor with a person.
        With `room`, so many may be parked for visitors: False, and nothing is changed, where none is left. Raises LeaseLost.
        """


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
    #: When the oldest waiting event was received, milliseconds since 1970; None when none waits.
    oldest_received_at_ms: int | None


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

    def by_minute(self, destination: str, *, since: int) -> Mapping[int, Mapping[Outcome, int]]:
        """Return how many events ended how in each minute since 1970, from `since` on; two days are kept."""


class Gauge(Protocol):
    """operate's end of how things go just now."""

    def mark(self) -> object:
        """Return a value that is another one once anything was stored or has ended since. Costs next to nothing."""

    def lags(self, destination: str, *, since: int, until: int, of_each: int) -> Mapping[int, Sequence[float]]:
        """Return how long events took from being received to Custify's taking them, in seconds, by the minute since
        1970 in which they were received; of every minute an even sample of `of_each` events at most is looked at.
        """


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """All events of a destination that ended badly for one cause."""

    cause: str
    outcome: Outcome
    count: int
    #: Places in the log of the first and the last of them.
    first_seq: int
    last_seq: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
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
        """Return the dead and rejected events of a selection in the order of the log; looks at `limit` at most."""

    def progress(self, job: int) -> Progress | None:
        """Return how far a replay has come; None while deliver has not begun with it."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """One page of a selection."""

    stories: Sequence[Story]
    #: Where the next page begins; None when this was the last.
    next_seq: int | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOrder:
    """A replay that a person asked for."""

    id: int
    destination: str
    selection: Selection
    #: Seconds since 1970.
    asked_at: float
    asked_by: str
    #: A person stopped it; what it put back is still delivered.
    stopped: bool


class Orders(Nudges, Protocol):
    """What people ask of deliver. deliver follows within a second, or when it is started."""

    def ask_replay(self, destination: str, selection: Selection, *, by: str) -> int:
        """Order a replay of what has ended so far; return its number."""

    def stop_replay(self, job: int, *, stopped: bool) -> bool:
        """Stop a replay, or let it go on; return whether there is such a replay."""

    def replays(self) -> Sequence[ReplayOrder]:
        """Return all replays, the newest first."""

    def pause(self, destination: str, *, paused: bool, by: str, discard: bool = False) -> None:
        """Let a destination rest, or go on. Its backlog is kept, and no event grows old meanwhile.

        With `discard`, what waits for it ends as dead once it is removed or disabled; it can be replayed.
        """

    def paused(self) -> Mapping[str, str]:
        """Return who paused what: person by destination."""

    def discarded(self) -> Sequence[str]:
        """Return the destinations whose backlog was given up."""
