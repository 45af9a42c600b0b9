"""What the shelf promises: the sums add up, and looking changes nothing."""

from contract.worlds import DESTINATION, event
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.outcomes import Outcome


def adds_up(world) -> bool:
    counts = world.counts()
    return counts.received == counts.waiting + sum(counts.outcomes.values())


async def test_nothing_is_nothing(world):
    counts = world.counts()

    assert (counts.received, counts.waiting, counts.retrying, counts.oldest_received_at_ms) == (0, 0, 0, None)
    assert world.stories() in ([], ())


async def test_events_not_yet_taken_in_are_waiting(world):
    await world.append(event("m1", "ana"), event("m2", "bo"))

    assert (world.counts().received, world.counts().waiting) == (2, 2)
    assert world.counts().oldest_received_at_ms == 1_700_000_000_000


async def test_the_sums_add_up_however_looking_and_taking_in_take_turns(world):
    for turn in range(6):
        await world.append(*(event(f"m{turn}.{n}", f"u{n}", source=("web", "other")[n % 2]) for n in range(10)))
        assert (world.counts().received, adds_up(world)) == (5 * (turn + 1), True)
        if turn % 2:
            for lease in await world.lease(3):
                await world.backlog.settle(Ending(lease=lease, outcome=Outcome.DELIVERED))
        assert (world.counts().received, adds_up(world)) == (5 * (turn + 1), True)


async def test_another_choice_of_sources_is_counted_anew(world):
    await world.append(event("m1", "ana"), event("m2", "bo", source="other"))
    assert world.counts().received == 1

    assert world.shelf.counts(DESTINATION, ["web", "other"]).received == 2
    assert world.shelf.counts(DESTINATION, []).received == 0
    assert world.counts().received == 1


async def test_each_outcome_is_counted_once_and_the_sums_add_up(world):
    await world.append(*(event(f"m{i}", f"u{i}") for i in range(5)))
    outcomes = [Outcome.DELIVERED, Outcome.FILTERED, Outcome.REJECTED, Outcome.DEAD]
    for lease, outcome in zip(await world.lease(4), outcomes, strict=True):
        await world.backlog.settle(Ending(lease=lease, outcome=outcome))

    counts = world.counts()
    assert counts.outcomes == dict.fromkeys(outcomes, 1)
    assert (counts.received, counts.waiting) == (5, 1)
    assert adds_up(world)


async def test_retrying_events_are_waiting_events_that_failed(world):
    await world.append(event("m1", "ana"), event("m2", "bo"))
    [lease] = await world.lease(1)
    await world.backlog.retry(lease, at=world.clock.now() + 60, first_failed_at=1.0, counts=True)

    assert (world.counts().waiting, world.counts().retrying) == (2, 1)
    assert world.shelf.story("custify", lease.event.message_id).state == "retrying"


async def test_stories_come_oldest_first_page_by_page_or_the_newest(world):
    await world.append(*(event(f"m{i}", "ana") for i in range(10)))

    first = world.shelf.stories("custify", limit=3)
    following = world.shelf.stories("custify", after_seq=first[-1].seq, limit=3)
    newest = world.shelf.stories("custify", limit=2, newest=True)

    assert [s.event.message_id for s in [*first, *following]] == ["m0", "m1", "m2", "m3", "m4", "m5"]
    assert [s.event.message_id for s in newest] == ["m8", "m9"]


async def test_stories_can_be_followed_backwards_page_by_page(world):
    await world.append(*(event(f"m{i}", "ana") for i in range(5)))

    newest = world.shelf.stories("custify", limit=2, newest=True)
    before = world.shelf.stories("custify", before_seq=newest[0].seq, limit=2, newest=True)
    first = world.shelf.stories("custify", before_seq=before[0].seq, limit=2, newest=True)

    assert [s.event.message_id for s in [*first, *before, *newest]] == ["m0", "m1", "m2", "m3", "m4"]
    assert not world.shelf.stories("custify", before_seq=first[0].seq, limit=2, newest=True)


async def test_an_unknown_message_id_has_no_story(world):
    assert world.shelf.story("custify", "nobody") is None


async def test_the_sums_survive_retention_and_only_settled_events_are_removed(sqlite_world):
    world = sqlite_world
    await world.append(*(event(f"m{i}", f"u{i}") for i in range(6)))
    leases = await world.lease()
    for lease in leases[:4]:
        await world.backlog.settle(Ending(lease=lease, outcome=Outcome.DELIVERED))

    removed = await world.log.prune(older_than_ms=2**62, bytes_max=10**12, destinations=["custify"])
    await world.store.prune()

    assert removed == 4
    assert [s.event.message_id for s in world.stories()] == ["m4", "m5"]
    assert (world.counts().received, world.counts().waiting) == (6, 2)
    assert adds_up(world)


async def test_retention_keeps_young_events_and_makes_room_when_the_file_is_too_large(sqlite_world):
    world = sqlite_world
    await world.append(*(event(f"m{i}", f"u{i}") for i in range(3)))
    for lease in await world.lease():
        await world.backlog.settle(Ending(lease=lease, outcome=Outcome.DELIVERED))

    assert await world.log.prune(older_than_ms=0, bytes_max=10**12, destinations=["custify"]) == 0
    assert await world.log.prune(older_than_ms=0, bytes_max=1, destinations=["custify"]) == 3


async def test_nothing_is_removed_before_a_destination_has_seen_it(sqlite_world):
    await sqlite_world.append(event("m1", "ana"))

    assert await sqlite_world.log.prune(older_than_ms=2**62, bytes_max=1, destinations=["custify"]) == 0


async def test_a_place_in_the_log_is_never_used_twice(sqlite_world):
    world = sqlite_world
    await world.append(event("m1", "ana"))
    [lease] = await world.lease()
    await world.backlog.settle(Ending(lease=lease, outcome=Outcome.DELIVERED))
    await world.log.prune(older_than_ms=2**62, bytes_max=1, destinations=["custify"])
    await world.append(event("m2", "ana"))

    [following] = await world.lease()
    assert following.seq > lease.seq


async def test_what_ended_is_counted_by_the_minute(world):
    await world.append(event("m1", "ana"), event("m2", "bo"), event("m3", "cy"))
    first, second, third = await world.lease()
    minute = int(world.clock.now() // 60)
    await world.backlog.settle(Ending(lease=first, outcome=Outcome.DELIVERED))
    await world.backlog.settle(Ending(lease=second, outcome=Outcome.DEAD, reason="refused"))
    world.pass_time(29.0)
    now = int(world.clock.now() // 60)
    await world.backlog.settle(Ending(lease=third, outcome=Outcome.DELIVERED))

    counted = world.shelf.by_minute(DESTINATION, since=minute)

    assert sum(sum(counts.values()) for counts in counted.values()) == 3
    assert counted[now]["web", Outcome.DELIVERED] == (2 if now == minute else 1)
    assert world.shelf.by_minute(DESTINATION, since=now + 1) == {}


async def test_what_ended_is_counted_by_longer_steps_and_apart_for_each_source(world):
    for turn in range(4):
        await world.append(event(f"m{turn}", "ana", source="web"), event(f"n{turn}", "bo", source="server"))
        for lease in await world.lease():
            await world.backlog.settle(Ending(lease=lease, outcome=Outcome.DELIVERED))
        world.pass_time(10 * 60.0)

    counted = world.shelf.by_minute(DESTINATION, since=0, step=720)

    assert sum(sum(counts.values()) for counts in counted.values()) == 8
    assert all(first % 720 == 0 for first in counted)
    for source in ("web", "server"):
        assert sum(counts[source, Outcome.DELIVERED] for counts in counted.values()) == 4
