"""One story: the production engine over a real buffer against a hostile Custify, from one seed, in virtual time.

Safety phase: faults, crashes, rotated keys; nothing wrong may happen. Then Custify heals, and within a bounded time
everything must end (liveness). tests/sim/checks.py says what "wrong" is.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from penstock.buffer.port import REPLAYABLE, Attempt, Ending, Lease, Outcome, ReplayOrder, Selection, Story
from penstock.clock import SeededDice
from penstock.convert.plan import Mapping
from penstock.deliver.decide import RetryPolicy
from penstock.deliver.engine import Engine
from penstock.deliver.pace import Pace
from penstock.deliver.policy import DeliveryPolicy
from penstock.deliver.replays import Replays
from penstock.ledger.rules import OFF, Rules
from penstock.naming import NamedBy
from sim.held import Held
from sim.hostile_custify import Applied, Faults, HostileCustify
from sim.loop import LoopClock, run_virtually
from sim.script import Script, Trouble, write_clocks, write_script

# How long a visitor's event waits for a sign-in.
VISITOR_S = 900.0
CALL_S_MAX, IDLE_S_MAX = 10.0, 10.0
ODD_SEEDS = 2**32
# After Custify healed: the longest backoff, the longest probe interval, the longest Retry-After, and the work itself.
LIVENESS_S = 3_600.0
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

    async def replay(self, selection: Any, *, job: int, limit: int) -> Any:
        return await self.backlog.replay(selection, job=job, limit=limit)

    async def remember(self, notes: Any) -> None:
        await self.backlog.remember(notes)

    async def notes(self) -> Any:
        return await self.backlog.notes()


def tell(seed: int, make_world: Callable[[Any], Any], *, engine: type[Engine] = Engine, rules: Rules = OFF) -> History:
    """Run the story of a seed to its end; with rules, a story for the ledger. Raises Deadlock when it can never end."""
    history, virtual_s = run_virtually(_tell(seed, make_world, engine, rules))
    return dataclasses.replace(history, virtual_s=virtual_s)


async def _tell(seed: int, make_world: Callable[[Any], Any], engine: type[Engine], rules: Rules) -> History:
    dice = SeededDice(seed)
    # What came to be known later is thrown for apart: the stories of old seeds stay what they were but for that.
    odd = SeededDice(seed + ODD_SEEDS)
    script, faults = write_script(dice, repetitive=not rules.is_off), Faults.drawn(dice, odd)
    clock = LoopClock(asyncio.get_running_loop())  # type: ignore[arg-type]
    world = await make_world(clock)
    custify = HostileCustify(clock=clock, dice=dice, faults=faults, call_s_max=CALL_S_MAX, odd=odd)
    stage = Stage(world=world, custify=custify, clock=clock, dice=dice, script=script, engine=engine, rules=rules)
    # Dice of their own: what else happens in a story does not depend on its clocks.
    stage.clocks = write_clocks(SeededDice(seed + CLOCKS), until=script.safety_s)
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
        self.script, self.engine_class, self.rules = script, engine, rules
        self.mapping = Mapping(anonymous_fallback=script.anonymous_fallback)
        world.naming = NamedBy(self.mapping)
        self.paused, self.applied_before_replay, self.died = False, 0, list[Story]()
        self.orders_changed, self.clocks = asyncio.Event(), Trouble()
        self._start_engine()

    async def play(self) -> None:
        """Safety phase, then liveness phase."""
        orders = asyncio.create_task(self._pass_orders_on())
        async with asyncio.TaskGroup() as actors:
            actors.create_task(self._senders())
            actors.create_task(self._crashes())
            actors.create_task(self._rotations())
            actors.create_task(self._pauses())
            actors.create_task(self._sets(self.clocks.set_by, self.clock.set_by))
            actors.create_task(self._sets(self.clocks.slept, self.clock.sleep))
            actors.create_task(self._at(self.script.safety_s))
        self.custify.heal()
        await self._until_nothing_waits()
        await self._replay_while_others_send()
        orders.cancel()
        self.engine.stop()
        await self.running

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
        )

    def _start_engine(self) -> None:
        policy = DeliveryPolicy(
            mapping=self.mapping,
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
            backlog=LatentBacklog(self.world.backlog, self.dice),
            ledger=self.world.backlog.ledger,
            custify=self.custify,
            pace=Pace(per_s_max=self.script.per_s_max, as_of=self.clock.steady()),
            policy=policy,
            clock=self.clock,
            dice=self.dice,
        )
        self.running = asyncio.create_task(self.engine.run())
        self.orders_changed.set()

    async def _senders(self) -> None:
        for request in self.script.sent:
            await self._at(request.at)
            await self.world.append(*request.events)

    async def _crashes(self) -> None:
        for at in self.script.crashes_at:
            await self._at(at)
            doomed = [self.running, *self.engine.in_flight]
            for task in doomed:
                task.cancel()
            await asyncio.gather(*doomed, return_exceptions=True)
            await self.world.crash_and_reopen()
            self.custify.forget_quiet()
            self._start_engine()

    async def _rotations(self) -> None:
        for start, end in self.script.key_bad:
            await self._at(start)
            self.custify.key_is_good = False
            await self._at(end)
            self.custify.key_is_good = True

    async def _pauses(self) -> None:
        for start, end in self.script.paused:
            await self._at(start)
            self._order(paused=True)
            await self._at(end)
            self._order(paused=False)

    async def _sets(self, times: Sequence[tuple[float, float]], set_by: Callable[[float], None]) -> None:
        for at, seconds in sorted(times):
            await self._at(at)
            set_by(seconds)

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
        replays, began = Replays(self.world.backlog), asyncio.get_running_loop().time()
        for request in self.script.late:
            await self._at(began + request.at)
            await self.world.append(*request.events)
            await replays.step([order])
        await replays.step([order])
        await self._until_nothing_waits()

    async def _until_nothing_waits(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LIVENESS_S):
                while self.world.counts().waiting:
                    await asyncio.sleep(5.0)

    async def _at(self, virtual_s: float) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, virtual_s - loop.time()))
