"""Where events wait for their turn: deliver's end of the store, for one destination."""

import dataclasses
import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from penstock.buffer.port.outcomes import Attempt, Outcome
from penstock.buffer.port.selection import Selection
from penstock.event import Event


class Priority(enum.IntEnum):
    """Whose turn it is when not everything can be sent at once; within a lane, the earlier ones stand in front."""

    LIVE = 0
    REPLAY = 1
    BACKFILL = 2


#: Live traffic is what customers look at; the others always move.
SHARES: Mapping[Priority, float] = {Priority.LIVE: 0.8, Priority.REPLAY: 0.15, Priority.BACKFILL: 0.05}


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
    #: The replay that put the event back; 0 for none. Newer events of its person may have ended before it.
    replay: int = 0
    #: A person wants that it counts once more, should the destination have it.
    is_anew: bool = False
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
    #: The company that the event got on its way out, by whose id it is found too; empty for none.
    company: str = ""
    attempts: Sequence[Attempt] = ()


#: Given what is kept of a subject, returns what is to be kept; None is nothing. Called inside the transaction.
Learn = Callable[[bytes | None], bytes | None]

Learned = Mapping[str, Learn]

NOTHING_LEARNED: Learned = {}


@dataclasses.dataclass(frozen=True, slots=True)
class CallCount:
    """One figure about the calls of a destination."""

    #: The path of the call.
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


class Notebook(Protocol):
    """What was learned of a destination: holds, pace."""

    async def remember(self, notes: Mapping[str, object]) -> None:
        """Keep notes across a restart; merges key by key."""

    async def notes(self) -> Mapping[str, object]:
        """Return what `remember` kept."""


class Return(Protocol):
    """The ways back into the lanes."""

    async def wake_all(self) -> None:
        """Let every parked event take its place again."""

    async def replay(self, selection: Selection, *, job: int, limit: int, fresh_ids: bool = False) -> ReplayStep:
        """Put the next events of a selection back behind the live ones of their lanes.

        Their outcome is undone; their old attempts are kept. At most `limit` are looked at in one step. `job` names
        the replay: each event is put back once by it, in the order of the log, also across restarts, and an event
        that ends badly again is left to another replay. One that came to its end is not begun again. With `fresh_ids`,
        leases of its events are `is_anew`.
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
