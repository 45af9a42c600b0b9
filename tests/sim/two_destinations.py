"""One source, two destinations served by one fleet over real files; one of them may be grey: neither well nor down."""

import asyncio
import dataclasses
import math
from pathlib import Path

import msgspec

from contract.worlds import SqliteWorld, event
from penstock.buffer.sqlite.control.orders import SqliteLedgerOrders, SqliteOrders
from penstock.buffer.sqlite.delivery.ledger import SqliteLedgerShelf
from penstock.clock import SeededDice
from penstock.deliver.fleet import Fleet
from penstock.destinations.answer import Accepted, Answer, Unavailable
from penstock.inspect.metrics import PenstockCollector
from penstock.inspect.overview import verdict
from penstock.inspect.standing import STALLED_S
from penstock.inspect.status import DestinationStatus, Status, StatusReader
from penstock.machine.pulse import RoleStatus
from penstock.settings import Connection, Destination, Settings
from sim.loop import LoopClock, run_virtually
from sim.steady_custify import SteadyCustify

HEALTHY, GREY = "healthy", "grey"
RUNS = RoleStatus(state="running", beat_age_s=0.0)
PEOPLE = 200
#: Of an answer that does not come, or a byte a second of it.
NEVER = math.inf


@dataclasses.dataclass
class Slow(SteadyCustify):
    """Answers each call after `answers_after_s`; the caller has hung up by then if that is longer than it waits."""

    answers_after_s: float = 29.0
    call_s_max: float = 10.0
    do_reads_pass: bool = False

    async def answer(self, _call) -> Answer:
        """Answer a write, late."""
        return await self._late()

    async def read(self, path: str) -> Answer:
        """Answer a read, late, or as ever."""
        return await super().read(path) if self.do_reads_pass else await self._late()

    async def _late(self) -> Answer:
        await asyncio.sleep(min(self.answers_after_s, self.call_s_max))
        is_late = self.answers_after_s > self.call_s_max
        return Unavailable(None, "no answer in time") if is_late else Accepted(200, "[]")


@dataclasses.dataclass(frozen=True)
class Look:
    """What was shown of a destination at one time, and what was so."""

    standing: DestinationStatus
    #: The dashboard's sentence about everything, and how it is coloured; the states among the metrics.
    mood: str
    sentence: str
    metric: tuple[str, ...]
    #: Seconds since Custify took a write, or since there was something to write.
    still_s: float

    @property
    def waiting(self) -> int:
        """Return how many events wait."""
        return self.standing.waiting

    @property
    def is_true(self) -> bool:
        """Return whether nothing stands still that reads "delivering", whatever else it reads has a reason, and all views agree."""
        state = self.standing.state
        if self.metric != (state,):
            return False
        if state == "delivering":
            return self.still_s < STALLED_S or not self.waiting
        return bool(self.standing.reason and self.standing.cause) and self.mood != "good" and GREY in self.sentence


class FleetsWords:
    """What deliver says of itself once a second, without a file."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.facts = folder, dict[str, object]()

    def read(self, role: str) -> dict[str, object]:
        return self.facts if role == "deliver" else {}


class Views(StatusReader):
    """What the status, the overview and the metrics are made from, while deliver runs."""

    def roles(self):
        return {"deliver": RUNS}

    def states(self, name: str) -> tuple[str, ...]:
        """Return the states that the metrics name as the present one."""
        found = PenstockCollector(reader=self, snapshots=self.snapshots).collect()
        [states] = [metric for metric in found if metric.name == "penstock_destination_state"]
        own = [sample for sample in states.samples if sample.labels["destination"] == name]
        return tuple(sample.labels["state"] for sample in own if sample.value)


class Stage:
    """The fleet, its two Custifys, and somebody who sends."""

    def __init__(self, world: SqliteWorld, clock: LoopClock, grey: SteadyCustify, *, call_s_max: float) -> None:
        self.world, self.clock, self.sent = world, clock, 0
        self.custify = {HEALTHY: SteadyCustify(clock=clock), GREY: grey}
        self.looks: dict[str, list[Look]] = {HEALTHY: [], GREY: []}
        self.words = FleetsWords(world.folder)
        self.began = clock.steady()
        self.fleet = Fleet(
            backlog_of=world.store.backlog,
            ledger_of=world.store.ledger,
            orders=SqliteOrders(world.folder, clock=clock),
            ledger_orders=SqliteLedgerOrders(world.folder, clock=clock),
            clock=clock,
            dice=SeededDice(7),
        )
        self.fleet._connect = lambda destination: self.custify[destination.name]
        self.fleet.follow(
            Settings(
                destinations={
                    name: Destination(name=name, api_key="k", deliver_from="all", unknown_people="send")
                    for name in self.custify
                },
                connections=tuple(Connection(from_="web", to=name) for name in self.custify),
                call_timeout_s=call_s_max,
            )
        )
        self.views = Views(
            settings=self.fleet.settings,
            shelf=world.shelf,
            ledger=SqliteLedgerShelf(world.folder),
            snapshots=self.words,
            clock=clock,
            version="0",
        )
        self.stopping = asyncio.Event()
        self.running = asyncio.create_task(self.fleet.until(self.stopping))

    async def send(self, count: int) -> None:
        numbers = range(self.sent, self.sent + count)
        self.sent += count
        await self.world.append(*map(track, numbers))

    async def send_for(self, seconds: int, *, per_s: int) -> None:
        """Send so many events a second, and look at the views as often."""
        until = self.clock.steady() + seconds
        while self.clock.steady() < until:
            sending = asyncio.create_task(self.send(per_s))
            await asyncio.sleep(1.0)
            await sending
            self.look()

    def look(self) -> None:
        """Ask every view how the destinations stand."""
        self.words.facts = self.fleet.facts()
        status: Status = self.views.read()
        mood, sentence = verdict(status)
        for name, custify in self.custify.items():
            last = custify.took_at[-1] if custify.took_at else self.began
            still_s, metric = self.clock.steady() - last, self.views.states(name)
            self.looks[name].append(Look(status.destinations[name], mood, sentence, metric, still_s))

    def taken(self, name: str, *, since_s: float) -> int:
        """Return how many writes a destination took since so many seconds after the beginning."""
        return sum(at >= self.began + since_s for at in self.custify[name].took_at)

    async def stop(self) -> None:
        self.stopping.set()
        await self.running
        await self.fleet.stop()


def track(number: int):
    person = f"u{number % PEOPLE}"
    body = f'{{"type":"track","userId":"{person}","event":"Used","messageId":"m{number}"}}'
    return msgspec.structs.replace(event(f"m{number}", person), body=body.encode())


def on_stage(folder: Path, story, grey=SteadyCustify, *, call_s_max: float = 10.0, disk_s: float = 0.0):
    """Tell a story in virtual time, and return what it returns."""

    async def told():
        clock = LoopClock(asyncio.get_running_loop())
        world = await SqliteWorld(folder, clock).open()
        stage = Stage(world, clock, grey(clock=clock), call_s_max=call_s_max)
        try:
            return await story(stage)
        finally:
            await stage.stop()
            await world.close()

    return run_virtually(told(), disk_s=disk_s)[0]
