"""What waits for a destination that was removed is kept until it comes back, or until somebody gives it up."""

import pytest

from contract.test_replay_promises import drain
from contract.worlds import DESTINATION, SqliteWorld, event
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.sqlite.delivery.retention import settled_below


async def prune(world: SqliteWorld, *, destinations) -> int:
    """Let both files forget all that they may, as the settings stand."""
    await world.store.prune(destinations=destinations)
    removed = 0
    while some := await world.log.prune(older_than_ms=2**62, bytes_max=1, destinations=destinations):
        removed += some
    await world.store.prune(destinations=destinations)
    return removed


@pytest.fixture
async def world(sqlite_world):
    await sqlite_world.append(*(event(f"m{i}", f"u{i}") for i in range(6)))
    for lease in await sqlite_world.lease(2):
        await sqlite_world.backlog.settle(Ending(lease=lease, outcome=Outcome.DELIVERED))
    return sqlite_world


async def test_what_waits_for_a_removed_destination_is_not_erased_and_is_sent_when_it_comes_back(world):
    await prune(world, destinations=[])
    world.pass_time(60)

    assert sorted(await drain(world)) == ["m2", "m3", "m4", "m5"]
    assert world.counts().received == 6 == sum(world.counts().outcomes.values())


async def test_nor_is_what_it_had_not_taken_in_when_it_was_removed(world):
    await world.append(*(event(f"held{i}", f"h{i}") for i in range(3)))
    await prune(world, destinations=[])
    await prune(world, destinations=[])

    world.pass_time(60)
    names = await drain(world)
    assert {"held0", "held1", "held2"} <= set(names)


async def test_other_destinations_go_on_and_settle_but_the_log_is_kept_from_what_waits(world):
    other = world.store.backlog("other", lambda: ["web"])
    await prune(world, destinations=["other"])
    while leases := await other.lease(limit=10, lease_s=30.0):
        for lease in leases:
            await other.settle(Ending(lease=lease, outcome=Outcome.DELIVERED))
    await prune(world, destinations=["other"])

    assert [story.event.message_id for story in world.stories()] == ["m2", "m3", "m4", "m5"]


async def test_it_is_said_what_waits_and_keeps_the_log(world):
    await prune(world, destinations=[])

    assert "4 events wait for custify, which was removed" in world.shelf.notices()[0]
    await prune(world, destinations=[DESTINATION])
    assert world.shelf.notices() == []


async def test_once_its_backlog_is_given_up_the_log_is_free(world):
    await prune(world, destinations=[])
    world.pass_time(60)
    given_up = world.store.backlog(DESTINATION, tuple)
    while leases := await given_up.lease(limit=10, lease_s=30.0):
        for lease in leases:
            await given_up.settle(Ending(lease=lease, outcome=Outcome.DEAD, cause="destination.discarded"))

    assert await prune(world, destinations=[]) == 4
    assert world.stories() == []


async def test_what_came_after_a_removed_destination_that_has_nothing_left_waits_for_none(world):
    world.pass_time(60)
    await drain(world)
    await prune(world, destinations=[])

    await world.append(event("later", "zoe"))
    await prune(world, destinations=[])

    assert world.stories() == []


async def test_a_destination_that_was_not_served_yet_keeps_everything(world):
    assert settled_below(world.store.connection, [DESTINATION, "new"]) == 0
    assert await prune(world, destinations=[DESTINATION, "new"]) == 0


async def test_what_an_older_penstock_erased_ends_with_a_cause_when_the_destination_comes_back(world):
    await prune(world, destinations=[])
    world.log.connection.execute("DELETE FROM segment")
    await world.append(event("new", "u3"))
    world.pass_time(60)

    assert await drain(world) == ["new"]
    problems = world.dead.problems(DESTINATION)
    assert [(problem.cause, problem.count) for problem in problems] == [("store.missing", 4)]
