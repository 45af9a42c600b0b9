"""What replay and priorities promise, and what people see of dead letters."""

import pytest

from contract.worlds import DESTINATION, event
from penstock.buffer.port.backlog import Ending, Priority
from penstock.buffer.port.dead_letters import ReplayProgress
from penstock.buffer.port.outcomes import Attempt, Outcome
from penstock.buffer.port.selection import Selection

DONE, DEAD = Outcome.DELIVERED, Outcome.DEAD
EVERYTHING = Selection()
EQUAL = dict.fromkeys(Priority, 1.0)


async def bury(world, *events, cause: str = "custify.refused.422") -> None:
    """Send events and give each up at once."""
    await world.append(*events)
    while leases := await world.lease():
        for lease in leases:
            await world.backlog.settle(Ending(lease=lease, outcome=DEAD, cause=cause, reason="Custify refused"))


async def drain(world, limit: int = 1) -> list[str]:
    """Settle everything there is, one by one; return the names in that order."""
    names = []
    while leases := await world.lease(limit):
        for lease in leases:
            names.append(lease.event.message_id)
            await world.backlog.settle(Ending(lease=lease, outcome=DONE))
    return names


async def replay(world, selection: Selection = EVERYTHING, *, job: int = 1, limit: int = 100):
    return await world.backlog.replay(selection, job=job, limit=limit)


async def test_a_replayed_event_is_delivered_and_its_old_outcome_is_gone(world):
    await bury(world, event("m1", "ana"))

    step = await replay(world)

    assert (step.replayed, step.waiting, step.is_read) == (1, 1, True)
    assert world.counts().waiting == 1
    assert await drain(world) == ["m1"]
    assert world.counts().outcomes == {DONE: 1}
    assert world.dead.problems(DESTINATION) == []


async def test_replayed_events_keep_their_order(world):
    await bury(world, *(event(f"m{i}", "ana") for i in range(4)))
    await replay(world)

    assert await drain(world) == ["m0", "m1", "m2", "m3"]


async def test_a_live_event_passes_replayed_ones_of_its_lane_that_are_not_under_way(world):
    await bury(world, event("old1", "ana"), event("old2", "ana"))
    await replay(world)
    await world.append(event("new", "ana"))

    assert await drain(world) == ["new", "old1", "old2"]


async def test_a_live_event_waits_for_a_replayed_one_of_its_lane_that_is_under_way(world):
    await bury(world, event("old1", "ana"), event("old2", "ana"))
    await replay(world)
    [under_way] = await world.lease()
    await world.append(event("new", "ana"))

    assert await world.lease() == []
    await world.backlog.settle(Ending(lease=under_way, outcome=DONE))
    assert await drain(world) == ["new", "old2"]


async def test_a_live_event_passes_a_replayed_one_that_waits_to_be_tried_again(world):
    await bury(world, event("old", "ana"))
    await replay(world)
    [under_way] = await world.lease()
    await world.append(event("new", "ana"))
    assert await world.lease() == []
    await world.backlog.retry(under_way, at=world.clock.now() + world.long, first_failed_at=1.0, counts=True)

    assert await drain(world) == ["new"]
    world.pass_time(world.long)
    assert await drain(world) == ["old"]


async def test_a_replayed_event_of_a_visitor_stands_behind_live_ones_of_whom_the_visitor_became_meanwhile(world):
    await bury(world, event("old", anonymous="a1"))
    await world.append(event("signed in", "ana", anonymous="a1"), event("new", "ana"))
    await replay(world)

    assert await drain(world) == ["signed in", "new", "old"]


@pytest.mark.parametrize("fate", ["lost lease", "crash"])
async def test_a_live_event_passes_a_replayed_one_whose_lease_was_lost(world, fate):
    await bury(world, event("old", "ana"))
    await replay(world)
    await world.lease()
    await world.append(event("new", "ana"))
    assert await world.lease() == []

    await world.crash_and_reopen() if fate == "crash" else world.pass_time(world.lease_s)

    assert await drain(world) == ["new", "old"]


async def test_live_events_get_the_larger_share_and_replays_always_move(world):
    await bury(world, *(event(f"old{i}", f"o{i}") for i in range(20)))
    await replay(world)
    await world.append(*(event(f"new{i}", f"n{i}") for i in range(60)))

    first = (await drain(world))[:40]

    replayed = sum(name.startswith("old") for name in first)
    assert 4 <= replayed <= 8


async def test_shares_are_the_destinations_own(world):
    await bury(world, *(event(f"old{i}", f"o{i}") for i in range(20)))
    await replay(world)
    await world.append(*(event(f"new{i}", f"n{i}") for i in range(20)))

    leases = await world.backlog.lease(limit=20, lease_s=world.lease_s, shares=EQUAL)

    assert 9 <= sum(lease.event.message_id.startswith("old") for lease in leases) <= 11


async def test_a_replay_takes_steps_and_puts_each_event_back_once(world):
    await bury(world, *(event(f"m{i}", f"u{i}") for i in range(5)))

    steps = [await replay(world, limit=2) for _ in range(3)]

    assert [step.replayed for step in steps] == [2, 2, 1]
    assert [step.is_read for step in steps] == [False, False, True]
    assert len(await drain(world)) == 5


async def test_a_replay_goes_on_where_it_was_after_a_crash(world):
    await bury(world, *(event(f"m{i}", f"u{i}") for i in range(4)))
    await replay(world, limit=2)
    await world.crash_and_reopen()

    assert (await replay(world, limit=100)).replayed == 2
    assert world.dead.progress(1).replayed == 4


async def test_a_replay_that_came_to_its_end_is_not_begun_again(world):
    await bury(world, event("m1", "ana"))
    assert (await replay(world)).is_read
    await bury(world, event("m2", "bo"))

    assert (await replay(world)).replayed == 0
    assert (await replay(world, job=2)).replayed == 2


async def test_an_event_that_dies_again_is_left_to_another_replay(world):
    await bury(world, event("m1", "ana"))
    await replay(world)
    [lease] = await world.lease()
    await world.backlog.settle(Ending(lease=lease, outcome=DEAD, cause="custify.refused.422", reason="again"))

    assert (await replay(world)).replayed == 0
    assert world.dead.progress(1) == ReplayProgress(replayed=1, waiting=0, outcomes={DEAD: 1}, is_read=True)
    assert (await replay(world, job=2)).replayed == 1


async def test_attempts_of_before_a_replay_are_kept(world):
    tried = Attempt(at=1.0, method="POST", path="/people", status=422, answer="bad field", duration_ms=9)
    await world.append(event("m1", "ana"))
    [lease] = await world.lease()
    await world.backlog.settle(
        Ending(lease=lease, outcome=DEAD, cause="custify.refused.422", reason="refused", attempts=[tried])
    )
    await replay(world)
    [lease] = await world.lease()
    await world.backlog.settle(Ending(lease=lease, outcome=DONE, attempts=[tried]))

    assert list(world.shelf.story(DESTINATION, "m1").attempts) == [tried, tried]


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(cause="custify.refused.422"), ["a", "b", "c"]),
        (Selection(cause="map.no_identity"), []),
        (Selection(person="ana"), ["a"]),
        (Selection(person="visitor"), ["b"]),
        (Selection(company="acme"), ["c"]),
        (Selection(source="web"), ["a", "b", "c"]),
        (Selection(source="app"), []),
        (Selection(message_id="b"), ["b"]),
        (Selection(since=1_700_000_000.0), ["a", "b", "c"]),
        (Selection(until=1_700_000_000.0), []),
        (Selection(event_name="Paid"), []),
    ],
    ids=repr,
)
async def test_a_replay_takes_what_its_selection_says(world, selection, expected):
    await bury(world, event("a", "ana"), event("b", anonymous="visitor"), event("c", "cy", company="acme"))

    shown = [story.event.message_id for story in world.dead.select(DESTINATION, selection).stories]
    await replay(world, selection)

    assert shown == expected
    assert sorted(await drain(world)) == expected


async def test_only_dead_and_rejected_events_are_replayed(world):
    await world.append(event("m1", "ana"), event("m2", "bo"), event("m3", "cy"))
    first, second, _ = await world.lease()
    await world.backlog.settle(Ending(lease=first, outcome=DONE))
    await world.backlog.settle(Ending(lease=second, outcome=Outcome.REJECTED, cause="map.no_identity", reason="nobody"))

    assert (await replay(world)).replayed == 1
    assert await drain(world) == ["m2"]


async def test_what_ended_after_the_order_was_given_is_not_part_of_it(world):
    await bury(world, event("early", "ana"))
    world.pass_time(10)
    selection = Selection(ended_before=world.clock.now())
    world.pass_time(10)
    await bury(world, event("late", "ana"))

    assert (await replay(world, selection)).replayed == 1
    assert await drain(world) == ["early"]


async def test_problems_are_counted_by_cause_the_most_frequent_first(world):
    await bury(world, event("m1", "ana"), cause="custify.unavailable")
    await bury(world, event("m2", "ana"), event("m3", "bo"))

    problems = [(p.cause, p.count, p.first_seq, p.last_seq) for p in world.dead.problems(DESTINATION)]

    assert problems == [("custify.refused.422", 2, 2, 3), ("custify.unavailable", 1, 1, 1)]


async def test_a_selection_is_read_page_by_page(world):
    await bury(world, *(event(f"m{i}", f"u{i}") for i in range(5)))
    names, after = [], 0
    while after is not None:
        page = world.dead.select(DESTINATION, EVERYTHING, after_seq=after, limit=2)
        names += [story.event.message_id for story in page.stories]
        after = page.next_seq

    assert names == [f"m{i}" for i in range(5)]
