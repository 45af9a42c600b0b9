"""One story: the production engine over a real buffer against a hostile Custify, from one seed, in virtual time.

Safety phase: faults, crashes, rotated keys; nothing wrong may happen. Then Custify heals, and within a bounded time
everything must end (liveness). tests/sim/checks.py says what "wrong" is.
"""

import asyncio
import collections
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from penstock.buffer.port.backlog import Ending, Lease
from penstock.buffer.port.orders import ReplayOrder
from penstock.buffer.port.outcomes import REPLAYABLE, Attempt, Outcome
from penstock.buffer.port.selection import Selection
from penstock.buffer.port.shelf import Story
from penstock.clock import SeededDice
from penstock.deliver.decide import RetryPolicy
from penstock.deliver.engine import Engine
from penstock.deliver.pace import Pace
from penstock.deliver.policy import DeliveryPolicy
from penstock.deliver.replays import Replays
from penstock.destinations.custify.naming import NamedBy
from penstock.destinations.custify.options import Mapping
from penstock.ledger.rules import OFF, Rules
from sim.held import Held
from sim.hostile_custify import Applied, Faults, HostileCustify
from sim.interruptions import SEEDS as INTERRUPTIONS
from sim.interruptions import Interruptions, meet_elsewhere, stand_still, stop_and_start, write_interruptions
from sim.liveness import Drain, drained, last_answers, waits_of, why_not
from sim.loop import LoopClock, run_virtually
from sim.onlooker import Onlooker, OnlookingCustify
from sim.onlooking_backlog import OnlookingBacklog
from sim.script import Script, Sent, Trouble, write_clocks, write_script

# How long a visitor's event waits for a sign-in.
VISITOR_S = 900.0
CALL_S_MAX, IDLE_S_MAX = 10.0, 10.0
ODD_SEEDS = 2**32
# Far from every seed of a story.
CLOCKS = 10**9


@dataclasses.dataclass(slots=True)
class History:
    """What happened, as the far side and the store saw it."""

    seed: int
    script: Script
    faults: Faults
    clocks: Trouble
    applied: list[Applied]
    #: How many of `applied` there were when the replay began, and which events were dead or rejected then.
    applied_before_replay: int
    died: Sequence[Story]
    stories: Sequence[Story]
    received: int
    waiting: int
    outcomes: dict[Outcome, int]
    in_flight: int
    called_at: list[float]
    called_too_early: int
    unavailable: dict[int, int]
    held: bool
    #: What Custify holds in the end.
    custify: Held
    virtual_s: float
    #: How the backlog ended once faults stopped, and once what died was replayed.
    drains: Sequence[Drain]
    interruptions: Interruptions
    #: Seldom states that the story came to; see tests/sim/seldom.py.
    seen: collections.Counter[str]
    #: By mark: how often a lease ran out.
    ran_out: collections.Counter[int]
    #: Who was erased, and what came of it; see tests/sim/erasures.py.
    erasures: Sequence[Any] = ()

    @property
    def replayed(self) -> frozenset[int]:
        """Return the marks of the events that were replayed."""
        return frozenset(int(story.event.message_id[1:]) for story in self.died)


class LatentBacklog:
    """A real backlog behind seeded latency: the only places where the engine can be interleaved."""

    def __init__(self, backlog: Any, dice: SeededDice) -> None:
        self.backlog, self.dice = backlog, dice

    async def _wait(self) -> None:
        await asyncio.sleep(self.dice.uniform(0.0, 0.05))

    async def lease(self, **limits: Any) -> Sequence[Lease]:
        await self._wait()
        return await self.backlog.lease(**limits)

    async def lease_behind(self, lease: Lease, **limits: Any) -> Lease:
        await self._wait()
        return await self.backlog.lease_behind(lease, **limits)

    async def settle(self, *endings: Ending, **facts: Any) -> None:
        await self._wait()
        await self.backlog.settle(*endings, **facts)

    async def park(self, lease: Lease, **until: Any) -> bool:
        await self._wait()
        return await self.backlog.park(lease, **until)

    async def retry(self, lease: Lease, **verdict: Any) -> None:
        await self._wait()
        await self.backlog.retry(lease, **verdict)

    async def replay(self, selection: Any, **facts: Any) -> Any:
        return await self.backlog.replay(selection, **facts)

    async def remember(self, notes: Any) -> None:
        await self.backlog.remember(notes)

    async def notes(self) -> Any:
        return await self.backlog.notes()


def tell(
    seed: int,
    make_world: Callable[[Any], Any],
    *,
    engine: type[Engine] = Engine,
    rules: Rules = OFF,
    stage: "type[Stage] | None" = None,
) -> History:
    """Run the story of a seed to its end; with rules, a story for the ledger. Raises Deadlock when it can never end."""
    history, virtual_s = run_virtually(_tell(seed, make_world, engine, rules, stage or Stage))
    return dataclasses.replace(history, virtual_s=virtual_s)


async def _tell(
    seed: int, make_world: Callable[[Any], Any], engine: type[Engine], rules: Rules, make_stage: "type[Stage]"
) -> History:
    dice = SeededDice(seed)
    # What came to be known later is thrown for apart: the stories of old seeds stay what they were but for that.
    odd = SeededDice(seed + ODD_SEEDS)
    script, faults = write_script(dice, repetitive=not rules.is_off), Faults.drawn(dice, odd)
    clock = LoopClock(asyncio.get_running_loop())  # type: ignore[arg-type]
    world = await make_world(clock)
    custify = HostileCustify(clock=clock, dice=dice, faults=faults, call_s_max=CALL_S_MAX, odd=odd)
    stage = make_stage(world=world, custify=custify, clock=clock, dice=dice, script=script, engine=engine, rules=rules)
    stage.draw(seed)
    try:
        await stage.play()
        return stage.history(seed, faults)
    finally:
        await world.close()


class Stage:
    """Everything of one story that moves."""

    def __init__(
        self,
        *,
        world: Any,
        custify: HostileCustify,
        clock: LoopClock,
        dice: SeededDice,
        script: Script,
        engine: type[Engine],
        rules: Rules,
    ) -> None:
        self.world, self.custify, self.clock, self.dice = world, custify, clock, dice
        self.onlooker = Onlooker(clock, custify, call_s_max=CALL_S_MAX)
        self.script, self.engine_class, self.rules = script, self.onlooker.engine_of(engine), rules
        self.mapping = Mapping(anonymous_fallback=script.anonymous_fallback)
        world.naming = NamedBy(self.mapping)
        self.paused, self.applied_before_replay, self.died = False, 0, list[Story]()
        self.orders_changed, self.clocks = asyncio.Event(), Trouble()
        self.interruptions, self.drains = Interruptions(), list[Drain]()
        #: Whoever ends the process, and begins it again, does so alone.
        self.process = asyncio.Lock()
        #: Nobody asks for files while they are opened again: after a stand-still, much is due at once.
        self.files = asyncio.Lock()
        self.start_engine()

    def draw(self, seed: int) -> None:
        """Draw what else happens, with dice of their own: what happens in a story does not depend on its clocks."""
        self.clocks = write_clocks(SeededDice(seed + CLOCKS), until=self.script.safety_s)
        self.interruptions = write_interruptions(SeededDice(seed + INTERRUPTIONS), until=self.script.safety_s)

    async def play(self) -> None:
        """Safety phase, then liveness phase."""
        orders = asyncio.create_task(self._pass_orders_on())
        async with asyncio.TaskGroup() as actors:
            actors.create_task(self._senders())
            actors.create_task(self._crashes(self.script.crashes_at))
            actors.create_task(self._rotations())
            actors.create_task(self._pauses())
            actors.create_task(self._sets(self.clocks.set_by, self.onlooker.clock_is_set, self.clock.set_by))
            actors.create_task(self._sets(self.clocks.slept, self.onlooker.machine_sleeps, self.clock.sleep))
            actors.create_task(stand_still(self))
            actors.create_task(stop_and_start(self))
            actors.create_task(meet_elsewhere(self))
            actors.create_task(self.at(self.script.safety_s))
        self.custify.heal()
        begun = set(self.onlooker.at_work)
        await last_answers(lambda: not begun.isdisjoint(self.onlooker.at_work))
        await self._until_nothing_waits()
        if not self.drains[-1].still:
            await self._replay_while_others_send()
        orders.cancel()
        self.engine.stop()
        await self.running

    def park_s_of(self, story: Story) -> float:
        """Return how long an event may still be parked: until its visitor signs in, and then for its person."""
        named, on = self.world.naming(story.event), self.onlooker
        retry_clock = self.engine.hold.retry_clock(self.clock.awake())
        parked_s = retry_clock - on.parked_since.get(story.seq, retry_clock)
        is_visitor = not (self.mapping.anonymous_fallback or named.user_id or named.email)
        may_be_stranger = not self.rules.is_off and story.event.type == "track"
        return max(0.0, VISITOR_S * is_visitor + self.rules.park_s * may_be_stranger - max(0.0, parked_s))

    def history(self, seed: int, faults: Faults) -> History:
        counts = self.world.counts()
        return History(
            seed=seed,
            script=self.script,
            faults=faults,
            clocks=self.clocks,
            applied=self.custify.applied,
            applied_before_replay=self.applied_before_replay,
            died=self._timed(self.died),
            stories=self._timed(self.world.stories()),
            received=counts.received,
            waiting=counts.waiting,
            outcomes={outcome: count for outcome, count in counts.outcomes.items() if count},
            in_flight=len(self.engine.in_flight),
            called_at=self.custify.called_at,
            called_too_early=self.custify.called_too_early,
            unavailable=dict(self.custify.unavailable),
            held=self.engine.hold.is_held,
            custify=self.custify.held,
            virtual_s=0.0,
            drains=self.drains,
            interruptions=self.interruptions,
            seen=self.onlooker.seen,
            ran_out=self.onlooker.ran_out,
        )

    def start_engine(self) -> None:
        self.backlog = OnlookingBacklog(self.world.backlog, self.onlooker)
        policy = DeliveryPolicy(
            options=self.mapping,
            retry=RetryPolicy(
                give_up_after_s=self.script.give_up_after_s, park_s=self.rules.park_s, visitor_s=VISITOR_S
            ),
            rules=self.rules,
            in_flight_max=8,
            call_s_max=CALL_S_MAX,
            # Most of a story is waiting; looking less often tells it several times faster.
            idle_s_max=IDLE_S_MAX,
        )
        self.engine = self.engine_class(
            "custify",
            backlog=LatentBacklog(self.backlog, self.dice),
            ledger=self.world.backlog.ledger,
            api=OnlookingCustify(self.onlooker),
            pace=Pace(per_s_max=self.script.per_s_max, as_of=self.clock.steady()),
            policy=policy,
            clock=self.clock,
            dice=self.dice,
        )
        self.onlooker.starts(self.engine)
        self.running = asyncio.create_task(self.engine.run())
        self.orders_changed.set()

    async def _senders(self) -> None:
        for request in self.script.sent:
            await self.at(request.at)
            await self._send(request)

    async def _send(self, request: Sent) -> None:
        self.onlooker.sends(request)
        async with self.files:
            await self.world.append(*request.events)

    async def _crashes(self, times: Sequence[float], *, began: float = 0.0) -> None:
        for at in times:
            await self.at(began + at)
            async with self.process:
                await self._crash()

    async def _crash(self) -> None:
        self.onlooker.crashes_now(replayed=bool(self.backlog.replayed))
        doomed = [self.running, *self.engine.in_flight]
        for task in doomed:
            task.cancel()
        await asyncio.gather(*doomed, return_exceptions=True)
        async with self.files:
            await self.world.crash_and_reopen()
        self.custify.forget_quiet()
        self.start_engine()

    async def _rotations(self) -> None:
        for start, end in self.script.key_bad:
            await self.at(start)
            self.custify.key_is_good = False
            await self.at(end)
            self.custify.key_is_good = True

    async def _pauses(self) -> None:
        for start, end in self.script.paused:
            await self.at(start)
            self._order(paused=True)
            await self.at(end)
            self._order(paused=False)

    async def _sets(self, times: Sequence[tuple[float, float]], *each: Callable[[float], None]) -> None:
        for at, seconds in sorted(times):
            await self.at(at)
            for done in each:
                done(seconds)

    def _timed(self, stories: Sequence[Story]) -> list[Story]:
        """Return stories with awake seconds for times of the wall's clock, which do not compare once it was set."""
        told = self.clock.told

        def timed(attempt: Attempt) -> Attempt:
            return dataclasses.replace(attempt, at=told[attempt.at])

        return [
            dataclasses.replace(
                story,
                ended_at=None if story.ended_at is None else told[story.ended_at],
                attempts=tuple(map(timed, story.attempts)),
            )
            for story in stories
        ]

    def _order(self, *, paused: bool) -> None:
        self.paused = paused
        self.orders_changed.set()

    async def _pass_orders_on(self) -> None:
        """Do what the fleet does within a second of a change, and of a start."""
        while True:
            self.orders_changed.clear()
            await asyncio.sleep(self.dice.uniform(0.0, 1.0))
            if self.paused:
                self.engine.pause("a person")
            else:
                self.engine.resume()
            await self.orders_changed.wait()

    async def _replay_while_others_send(self) -> None:
        """Custify is well again: what died is replayed, and traffic goes on."""
        self.died = [story for story in self.world.stories() if story.state in REPLAYABLE]
        self.applied_before_replay = len(self.custify.applied)
        selection = Selection(ended_before=max(self.clock.told) + 1.0)
        order = ReplayOrder(id=1, destination="custify", selection=selection, asked_at=0.0, asked_by="", stopped=False)
        began = asyncio.get_running_loop().time()
        crashes = asyncio.create_task(self._crashes(self.interruptions.crashes_in_replay_at, began=began))
        for request in self.script.late:
            await self.at(began + request.at)
            await self._send(request)
            await self._replay(order)
        await self._replay(order)
        await crashes
        await self._until_nothing_waits()

    async def _replay(self, order: ReplayOrder) -> None:
        async with self.files:
            await Replays(self.backlog).step([order])

    async def _until_nothing_waits(self) -> None:
        # An engine that begins just now has yet to recall its rests.
        await asyncio.sleep(1.0)
        waits = waits_of(self, idle_s=IDLE_S_MAX)
        self.drains.append(await drained(waits, waiting=lambda: self.world.counts().waiting, why=lambda: why_not(self)))

    async def at(self, virtual_s: float) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, virtual_s - loop.time()))
