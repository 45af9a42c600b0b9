"""What the shelf promises: the sums add up, and looking changes nothing."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.worlds import DESTINATION, MemoryWorld, SqliteWorld, event
from penstock.buffer.port import Outcome, Selection


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
                await world.backlog.settle(lease, Outcome.DELIVERED)
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
        await world.backlog.settle(lease, outcome)

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
        await world.backlog.settle(lease, Outcome.DELIVERED)

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
        await world.backlog.settle(lease, Outcome.DELIVERED)

    assert await world.log.prune(older_than_ms=0, bytes_max=10**12, destinations=["custify"]) == 0
    assert await world.log.prune(older_than_ms=0, bytes_max=1, destinations=["custify"]) == 3


async def test_nothing_is_removed_before_a_destination_has_seen_it(sqlite_world):
    await sqlite_world.append(event("m1", "ana"))

    assert await sqlite_world.log.prune(older_than_ms=2**62, bytes_max=1, destinations=["custify"]) == 0


async def test_a_place_in_the_log_is_never_used_twice(sqlite_world):
    world = sqlite_world
    await world.append(event("m1", "ana"))
    [lease] = await world.lease()
    await world.backlog.settle(lease, Outcome.DELIVERED)
    await world.log.prune(older_than_ms=2**62, bytes_max=1, destinations=["custify"])
    await world.append(event("m2", "ana"))

    [following] = await world.lease()
    assert following.seq > lease.seq


async def test_what_ended_is_counted_by_the_minute(world):
    await world.append(event("m1", "ana"), event("m2", "bo"), event("m3", "cy"))
    first, second, third = await world.lease()
    minute = int(world.clock.now() // 60)
    await world.backlog.settle(first, Outcome.DELIVERED)
    await world.backlog.settle(second, Outcome.DEAD, reason="refused")
    world.pass_time(29.0)
    now = int(world.clock.now() // 60)
    await world.backlog.settle(third, Outcome.DELIVERED)

    counted = world.shelf.by_minute(DESTINATION, since=minute)

    assert sum(sum(counts.values()) for counts in counted.values()) == 3
    assert counted[now][Outcome.DELIVERED] == (2 if now == minute else 1)
    assert world.shelf.by_minute(DESTINATION, since=now + 1) == {}


step = st.tuples(
    st.sampled_from(["append", "lease", "settle", "retry", "bury", "replay", "time", "crash"]), st.integers(0, 9)
)


@given(steps=st.lists(step, max_size=25))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_memory_and_sqlite_are_twins(tmp_path_factory, steps):
    twins = [await kind(tmp_path_factory.mktemp("twin")).open() for kind in (MemoryWorld, SqliteWorld)]
    held: list[list] = [[], []]
    for number, (what, n) in enumerate(steps):
        answers = [await _do(twin, leases, what, n, number) for twin, leases in zip(twins, held, strict=True)]
        assert answers[0] == answers[1], (what, n)
        assert all(adds_up(twin) for twin in twins)
        assert twins[0].counts() == twins[1].counts()
        assert twins[0].dead.problems(DESTINATION) == twins[1].dead.problems(DESTINATION)
        assert [twins[0].dead.progress(job) for job in range(5)] == [twins[1].dead.progress(job) for job in range(5)]
    for twin in twins:
        await twin.close()


async def _do(world, held, what, n, number):
    if what == "append":
        return await world.append(event(f"m{number}", f"u{n % 3}", anonymous=f"a{n % 2}" if n > 4 else ""))
    if what == "lease":
        leases = await world.lease(n + 1)
        held.extend(leases)
        return [(lease.event.message_id, lease.attempt, lease.first_failed_at) for lease in leases]
    if what == "time":
        return world.pass_time(n * 10.0)
    if what == "crash":
        held.clear()
        return await world.crash_and_reopen()
    if what == "replay":
        return await world.backlog.replay(Selection(cause="c" if n % 2 else ""), job=n // 3 + 1, limit=n % 3 + 1)
    return await _end(world, held, what, n)


async def _end(world, held, what, n):
    if not held:
        return None
    lease = held.pop(n % len(held))
    try:
        if what == "retry":
            await world.backlog.retry(lease, at=world.clock.now() + n, first_failed_at=1.0, counts=n % 2 == 0)
        else:
            await world.backlog.settle(
                lease, Outcome.DEAD if what == "bury" else Outcome.DELIVERED, cause="cd"[n % 2], reason=what
            )
    except Exception as error:  # noqa: BLE001 - the twins must fail alike
        return type(error)
    return what
