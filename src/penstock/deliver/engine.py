"""The loop: lease, convert, send, decide, apply. One engine serves one destination.

Rules for whoever changes this file: every lease ends in exactly one verdict, or runs out and comes back;
nothing here decides (decide.py), measures time (clock) or speaks HTTP (destinations/http.py).
"""

import asyncio
import contextlib
import functools
import logging
import traceback
from collections.abc import Awaitable, Callable, Sequence
from collections.abc import Mapping as Table
from typing import Any

import structlog

from penstock import causes
from penstock.buffer.port.backlog import Backlog, Ending, Lease
from penstock.buffer.port.ledger import Ledger
from penstock.buffer.port.outcomes import REPLAYABLE, Attempt, Outcome
from penstock.clock import Clock, Dice
from penstock.deliver.attempts import attempt_of, unsent
from penstock.deliver.books import Books, is_busy
from penstock.deliver.decide import Hold, Park, RetryIn, Said, Settle, Verdict, decide
from penstock.deliver.errand import SHADOW, Errand, Read, run_of
from penstock.deliver.hold import HoldState
from penstock.deliver.pace import Pace
from penstock.deliver.policy import TOGETHER_MAX, DeliveryPolicy
from penstock.deliver.progress import Progress
from penstock.deliver.reads import read
from penstock.deliver.runs import Runs
from penstock.deliver.standing import NOT_FOUND, Standing
from penstock.deliver.steps import Bench, Steps, Trusting, Unfinished
from penstock.deliver.watchman import StepSpent
from penstock.deliver.width import Width
from penstock.destinations.answer import Accepted, Answer, Barred, Refused, Throttled
from penstock.destinations.plan import Call, Filtered, Unmappable
from penstock.destinations.port import Api
from penstock.errors import BufferUnavailable, LeaseLost
from penstock.repeats import Repeats

log = structlog.get_logger()

# How soon an engine that had something to do looks for new events again; the longer it finds none, the later.
IDLE_S_MIN = 0.01
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
        self.books = Books(ledger, clock=clock, steps=self.steps)
        self.runs = Runs(backlog, self.books)
        self.width = Width(calls_max=policy.in_flight_max)
        #: The Custify that the ledger is about; empty before the first one.
        self.origin = ""
        #: An event ended while the backlog was being looked at: the next of its lane may have been missed.
        self.is_news = False
        #: Something was learned of the steps that must survive a restart.
        self.is_unwritten = False
        self.in_flight: set[asyncio.Task[None]] = set()
        self.observe: Callable[[Attempt], None] = lambda _: None
        self.stopping, self.progress = asyncio.Event(), Progress(clock.steady())
        self.log = log.bind(destination=name)
        self.standing = Standing(pace=pace, width=self.width, clock=clock, log=self.log, probe=self._probe)
        self.standing.who = policy.retry.who

    @property
    def hold(self) -> HoldState:
        """Whether the destination is held, down or paused."""
        return self.standing.hold

    async def run(self) -> None:
        """Deliver until `stop`; then let calls under way finish."""
        notes = await self.backlog.notes()
        self._recall(notes)
        await self.backlog.remember({"running": True, "account": self.policy.account} | self.steps.to_notes())
        if notes.get("running"):
            # We crashed: calls then under way may still be applied, and the next events of their lanes must not
            # overtake them. Custify gets the time that we would have given it.
            await self._rest(self.policy.call_s_max)
        idle_s, stop = IDLE_S_MIN, asyncio.ensure_future(self.stopping.wait())
        try:
            while not self.stopping.is_set():
                self.is_news = False
                leases = await self._lease()
                for lease in leases:
                    self._start(lease)
                idle_s = IDLE_S_MIN if leases or self.is_news else min(self.policy.idle_s_max, idle_s * 2)
                await self._pause(idle_s, stop)
        finally:
            stop.cancel()
        await self._drain()

    def reconfigure(self, *, api: Api, policy: DeliveryPolicy, per_s_max: float) -> None:
        """Go on with other settings; a destination that rests is looked at again at once."""
        if (policy.account, policy.origin) != (self.policy.account, self.policy.origin):
            self.standing.witness.start_anew()
        self.api, self.policy, self.pace.per_s_max, self.is_unwritten = api, policy, per_s_max, True
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

    async def deliver(self, lease: Lease) -> None:
        """Bring one event to an end, with those it carries along, or give it a time to try again."""
        attempts: list[Attempt] = []
        try:
            answer, errand, reads = await self._attempted(lease, attempts)
            took_s = attempts[-1].duration_ms / 1000 if attempts else 0.0
            answer = await self.standing.judged(answer, lease.seq, took_s=took_s)
            verdict = self.verdict(answer, lease)
            is_free = errand.needs_no_call and isinstance(answer, Accepted | Unmappable | Filtered) and not attempts
            if not is_free or not await self._end_run(reads):
                await self.apply(verdict, errand, attempts)
        finally:
            self.books.release(lease.token)
        self.log.debug(
            "attempted", message_id=lease.event.message_id, attempt=lease.attempt, verdict=repr(verdict)[:60]
        )

    async def send(self, calls: Sequence[Call], attempts: list[Attempt], *, until: float) -> Answer:
        """Make calls in order, up to the first that is not accepted, while the lease lasts `until` a time."""
        answer: Answer = Accepted(200, "")
        for call in calls:
            make = functools.partial(self.api.send, call)
            answer = await self._call(call.method, call.path, make, attempts, until=until)
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

    async def apply(self, verdict: Verdict, errand: Errand, attempts: Sequence[Attempt]) -> None:
        """Write the verdict down; a lease that was lost is somebody else's by now."""
        lease, now = errand.leases[0], self.clock.steady()
        retry = functools.partial(self.backlog.retry, lease, attempts=attempts, learned=errand.half_knowledge(attempts))
        try:
            match verdict:
                case Settle(Outcome.DELIVERED):
                    endings = errand.endings(attempts)
                    await self.backlog.settle(*endings, learned=errand.knowledge(), calls=errand.figures())
                    self._note_ends(endings)
                case Settle(outcome, reason, cause):
                    ending = Ending(lease=lease, outcome=outcome, cause=cause, reason=reason, attempts=attempts)
                    await self.backlog.settle(ending, learned=errand.doubts())
                    self._note_ends([ending])
                case RetryIn(delay_s, counts):
                    await retry(at=now + delay_s, first_failed_at=self._failed_at(lease, counts), counts=counts)
                case Hold(_, _, counts):
                    self.standing.begin(verdict)
                    await self._write_notes()
                    await retry(at=now, first_failed_at=self._failed_at(lease, counts), counts=counts)
                case Park(delay_s, subjects, room, otherwise):
                    known_as = [SHADOW + subject if errand.is_shadow else subject for subject in subjects]
                    times = {"since": self.hold.retry_clock(self.clock.awake()), "until": now + delay_s}
                    if not await self.backlog.park(lease, **times, subjects=known_as, room=room):
                        await self.apply(otherwise, errand, attempts)
        except LeaseLost:
            self._hear("lease_lost", message_id=lease.event.message_id)

    def _failed_at(self, lease: Lease, counts: bool) -> float | None:
        """Return when the event failed first, by the retry clock; None when it never did."""
        if counts and lease.first_failed_at is None:
            return self.hold.retry_clock(self.clock.awake())
        return lease.first_failed_at

    async def _probe(self) -> Answer:
        return await self.api.probe()

    async def _attempted(self, lease: Lease, attempts: list[Attempt]) -> tuple[Said, Errand, Sequence[Read]]:
        """Attempt an event with those it carries along; by itself, if one of them is to blame and nobody knows which."""
        try:
            reads = await read(run_of(lease), self.steps, self.policy)
            with contextlib.suppress(StepSpent):
                answer, errand = await self._attempt(reads, attempts)
                if not isinstance(answer, Refused) or len(errand.leases) == 1:
                    return answer, errand, reads
            return *await self._attempt(reads[:1], attempts), reads[:1]
        except Unfinished as found:
            return found.said, Errand(leases=[lease], instead=found.said), ()

    async def _end_run(self, reads: Sequence[Read]) -> bool:
        """End events that need no call, with those right behind them that need none either; False: there are none."""
        try:
            endings = await self.runs.end(reads, self.verdict, self.policy)
        except LeaseLost:
            self._hear("lease_lost", message_id=reads[0].lease.event.message_id)
            return True
        self._note_ends(endings)
        return bool(endings)

    async def _attempt(self, reads: Sequence[Read], attempts: list[Attempt]) -> tuple[Said, Errand]:
        """Find out what is left to do for the first of these, and those that can go along, and do it."""
        rules, mode, until = self.policy.rules, self.policy.mode, reads[0].lease.expires_at

        async def look_up(path: str) -> Answer:
            answer = await self._call("GET", path, functools.partial(self.api.read, path), attempts, until=until)
            is_misled = (
                isinstance(answer, Refused) and answer.status == NOT_FOUND and not await self.standing.is_way_right()
            )
            return Barred(NOT_FOUND, answer.text, causes.ROUTE) if is_misled else answer

        errand = await self.books.errand(reads, rules, mode, look_up)
        if errand.instead is not None:
            return errand.instead, errand
        if not self.books.take(errand, reads[0].lease.token):
            return is_busy(), errand
        if errand.is_shadow:
            attempts += [unsent(call, at=self.clock.now()) for call in errand.calls]
            return Accepted(200, ""), errand
        return await self.send(errand.calls, attempts, until=until), errand

    async def _lease(self) -> Sequence[Lease]:
        """Take as many events as may be under way now; none while held or paused."""
        try:
            await self._write_notes()
            if self.policy.origin != self.origin and not await self._has_moved():
                return ()
            if not await self.standing.may_send():
                self.progress.rests()
                return ()
            self.progress.goes_on(self.clock.steady())
            free = self.width.limit - len(self.in_flight)
            limit = int(min(free, self.pace.free_calls(self.clock.steady())))
            if limit < 1:
                return ()
            return await self._due(limit)
        except BufferUnavailable as error:
            self._hear("buffer_unavailable", reason=error.reason)
            await self._rest(DISK_REST_S)
            return ()

    async def _due(self, limit: int) -> Sequence[Lease]:
        """Take events that are due. Raises BufferUnavailable."""
        together = TOGETHER_MAX if self.policy.rules.coalesce else 0
        shares, lease_s = self.policy.shares, self.policy.lease_s
        leases = await self.backlog.lease(limit=limit, lease_s=lease_s, shares=shares, together=together)
        if not (leases or self.in_flight):
            self.standing.found_nothing_due()
        return leases

    async def _has_moved(self) -> bool:
        """Forget what another Custify held, once nothing is under way to it; return whether that is done."""
        if self.in_flight:
            return False
        if self.origin:
            count = await self.books.forget()
            self.log.info("ledger_forgot", order="base_url changed", records=count)
        self.origin = self.policy.origin
        await self.backlog.remember({"origin": self.origin})
        return True

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
            if (blocked_s := self.pace.blocked_s(self.clock.steady())) > 0:
                # Another call was throttled while this one waited for its turn.
                return Throttled(blocked_s, "waiting for the pace")
        at, began = self.clock.now(), self.clock.awake()
        if began + self.policy.call_s_max > until:
            # The process stood still, and the event is, or may soon be, under way again: this call could come behind that.
            return Throttled(0.0, "the lease runs out")
        answer = await make()
        took_s, is_write = self.clock.awake() - began, method != "GET"
        self.standing.heard(answer, is_write=is_write, took_s=took_s, under_way=len(self.in_flight))
        self.progress.answered(answer)
        attempts.append(attempt_of(method, path, answer, at=at, took_s=took_s))
        self.observe(attempts[-1])
        return answer

    def _recall(self, notes: Table[str, object]) -> None:
        """Go on with what was learned before a restart."""
        self.steps.recall(notes)
        self.standing.recall(notes, quiet_s_max=self.policy.retry_after_s_max)
        self.origin = str(notes.get("origin", ""))

    async def _write_notes(self) -> None:
        if self.is_unwritten or self.standing.is_unwritten or self.pace.is_news:
            self.is_unwritten = self.standing.is_unwritten = False
            account = {"account": self.policy.account}
            await self.backlog.remember(self.standing.to_notes() | self.steps.to_notes() | account)

    def _start(self, lease: Lease) -> None:
        task = asyncio.create_task(self.deliver(lease))
        self.in_flight.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.in_flight.discard(task)
        self.is_news = True
        error = None if task.cancelled() else task.exception()
        if isinstance(error, BufferUnavailable):
            self._hear("verdict_not_written", reason=error.reason)
        elif error is not None:
            # A bug of ours: the lease runs out and the event comes back; nothing is lost. The log says where, but
            # not the error's text, which may quote the event.
            where = traceback.extract_tb(error.__traceback__)[-1]
            at = f"{where.name}:{where.lineno}"
            self._hear("delivery_crashed", level=logging.ERROR, cause=f"{type(error).__name__} at {at}")

    async def _pause(self, idle_s: float, stop: "asyncio.Future[Any]") -> None:
        """Wait until a call ends, the pace allows one, something may have arrived, or the engine stops."""
        for line in self.repeats.due(self.clock.steady()):
            line.say(self.log)
        if self.is_news:
            return
        full = len(self.in_flight) >= self.width.limit
        # Not longer than until the pace allows a call: of a small limit, what is not used at once is lost.
        timeout = None if full else min(self.pace.wait_s(self.clock.steady()), 1.0) or idle_s
        await asyncio.wait({stop, *self.in_flight}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)

    async def _rest(self, seconds: float) -> None:
        """Wait, but not longer than until the engine stops."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)

    async def _drain(self) -> None:
        """Let calls under way end; those that cannot are given up and come back after the next start."""
        if self.in_flight:
            await asyncio.wait(self.in_flight, timeout=2 * self.policy.call_s_max)
        self.is_unwritten = True
        await self._write_notes()
        if not self.in_flight:
            await self.backlog.remember({"running": False})
        for task in self.in_flight:
            task.cancel()
        await asyncio.gather(*self.in_flight, return_exceptions=True)
        for line in self.repeats.rest(self.clock.steady()):
            line.say(self.log)

    def _note_ends(self, endings: Sequence[Ending]) -> None:
        """Say which verdicts that were written are bad ones; who has ended is no suspect any more."""
        self.is_unwritten |= self.steps.cleared([ending.lease for ending in endings])
        for ending in endings:
            self.standing.witness.ended(ending.lease.seq)
        # The reason may quote Custify or the event, and either may quote a person: it stays out of the log.
        for ending in endings:
            self.progress.moved(self.clock.steady())
            if ending.outcome in REPLAYABLE:
                event = "buried" if ending.outcome is Outcome.DEAD else "rejected"
                facts = {"message_id": ending.lease.event.message_id, "attempts": ending.lease.attempt}
                self._hear(event, cause=ending.cause, **facts)

    def _hear(self, event: str, **facts: Any) -> None:
        """Say what may happen to every event: the first of a cause at once, the others as a count."""
        for line in self.repeats.heard(event, now=self.clock.steady(), **facts):
            line.say(self.log)
