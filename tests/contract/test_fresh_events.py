"""Events that were never tried: where they stand follows from the log, and nothing is written of them but their end."""

import asyncio

import msgspec
import pytest

from contract.test_replay_promises import drain
from contract.worlds import DESTINATION, event
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.port.query import Query
from penstock.buffer.sqlite.delivery.intake import AHEAD_MAX, HELD_MAX, STEP_MAX
from penstock.errors import BufferUnavailable

DONE = Outcome.DELIVERED


async def settle(world, *leases) -> None:
    for lease in leases:
        await world.backlog.settle(Ending(lease=lease, outcome=DONE))


def in_file(world) -> int:
    return world.store.connection.execute("SELECT count(*) FROM waiting").fetchone()[0]


def sums_are_right(world) -> bool:
    received, waiting, ended = world.store.connection.execute(
        "SELECT received, (SELECT count(*) FROM waiting), (SELECT coalesce(sum(count), 0) FROM tally) FROM destination"
    ).fetchone()
    counts = world.counts()
    return received == waiting + ended and counts.received == counts.waiting + sum(counts.outcomes.values())


async def test_an_event_that_ends_at_once_leaves_its_outcome_alone(sqlite_world):
    world = sqlite_world
    await world.append(event("m1", "ana"), event("m2", "ana"), event("m3", "bo"))
    before = world.store.connection.total_changes()
    leases = await world.lease()

    assert [lease.event.message_id for lease in leases] == ["m1", "m3"]
    assert world.store.connection.total_changes() - before <= 4  # the destination itself, and the log's epoch
    await settle(world, *leases)
    assert in_file(world) == 0
    assert sums_are_right(world)
    assert await drain(world) == ["m2"]


async def test_one_that_is_tried_again_stands_in_the_file_with_all_that_its_lanes_tie_to_it_and_no_others(
    sqlite_world,
):
    world = sqlite_world
    await world.append(event("m1", "ana"), event("g1", "ana", company="acme"), event("g2", "bo", company="acme"))
    await world.append(event("m2", "bo"), event("m3", "cy"))
    [first, other] = await world.lease(2)
    await world.backlog.retry(first, at=world.clock.steady(), first_failed_at=None, counts=True)

    assert [lease.event.message_id for lease in (first, other)] == ["m1", "m3"]
    assert in_file(world) == 4
    assert sums_are_right(world)
    await settle(world, other)
    assert await drain(world) == ["m1", "g1", "g2", "m2"]


async def test_what_was_not_written_is_read_again_after_a_crash_and_what_has_ended_is_not(sqlite_world):
    world = sqlite_world
    await world.append(*(event(f"m{i}", f"u{i}") for i in range(4)))
    leases = await world.lease()
    await settle(world, leases[1], leases[3])

    await world.crash_and_reopen()

    assert sums_are_right(world)
    assert await drain(world) == ["m0", "m2"]
    assert sums_are_right(world)


async def test_what_ends_in_the_transaction_that_reads_it_again_after_a_crash_is_not_handed_out_again(sqlite_world):
    world = sqlite_world
    await world.append(*(event(f"m{i}", f"u{i}") for i in range(STEP_MAX + 1)))
    leases = await world.lease(STEP_MAX) + await world.lease(1)
    await world.backlog.retry(leases[-1], at=world.clock.steady(), first_failed_at=None, counts=True)
    await world.crash_and_reopen()
    world.pass_time(1)
    [lease] = await world.lease(1)
    assert lease.event.message_id == f"m{STEP_MAX}"

    await asyncio.gather(settle(world, lease), world.lease(1))

    world.pass_time(world.long)
    assert f"m{STEP_MAX}" not in await drain(world)
    assert sums_are_right(world)


async def test_who_waits_in_the_file_is_not_forgotten_when_the_transaction_fails_in_which_it_ended(sqlite_world):
    world, connection = sqlite_world, sqlite_world.store.connection
    await world.append(event("m1", "ana"), event("m2", "ana"))
    [lease] = await world.lease()
    await world.backlog.retry(lease, at=world.clock.steady(), first_failed_at=None, counts=True)
    [first] = await world.lease()
    await settle(world, first)
    [lease] = await world.lease()
    connection.execute(f"PRAGMA max_page_count = {connection.execute('PRAGMA page_count').fetchone()[0]}")
    long = Ending(lease=lease, outcome=Outcome.DEAD, cause="unknown", reason="x" * 400_000)
    ended = await asyncio.gather(world.backlog.settle(long), world.lease(), return_exceptions=True)
    connection.execute("PRAGMA max_page_count = 1000000")

    assert all(isinstance(each, BufferUnavailable) for each in ended)
    world.pass_time(world.long)
    assert await drain(world) == ["m2"]
    assert sums_are_right(world)


async def test_a_transaction_that_fails_leaves_nothing_in_doubt(sqlite_world):
    world, connection = sqlite_world, sqlite_world.store.connection
    await world.append(*(event(f"m{i}", f"u{i % 3}") for i in range(9)))
    leases = await world.lease()
    connection.execute(f"PRAGMA max_page_count = {connection.execute('PRAGMA page_count').fetchone()[0]}")
    long = Ending(lease=leases[0], outcome=Outcome.DEAD, cause="unknown", reason="x" * 400_000)
    with pytest.raises(BufferUnavailable):
        await world.backlog.settle(long)
    connection.execute("PRAGMA max_page_count = 1000000")

    assert sums_are_right(world)
    await world.backlog.retry(leases[0], at=world.clock.steady(), first_failed_at=None, counts=True)
    await settle(world, *leases[1:])
    names = await drain(world)
    assert sorted(names) == ["m0", "m3", "m4", "m5", "m6", "m7", "m8"]
    assert [name for name in names if name in {"m0", "m3", "m6"}] == ["m0", "m3", "m6"]
    assert sums_are_right(world)


async def test_a_backlog_is_read_as_it_is_sent_and_not_before(sqlite_world):
    world = sqlite_world
    await world.append(*(event(f"m{i}", f"u{i}") for i in range(10 * STEP_MAX)))

    assert len(await world.lease(5)) == 5

    assert len(world.backlog.intake.window) == STEP_MAX
    assert world.counts().waiting == 10 * STEP_MAX


async def test_a_person_who_sends_a_lot_does_not_keep_others_from_being_read(sqlite_world):
    world = sqlite_world
    await world.append(*(event(f"m{i}", "ana") for i in range(HELD_MAX + STEP_MAX)))
    await world.append(event("other", "bo"))
    seen = []
    for _ in range(2 * HELD_MAX // STEP_MAX):
        seen += await world.leased_names(10)

    assert seen == ["m0", "other"]
    assert len(world.backlog.intake.window) < HELD_MAX
    assert sums_are_right(world)


async def test_an_event_under_way_for_long_does_not_keep_the_file_from_following_the_log(sqlite_world, monkeypatch):
    monkeypatch.setattr("penstock.buffer.sqlite.delivery.intake.AHEAD_MAX", 3 * STEP_MAX)
    world = sqlite_world
    await world.append(*(event(f"m{i}", f"u{i}") for i in range(5 * STEP_MAX)))
    [slow, *others] = await world.lease(100)
    while others:
        await settle(world, *others)
        others = await world.lease(100)

    cursor, head = world.store.connection.execute("SELECT cursor, head FROM destination").fetchone()
    assert AHEAD_MAX > 3 * STEP_MAX
    assert (cursor, head) == (5 * STEP_MAX, 5 * STEP_MAX)
    assert in_file(world) == 1
    await settle(world, slow)
    assert world.counts().waiting == 0
    assert sums_are_right(world)


async def test_an_event_is_found_before_its_keys_are_written(sqlite_world):
    world = sqlite_world
    await world.append(event("m1", "ana"), event("m2", "bo"))
    await world.lease()

    assert [story.event.message_id for story in world.search.find(DESTINATION, Query(person="ana")).stories] == ["m1"]
    assert [seen.id for seen in world.search.people("")] == ["ana", "bo"]


async def test_a_clean_stop_writes_down_where_everybody_stands(sqlite_world):
    world = sqlite_world
    await world.append(*(msgspec.structs.replace(event(f"m{i}", "ana"), type="identify") for i in range(3)))
    await world.lease()
    await world.store.close()
    await world.log.close()

    await world.open()

    assert in_file(world) == 3
    assert await drain(world) == ["m0", "m1", "m2"]
