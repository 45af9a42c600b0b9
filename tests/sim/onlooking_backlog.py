"""The backlog, looked on at: what is handed out, what ends, who waits for whom. Lanes are seen in the reference alone."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from penstock import causes
from penstock.buffer.memory.backlog import MemoryBacklog, Waiting
from penstock.buffer.port.backlog import Ending, Lease, Priority
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.rules.lanes import POSITIONS_OF_A_PRIORITY
from penstock.destinations.answer import Unavailable
from penstock.errors import LeaseLost
from penstock.identity import is_left
from sim.onlooker import MANY, VERY_MANY, Onlooker, recognised
from sim.seldom import Seldom

PEOPLE, COMPANY = ("user:", "email:", "anon:"), "company:"


class OnlookingBacklog:
    """A backlog, as an onlooker sees it."""

    def __init__(self, backlog: Any, onlooker: Onlooker) -> None:
        self.backlog, self.on = backlog, onlooker
        self.memory: MemoryBacklog | None = backlog if isinstance(backlog, MemoryBacklog) else None
        #: How far newly taken in events were looked at, and which leases are out.
        self.position, self.granted = {Priority.LIVE: 0, Priority.REPLAY: 0}, dict[int, Lease]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.backlog, name)

    async def lease(self, **limits: Any) -> Sequence[Lease]:
        on, awake = self.on, self.on.clock.awake()
        for lease in [lease for lease in self.granted.values() if lease.expires_at <= awake]:
            on.see(Seldom.LEASE_LOST_FOLLOWERS, when=bool(lease.followers))
            # Of an event that was dropped at the door there is no mark.
            on.ran_out[0 if is_left(lease.event) else int(lease.event.message_id[1:])] += 1
            del self.granted[lease.token]
        leases = await self.backlog.lease(**limits)
        self._look_at_new()
        for lease in leases:
            self.granted[lease.token] = lease
            on.due.pop(lease.seq, None)
            on.parked.pop(lease.seq, None)
            self._look_at_overtaken(lease)
        return leases

    async def lease_behind(self, lease: Lease, **limits: Any) -> Lease:
        return await self.backlog.lease_behind(lease, **limits)

    async def settle(self, *endings: Ending, **facts: Any) -> None:
        parked, replayed = self._parked(), self.replayed
        try:
            await self.backlog.settle(*endings, **facts)
        except LeaseLost:
            self.on.see(Seldom.LEASE_LOST_ACCEPTED, when=any(ending.attempts for ending in endings))
            raise
        own = {ending.lease.seq for ending in endings}
        self.on.see(Seldom.PARK_WOKEN, when=bool(parked - self._parked() - own))
        is_free = len(endings) >= MANY and not any(ending.attempts for ending in endings)
        self.on.see(Seldom.NO_OP_RUN, when=is_free)
        for ending in endings:
            self._ended(ending, is_replayed=ending.lease.seq in replayed)

    async def retry(self, lease: Lease, **verdict: Any) -> None:
        parked, work = self._parked(), self.on.at_work.get(lease.token)
        try:
            await self.backlog.retry(lease, **verdict)
        except LeaseLost:
            self.on.see(Seldom.LEASE_LOST_FAILED)
            raise
        self.granted.pop(lease.token, None)
        self.on.due[lease.seq] = verdict["at"]
        said = work.said if work else None
        self.on.see(Seldom.DOUBT, when=bool(verdict.get("learned")) and isinstance(said, Unavailable))
        self.on.see(Seldom.PARK_WOKEN_LOOK_UP, when=recognised(said) and bool(parked - self._parked()))
        if verdict["counts"]:
            self.on.backoffs[lease.seq] = self.on.ended
            self.on.see(Seldom.CROWD_BEHIND, when=self._behind(lease.seq) >= VERY_MANY)

    async def park(self, lease: Lease, **until: Any) -> bool:
        try:
            is_parked = await self.backlog.park(lease, **until)
        except LeaseLost:
            self.on.see(Seldom.LEASE_LOST_PARK)
            raise
        if is_parked:
            self.granted.pop(lease.token, None)
            self.on.parked[lease.seq] = until["until"]
            self.on.parked_since.setdefault(lease.seq, until["since"])
            self.on.see(Seldom.PARKED_AGAIN, when=lease.parked_at is not None)
            self.on.see(Seldom.REPLAY_PARKED, when=lease.seq in self.replayed)
            subjects = set(until["subjects"])
            others = [w for w in self._waiting() if w.seq != lease.seq and subjects & set(w.parked_for)]
            self.on.see(Seldom.PARK_FOR_TWO, when=bool(others))
        return is_parked

    async def replay(self, selection: Any, **facts: Any) -> Any:
        step = await self.backlog.replay(selection, **facts)
        self._look_at_new()
        return step

    async def notes(self) -> Any:
        notes = await self.backlog.notes()
        self.on.see(Seldom.CRASH_PACE, when=bool(notes.get("running")) and notes.get("pace_per_s") is not None)
        return notes

    def _ended(self, ending: Ending, *, is_replayed: bool) -> None:
        on, lease, now = self.on, ending.lease, self.on.clock.steady()
        self.granted.pop(lease.token, None)
        for known in (on.due, on.parked, on.parked_since, on.failing, on.backoffs):
            known.pop(lease.seq, None)
        on.ended += 1
        on.ends_of[lease.event.message_id] = True
        passed = [seq for seq, ended in on.backoffs.items() if on.ended - ended == MANY and on.due.get(seq, 0.0) > now]
        on.see(Seldom.OTHERS_PASS, when=bool(passed))
        on.see(Seldom.PARK_RAN_OUT, when=ending.cause == causes.PERSON_UNKNOWN)
        on.see(Seldom.REPLAY_NO_OP, when=is_replayed and ending.outcome == Outcome.NO_OP)
        on.see(Seldom.REPLAY_DIED, when=is_replayed and ending.outcome == Outcome.DEAD)

    def _waiting(self) -> Sequence[Waiting]:
        return list(self.memory.waiting.values()) if self.memory else []

    def _parked(self) -> set[int]:
        return {waiting.seq for waiting in self._waiting() if waiting.parked_for}

    @property
    def replayed(self) -> set[int]:
        """Return the places in the log of what waits because it was replayed."""
        return {waiting.seq for waiting in self._waiting() if waiting.job}

    def _behind(self, seq: int) -> int:
        """Return how many events stand behind one in its lanes."""
        places = self.memory.places if self.memory else {}
        for position, waiting in self.memory.waiting.items() if self.memory else ():
            if waiting.seq == seq:
                return max((sum(p > position for p in places[lane]) for lane in waiting.lanes), default=0)
        return 0

    def _look_at_new(self) -> None:
        """Look at events that were taken in, or put back, since the last look."""
        memory = self.memory
        for position, waiting in list(memory.waiting.items()) if memory else ():
            if position <= self.position[waiting.priority]:
                continue
            self.position[waiting.priority] = position
            in_front = {lane: [p for p in memory.places[lane] if p < position] for lane in waiting.lanes}
            waited = [lane for lane, places in in_front.items() if places]
            if waiting.job:
                self._look_at_replayed(waiting, itertools.chain.from_iterable(in_front.values()))
                continue
            people = [lane for lane in waiting.lanes if lane.startswith(PEOPLE)]
            event = memory.events[waiting.seq - 1]
            is_merge = bool(event.user_id and event.anonymous_id)
            self.on.see(Seldom.MERGE_WHILE_BOTH_WAIT, when=is_merge and sum(lane in waited for lane in people) > 1)
            parked = {subject for other in memory.waiting.values() for subject in other.parked_for}
            named = {f"user:{event.user_id}", f"user:{event.anonymous_id}", f"anon:{event.anonymous_id}"}
            self.on.see(Seldom.MERGE_WHILE_PARKED, when=is_merge and bool(parked & named))
            is_others = any(lane.startswith(COMPANY) for lane in waited) and not set(waited) & set(people)
            self.on.see(Seldom.COMPANY_OF_TWO, when=is_others)

    def _look_at_replayed(self, waiting: Waiting, in_front: Iterator[int]) -> None:
        memory, on = self.memory, self.on
        assert memory
        is_met = any(memory.waiting[position].priority == Priority.LIVE for position in in_front)
        on.see(Seldom.REPLAY_LIVE, when=is_met)
        mark = int(memory.events[waiting.seq - 1].message_id[1:])
        on.see(Seldom.REPLAY_APPLIED, when=mark in on.unanswered and on.applied_times(mark) > 0)

    def _look_at_overtaken(self, lease: Lease) -> None:
        """Look whether a replayed event stands in a lane of what was handed out, though it came earlier."""
        if not self.memory or not (own := self.memory.leases.positions.get(lease.token)):
            return
        lanes = self.memory.waiting[own].lanes if own < POSITIONS_OF_A_PRIORITY else ()
        replayed = [p for lane in lanes for p in self.memory.places[lane] if p > POSITIONS_OF_A_PRIORITY]
        self.on.see(Seldom.REPLAY_OVERTAKEN, when=any(p % POSITIONS_OF_A_PRIORITY < own for p in replayed))
