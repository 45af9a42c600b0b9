"""Whoever looks on at a story, from outside of the product: at its calls, its verdicts, and what happens to its process.

Engine and Custify are wrapped; the backlog's wrapper is tests/sim/onlooking_backlog.py. Nothing here changes anything.
"""

import asyncio
import collections
import contextvars
import dataclasses
from typing import Any

from penstock.buffer.port.backlog import Lease
from penstock.buffer.port.outcomes import Outcome
from penstock.deliver.decide import RETRY_AFTER_S_DEFAULT, Hold, RetryIn, Settle
from penstock.deliver.pace import PER_S_MIN
from penstock.destinations.answer import Accepted, Recognised, Refused, Throttled, Unavailable
from sim.hostile_custify import HostileCustify, mark_of
from sim.seldom import Seldom

#: The lease that the running task is about.
LEASE: contextvars.ContextVar[Lease | None] = contextvars.ContextVar("lease", default=None)
MANY, VERY_MANY = 5, 10
# How much longer than nothing a call that waited for its turn was held up.
TURN_S = 0.1


@dataclasses.dataclass(slots=True)
class UnderWay:
    """One lease at work."""

    lease: Lease
    began: float
    calls: int = 0
    refused: int = 0
    #: The mark of the call that is being made, and how often it had been applied before.
    mark: int = -1
    applied_before: int = 0
    is_calling: bool = False
    is_writing: bool = False
    said: Any = None


@dataclasses.dataclass(slots=True)
class Failing:
    """An event since it failed first."""

    times: int
    rested_s: float
    crashes: int


class Onlooker:
    """What was seen of one story."""

    def __init__(self, clock: Any, custify: HostileCustify, *, call_s_max: float) -> None:
        self.clock, self.custify, self.call_s_max = clock, custify, call_s_max
        self.seen = collections.Counter[str]()
        self.engine: Any = None
        self.at_work: dict[int, UnderWay] = {}
        self.failing: dict[int, Failing] = {}
        #: By mark: whether a call had no answer; how often each was applied, and how many of all were counted.
        self.unanswered, self.applied, self.counted = set[int](), collections.Counter[int](), 0
        self.quiet_until, self.crashes, self.holds, self.probes, self.started_at = 0.0, 0, 0, 0, 0.0
        self.ends_of: dict[str, bool] = {}
        #: When what waits is due: retries by place in the log, parks by place in the log.
        self.due, self.parked = dict[int, float](), dict[int, float]()
        #: By the retry clock, when each was parked first.
        self.parked_since: dict[int, float] = {}
        #: How many events had ended when a backoff began.
        self.backoffs: dict[int, int] = {}
        self.ended, self.given_up = 0, 0
        #: By mark: how often a lease of it ran out.
        self.ran_out = collections.Counter[int]()

    def see(self, state: Seldom, *, when: bool = True) -> None:
        """Count a state, when it is one."""
        if when:
            self.seen[state] += 1

    def applied_times(self, mark: int) -> int:
        """Return how often Custify applied a call."""
        fresh = self.custify.applied[self.counted :]
        self.counted += len(fresh)
        self.applied.update(call.mark for call in fresh)
        return self.applied[mark]

    @property
    def calls_under_way(self) -> bool:
        """Return whether a call is being made."""
        return any(work.is_calling for work in self.at_work.values())

    @property
    def is_quiet(self) -> bool:
        """Return whether Custify asked for quiet."""
        return self.clock.steady() < self.quiet_until

    @property
    def backs_off(self) -> bool:
        """Return whether an event waits for its next try."""
        now = self.clock.steady()
        return any(due > now for due in self.due.values())

    def sends(self, request: Any) -> None:
        """A request arrives."""
        known = [self.ends_of[event.message_id] for event in request.events if event.message_id in self.ends_of]
        calling = {work.lease.event.message_id for work in self.at_work.values() if work.is_calling}
        if known:
            is_under_way = any(event.message_id in calling for event in request.events)
            self.see(Seldom.SENT_TWICE_UNDER_WAY, when=is_under_way)
            self.see(Seldom.SENT_TWICE_ENDED, when=all(known))
            self.see(Seldom.SENT_TWICE_WAITING, when=not all(known) and not is_under_way)
        for event in request.events:
            self.ends_of.setdefault(event.message_id, False)

    def crashes_now(self, *, replayed: bool) -> None:
        """The process is about to be killed."""
        hold, works, now = self.engine.hold, list(self.at_work.values()), self.clock.steady()
        is_early = self.crashes > 0 and now - self.started_at < self.call_s_max
        applied = [w for w in works if w.mark >= 0 and self.applied_times(w.mark) > w.applied_before]
        self.see(Seldom.CRASH_IN_REST, when=is_early)
        self.see(Seldom.CRASH_UNDER_WAY, when=self.calls_under_way)
        self.see(Seldom.CRASH_APPLIED, when=bool(applied))
        self.see(Seldom.CRASH_WRITING, when=any(work.is_writing for work in works))
        self.see(Seldom.CRASH_BETWEEN_CALLS, when=any(w.calls == 2 and not w.refused and w.is_calling for w in works))
        self.see(Seldom.CRASH_BACKOFF, when=not works and self.backs_off)
        self.see(Seldom.CRASH_QUIET, when=self.is_quiet)
        self.see(Seldom.CRASH_HELD, when=hold.is_held)
        self.see(Seldom.CRASH_PAUSED, when=hold.is_paused)
        self.see(Seldom.CRASH_PARKED, when=bool(self.parked))
        self.see(Seldom.CRASH_REPLAY, when=replayed)
        self.crashes += 1
        # Whoever was told to be quiet is gone.
        self.quiet_until = 0.0

    def stops_now(self) -> None:
        """The engine is asked to end."""
        self.see(Seldom.STOP_UNDER_WAY, when=self.calls_under_way)
        self.see(Seldom.STOP_HELD, when=self.engine.hold.is_held)
        self.see(Seldom.STOP_PARKED, when=bool(self.parked))

    def stopped(self, *, waiting: int) -> None:
        """The engine ended as it was asked to."""
        self.see(Seldom.STOP_GIVES_UP, when=self.given_up > 0)
        self.given_up = 0
        self.see(Seldom.STOP_BACKLOG, when=bool(waiting))

    def starts(self, engine: Any) -> None:
        """Another engine begins."""
        self.engine, self.started_at = engine, self.clock.steady()
        self.at_work.clear()

    def clock_is_set(self, seconds: float) -> None:
        """Somebody sets the wall's clock."""
        self.see(Seldom.SET_HELD, when=self.engine.hold.is_held)
        self.see(Seldom.SET_PAUSED, when=self.engine.hold.is_paused)
        self.see(Seldom.SET_PARKED, when=bool(self.parked))
        self.see(Seldom.SET_UNDER_WAY, when=self.calls_under_way)
        self.see(Seldom.SET_QUIET, when=self.is_quiet)
        self.see(Seldom.SET_BACKOFF, when=seconds < 0 and self.backs_off)

    def machine_sleeps(self, _: float) -> None:
        """The machine goes to sleep."""
        self.see(Seldom.SLEPT_HELD, when=self.engine.hold.is_held)
        self.see(Seldom.SLEPT_PARKED, when=bool(self.parked))
        self.see(Seldom.SLEPT_UNDER_WAY, when=self.calls_under_way)
        self.see(Seldom.SLEPT_QUIET, when=self.is_quiet)

    def stands_still(self, _: float) -> None:
        """The process is stopped, and goes on later."""
        self.see(Seldom.STOOD_UNDER_WAY, when=self.calls_under_way)
        self.see(Seldom.STOOD_HELD, when=self.engine.hold.is_held)

    def judged(self, answer: Any, lease: Lease, verdict: Any) -> None:
        """An event's answer has its verdict."""
        work = self.at_work.get(lease.token)
        if work is not None:
            work.said = answer
            waited = not work.calls and self.clock.steady() - work.began > TURN_S
            is_turn = isinstance(answer, Throttled) and answer.text == "waiting for the pace"
            self.see(Seldom.THROTTLED_IN_TURN, when=is_turn and waited)
        if isinstance(answer, Throttled):
            self.see(Seldom.SLOWEST, when=self.engine.pace.per_s <= PER_S_MIN)
        failing = self.failing.get(lease.seq)
        self.see(Seldom.REFUSED_AFTER_FAILING, when=isinstance(answer, Refused) and failing is not None)
        self.see(Seldom.NARROWEST, when=self.engine.width.limit == 1)
        match verdict:
            case RetryIn(counts=True):
                rested_s = self.engine.hold.rested_s
                failing = self.failing.setdefault(lease.seq, Failing(0, rested_s, self.crashes))
                failing.times += 1
                self.see(Seldom.FAILED_FIVE_TIMES, when=failing.times == MANY)
            case Settle(Outcome.DEAD, reason) if reason.startswith("gave up") and failing:
                self.see(Seldom.GAVE_UP)
                self.see(Seldom.GAVE_UP_OVER_A_HOLD, when=self.engine.hold.rested_s > failing.rested_s)
                self.see(Seldom.GAVE_UP_OVER_A_CRASH, when=self.crashes > failing.crashes)

    def applies(self, verdict: Any, dispatch: Any) -> None:
        """A verdict is about to be written down."""
        lease = dispatch.leases[0]
        work = self.at_work.get(lease.token)
        said, is_several = work.said if work else None, len(dispatch.leases) > 1
        if isinstance(verdict, Hold) and not self.engine.hold.is_closed:
            self.holds += 1
            self.probes = 0
            self.see(Seldom.HELD_TWICE, when=self.holds > 1)
        if is_several:
            self.see(Seldom.THROTTLED_COALESCED, when=isinstance(said, Throttled))
            self.see(Seldom.COALESCED_IN_DOUBT, when=isinstance(said, Unavailable) and said.status is None)
            is_done = isinstance(verdict, Settle) and verdict.outcome == Outcome.DELIVERED
            self.see(Seldom.COALESCED_MANY, when=is_done and sum(dispatch.is_carried) >= MANY)
        self.see(Seldom.FOLLOWERS_BACK, when=bool(lease.followers) and not isinstance(verdict, Settle))

    def engine_of(self, engine: type) -> type:
        """Return the engine's class, looked on at."""
        onlooker = self

        class Watched(engine):  # type: ignore[misc]
            async def deliver(self, lease: Lease) -> None:
                LEASE.set(lease)
                onlooker.at_work[lease.token] = UnderWay(lease, onlooker.clock.steady())
                try:
                    await super().deliver(lease)
                except asyncio.CancelledError:
                    onlooker.given_up += self.stopping.is_set()
                    raise
                finally:
                    onlooker.at_work.pop(lease.token, None)

            def verdict(self, answer: Any, lease: Lease) -> Any:
                verdict = super().verdict(answer, lease)
                onlooker.judged(answer, lease, verdict)
                return verdict

            async def apply(self, verdict: Any, dispatch: Any, attempts: Any) -> None:
                onlooker.applies(verdict, dispatch)
                work = onlooker.at_work.get(dispatch.leases[0].token)
                if work is not None:
                    work.is_writing = True
                await super().apply(verdict, dispatch, attempts)

            def pause(self, by: str) -> None:
                is_new = not self.hold.is_paused
                super().pause(by)
                onlooker.see(Seldom.HELD_PAUSED, when=is_new and self.hold.is_held)
                onlooker.see(Seldom.PAUSED_UNDER_WAY, when=is_new and onlooker.calls_under_way)

        return Watched


class OnlookingCustify:
    """The far side, looked on at."""

    def __init__(self, onlooker: Onlooker) -> None:
        self.onlooker, self.custify = onlooker, onlooker.custify

    async def send(self, call: Any) -> Any:
        on, mark = self.onlooker, mark_of(call)
        lease = LEASE.get()
        work = on.at_work.get(lease.token) if lease else None
        if work is None or lease is None:
            return await self.custify.send(call)
        on.see(Seldom.UNANSWERED_AGAIN, when=mark in on.unanswered and on.applied_times(mark) > 0)
        on.see(Seldom.COALESCED_REFUSED, when=work.refused > 0)
        work.mark, work.applied_before, work.is_calling = mark, on.applied_times(mark), True
        work.calls += 1
        began = on.clock.steady()
        answer = await self.custify.send(call)
        work.is_calling = False
        self._answered(work, answer, took_s=on.clock.steady() - began)
        return answer

    async def read(self, path: str) -> Any:
        answer = await self.custify.read(path)
        self.onlooker.see(Seldom.LOOK_UP_FAILED, when=not isinstance(answer, Accepted))
        return answer

    async def probe(self) -> Any:
        on = self.onlooker
        answer = await self.custify.probe()
        on.probes += not isinstance(answer, Accepted) and on.engine.hold.is_held
        on.see(Seldom.HELD_PROBED, when=on.probes == 3 and not isinstance(answer, Accepted))
        return answer

    def _answered(self, work: UnderWay, answer: Any, *, took_s: float) -> None:
        on = self.onlooker
        is_late = on.clock.awake() >= work.lease.expires_at
        on.see(Seldom.LEASE_RAN_OUT_UNDER_WAY, when=is_late)
        work.refused += isinstance(answer, Refused)
        match answer:
            case Accepted():
                on.see(Seldom.SLOW_BUT_IN_TIME, when=on.call_s_max * 2 / 3 < took_s < on.call_s_max)
                on.see(Seldom.HELD_ACCEPTED, when=on.engine.hold.is_closed)
            case Throttled(after_s):
                on.see(Seldom.THROTTLED_AGAIN, when=on.is_quiet)
                on.see(Seldom.THROTTLED_NO_TIME, when=after_s is None)
                on.see(Seldom.THROTTLED_SECOND_CALL, when=work.calls == 2 and not work.refused)
                wait_s = RETRY_AFTER_S_DEFAULT if after_s is None else after_s
                on.quiet_until = max(on.quiet_until, on.clock.steady() + wait_s)
            case Unavailable(status=None) if work.mark >= 0:
                on.unanswered.add(work.mark)


def recognised(said: Any) -> bool:
    """Return whether a look-up found the person of an event."""
    return isinstance(said, Recognised)
