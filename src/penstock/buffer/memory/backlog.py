"""One destination's backlog in memory: the contract of port.py in its plainest form, and so the reference for others."""

import bisect
import collections
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from penstock.buffer.memory.ledger import MemoryLedger
from penstock.buffer.memory.newer import newer_upserts
from penstock.buffer.memory.ties import MemoryAcquaintances, MemoryTies
from penstock.buffer.memory.waiting import ReplayJob, Waiting
from penstock.buffer.port.backlog import (
    NOTHING_LEARNED,
    SHARES,
    CallCount,
    Ending,
    Learned,
    Lease,
    Priority,
    ReplayStep,
)
from penstock.buffer.port.outcomes import Attempt, is_replayable
from penstock.buffer.port.selection import Selection
from penstock.buffer.port.shelf import EndedAs, Story
from penstock.buffer.rules.lanes import (
    VISITOR,
    VISITOR_EVENTS_MAX,
    became,
    by_head,
    companies_of,
    lanes_of,
    place,
    place_in_log,
)
from penstock.buffer.rules.leases import Leases, within
from penstock.buffer.rules.shares import PriorityTurns
from penstock.buffer.rules.whose import Chosen
from penstock.clock import Clock
from penstock.event import UPSERTS, Event, Lane, Named, Naming, as_became


class MemoryBacklog:
    """One destination's end of a log that is a list; see port.Backlog."""

    def __init__(
        self,
        events: Sequence[Event],
        sources: Callable[[], Sequence[str]],
        *,
        clock: Clock,
        begin: Callable[[str], int] = lambda _: 0,
        naming: Callable[[], Naming | None] = lambda: None,
    ) -> None:
        self.events, self.sources, self.clock, self.begin, self.naming = events, sources, clock, begin, naming
        #: How the lanes of what waits are named.
        self.named_by = ""
        #: By source: numbers up to this one were not taken when it was connected.
        self.begun: dict[str, int] = {}
        self.cursor, self.received, self.next_position = 0, 0, 0
        #: By position, which is the order within lanes; a replayed event gets a new one.
        self.waiting: dict[int, Waiting] = {}
        self.places: dict[Lane, list[int]] = collections.defaultdict(list)
        self.ties = MemoryTies()
        #: Numbers of events that are read again, for a crash took their places; and how all was written down last.
        self.lost: list[int] = []
        self.written_as = ""
        self.leases = Leases()
        self.ended: dict[int, Story] = {}
        self.attempts: dict[int, list[Attempt]] = collections.defaultdict(list)
        self.kept: dict[str, object] = {}
        self.replays: dict[int, ReplayJob] = {}
        self.turns = PriorityTurns()
        self.minutes: dict[int, collections.Counter[EndedAs]] = collections.defaultdict(collections.Counter)
        self.ledger = MemoryLedger(functools.partial(newer_upserts, self))
        #: Numbers of events that have ended, and were parked on their way.
        self.once_parked: set[int] = set()

    async def lease(
        self, *, limit: int, lease_s: float, shares: Mapping[Priority, float] | None = None, together: int = 0
    ) -> Sequence[Lease]:
        """Hand out due events, at most one per lane and its followers, of each priority the longest due first."""
        now, awake = self.clock.steady(), self.clock.awake()
        self.leases.expire(awake)
        self._unpark([position for position, w in self.waiting.items() if w.parked_for and w.due <= now])
        self._name_anew()
        self._take_in()
        ready: dict[Priority, list[int]] = {}
        for position, waiting in sorted(self.waiting.items(), key=lambda item: (item[1].due, item[0])):
            if waiting.due > now:
                break
            if position not in self.leases.held and self._leads(position):
                ready.setdefault(waiting.priority, []).append(position)
        picked = self.turns.pick(ready, limit=limit, shares=shares or SHARES)
        return [self._lease(position, awake + lease_s, together=together) for _, position in picked]

    async def lease_behind(self, lease: Lease, *, limit: int, bytes_max: int) -> Lease:
        """Return a lease again with more followers, of whatever type."""
        self.leases.position(lease, self.clock.awake())
        return self._with_followers(lease, limit=limit, takes=within(bytes_max))

    async def settle(
        self, *endings: Ending, learned: Learned = NOTHING_LEARNED, calls: Sequence[CallCount] = ()
    ) -> None:
        """Write outcomes and what was learned, and free the lanes."""
        now = self.clock.awake()
        positions = [self.leases.position(ending.lease, now) for ending in endings]
        followers = [follower for ending in endings for follower in self.leases.followers(ending.lease)]
        for position, ending in zip(positions, endings, strict=True):
            self.leases.end(ending.lease, now)
            self._end(position, ending)
        self._give_back(*followers)
        self.ledger.count(calls)
        self._learn(learned)

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
        """Hand the event out again at `at`, not before."""
        followers = self.leases.followers(lease)
        position = self.leases.end(lease, self.clock.awake())
        self.attempts[lease.seq] += attempts
        self._write_down([position])
        waiting = self.waiting[position]
        waiting.due, waiting.attempt, waiting.first_failed_at = at, lease.attempt + counts, first_failed_at
        self._give_back(*followers)
        self._learn(learned)

    async def park(
        self, lease: Lease, *, since: float, until: float, subjects: Sequence[str], room: int | None = None
    ) -> bool:
        """Take the event out of its lanes until something is learned of one of the subjects, or until `until`."""
        self.leases.position(lease, self.clock.awake())
        if room is not None and not self._has_room(subjects, room):
            return False
        followers = self.leases.followers(lease)
        position = self.leases.end(lease, self.clock.awake())
        self._write_down([position])
        waiting = self.waiting[position]
        self._leave(position, waiting)
        waiting.due, waiting.parked_for = until, subjects
        waiting.parked_at = since if waiting.parked_at is None else waiting.parked_at
        if any(subject.startswith(VISITOR) and became(Named(visitor=subject), self.ties.tied) for subject in subjects):
            self._unpark([position])
        self._give_back(*followers)
        return True

    async def wake_all(self) -> None:
        """Let every parked event take its place again."""
        self._unpark([position for position, waiting in self.waiting.items() if waiting.parked_for])

    async def replay(self, selection: Selection, *, job: int, limit: int, fresh_ids: bool = False) -> ReplayStep:
        """Put the next events of a selection back behind the live ones of their lanes."""
        self._take_in()
        replay = self.replays.setdefault(job, ReplayJob())
        # One that has come to its end is never begun again.
        looked_at = [] if replay.is_read else self.selectable(selection, after_seq=replay.cursor, limit=limit)
        chosen = Chosen(selection, MemoryAcquaintances(self.ties, self.ledger))
        again = [seq for seq in looked_at if chosen.takes(self.events[seq - 1])]
        if looked_at:
            self._write_down(self.waiting)
        for seq in again:
            was = self.ended.pop(seq).state
            self._enqueue(seq, priority=Priority.REPLAY, job=job, was=was, is_anew=fresh_ids)
        replay.cursor = max([replay.cursor, *looked_at])
        replay.replayed, replay.is_read = replay.replayed + len(again), len(looked_at) < limit
        return ReplayStep(replayed=len(again), waiting=self.waiting_of(job), is_read=replay.is_read)

    def selectable(self, selection: Selection, *, after_seq: int, limit: int) -> list[int]:
        """Return the next places in the log of dead or rejected events that the selection may take."""
        before = selection.ended_before
        seqs = [
            seq
            for seq, story in self.ended.items()
            if seq > after_seq
            and is_replayable(story.state, story.cause, wanted=selection.cause, ended=selection.outcome)
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

    def crash(self) -> None:
        """Lose the leases, and the places of events that are not written down: those are read from the log again."""
        self.leases, self.turns, self.written_as = Leases(), PriorityTurns(), ""
        gone = [position for position, waiting in self.waiting.items() if not waiting.is_written]
        self.lost = sorted([*self.lost, *(self.waiting[position].seq for position in gone)])
        for position in gone:
            for lane in self.waiting.pop(position).lanes:
                self.places[lane].remove(position)
        if self.lost:
            self.ties.undo(self.lost[0])

    def _end(self, position: int, ending: Ending) -> None:
        lease, now = ending.lease, self.clock.now()
        self.attempts[lease.seq] += ending.attempts
        ended = self.waiting.pop(position)
        self.once_parked |= {lease.seq} if lease.parked_at is not None else set()
        self._leave(position, ended)
        self.minutes[int(now // 60)][ending.lease.event.source, ending.outcome] += 1
        if ended.job:
            self.replays[ended.job].outcomes[ending.outcome] += 1
        self.ended[lease.seq] = Story(
            event=lease.event,
            seq=lease.seq,
            state=ending.outcome,
            reason=ending.reason,
            cause=ending.cause,
            ended_at=now,
            attempts=(),
            notes=ending.notes,
        )

    def _leave(self, position: int, leaving: Waiting) -> None:
        for lane in leaving.lanes:
            self.places[lane].remove(position)
            if self.places[lane]:
                following = self.waiting[self.places[lane][0]]
                following.due = max(following.due, self.clock.steady())

    def _learn(self, learned: Learned) -> None:
        """Change the ledger, and wake events parked for a person or company that is known now."""
        if woken := set(self.ledger.learn(learned)):
            self._unpark([position for position, waiting in self.waiting.items() if woken & set(waiting.parked_for)])

    def _give_back(self, *leases: Lease) -> None:
        for lease in leases:
            if any(held.token == lease.token for held in self.leases.held.values()):
                self.leases.end(lease, float("-inf"))

    def _unpark(self, positions: Sequence[int]) -> None:
        for position in positions:
            waiting = self.waiting[position]
            waiting.due, waiting.parked_for = self.clock.steady(), ()
            if waiting.lanes and waiting.lanes[0].startswith(VISITOR):
                # Who the visitor became is known now, or not at all.
                self._read(waiting, Named(visitor=waiting.lanes[0], companies=companies_of(waiting.lanes)))
            self._stand(position, waiting)

    def _stand(self, position: int, waiting: Waiting) -> None:
        if waiting.is_written:
            self._write_down(lanes=waiting.lanes)
        for lane in waiting.lanes:
            bisect.insort(self.places[lane], position)

    def _read(self, waiting: Waiting, named: Named) -> None:
        """Let an event have the lanes of the people and companies it is about, and the person its visitor became."""
        waiting.lanes = lanes_of(named, tied=self.ties.tied, is_waiting=self._is_waited_for)
        waiting.became = became(named, self.ties.tied)

    def _is_waited_for(self, lane: Lane) -> bool:
        return bool(self.places.get(lane)) or any(lane in waiting.parked_for for waiting in self.waiting.values())

    def _has_room(self, subjects: Sequence[str], room: int) -> bool:
        parked = collections.Counter(subject for waiting in self.waiting.values() for subject in waiting.parked_for)
        visitors = sum(count for subject, count in parked.items() if subject.startswith(VISITOR))
        return visitors < room and all(parked[subject] < VISITOR_EVENTS_MAX for subject in subjects)

    def _name_anew(self) -> None:
        """Name the lanes of all that waits as events are read now."""
        naming = self.naming()
        if naming is not None and naming.key != self.written_as:
            self._write_down(self.waiting)
            self.written_as = naming.key
        if naming is None or naming.key == self.named_by:
            return
        self.named_by = naming.key
        for position, waiting in sorted(self.waiting.items()):
            named, held = naming(self.events[waiting.seq - 1]), waiting.lanes
            self._read(waiting, named)
            self.ties.note(named, waiting.seq, only_new=True)
            if not waiting.parked_for and held != waiting.lanes:
                for lane in held:
                    self.places[lane].remove(position)
                self._stand(position, waiting)

    def _take_in(self) -> None:
        self._read_again()
        sources = self.sources()
        fresh = {source: self.begin(source) for source in sources if source not in self.begun}
        self.begun |= fresh
        read_from = min([self.cursor, *fresh.values()])
        for seq, event in enumerate(self.events[read_from:], read_from + 1):
            # Of a source that is new here, also what came before; of the others, what came since.
            is_new = seq > self.cursor or event.source in fresh
            if is_new and event.source in sources and seq > self.begun[event.source]:
                self.received += 1
                self._enqueue(seq)
        self.cursor = len(self.events)

    def _read_again(self) -> None:
        """Give events their places again that a crash took; what else came behind the first of them ties what it tied."""
        lost, self.lost = set(self.lost), []
        for seq in range(min(lost), self.cursor + 1) if lost else ():
            if seq in lost:
                self._enqueue(seq)
            elif self.events[seq - 1].source in self.begun:
                self._note(seq, (self.naming() or by_head)(self.events[seq - 1]))

    def _enqueue(self, seq: int, *, priority: Priority = Priority.LIVE, **again: Any) -> None:
        named = (self.naming() or by_head)(self.events[seq - 1])
        if priority is Priority.LIVE:
            position = place_in_log(seq)
        else:
            self.next_position += 1
            position = place(priority, self.next_position)
        waiting = Waiting(seq, (), self.clock.steady(), priority=priority, **again)
        self._read(waiting, named)
        written = {p for lane in waiting.lanes for p in self.places.get(lane, ()) if self.waiting[p].is_written}
        waiting.is_written = bool(written) or priority is not Priority.LIVE
        self.waiting[position] = waiting
        self._stand(position, waiting)
        self._note(seq, named)

    def _note(self, seq: int, named: Named) -> None:
        """Note what an event ties together; events of visitors who are known now wake."""
        for visitor in self.ties.note(named, seq):
            self._unpark([position for position, other in self.waiting.items() if visitor in other.parked_for])

    def _write_down(self, positions: Iterable[int] = (), lanes: Iterable[Lane] = ()) -> None:
        """Write down where events stand, and everybody in their lanes, in the lanes of those, and so on."""
        todo = [*positions, *(position for lane in lanes for position in self.places.get(lane, ()))]
        while todo:
            waiting = self.waiting[todo.pop()]
            if not waiting.is_written:
                waiting.is_written = True
                todo += [position for lane in waiting.lanes for position in self.places.get(lane, ())]

    def _leads(self, position: int) -> bool:
        """Return whether an event is the first of all its lanes, and none behind it is under way already."""
        waiting = self.waiting[position]
        own = [self.places[lane] for lane in waiting.lanes]
        is_free = all(lane[0] == position and self.leases.held.keys().isdisjoint(lane) for lane in own)
        return is_free and not waiting.parked_for

    def _lease(self, position: int, expires_at: float, *, together: int) -> Lease:
        first = self._grant(position, expires_at)
        # Lanes of people and companies are named as the ledger names its subjects.
        lanes = self.waiting[position].lanes
        is_awaited = any(lane in waiting.parked_for for waiting in self.waiting.values() for lane in lanes)
        if first.event.type not in UPSERTS or is_awaited:
            return first
        return self._with_followers(first, limit=together, takes=lambda event: event.type in UPSERTS)

    def _with_followers(self, first: Lease, *, limit: int, takes: Callable[[Event], bool]) -> Lease:
        run = [self.leases.position(lease, float("-inf")) for lease in (first, *first.followers)]
        added = list[Lease]()
        while len(added) < limit:
            behind = self._next_behind(run)
            if behind is None or not takes(self.events[self.waiting[behind].seq - 1]):
                break
            run.append(behind)
            added.append(self._grant(behind, first.expires_at))
        return self.leases.with_followers(first, [*first.followers, *added]) if added else first

    def _next_behind(self, run: Sequence[int]) -> int | None:
        """Return the event that waits for nothing but a run of leased ones."""
        lanes = self.waiting[run[0]].lanes
        behind = [position for position in self.places[lanes[0]] if position > run[-1]] if lanes else []
        if not behind or behind[0] in self.leases or self.waiting[behind[0]].due > self.clock.steady():
            return None
        waiting = self.waiting[behind[0]]
        if waiting.priority != self.waiting[run[0]].priority:
            return None
        for lane in waiting.lanes:
            others = [position for position in self.places[lane] if position < behind[0] or position in self.leases]
            if not set(others) <= set(run):
                return None
        return behind[0]

    def _grant(self, position: int, expires_at: float) -> Lease:
        waiting = self.waiting[position]
        return self.leases.grant(
            position,
            event=as_became(self.events[waiting.seq - 1], waiting.became),
            seq=waiting.seq,
            attempt=waiting.attempt,
            first_failed_at=waiting.first_failed_at,
            expires_at=expires_at,
            parked_at=waiting.parked_at,
            replay=waiting.job,
            is_anew=waiting.is_anew,
        )
