"""An idle deliver does not go through the writer to find nothing again, and still finds whatever comes."""

from typing import NamedTuple

from contract.worlds import SqliteWorld, event
from penstock.buffer.port import Ending, Outcome, Selection


class Idle(NamedTuple):
    """A backlog that was looked at in vain, and how many transactions its writer has run since."""

    world: SqliteWorld
    transactions: list[int]


async def idle(world) -> Idle:
    assert await world.lease() == []
    transactions, commit = [], world.store.group.transactions.commit

    def counted(operations):
        transactions.append(len(operations))
        return commit(operations)

    world.store.group.transactions.commit = counted
    return Idle(world, transactions)


async def test_a_look_that_can_find_nothing_asks_no_writer(sqlite_world):
    quiet = await idle(sqlite_world)

    for _ in range(5):
        sqlite_world.pass_time(3600.0)
        assert list(await sqlite_world.lease()) == []

    assert quiet.transactions == []


async def test_what_came_since_the_last_look_is_handed_out_at_once(sqlite_world):
    await idle(sqlite_world)
    for i in range(3):
        await sqlite_world.append(event(f"m{i}", f"u{i}"))
        assert await sqlite_world.leased_names() == [f"m{i}"]


async def test_a_retry_is_handed_out_when_it_is_due_and_nobody_is_asked_before(sqlite_world):
    await sqlite_world.append(event("m1", "ana"))
    [lease] = await sqlite_world.lease()
    await sqlite_world.backlog.retry(lease, at=sqlite_world.clock.now() + 60.0, first_failed_at=None, counts=True)
    quiet = await idle(sqlite_world)

    sqlite_world.pass_time(59.0)
    assert list(await sqlite_world.lease()) == []
    assert quiet.transactions == []
    sqlite_world.pass_time(1.0)
    assert await sqlite_world.leased_names() == ["m1"]


async def test_a_parked_event_is_handed_out_when_its_time_is_over(sqlite_world):
    await sqlite_world.append(event("m1", "ana"))
    [lease] = await sqlite_world.lease()
    await sqlite_world.backlog.park(
        lease, since=sqlite_world.clock.now(), until=sqlite_world.clock.now() + 60.0, subjects=["user:ana"]
    )
    quiet = await idle(sqlite_world)

    assert list(await sqlite_world.lease()) == []
    assert quiet.transactions == []
    sqlite_world.pass_time(60.0)
    assert await sqlite_world.leased_names() == ["m1"]


async def test_a_parked_event_is_handed_out_when_all_are_woken(sqlite_world):
    await sqlite_world.append(event("m1", "ana"))
    [lease] = await sqlite_world.lease()
    await sqlite_world.backlog.park(
        lease, since=sqlite_world.clock.now(), until=sqlite_world.clock.now() + 60.0, subjects=["user:ana"]
    )
    await idle(sqlite_world)

    await sqlite_world.backlog.wake_all()

    assert await sqlite_world.leased_names() == ["m1"]


async def test_a_replayed_event_is_handed_out_after_looks_in_vain(sqlite_world):
    await sqlite_world.append(event("m1", "ana"))
    [lease] = await sqlite_world.lease()
    await sqlite_world.backlog.settle(Ending(lease=lease, outcome=Outcome.DEAD, cause="custify.400"))
    await idle(sqlite_world)

    await sqlite_world.backlog.replay(Selection(), job=1, limit=10)

    assert await sqlite_world.leased_names() == ["m1"]


async def test_a_lease_that_ran_out_is_found_although_nothing_else_happened(sqlite_world):
    await sqlite_world.append(event("m1", "ana"))
    await sqlite_world.lease()
    assert list(await sqlite_world.lease()) == []
    sqlite_world.pass_time(sqlite_world.lease_s)

    assert await sqlite_world.leased_names() == ["m1"]
