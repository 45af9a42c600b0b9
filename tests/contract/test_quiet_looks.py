"""An idle deliver does not go through the writer to find nothing again, and still finds whatever comes."""

import asyncio
import dataclasses

from contract.worlds import event
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.port.selection import Selection
from penstock.buffer.rules.lanes import by_head


@dataclasses.dataclass(frozen=True)
class ReadAs:
    """A way to read whom an event is about: as accept did, under another name."""

    key: str

    def __call__(self, event):
        return by_head(event)


async def transactions_after_a_look_in_vain(world) -> list[int]:
    """Look once, and return what lists the writer's transactions from then on, by how many operations each has."""
    assert await world.lease() == []
    transactions, commit = list[int](), world.store.group.transactions.commit

    def counted(operations):
        transactions.append(len(operations))
        return commit(operations)

    world.store.group.transactions.commit = counted
    return transactions


async def park_for_a_minute(world) -> None:
    await world.append(event("m1", "ana"))
    [lease] = await world.lease()
    now = world.clock.now()
    await world.backlog.park(lease, since=now, until=now + 60.0, subjects=["user:ana"])


async def test_a_look_that_can_find_nothing_asks_no_writer(sqlite_world):
    transactions = await transactions_after_a_look_in_vain(sqlite_world)

    for _ in range(5):
        sqlite_world.pass_time(3600.0)
        assert list(await sqlite_world.lease()) == []

    assert transactions == []


async def test_what_came_since_the_last_look_is_handed_out_at_once(sqlite_world):
    await transactions_after_a_look_in_vain(sqlite_world)
    for i in range(3):
        await sqlite_world.append(event(f"m{i}", f"u{i}"))
        assert await sqlite_world.leased_names() == [f"m{i}"]


async def test_a_retry_is_handed_out_when_it_is_due_and_the_destination_is_not_asked_before(sqlite_world):
    await sqlite_world.append(event("m1", "ana"))
    [lease] = await sqlite_world.lease()
    await sqlite_world.backlog.retry(lease, at=sqlite_world.clock.now() + 60.0, first_failed_at=None, counts=True)
    transactions = await transactions_after_a_look_in_vain(sqlite_world)

    sqlite_world.pass_time(59.0)
    assert list(await sqlite_world.lease()) == []
    assert transactions == []
    sqlite_world.pass_time(1.0)
    assert await sqlite_world.leased_names() == ["m1"]


async def test_a_parked_event_is_handed_out_when_its_time_is_over(sqlite_world):
    await park_for_a_minute(sqlite_world)
    transactions = await transactions_after_a_look_in_vain(sqlite_world)

    assert list(await sqlite_world.lease()) == []
    assert transactions == []
    sqlite_world.pass_time(60.0)
    assert await sqlite_world.leased_names() == ["m1"]


async def test_a_parked_event_is_handed_out_when_all_are_woken(sqlite_world):
    await park_for_a_minute(sqlite_world)
    await transactions_after_a_look_in_vain(sqlite_world)

    await sqlite_world.backlog.wake_all()

    assert await sqlite_world.leased_names() == ["m1"]


async def test_a_replayed_event_is_handed_out_after_looks_in_vain(sqlite_world):
    await sqlite_world.append(event("m1", "ana"))
    [lease] = await sqlite_world.lease()
    await sqlite_world.backlog.settle(Ending(lease=lease, outcome=Outcome.DEAD, cause="custify.400"))
    await transactions_after_a_look_in_vain(sqlite_world)

    await sqlite_world.backlog.replay(Selection(), job=1, limit=10)

    assert await sqlite_world.leased_names() == ["m1"]


async def test_a_lease_that_ran_out_is_found_although_nothing_else_happened(sqlite_world):
    await sqlite_world.append(event("m1", "ana"))
    await sqlite_world.lease()
    assert list(await sqlite_world.lease()) == []
    sqlite_world.pass_time(sqlite_world.lease_s)

    assert await sqlite_world.leased_names() == ["m1"]


async def test_a_live_event_goes_on_although_it_was_looked_for_while_the_replayed_one_under_way_gave_up(sqlite_world):
    await sqlite_world.append(event("replayed", "ana"))
    [lease] = await sqlite_world.lease()
    await sqlite_world.backlog.settle(Ending(lease=lease, outcome=Outcome.DEAD, cause="custify.400"))
    await sqlite_world.backlog.replay(Selection(), job=1, limit=10)
    [lease] = await sqlite_world.lease()
    await sqlite_world.append(event("live", "ana"))
    in_a_minute = sqlite_world.clock.now() + 60.0

    # Both in one transaction: the look is answered before the backlog has let go of the replayed one.
    retry = sqlite_world.backlog.retry(lease, at=in_a_minute, first_failed_at=None, counts=True)
    await asyncio.gather(retry, sqlite_world.lease())

    assert await sqlite_world.leased_names() == ["live"]


async def test_what_waits_is_named_anew_although_it_was_looked_for_in_vain(sqlite_world):
    sqlite_world.naming = ReadAs("one")
    await park_for_a_minute(sqlite_world)
    transactions = await transactions_after_a_look_in_vain(sqlite_world)
    sqlite_world.naming = ReadAs("two")

    await sqlite_world.lease()

    assert transactions
