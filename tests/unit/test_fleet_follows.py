"""What a running engine takes over when settings change."""

import dataclasses

from penstock.buffer.memory.log import MemoryBuffer
from penstock.buffer.sqlite.control.orders import SqliteLedgerOrders, SqliteOrders
from penstock.clock import ManualClock, SeededDice
from penstock.deliver.fleet import Fleet
from penstock.settings import Destination, Settings


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
