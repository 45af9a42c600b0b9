"""Two destinations exchange their names while events wait and calls are under way: each event gets to its own workspace, once."""

import asyncio
import collections
import dataclasses

import msgspec
import pytest
import structlog

from contract.worlds import SqliteWorld, event
from penstock.buffer.sqlite.control.orders import SqliteLedgerOrders, SqliteOrders
from penstock.clock import SeededDice
from penstock.deliver.fleet import Fleet
from penstock.settings import Connection, Destination, Settings
from sim.loop import LoopClock, run_virtually
from sim.run import be_quiet
from sim.steady_custify import SteadyCustify

EVENTS = 200


@pytest.fixture(autouse=True)
def quiet():
    be_quiet()
    yield
    structlog.reset_defaults()


@dataclasses.dataclass
class Recording(SteadyCustify):
    """Remembers which events it took."""

    took: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)

    async def answer(self, call):
        """Take an event, unless it is down."""
        answer = await super().answer(call)
        if not self.fails:
            self.took[call.body["deduplication_id"]] += 1
        return answer


def settings(names: dict[str, tuple[str, tuple[str, ...]]]) -> Settings:
    """Return settings by name: a workspace, which has a source of its own, and what it was called."""
    return Settings(
        destinations={
            name: Destination(name=name, api_key=key, renamed_from=was, deliver_from="all", unknown_people="send")
            for name, (key, was) in names.items()
        },
        connections=tuple(Connection(from_=f"of-{key}", to=name) for name, (key, _) in names.items()),
    )


BEFORE = settings({"a": ("north", ()), "b": ("south", ())})
AFTER = {
    "an exchange": settings({"a": ("south", ("b",)), "b": ("north", ("a",))}),
    "a chain": settings({"b": ("north", ("a",)), "c": ("south", ("b",))}),
}


async def exchanged(folder, after: Settings, *, is_down: bool, is_restarted: bool):
    """Return what each workspace took, and what waits still; the exchange comes when some of it is through."""
    clock = LoopClock(asyncio.get_running_loop())
    world = await SqliteWorld(folder, clock).open()
    custify = {key: Recording(clock=clock, fails=is_down, read_fails=is_down) for key in ("north", "south")}
    fleet, stop, running = start(world, clock, custify)
    fleet.follow(BEFORE)
    for number in range(EVENTS):
        await world.append(track("north", number), track("south", number))
    await asyncio.sleep(3.0)
    if is_restarted:
        await ended(fleet, stop, running)
        fleet, stop, running = start(world, clock, custify)
    fleet.follow(after)
    for each in custify.values():
        await asyncio.sleep(5.0)
        each.fails = each.read_fails = False
    for number in range(EVENTS, EVENTS + 20):
        await world.append(track("north", number), track("south", number))
    await asyncio.sleep(120.0)
    waiting = {name: world.shelf.counts(name, after.sources_of(name)).waiting for name in after.destinations}
    await ended(fleet, stop, running)
    await world.close()
    return custify, waiting


def start(world, clock, custify):
    fleet = Fleet(
        backlog_of=world.store.backlog,
        ledger_of=world.store.ledger,
        orders=SqliteOrders(world.folder, clock=clock),
        ledger_orders=SqliteLedgerOrders(world.folder, clock=clock),
        clock=clock,
        dice=SeededDice(5),
        names=world.store,
    )
    fleet._connect = lambda destination: custify[destination.api_key]
    stop = asyncio.Event()
    return fleet, stop, asyncio.create_task(fleet.until(stop))


async def ended(fleet, stop, running) -> None:
    stop.set()
    await running
    await fleet.stop()


def track(workspace: str, number: int):
    body = f'{{"type":"track","userId":"u{number % 9}","event":"Used","messageId":"{workspace}{number}"}}'
    sent = event(f"{workspace}{number}", f"u{number % 9}", source=f"of-{workspace}")
    return msgspec.structs.replace(sent, body=body.encode())


@pytest.mark.parametrize("after", AFTER.values(), ids=AFTER)
@pytest.mark.parametrize("is_down", [False, True], ids=["in the middle of delivering", "while both are down"])
@pytest.mark.parametrize("is_restarted", [False, True], ids=["followed", "at a start"])
def test_each_event_gets_to_its_own_workspace_and_once(folder, after, is_down, is_restarted):
    custify, waiting = run_virtually(exchanged(folder, after, is_down=is_down, is_restarted=is_restarted))[0]

    for key, each in custify.items():
        assert each.took == {f"{key}{number}": 1 for number in range(EVENTS + 20)}
    assert set(waiting.values()) == {0}
