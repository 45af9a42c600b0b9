"""What a running engine takes over when settings change."""

import asyncio
import dataclasses
import math
from types import SimpleNamespace

import msgspec

from contract.worlds import DESTINATION, SqliteWorld, event
from penstock.buffer.memory.log import MemoryBuffer
from penstock.buffer.sqlite.control.orders import SqliteLedgerOrders, SqliteOrders
from penstock.clock import ManualClock, SeededDice
from penstock.deliver.fleet import Fleet
from penstock.destinations.answer import Accepted, Barred
from penstock.ledger.rules import Rules
from penstock.settings import Destination, Settings
from sim.stage import engine_over


async def test_a_resume_is_heeded_once_though_the_destination_was_not_paused(tmp_path):
    clock = ManualClock()
    backlogs, orders = MemoryBuffer(clock=clock), SqliteOrders(tmp_path, clock=clock)
    fleet = Fleet(
        backlog_of=backlogs.backlog,
        ledger_of=lambda name: backlogs.backlog(name, list).ledger,
        orders=orders,
        ledger_orders=SqliteLedgerOrders(tmp_path, clock=clock),
        clock=clock,
        dice=SeededDice(1),
    )
    fleet.follow(Settings(destinations={"custify": Destination(name="custify", api_key="k")}))
    pace = fleet.served["custify"].engine.pace
    waits = []
    for is_resumed in (False, True, False):
        if is_resumed:
            orders.pause("custify", paused=False, by="ana")
        pace.quiet(clock.now(), 3_600.0)
        await fleet._follow_orders()
        waits.append(pace.blocked_s(clock.now()) > 0)
    await fleet.stop()

    assert waits == [True, False, True]


async def test_hosts_that_are_allowed_later_are_allowed_at_once(tmp_path):
    clock = ManualClock()
    backlogs = MemoryBuffer(clock=clock)
    fleet = Fleet(
        backlog_of=backlogs.backlog,
        ledger_of=lambda name: backlogs.backlog(name, list).ledger,
        orders=SqliteOrders(tmp_path, clock=clock),
        ledger_orders=SqliteLedgerOrders(tmp_path, clock=clock),
        clock=clock,
        dice=SeededDice(1),
    )
    destination = Destination(name="custify", api_key="k", base_url="https://relay.corp")
    settings = Settings(destinations={"custify": destination})
    fleet.follow(settings)
    before = fleet.served["custify"].engine.api.egress.allowed
    fleet.follow(dataclasses.replace(settings, allowed_private_hosts=("relay.corp",)))
    after = fleet.served["custify"].engine.api.egress.allowed
    await fleet.stop()

    assert (before, after) == (frozenset(), frozenset({"relay.corp"}))


class Addresses:
    """Two workspaces at two addresses; each takes calls, or refuses the key."""

    def __init__(self) -> None:
        self.refuse, self.sent = set(), []

    def at(self, address):
        async def probe():
            return Barred(401, "no") if address in self.refuse else Accepted(200, "{}")

        async def send(call):
            self.sent.append((address, call.path))
            return await probe()

        async def read(_path):
            return await probe()

        return SimpleNamespace(probe=probe, send=send, read=read)


async def moves(tmp_path, *, refused: bool, moved_from=()):
    """Return what is known, and what was sent, after a destination led elsewhere and, where that was a slip, back again."""
    world = await SqliteWorld(tmp_path).open()
    world.sources, addresses = ["web"], Addresses()
    await world.append(identify("i1"))
    rules = Rules(infer_company=False)
    engine = engine_over(world, addresses.at("a"), world.clock, origin="a", rules=rules)
    running = asyncio.create_task(engine.run())
    await settled(world)
    if refused:
        addresses.refuse.add("b")
    policy = dataclasses.replace(engine.policy, origin="b", moved_from=moved_from)
    engine.reconfigure(api=addresses.at("b"), policy=policy, per_s_max=math.inf)
    await world.append(identify("i2"))
    await (asyncio.sleep(0.2) if refused else settled(world))
    known = await world.store.ledger(DESTINATION).subjects("user:", limit=10)
    reason = engine.hold.reason
    world.clock.advance(10.0)
    if refused:
        engine.reconfigure(api=addresses.at("a"), policy=dataclasses.replace(policy, origin="a"), per_s_max=math.inf)
        await settled(world)
    engine.stop()
    await running
    await world.close()
    return known, addresses.sent, reason


def identify(name: str):
    body = {"type": "identify", "userId": "ana", "messageId": name, "traits": {"plan": "pro"}}
    return msgspec.structs.replace(event(name, "ana"), type="identify", body=msgspec.json.encode(body))


async def settled(world) -> None:
    for _ in range(500):
        await asyncio.sleep(0.01)
        if not world.counts().waiting:
            return
    raise AssertionError("events wait still")


async def test_an_address_that_does_not_accept_the_key_costs_nothing_of_what_is_known(tmp_path):
    known, sent, reason = await moves(tmp_path, refused=True)

    assert known == ["user:ana"]
    assert sent == [("a", "/people")], "back again, what is known needs no second call"
    assert "401" in reason


async def test_another_workspace_that_accepts_the_key_is_one_of_which_nothing_is_known(tmp_path):
    _, sent, _ = await moves(tmp_path, refused=False)

    assert sent == [("a", "/people"), ("b", "/people")]


async def test_the_same_workspace_under_another_address_is_known(tmp_path):
    _, sent, _ = await moves(tmp_path, refused=False, moved_from=("a",))

    assert sent == [("a", "/people")]
