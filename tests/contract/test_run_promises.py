"""Promises about runs: events right behind a leased one that end with it; each test runs over every backend."""

import dataclasses

import msgspec
import pytest

from contract.test_parking_promises import ended, park, upsert
from contract.worlds import event
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.port.selection import Selection
from penstock.errors import LeaseLost

BYTES_MAX = 1_000_000


def names(lease) -> list[str]:
    return [each.event.message_id for each in (lease, *lease.followers)]


async def first_with_those_behind(world, *, limit: int = 10, bytes_max: int = BYTES_MAX):
    [lease] = await world.lease()
    return await world.backlog.lease_behind(lease, limit=limit, bytes_max=bytes_max)


async def test_events_of_any_type_right_behind_a_leased_one_follow_it_in_order(world):
    await world.append(event("t1", "ana"), upsert("i2", "ana"), event("bo", "bo"), event("t3", "ana"))
    [lease, _] = await world.lease()

    lease = await world.backlog.lease_behind(lease, limit=10, bytes_max=BYTES_MAX)

    assert names(lease) == ["t1", "i2", "t3"]
    assert {each.expires_at for each in lease.followers} == {lease.expires_at}
    assert await world.leased_names() == []


async def test_a_run_grows_from_where_it_ended(world):
    await world.append(*(event(f"m{i}", "ana") for i in range(9)))

    lease = await first_with_those_behind(world, limit=2)
    lease = await world.backlog.lease_behind(lease, limit=3, bytes_max=BYTES_MAX)

    assert names(lease) == [f"m{i}" for i in range(6)]


@pytest.mark.parametrize("verdict", ["settle", "retry", "park"])
async def test_the_holder_of_the_lease_from_before_the_run_grew_gives_all_of_it_back(world, verdict):
    await world.append(*(event(f"m{i}", "ana") for i in range(4)))
    [before] = await world.lease()
    await world.backlog.lease_behind(before, limit=2, bytes_max=BYTES_MAX)

    if verdict == "settle":
        await world.backlog.settle(ended(before))
    elif verdict == "retry":
        await world.backlog.retry(before, at=world.clock.now(), first_failed_at=None, counts=False)
    else:
        await park(world, before, until=1_000.0)

    lease = await first_with_those_behind(world)
    assert names(lease)[-3:] == ["m1", "m2", "m3"]


async def test_upserts_that_were_leased_along_are_part_of_the_run(world):
    await world.append(upsert("i1", "ana"), upsert("i2", "ana"), event("t3", "ana"))
    [lease] = await world.backlog.lease(limit=10, lease_s=world.lease_s, together=10)

    assert names(await world.backlog.lease_behind(lease, limit=10, bytes_max=BYTES_MAX)) == ["i1", "i2", "t3"]


async def test_the_bodies_of_a_run_are_bounded(world):
    size = len(event("m1", "ana").body)
    await world.append(*(event(f"m{i}", "ana") for i in range(9)))

    lease = await first_with_those_behind(world, bytes_max=3 * size + size // 2)

    assert names(lease) == ["m0", "m1", "m2", "m3"]


async def test_an_event_larger_than_a_run_may_be_waits_for_its_own_turn(world):
    large = msgspec.structs.replace(event("m2", "ana"), body=b"{" + b" " * 5_000 + b"}")
    await world.append(event("m1", "ana"), large, event("m3", "ana"))

    lease = await first_with_those_behind(world, bytes_max=4_000)
    assert names(lease) == ["m1"]

    await world.backlog.settle(ended(lease))
    assert await world.leased_names() == ["m2"]


async def test_an_event_of_another_person_in_one_of_its_lanes_ends_a_run(world):
    await world.append(
        event("g1", "bo", company="acme"), event("t1", "ana"), event("g2", "ana", company="acme"), event("t2", "ana")
    )
    leases = {lease.event.message_id: lease for lease in await world.lease()}

    lease = await world.backlog.lease_behind(leases["t1"], limit=10, bytes_max=BYTES_MAX)

    assert names(lease) == ["t1"]


async def test_a_visitor_who_signs_in_is_one_run(world):
    await world.append(
        event("a1", anonymous="v"), event("a2", anonymous="v"), event("b3", "ana", anonymous="v"), event("u4", "ana")
    )

    lease = await first_with_those_behind(world)

    assert names(lease) == ["a1", "a2", "b3"]
    await world.backlog.settle(*(ended(each) for each in (lease, *lease.followers)))
    assert await world.leased_names() == ["u4"]


async def test_what_is_not_due_yet_ends_a_run(world):
    await world.append(event("t0", "ana"), event("m1", "ana"), event("m2", "ana"))
    [parked] = await world.lease()
    await park(world, parked, until=10.0)
    [failed] = await world.lease()
    await world.backlog.retry(failed, at=world.clock.now() + 60.0, first_failed_at=1.0, counts=True)
    world.pass_time(10.0)

    assert names(await first_with_those_behind(world)) == ["t0"]


async def test_each_event_of_a_run_has_its_own_outcome_cause_and_reason_and_the_rest_goes_back(world):
    await world.append(*(event(f"m{i}", "ana") for i in range(5)))
    lease = await first_with_those_behind(world, limit=3)
    first, second, *_ = (lease, *lease.followers)

    await world.backlog.settle(
        dataclasses.replace(ended(first, Outcome.REJECTED), cause="map.no_type", reason="no type"),
        dataclasses.replace(ended(second, Outcome.FILTERED), reason="page views are off"),
    )

    told = [(story.state, story.cause, story.reason) for story in world.stories()]
    assert told == [
        ("rejected", "map.no_type", "no type"),
        ("filtered", "", "page views are off"),
        *[("waiting", "", "")] * 3,
    ]
    counts = world.counts()
    assert (counts.received, counts.waiting) == (5, 3)
    assert sum(sum(minute.values()) for minute in world.shelf.by_minute("custify", since=0).values()) == 2
    [again] = await world.lease()
    assert (again.event.message_id, again.attempt) == ("m2", 1)


async def test_a_run_whose_lease_ran_out_writes_nothing_and_comes_back_in_order(world):
    await world.append(*(event(f"m{i}", "ana") for i in range(3)))
    lease = await first_with_those_behind(world)
    world.pass_time(world.lease_s)

    with pytest.raises(LeaseLost):
        await world.backlog.settle(*(ended(each) for each in (lease, *lease.followers)))
    with pytest.raises(LeaseLost):
        await world.backlog.lease_behind(lease, limit=1, bytes_max=BYTES_MAX)

    assert world.counts().outcomes == {}
    assert names(await first_with_those_behind(world)) == ["m0", "m1", "m2"]


async def test_a_crash_brings_the_whole_run_back(world):
    await world.append(*(event(f"m{i}", "ana") for i in range(3)))
    await first_with_those_behind(world)
    await world.crash_and_reopen()

    again = await first_with_those_behind(world)

    assert names(again) == ["m0", "m1", "m2"]
    assert [each.attempt for each in (again, *again.followers)] == [1, 1, 1]


async def test_an_event_that_was_parked_takes_its_place_behind_a_run_that_was_handed_out_and_ends_it(world):
    await world.append(event("t0", "ana"), *(event(f"m{i}", "ana") for i in range(4)))
    [parked] = await world.lease()
    await park(world, parked, until=10.0)
    lease = await first_with_those_behind(world, limit=1)

    world.pass_time(10.0)
    assert await world.leased_names() == []
    lease = await world.backlog.lease_behind(lease, limit=10, bytes_max=BYTES_MAX)
    assert names(lease) == ["m0", "m1"]

    await world.backlog.settle(ended(lease), ended(lease.followers[0]))
    assert names(await first_with_those_behind(world)) == ["t0", "m2", "m3"]


async def test_what_goes_back_lets_a_parked_event_pass(world):
    await world.append(event("t0", "ana"), *(event(f"m{i}", "ana") for i in range(3)))
    [parked] = await world.lease()
    await park(world, parked, until=10.0)
    lease = await first_with_those_behind(world)
    world.pass_time(10.0)
    assert await world.leased_names() == []

    await world.backlog.settle(ended(lease))

    assert names(await first_with_those_behind(world)) == ["t0", "m1", "m2"]


async def test_a_run_of_replayed_events_ends_where_live_ones_begin_and_they_go_first(world):
    await world.append(*(event(f"m{i}", "ana") for i in range(3)))
    lease = await first_with_those_behind(world)
    await world.backlog.settle(*(ended(each, Outcome.REJECTED) for each in (lease, *lease.followers)))
    await world.backlog.replay(Selection(), job=1, limit=100)

    lease = await first_with_those_behind(world, limit=1)
    await world.append(event("live", "ana"))
    assert (names(lease), lease.event.message_id) == (["m0", "m1"], "m0")
    assert await world.leased_names() == []
    await world.backlog.settle(*(ended(each) for each in (lease, *lease.followers)))

    assert await world.leased_names() == ["live"]
    progress = world.dead.progress(1)
    assert (progress.replayed, progress.waiting, dict(progress.outcomes)) == (3, 1, {Outcome.DELIVERED: 2})


async def test_what_a_run_teaches_is_written_with_it(world):
    await world.append(*(event(f"m{i}", "ana") for i in range(3)))
    lease = await first_with_those_behind(world)

    await world.backlog.settle(
        *(ended(each) for each in (lease, *lease.followers)), learned={"user:ana": lambda _: b"known"}
    )

    assert await world.backlog.ledger.known(["user:ana"]) == {"user:ana": b"known"}
    assert world.counts().outcomes == {Outcome.DELIVERED: 3}


async def test_an_event_between_two_of_a_run_that_wakes_up_ends_the_run(world):
    await world.append(*(event(f"m{i}", "ana") for i in range(5)))
    [m0] = await world.lease()
    await park(world, m0, until=5.0, subjects=["user:x"])
    [m1] = await world.lease()
    await park(world, m1, until=10.0, subjects=["user:x"])
    world.pass_time(5.0)
    run = await first_with_those_behind(world, limit=1)
    assert names(run) == ["m0", "m2"]
    world.pass_time(5.0)
    assert await world.leased_names() == []

    run = await world.backlog.lease_behind(run, limit=10, bytes_max=BYTES_MAX)

    assert names(run) == ["m0", "m2"]


async def test_a_parked_event_of_another_person_that_woke_up_keeps_no_run_short(world):
    await world.append(event("b0", "bo"), event("b1", "bo"), event("a0", "ana"), event("a1", "ana"))
    [b0, a0] = await world.lease()
    await park(world, b0, until=5.0, subjects=["user:x"])
    [_] = await world.lease()
    world.pass_time(5.0)
    assert await world.leased_names() == []

    run = await world.backlog.lease_behind(a0, limit=10, bytes_max=BYTES_MAX)

    assert names(run) == ["a0", "a1"]


async def test_a_replayed_event_that_is_parked_stays_parked(world):
    await world.append(event("t", "ana"))
    [lease] = await world.lease()
    await world.backlog.settle(ended(lease, Outcome.DEAD))
    await world.backlog.replay(Selection(), job=1, limit=10)
    [again] = await world.lease()

    await park(world, again, until=60.0)

    assert await world.leased_names() == []
    assert world.counts().parked == 1
