"""One story of a cluster: nodes over one witness, one of which owns the destination at a time, on a bad day.

Every node runs the production code over files of its own: the views, the lease, the engine. Node "a" can be stopped as a process
is; all of them can crash, lose their disk, be cut off, hear no answers. Then all is well again, and everything must end.
"""

import asyncio
import contextlib
import contextvars
import dataclasses
import itertools
import shutil
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import msgspec

from contract.worlds import DESTINATION, event
from penstock.buffer.sqlite.connections import connect_to_read
from penstock.buffer.sqlite.delivery.delivery import DeliveryStore
from penstock.buffer.sqlite.file import DELIVERY, EVENTS, open_writer
from penstock.buffer.sqlite.log.segments import events_after
from penstock.buffer.sqlite.replica.changes import sums_of
from penstock.buffer.sqlite.replica.events import StreamedLog
from penstock.buffer.sqlite.replica.node import STATE, DeliveryNode
from penstock.buffer.sqlite.replica.tenure import HANDOVER
from penstock.clock import SeededDice
from penstock.deliver.decide import RetryPolicy
from penstock.deliver.engine import Engine
from penstock.deliver.owned import OwnedApi
from penstock.deliver.pace import Pace
from penstock.deliver.policy import DeliveryPolicy
from penstock.destinations.custify.options import Mapping
from penstock.errors import BufferUnavailable, SteppedDown, ViewRefused, WitnessUnreachable
from penstock.event import Batch
from penstock.witness.memory import MemoryEngine, MemoryWitness, Weather
from sim.cluster_checks import NAMES, ClusterHistory, wrong_with_cluster
from sim.hostile_custify import Faults, HostileCustify, mark_of
from sim.loop import FAR, LoopClock, far_side, run_virtually

PEOPLE, EVENTS_MIN, EVENTS_MAX = 4, 12, 30
CALL_S_MAX, IDLE_S_MAX = 3.0, 1.0
#: So long things go wrong; and so long all may take to end then.
TROUBLE_S, CALM_S = 90.0, 240.0


@dataclasses.dataclass
class StoryNode:
    """One process of deliver, and its folder; it may end at any moment, and begin again."""

    name: str
    stage: "ClusterStage"
    node: Any = None
    store: DeliveryStore | None = None
    engine: Engine | None = None
    task: asyncio.Task[None] | None = None
    beside: list[asyncio.Task[Any]] = dataclasses.field(default_factory=list)
    weather: Weather = dataclasses.field(default_factory=Weather)

    @property
    def folder(self) -> Path:
        return self.stage.folder / self.name

    def start(self) -> None:
        if not self.folder.exists():
            shutil.copytree(self.stage.fresh, self.folder)
        witness = MemoryWitness(self.stage.witnesses, self.weather)
        self.node = DeliveryNode(self.folder, witness, node=self.name, clock=self.stage.clock)
        self.task = (near_side if self.name == "a" else far_side)(self._live())

    async def _live(self) -> None:
        self.node.open()
        self.beside = [following := asyncio.create_task(self.node.follow_events())]
        following.add_done_callback(self._stopped)
        try:
            while True:
                self.store = await self.node.until_owner()
                self.stage.takeovers += 1
                await self._own(self.store)
                self.store = self.engine = None
        except ViewRefused as error:
            self.stage.refused[self.name] = str(error)

    def _stopped(self, following: asyncio.Task[None]) -> None:
        if not following.cancelled() and (error := following.exception()):
            self.stage.refused[self.name] = f"events: {error!r}"

    async def _own(self, store: DeliveryStore) -> None:
        running = asyncio.create_task(self._engine_over(store).run())
        keeping, shortening = asyncio.create_task(self.node.keeper.keep()), asyncio.create_task(self._shorten())
        self.beside += [running, keeping, shortening]
        await asyncio.wait({running, keeping}, return_when=asyncio.FIRST_COMPLETED)
        shortening.cancel()
        if keeping.done() and not running.done() and keeping.result() == "asked to hand over":
            self.stage.handed_over += 1
            self.engine.stop()
            with contextlib.suppress(SteppedDown):
                await running
            await self.node.hand_over(store)
        else:
            await self._end([running, keeping, *self.engine.in_flight])
            await self.node.step_down(store)

    def _engine_over(self, store: DeliveryStore) -> Engine:
        stage = self.stage
        mapping = Mapping()
        self.engine = Engine(
            DESTINATION,
            backlog=store.backlog(DESTINATION, lambda: ["web"]),
            ledger=store.ledger(DESTINATION),
            api=OwnedApi(Watched(self, stage.custify), self.node.keeper.holds),
            pace=Pace(as_of=stage.clock.steady()),
            policy=DeliveryPolicy(
                options=mapping, retry=RetryPolicy(), call_s_max=CALL_S_MAX, idle_s_max=IDLE_S_MAX, in_flight_max=4
            ),
            clock=stage.clock,
            dice=SeededDice(stage.seed),
        )
        return self.engine

    async def _shorten(self) -> None:
        while True:
            await asyncio.sleep(self.stage.dice.uniform(5.0, 20.0))
            with contextlib.suppress(WitnessUnreachable, BufferUnavailable):
                await self.node.shorten()

    async def crash(self) -> None:
        """End without a word."""
        ours = [self.task, *self.beside, *(self.engine.in_flight if self.engine else ())]
        await self._end([task for task in ours if task])
        if self.store is not None:
            if self.store.group.writing is not None:
                await self._end([self.store.group.writing])
            self.store.group.executor.shutdown()
            self.store.log.close()
            self.store.connection.close()
        self.node.close()
        self.store = self.engine = None

    async def _end(self, tasks: Sequence[asyncio.Task[Any]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Watched:
    """Custify, with somebody who notes which node calls."""

    def __init__(self, node: StoryNode, custify: HostileCustify) -> None:
        self.node, self.custify = node, custify

    async def send(self, call: Any) -> Any:
        stage, node = self.node.stage, self.node
        stage.calls.append((stage.clock.steady(), node.name, node.node.keeper.epoch))
        if node.store is not None and node.store.recorder.stepped_down:
            stage.called_after_refusal.append(f"{node.name} m{mark_of(call)}")
        return await self.custify.send(call)

    async def read(self, path: str) -> Any:
        return await self.custify.read(path)

    async def probe(self) -> Any:
        return await self.custify.probe()


class ClusterStage:
    """Everything of one story that moves."""

    def __init__(self, seed: int, folder: Path, fresh: Path) -> None:
        self.seed, self.folder, self.fresh, self.dice = seed, folder, fresh, SeededDice(seed)
        self.clock = LoopClock(asyncio.get_running_loop())  # type: ignore[arg-type]
        self.witnesses = MemoryEngine(self.clock, SeededDice(seed + 1))
        dice, bad = self.dice, SeededDice(seed + 2)
        faults = Faults(
            unavailable=dice.uniform(0, 0.2), unanswered=dice.uniform(0, 0.1), throttled=dice.uniform(0, 0.1)
        )
        self.custify = HostileCustify(clock=self.clock, dice=bad, faults=faults, call_s_max=CALL_S_MAX)
        self.nodes = {name: StoryNode(name, self) for name in NAMES}
        self.calls, self.called_after_refusal = list[tuple[float, str, int]](), list[str]()
        self.refused, self.sent, self.takeovers, self.handed_over = dict[str, str](), set[int](), 0, 0
        self.busy = {name: asyncio.Lock() for name in NAMES}

    async def play(self) -> ClusterHistory:
        """Let a bad day pass, then wait until everything has ended everywhere."""
        for node in self.nodes.values():
            # The first takes the lease, more often than not: it is the one that can be stopped.
            node.start()
            await asyncio.sleep(0.2)
        async with asyncio.TaskGroup() as actors:
            actors.create_task(self._senders())
            for trouble in (self._crashes, self._cuts, self._stops, self._handovers, self._weather):
                actors.create_task(trouble())
        for node in self.nodes.values():
            node.weather.is_cut = False
            node.weather.answers_lost = node.weather.requests_lost = node.weather.delay_s_max = 0.0
        self.custify.heal()
        ended = await self._until(self._is_over)
        history = self._history(ended=ended)
        for node in self.nodes.values():
            await node.crash()
        return history

    async def _senders(self) -> None:
        count = int(self.dice.uniform(EVENTS_MIN, EVENTS_MAX))
        marks: dict[int, list[int]] = {}
        for mark in range(1, count + 1):
            marks.setdefault(int(self.dice.uniform(0, PEOPLE)), []).append(mark)
        async with asyncio.TaskGroup() as people:
            for person, own in marks.items():
                people.create_task(self._sender(person, own))

    async def _sender(self, person: int, marks: Sequence[int]) -> None:
        """Send one after the other, each until it is answered: as an SDK does, now and then once too often."""
        weather = Weather(answers_lost=self.dice.uniform(0, 0.3), delay_s_max=0.2)
        log = StreamedLog(MemoryWitness(self.witnesses, weather))
        for mark in marks:
            await asyncio.sleep(self.dice.uniform(0, 2.0 * TROUBLE_S / len(marks)) * 0.8)
            self.sent.add(mark)
            is_taken = False
            while not is_taken:
                with contextlib.suppress(BufferUnavailable):
                    await log.append([Batch.of(track(mark, person))])
                    is_taken = self.dice.uniform(0, 1) > 0.1
        await log.close()

    async def _crashes(self) -> None:
        for at in self._times(3):
            name = NAMES[int(self.dice.uniform(0, 3))]
            await self._at(at)
            async with self.busy[name]:
                await self.nodes[name].crash()
                await asyncio.sleep(self.dice.uniform(0, 25.0))
                if self.dice.uniform(0, 1) < 0.3:
                    shutil.rmtree(self.nodes[name].folder)
                self.nodes[name].start()

    async def _cuts(self) -> None:
        for at in self._times(3):
            weather = self.nodes[NAMES[int(self.dice.uniform(0, 3))]].weather
            await self._at(at)
            weather.is_cut = True
            await asyncio.sleep(self.dice.uniform(1.0, 30.0))
            weather.is_cut = False

    async def _stops(self) -> None:
        for at in self._times(3):
            await self._at(at)
            self.clock.stand_still(self.dice.uniform(2.0, 30.0))
            await asyncio.sleep(0.01)

    async def _handovers(self) -> None:
        witness = MemoryWitness(self.witnesses)
        for at in self._times(3):
            await self._at(at)
            await witness.lease(f"{HANDOVER}{STATE}", owner=NAMES[int(self.dice.uniform(0, 3))], ttl_s=20)

    async def _weather(self) -> None:
        for node in self.nodes.values():
            node.weather.answers_lost = max(0.0, self.dice.uniform(-0.2, 0.3))
            node.weather.requests_lost = max(0.0, self.dice.uniform(-0.2, 0.2))
            node.weather.delay_s_max = max(0.0, self.dice.uniform(-0.2, 0.6))

    async def longest_pause(self, trouble: Callable[[], Coroutine[Any, Any, None]], *, seconds: int) -> float:
        """Send two events a second on a good day, let one thing happen in it; return the longest time without a delivery."""
        self.custify.heal()
        for node in self.nodes.values():
            node.start()
            await asyncio.sleep(0.2)
        log, happening = StreamedLog(MemoryWitness(self.witnesses)), None
        for mark in range(1, 2 * seconds + 1):
            if mark == seconds:
                happening = asyncio.create_task(trouble())
            await log.append([Batch.of(track(mark, mark % PEOPLE))])
            self.sent.add(mark)
            await asyncio.sleep(0.5)
        assert happening is not None
        await happening
        await self._until(self._is_over)
        times = sorted(call.at for call in self.custify.applied)
        found = max(after - before for before, after in itertools.pairwise(times))
        complaints = wrong_with_cluster(self._history(ended=True))
        for node in self.nodes.values():
            await node.crash()
        assert complaints == []
        return found

    def _times(self, most: int) -> list[float]:
        return sorted(self.dice.uniform(2.0, TROUBLE_S) for _ in range(int(self.dice.uniform(0, most + 1))))

    async def _at(self, virtual_s: float) -> None:
        await asyncio.sleep(max(0.0, virtual_s - asyncio.get_running_loop().time()))

    async def _until(self, done: Callable[[], bool]) -> bool:
        until = self.clock.steady() + CALM_S
        while self.clock.steady() < until:
            await asyncio.sleep(2.0)
            if self.refused or done():
                return True
        return False

    def _is_over(self) -> bool:
        ends = {name: self.witnesses.stream(name).span.last for name in (STATE, "EVENTS")}
        for node in self.nodes.values():
            is_owner = node.store is not None
            place = node.store.recorder.place if is_owner else node.node.state.place
            if place.number != ends[STATE] or node.node.events.place.number != ends["EVENTS"]:
                return False
        return sum(self._outcomes("a").values()) == len(self.sent)

    def _outcomes(self, name: str) -> dict[str, int]:
        with contextlib.closing(connect_to_read(self.folder / name / DELIVERY)) as file:
            return dict(file.execute("SELECT outcome, count FROM tally WHERE count"))

    def _history(self, *, ended: bool) -> ClusterHistory:
        numbers, sums = dict[str, dict[str, int]](), dict[str, dict[str, str]]()
        for name in NAMES:
            with contextlib.closing(connect_to_read(self.folder / name / EVENTS)) as file:
                numbers[name] = {each.message_id: seq for seq, each in events_after(file, 0)}
            with contextlib.closing(connect_to_read(self.folder / name / DELIVERY)) as file:
                sums[name] = sums_of(file)
        with contextlib.closing(connect_to_read(self.folder / "a" / DELIVERY)) as file:
            waiting = file.execute("SELECT coalesce(sum(received), 0) FROM destination").fetchone()[0]
            dead = {row[0] for row in file.execute("SELECT seq FROM outcome WHERE outcome != 'delivered'")}
        by_number = {seq: int(name[1:]) for name, seq in numbers["a"].items()}
        outcomes = self._outcomes("a")
        return ClusterHistory(
            sent=len(self.sent),
            applied=self.custify.applied,
            calls=self.calls,
            called_after_refusal=self.called_after_refusal,
            refused=self.refused,
            waiting=waiting - sum(outcomes.values()),
            outcomes=outcomes,
            dead={by_number.get(seq, -1) for seq in dead},
            sums=sums,
            numbers=numbers,
            takeovers=self.takeovers,
            handed_over=self.handed_over,
            ended=ended,
        )


def near_side(coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Let the process that can be stopped do something."""
    context = contextvars.copy_context()
    context.run(FAR.set, False)
    return asyncio.get_running_loop().create_task(coroutine, context=context)


def track(mark: int, person: int) -> Any:
    """Return an event of a person."""
    body = {
        "type": "track",
        "messageId": f"m{mark}",
        "userId": f"u{person}",
        "event": "Happened",
        "properties": {"mark": mark},
    }
    return msgspec.structs.replace(event(f"m{mark}", f"u{person}"), body=msgspec.json.encode(body))


def fresh_files(folder: Path) -> Path:
    """Make the files that every node begins with."""
    for file in (EVENTS, DELIVERY):
        open_writer(folder / file).close()
    return folder


def tell_of_cluster(seed: int, folder: Path, fresh: Path) -> ClusterHistory:
    """Run the story of a seed to its end."""

    async def told() -> ClusterHistory:
        return await far_side(ClusterStage(seed, folder, fresh).play())

    history, _ = run_virtually(told())
    return history


def longest_pause(folder: Path, fresh: Path, trouble: Callable[[ClusterStage], Coroutine[Any, Any, None]]) -> float:
    """Return the longest time, in seconds, without a delivery while something happens to the owner."""

    async def told() -> float:
        stage = ClusterStage(1, folder, fresh)
        return await far_side(stage.longest_pause(lambda: trouble(stage), seconds=25))

    return run_virtually(told())[0]
