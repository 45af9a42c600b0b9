"""The loop: lease, convert, send, decide, apply. One engine serves one destination.

Rules for changing this file: every lease ends in exactly one verdict, or runs out and comes back;
nothing here decides (decide.py), measures time (clock) or speaks HTTP (destinations/http.py).
"""

import asyncio
import contextlib
import functools
import logging
import traceback
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog

from penstock import causes
from penstock.buffer.port.backlog import Backlog, Ending, Lease
from penstock.buffer.port.ledger import Ledger
from penstock.buffer.port.outcomes import REPLAYABLE, Attempt, Outcome
from penstock.clock import Clock, Dice
from penstock.deliver.attempts import attempt_of
from penstock.deliver.busy import Busy
from penstock.deliver.decide import Hold, Park, RetryIn, Said, Settle, Verdict, decide
from penstock.deliver.dispatch import SHADOW, Dispatch, Read, run_of
from penstock.deliver.gather import gather
from penstock.deliver.guarding import Guard
from penstock.deliver.hold import HoldState
from penstock.deliver.notes import Notes
from penstock.deliver.pace import Pace
from penstock.deliver.policy import TOGETHER_MAX, WRITING_MAX, DeliveryPolicy
from penstock.deliver.progress import Progress
from penstock.deliver.reads import read
from penstock.deliver.records import KeptRecords
from penstock.deliver.runs import Runs
from penstock.deliver.sending import sent
from penstock.deliver.standing import NOT_FOUND, Standing
from penstock.deliver.steps import Bench, Steps, Trusting, Unfinished
from penstock.deliver.watchman import StepSpent
from penstock.deliver.weighing import weighed
from penstock.deliver.width import Width
from penstock.destinations.answer import Accepted, Answer, Barred, Refused, Throttled
from penstock.destinations.plan import Call
from penstock.destinations.port import Api
from penstock.errors import BufferUnavailable, LeaseLost
from penstock.repeats import Repeats

log = structlog.get_logger()

# A call that comes to its turn so late has missed it: others have theirs by now.
LATE_S_MAX = 1.0
# How long an engine rests when its own disk is full before it looks again.
DISK_REST_S = 5.0


class Engine:
    """Brings every event of one destination to an outcome."""

    def __init__(
        self,
        name: str,
        *,
        backlog: Backlog,
        ledger: Ledger,
        api: Api,
        pace: Pace,
        policy: DeliveryPolicy,
        clock: Clock,
        dice: Dice,
        bench: Bench | None = None,
    ) -> None:
        self.name, self.backlog, self.api = name, backlog, api
        self.pace, self.policy, self.clock, self.dice = pace, policy, clock, dice
        self.steps, self.repeats = Steps(name, bench or Trusting()), Repeats()
        self.kept, self.busy = KeptRecords(ledger, clock=clock), Busy()
        self.guard = Guard(ledger, clock=clock, steps=self.steps)
        self.runs = Runs(backlog, self.kept, self.busy, steps=self.steps, clock=clock)
        self.width = Width(calls_max=policy.in_flight_max)
        #: An event ended since the backlog was looked at, whose lane may go on; or the engine is to stop.
        self.news = asyncio.Event()
        self.in_flight: set[asyncio.Task[None]] = set()
        #: How many of them have their answer, and wait for the disk alone.
        self.writing = 0
        self.observe: Callable[[Attempt], None] = lambda _: None
        self.stopping, self.progress = asyncio.Event(), Progress(clock.steady())
        self.log = log.bind(destination=name)
        probe = lambda: self.api.probe()  # noqa: E731, PLW0108 - it may be another one by then
        self.standing = Standing(pace=pace, width=self.width, clock=clock, log=self.log, probe=probe)
        self.standing.retry = policy.retry
        self.notes = Notes(name, backlog, steps=self.steps, standing=self.standing)

    @property
    def hold(self) -> HoldState:
        """Whether the destination is held, down or paused."""
        return self.standing.hold

    async def run(self) -> None:
        """Deliver until `stop`; then let calls under way finish."""
        if await self.notes.begin(self.policy):
            # We crashed: calls then under way may still be applied, and the next events of their lanes must not
            # overtake them. The destination gets the time that we would have given it.
            await self._rest(self.policy.call_s_max)
        busy_at = self.clock.steady()
        while not self.stopping.is_set():
            self.news.clear()
            leases = await self._lease()
            for lease in leases:
                self._start(lease)
            busy_at = self.clock.steady() if leases or self.news.is_set() else busy_at
            await self._pause(busy_at)
        await self._drain()

    def reconfigure(self, *, api: Api, policy: DeliveryPolicy, per_s_max: float) -> None:
        """Go on with other settings; a destination that rests is looked at again at once."""
        if (policy.account, policy.origin) != (self.policy.account, self.policy.origin):
            self.standing.witness.start_anew()
        self.api, self.policy, self.pace.per_s_max, self.notes.is_unwritten = api, policy, per_s_max, True
        self.width.calls_max = policy.in_flight_max
        self.standing.ask_now()

    def pause(self, by: str) -> None:
        """Send nothing more until `resume`; calls under way end as usual."""
        self.standing.pause(by)

    def resume(self) -> None:
        """Go on after a pause."""
        self.standing.resume()

    def stop(self) -> None:
        """Ask the loop to end; `run` returns when the last call has its verdict."""
        self.stopping.set()
        self.news.set()

    async def deliver(self, lease: Lease) -> None:
        """Bring one event to an end, with those it carries along, or give it a time to try again."""
        attempts: list[Attempt] = []
        try:
            reads, dispatch = await self._prepared(run_of(lease), attempts)
            said = await self._sent(dispatch, attempts)
            if isinstance(said, Refused) and len(dispatch.leases) > 1:
                # One of them is to blame, and it is not known which: the first goes by itself.
                reads, dispatch = await self._prepared([lease], attempts)
                said = await self._sent(dispatch, attempts)
            took_s = attempts[-1].duration_ms / 1000 if attempts else 0.0
            said = await self.standing.judged(said, lease.seq, took_s=took_s)
            verdict = self.verdict(said, lease)
            await self._conclude(verdict, said, reads, dispatch, attempts)
        finally:
            self.busy.release(lease.token)
        if self.log.is_enabled_for(logging.DEBUG):
            self.log.debug("attempted", seq=lease.seq, attempt=lease.attempt, verdict=type(verdict).__name__)

    async def send(self, calls: Sequence[Call], attempts: list[Attempt], *, until: float) -> Answer:
        """Make calls in order, up to the first that is not accepted, while the lease lasts `until` a time."""
        answer: Answer = Accepted(200, "")
        for call in calls:
            send = functools.partial(self.api.send, call)
            answer = await self._call(call.method, call.path, send, attempts, until=until)
            if not isinstance(answer, Accepted):
                break
        return answer

    def verdict(self, answer: Said, lease: Lease) -> Verdict:
        """Ask decide.py, with this destination's clock and dice."""
        now = self.hold.retry_clock(self.clock.awake())
        return decide(
            answer,
            attempt=lease.attempt,
            failing_for_s=0.0 if lease.first_failed_at is None else now - lease.first_failed_at,
            parked_for_s=self.policy.retry.waited_s(lease, now),
            jitter=self.dice.uniform(0.0, 1.0),
            policy=self.policy.retry,
        )

    async def _conclude(
        self, verdict: Verdict, said: Said, reads: Sequence[Read], dispatch: Dispatch, attempts: Sequence[Attempt]
    ) -> None:
        """Write down what became of an event; its place among the calls under way is another's meanwhile."""
        self.writing += 1
        self.news.set()
        try:
            if not dispatch.ends_free(said, attempts) or not await self._end_run(reads):
                await self.apply(verdict, dispatch, attempts)
        finally:
            self.writing -= 1

    async def apply(self, verdict: Verdict, dispatch: Dispatch, attempts: Sequence[Attempt]) -> None:
        """Write the verdict down; a lease that was lost is another's by now."""
        lease, now = dispatch.leases[0], self.clock.steady()
        try:
            match verdict:
                case Settle(Outcome.DELIVERED):
                    endings = dispatch.endings(attempts)
                    await self.backlog.settle(*endings, learned=dispatch.knowledge(), calls=dispatch.figures())
                    self._note_ends(endings)
                case Settle(outcome, reason, cause):
                    ending = Ending(lease=lease, outcome=outcome, cause=cause, reason=reason, attempts=attempts)
                    await self.backlog.settle(ending, learned=dispatch.doubts())
                    self._note_ends([ending])
                case RetryIn(delay_s, counts):
                    await self._retry(dispatch, attempts, at=now + delay_s, counts=counts)
                case Hold(_, _, counts):
                    self.standing.begin(verdict)
                    await self.notes.write(self.policy)
                    await self._retry(dispatch, attempts, at=now, counts=counts)
                case Park(delay_s, subjects, room, otherwise):
                    known_as = [SHADOW + subject if dispatch.is_shadow else subject for subject in subjects]
                    times = {"since": self.hold.retry_clock(self.clock.awake()), "until": now + delay_s}
                    if not await self.backlog.park(lease, **times, subjects=known_as, room=room):
                        await self.apply(otherwise, dispatch, attempts)
        except LeaseLost:
            self._hear("lease_lost", message_id=lease.event.message_id)

    async def _retry(self, dispatch: Dispatch, attempts: Sequence[Attempt], *, at: float, counts: bool) -> None:
        lease, learned = dispatch.leases[0], dispatch.half_knowledge(attempts)
        failed_at = self._failed_at(lease, counts)
        await self.backlog.retry(
            lease, attempts=attempts, learned=learned, at=at, first_failed_at=failed_at, counts=counts
        )

    def _failed_at(self, lease: Lease, counts: bool) -> float | None:
        """Return when the event failed first, by the retry clock; None when it never did."""
        if counts and lease.first_failed_at is None:
            return self.hold.retry_clock(self.clock.awake())
        return lease.first_failed_at

    async def _prepared(self, leases: Sequence[Lease], attempts: list[Attempt]) -> tuple[Sequence[Read], Dispatch]:
        """Read events, gather what is known of their people and companies, weigh: what is left to do, its records reserved."""
        first, policy = leases[0], self.policy
        look_up = functools.partial(self._looked_up, attempts=attempts, until=first.expires_at)
        try:
            reads = await read(leases, self.steps, policy)
            self.busy.begin(first.token)
            known = await gather(reads, policy, self.kept, self.steps, look_up)
            dispatch = await weighed(known, policy.rules, self.steps, now=self.clock.now())
            dispatch = await self.guard.guarded(dispatch, policy.rules, look_up)
            return reads, self.busy.reserved(dispatch, first.token, known.records)
        except Unfinished as found:
            return (), Dispatch(leases=[first], instead=found.said)
        except StepSpent:
            # One of several is to blame, and it is not known which.
            return await self._prepared(leases[:1], attempts)

    async def _sent(self, dispatch: Dispatch, attempts: list[Attempt]) -> Said:
        """Make the calls of a dispatch, if it has any; in shadow mode, note what would be sent."""
        if dispatch.instead is not None:
            return dispatch.instead
        return await sent(dispatch, attempts, self.policy, self.send, now=self.clock.now())

    async def _end_run(self, reads: Sequence[Read]) -> bool:
        """End events that need no call, with those right behind them that need none either; False: there are none."""
        try:
            endings = await self.runs.end(reads, self.verdict, self.policy)
        except LeaseLost:
            self._hear("lease_lost", message_id=reads[0].lease.event.message_id)
            return True
        self._note_ends(endings)
        return bool(endings)

    async def _looked_up(self, path: str, *, attempts: list[Attempt], until: float) -> Answer:
        """Make a read; a 404 is only believed where reads are answered."""
        answer = await self._call("GET", path, functools.partial(self.api.read, path), attempts, until=until)
        is_missing = isinstance(answer, Refused) and answer.status == NOT_FOUND
        if is_missing and not await self.standing.is_way_right():
            return Barred(NOT_FOUND, answer.text, causes.ROUTE)
        return answer

    async def _lease(self) -> Sequence[Lease]:
        """Take as many events as may be under way now; none while held or paused."""
        try:
            await self.notes.write(self.policy)
            if self.policy.origin != self.notes.origin:
                if self.in_flight or not await self.notes.may_move(self.policy):
                    return ()
                await self.notes.moved_to(self.policy, self.kept)
            if not await self.standing.may_send():
                self.progress.rests()
                return ()
            self.progress.goes_on(self.clock.steady())
            limit = int(min(self._free(), self.pace.free_calls(self.clock.steady())))
            if limit < 1:
                return ()
            return await self._due(limit)
        except BufferUnavailable as error:
            self._hear("buffer_unavailable", reason=error.reason)
            await self._rest(DISK_REST_S)
            return ()

    def _free(self) -> int:
        """Return how many more events may be under way."""
        return self.width.limit - len(self.in_flight) + min(self.writing, WRITING_MAX)

    async def _due(self, limit: int) -> Sequence[Lease]:
        """Take events that are due. Raises BufferUnavailable."""
        together = TOGETHER_MAX if self.policy.rules.coalesce else 0
        shares, lease_s = self.policy.shares, self.policy.lease_s
        leases = await self.backlog.lease(limit=limit, lease_s=lease_s, shares=shares, together=together)
        if not (leases or self.in_flight):
            self.standing.found_nothing_due()
        return leases

    async def _call(
        self, method: str, path: str, make: Callable[[], Awaitable[Answer]], attempts: list[Attempt], *, until: float
    ) -> Answer:
        """Make one call at its time, and write down how it went."""
        now = self.clock.steady()
        wait_s = self.pace.wait_s(now)
        if wait_s > self.policy.call_s_max:
            # Waiting here would use up the lease; the event goes back unharmed instead.
            return Throttled(wait_s, "waiting for the pace")
        self.pace.sent(now + wait_s)
        if wait_s > 0:
            await asyncio.sleep(wait_s)
            if self.clock.steady() - now > wait_s + LATE_S_MAX:
                # The process stood still: all whose turn has passed would call at once.
                return Throttled(0.0, "its turn has passed")
            if (blocked_s := self.pace.blocked_s(self.clock.steady())) > 0:
                # Another call was throttled while this one waited for its turn.
                return Throttled(blocked_s, "waiting for the pace")
        at, began = self.clock.now(), self.clock.awake()
        if began + self.policy.call_s_max > until:
            # The process stood still, and the event is, or may soon be, under way again: this call could come behind that.
            return Throttled(0.0, "the lease runs out")
        answer = await make()
        took_s, is_write = self.clock.awake() - began, method != "GET"
        self.standing.heard(answer, is_write=is_write, took_s=took_s, under_way=len(self.in_flight) - self.writing)
        self.progress.answered(answer, at)
        attempts.append(attempt_of(method, path, answer, at=at, took_s=took_s))
        self.observe(attempts[-1])
        return answer

    def _start(self, lease: Lease) -> None:
        task = asyncio.create_task(self.deliver(lease))
        self.in_flight.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.in_flight.discard(task)
        self.news.set()
        error = None if task.cancelled() else task.exception()
        if isinstance(error, BufferUnavailable):
            self._hear("verdict_not_written", reason=error.reason)
        elif error is not None:
            # A bug of ours: the lease runs out and the event comes back; nothing is lost. The log says where, but
            # not the error's text, which may quote the event.
            where = traceback.extract_tb(error.__traceback__)[-1]
            at = f"{where.name}:{where.lineno}"
            self._hear("delivery_crashed", level=logging.ERROR, cause=f"{type(error).__name__} at {at}")

    async def _pause(self, busy_at: float) -> None:
        """Wait until a call ends, the pace allows one, something may have arrived, or the engine stops."""
        for line in self.repeats.due(self.clock.steady()):
            line.say(self.log)
        if self.news.is_set():
            return
        # Not longer than until the pace allows a call: of a small limit, what is not used at once is lost.
        now = self.clock.steady()
        look_s = min(self.pace.wait_s(now), 1.0) or self.policy.idle_s(now - busy_at)
        timeout = None if self._free() < 1 else look_s
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self.news.wait()

    async def _rest(self, seconds: float) -> None:
        """Wait, but not longer than until the engine stops."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)

    async def _drain(self) -> None:
        """Let calls under way end; those that cannot are given up and come back after the next start."""
        if self.in_flight:
            await asyncio.wait(self.in_flight, timeout=2 * self.policy.call_s_max)
        await self.notes.end(self.policy, is_all_done=not self.in_flight)
        for task in self.in_flight:
            task.cancel()
        await asyncio.gather(*self.in_flight, return_exceptions=True)
        for line in self.repeats.rest(self.clock.steady()):
            line.say(self.log)

    def _note_ends(self, endings: Sequence[Ending]) -> None:
        """Say which verdicts that were written are bad ones; who has ended is no suspect any more."""
        self.notes.is_unwritten |= self.steps.cleared([ending.lease for ending in endings])
        for ending in endings:
            self.standing.witness.ended(ending.lease.seq)
        # The reason may quote an answer or the event, and either may quote a person; so may a message id: none is logged.
        for ending in endings:
            self.progress.moved(self.clock.steady())
            if ending.outcome in REPLAYABLE:
                event = "buried" if ending.outcome is Outcome.DEAD else "rejected"
                facts = {"seq": ending.lease.seq, "attempts": ending.lease.attempt}
                self._hear(event, cause=ending.cause, **facts)

    def _hear(self, event: str, **facts: Any) -> None:
        """Say what may happen to every event: the first of a cause at once, the others as a count."""
        for line in self.repeats.heard(event, now=self.clock.steady(), **facts):
            line.say(self.log)
