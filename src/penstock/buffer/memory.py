"""The contract in Python's own words: the reference for tests and the simulation. Forgets everything with the process."""

import bisect
import collections
import dataclasses
from collections.abc import Callable, Mapping, Sequence

from penstock.buffer.lanes import lanes_of, names_both, place
from penstock.buffer.leases import Leases
from penstock.buffer.port import (
    REPLAYABLE,
    SEQ_MAX,
    SHARES,
    Attempt,
    Counts,
    Found,
    Lease,
    Outcome,
    Priority,
    Problem,
    Progress,
    Query,
    ReplayStep,
    Seen,
    Selected,
    Selection,
    Story,
)
from penstock.buffer.search import keys_of
from penstock.buffer.shares import Turns
from penstock.clock import Clock
from penstock.event import Event, Lane, MessageId


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


@dataclasses.dataclass(slots=True)
class Replay:
    """How far a replay has come."""

    cursor: int = 0
    replayed: int = 0
    is_read: bool = False
    outcomes: collections.Counter[Outcome] = dataclasses.field(default_factory=collections.Counter)


class MemoryBuffer:
    """Log and Shelf, and the Backlogs of its destinations."""

    def __init__(self, *, clock: Clock) -> None:
        self.clock = clock
        self.events: list[Event] = []
        self.known: set[tuple[str, MessageId]] = set()
        self.backlogs: dict[str, MemoryBacklog] = {}

    async def append(self, events: Sequence[Event]) -> int:
        """Store all events, or none, and return how many were new."""
        before = len(self.events)
        for event in events:
            if (event.source, event.message_id) not in self.known:
                self.known.add((event.source, event.message_id))
                self.events.append(event)
        return len(self.events) - before

    def backlog(self, destination: str, sources: Callable[[], Sequence[str]]) -> "MemoryBacklog":
        """Return the backlog of a destination that the named sources are connected to."""
        if destination not in self.backlogs:
            self.backlogs[destination] = MemoryBacklog(self, sources)
        return self.backlogs[destination]

    def accepted(self) -> Mapping[str, int]:
        """Return the number of events ever stored, by source."""
        return collections.Counter(event.source for event in self.events)

    def counts(self, destination: str, sources: Sequence[str]) -> Counts:
        """Return the sums for a destination."""
        backlog = self.backlogs.get(destination) or MemoryBacklog(self, lambda: sources)
        untaken = [event for event in self.events[backlog.cursor :] if event.source in sources]
        waiting = [self.events[w.seq - 1] for w in backlog.waiting.values()] + untaken
        return Counts(
            received=backlog.received + len(untaken),
            waiting=len(waiting),
            retrying=sum(w.attempt > 1 for w in backlog.waiting.values()),
            outcomes=collections.Counter(Outcome(story.state) for story in backlog.ended.values()),
            oldest_received_at_ms=min((event.received_at_ms for event in waiting), default=None),
        )

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
        seqs = range(after_seq + 1, min(len(self.events) + 1, before_seq))
        chosen = seqs[-limit:] if newest else seqs[:limit]
        return [self._story(destination, seq) for seq in chosen]

    def story(self, destination: str, message_id: str) -> Story | None:
        """Return one event by its message id."""
        found = [i for i, event in enumerate(self.events, 1) if event.message_id == message_id]
        return self._story(destination, found[0]) if found else None

    def problems(self, destination: str) -> Sequence[Problem]:
        """Return the dead and rejected events by cause, the most frequent first."""
        seqs: dict[tuple[str, str], list[int]] = collections.defaultdict(list)
        for seq, story in sorted(self.backlogs[destination].ended.items()) if destination in self.backlogs else ():
            if story.state in REPLAYABLE:
                seqs[story.cause, story.state].append(seq)
        problems = [
            Problem(cause=cause, outcome=Outcome(outcome), count=len(own), first_seq=own[0], last_seq=own[-1])
            for (cause, outcome), own in seqs.items()
        ]
        return sorted(problems, key=lambda problem: (-problem.count, problem.cause, problem.outcome))

    def select(self, destination: str, selection: Selection, *, after_seq: int = 0, limit: int = 100) -> Selected:
        """Return the dead and rejected events of a selection in the order of the log; looks at `limit` at most."""
        looked_at = self.backlogs[destination].selectable(selection, after_seq=after_seq, limit=limit)
        stories = [self._story(destination, seq) for seq in looked_at if selection.takes(self.events[seq - 1])]
        return Selected(stories=stories, next_seq=looked_at[-1] if len(looked_at) == limit else None)

    def find(self, destination: str, query: Query, *, before_seq: int | None = None, limit: int = 100) -> Found:
        """Return events that fit, the newest first."""
        seqs = range(min(before_seq or len(self.events) + 1, len(self.events) + 1) - 1, 0, -1)
        fitting = (self._story(destination, seq) for seq in seqs if query.takes(self.events[seq - 1]))
        stories = [story for story in fitting if query.state in {"", story.state}]
        return Found(stories=stories[:limit], next_seq=stories[limit - 1].seq if len(stories) > limit else None)

    def people(self, prefix: str, *, limit: int = 50) -> Sequence[Seen]:
        """Return ids of people that begin with a text, in order."""
        return self._seen("p:", prefix, limit)

    def companies(self, prefix: str, *, limit: int = 50) -> Sequence[Seen]:
        """Return ids of companies that begin with a text, in order."""
        return self._seen("c:", prefix, limit)

    def _seen(self, kind: str, prefix: str, limit: int) -> Sequence[Seen]:
        last = {key: seq for seq, event in enumerate(self.events, 1) for key in keys_of(event)}
        ids = sorted(key.removeprefix(kind) for key in last if key.startswith(kind + prefix))
        return [Seen(id=id_, last_seq=last[kind + id_]) for id_ in ids[:limit]]

    def progress(self, job: int) -> Progress | None:
        """Return how far a replay has come."""
        for backlog in self.backlogs.values():
            if job in backlog.replays:
                replay = backlog.replays[job]
                return Progress(
                    replayed=replay.replayed,
                    waiting=backlog.waiting_of(job),
                    outcomes=replay.outcomes,
                    is_read=replay.is_read,
                )
        return None

    def by_minute(self, destination: str, *, since: int) -> Mapping[int, Mapping[Outcome, int]]:
        """Return how many events ended how in each minute."""
        minutes = self.backlogs[destination].minutes if destination in self.backlogs else {}
        return {minute: counts for minute, counts in minutes.items() if minute >= since}

    def _story(self, destination: str, seq: int) -> Story:
        backlog = self.backlogs.get(destination)
        attempts = tuple(backlog.attempts[seq]) if backlog else ()
        if backlog and seq in backlog.ended:
            return dataclasses.replace(backlog.ended[seq], attempts=attempts)
        tried = any(w.seq == seq and w.attempt > 1 for w in backlog.waiting.values()) if backlog else False
        state = "retrying" if tried else "waiting"
        return Story(
            event=self.events[seq - 1], seq=seq, state=state, reason="", cause="", ended_at=None, attempts=attempts
        )


class MemoryBacklog:
    """One destination's end of a MemoryBuffer."""

    def __init__(self, buffer: MemoryBuffer, sources: Callable[[], Sequence[str]]) -> None:
        self.buffer, self.sources, self.clock = buffer, sources, buffer.clock
        self.cursor, self.received, self.next_position = 0, 0, 0
        #: By position, which is the order within lanes; a replayed event gets a new one.
        self.waiting: dict[int, Waiting] = {}
        self.places: dict[Lane, list[int]] = collections.defaultdict(list)
        self.links: dict[str, str] = {}
        self.leases = Leases()
        self.ended: dict[int, Story] = {}
        self.attempts: dict[int, list[Attempt]] = collections.defaultdict(list)
        self.kept: dict[str, object] = {}
        self.replays: dict[int, Replay] = {}
        self.turns = Turns()
        self.minutes: dict[int, collections.Counter[Outcome]] = collections.defaultdict(collections.Counter)

    async def lease(
        self, *, limit: int, lease_s: float, shares: Mapping[Priority, float] | None = None
    ) -> Sequence[Lease]:
        """Hand out due events, at most one per lane, of each priority the longest due first."""
        now = self.clock.now()
        self.leases.expire(now)
        self._take_in()
        ready: dict[Priority, list[int]] = {}
        for position, waiting in sorted(self.waiting.items(), key=lambda item: (item[1].due, item[0])):
            if waiting.due > now:
                break
            if position not in self.leases.held and self._leads(position):
                ready.setdefault(waiting.priority, []).append(position)
        picked = self.turns.pick(ready, limit=limit, shares=shares or SHARES)
        return [self._lease(position, now + lease_s) for _, position in picked]

    async def settle(
        self, lease: Lease, outcome: Outcome, *, cause: str = "", reason: str = "", attempts: Sequence[Attempt] = ()
    ) -> None:
        """Write the event's outcome and free its lanes."""
        position = self.leases.end(lease, self.clock.now())
        self.attempts[lease.seq] += attempts
        ended = self.waiting.pop(position)
        for lane in ended.lanes:
            self.places[lane].remove(position)
            if self.places[lane]:
                following = self.waiting[self.places[lane][0]]
                following.due = max(following.due, self.clock.now())
        self.minutes[int(self.clock.now() // 60)][outcome] += 1
        if ended.job:
            self.replays[ended.job].outcomes[outcome] += 1
        self.ended[lease.seq] = Story(
            event=lease.event,
            seq=lease.seq,
            state=outcome,
            reason=reason,
            cause=cause,
            ended_at=self.clock.now(),
            attempts=(),
        )

    async def retry(
        self, lease: Lease, *, at: float, first_failed_at: float | None, counts: bool, attempts: Sequence[Attempt] = ()
    ) -> None:
        """Hand the event out again at `at`, not before."""
        position = self.leases.end(lease, self.clock.now())
        self.attempts[lease.seq] += attempts
        waiting = self.waiting[position]
        waiting.due, waiting.attempt, waiting.first_failed_at = at, lease.attempt + counts, first_failed_at

    async def replay(self, selection: Selection, *, job: int, limit: int) -> ReplayStep:
        """Put the next dead or rejected events of a selection back behind the live ones of their lanes."""
        self._take_in()
        replay = self.replays.setdefault(job, Replay())
        looked_at = self.selectable(selection, after_seq=replay.cursor, limit=limit)
        again = [seq for seq in looked_at if selection.takes(self.buffer.events[seq - 1])]
        for seq in again:
            del self.ended[seq]
            self._enqueue(seq, priority=Priority.REPLAY, job=job)
        replay.cursor = max([replay.cursor, *looked_at])
        replay.replayed += len(again)
        replay.is_read = len(looked_at) < limit
        return ReplayStep(replayed=len(again), waiting=self.waiting_of(job), is_read=replay.is_read)

    def selectable(self, selection: Selection, *, after_seq: int, limit: int) -> list[int]:
        """Return the next places in the log of dead or rejected events that the selection may take."""
        before = selection.ended_before
        seqs = [
            seq
            for seq, story in self.ended.items()
            if seq > after_seq
            and story.state in REPLAYABLE
            and selection.cause in {"", story.cause}
            and (before is None or story.ended_at is None or story.ended_at < before)
        ]
        return sorted(seqs)[:limit]

    def waiting_of(self, job: int) -> int:
        """Return how many events of a replay have no outcome again yet."""
        return sum(waiting.job == job for waiting in self.waiting.values())

    async def remember(self, notes: Mapping[str, object]) -> None:
        """Keep what the destination learned."""
        self.kept |= notes

    async def notes(self) -> Mapping[str, object]:
        """Return what `remember` kept."""
        return dict(self.kept)

    def forget_leases(self) -> None:
        """What a crash does."""
        self.leases, self.turns = Leases(), Turns()

    def _take_in(self) -> None:
        sources = self.sources()
        for seq, event in enumerate(self.buffer.events[self.cursor :], self.cursor + 1):
            if event.source in sources:
                self.received += 1
                self._enqueue(seq)
        self.cursor = len(self.buffer.events)

    def _enqueue(self, seq: int, *, priority: Priority = Priority.LIVE, job: int = 0) -> None:
        event = self.buffer.events[seq - 1]
        linked = self.links.get(event.anonymous_id, "")
        lanes = lanes_of(event, linked_user=linked, is_waiting=lambda lane: bool(self.places.get(lane)))
        if names_both(event):
            self.links[event.anonymous_id] = event.user_id
        self.next_position += 1
        position = place(priority, self.next_position)
        self.waiting[position] = Waiting(seq, lanes, self.clock.now(), priority=priority, job=job)
        for lane in lanes:
            bisect.insort(self.places[lane], position)

    def _leads(self, position: int) -> bool:
        """Return whether an event is the first of all its lanes, and nobody behind it is under way already."""
        own = [self.places[lane] for lane in self.waiting[position].lanes]
        return all(lane[0] == position and self.leases.held.keys().isdisjoint(lane) for lane in own)

    def _lease(self, position: int, expires_at: float) -> Lease:
        waiting = self.waiting[position]
        return self.leases.grant(
            position,
            event=self.buffer.events[waiting.seq - 1],
            seq=waiting.seq,
            attempt=waiting.attempt,
            first_failed_at=waiting.first_failed_at,
            expires_at=expires_at,
        )
