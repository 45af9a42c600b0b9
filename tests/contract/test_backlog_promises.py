"""What lease, settle, retry and replay promise."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.worlds import MemoryWorld, SqliteWorld, event
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.outcomes import Attempt, Outcome
from penstock.errors import LeaseLost

DONE = Outcome.DELIVERED


async def drain(world, limit: int = 100) -> list[str]:
    """Settle everything there is, round by round; return the names in that order."""
    names = []
    while leases := await world.lease(limit):
        for lease in leases:
            names.append(lease.event.message_id)
            await world.backlog.settle(Ending(lease=lease, outcome=DONE))
    return names


async def test_a_lane_moves_one_event_at_a_time_in_order(world):
    await world.append(*(event(f"m{i}", "ana") for i in range(5)))

    for i in range(5):
        [lease] = await world.lease()
        assert lease.event.message_id == f"m{i}"
        assert await world.lease() == []
        await world.backlog.settle(Ending(lease=lease, outcome=DONE))


async def test_lanes_do_not_wait_for_one_another(world):
    await world.append(event("a1", "ana"), event("a2", "ana"), event("b1", "bo"), event("c1", "cy"))

    assert sorted(await world.leased_names()) == ["a1", "b1", "c1"]


async def test_an_event_without_ids_waits_for_none_and_holds_none_back(world):
    await world.append(event("a1", "ana"), event("x1"), event("x2"), event("a2", "ana"))
    leases = await world.lease()

    assert sorted(lease.event.message_id for lease in leases) == ["a1", "x1", "x2"]
    endings = [Ending(lease=lease, outcome=Outcome.REJECTED, cause="map.no_identity") for lease in leases]
    await world.backlog.settle(*endings)
    assert await world.leased_names() == ["a2"]
    counts = world.counts()
    assert (counts.received, counts.waiting, counts.outcomes[Outcome.REJECTED]) == (4, 1, 3)


async def test_no_more_than_the_limit_is_handed_out(world):
    await world.append(*(event(f"m{i}", f"u{i}") for i in range(10)))

    assert len(await world.lease(3)) == 3
    assert len(await world.lease(100)) == 7


async def test_the_longest_due_goes_first_so_that_a_busy_person_starves_no_other(world):
    await world.append(*(event(f"a{i}", "ana") for i in range(50)), event("b0", "bo"), event("b1", "bo"))
    order = []
    for _ in range(4):
        [lease] = await world.lease(1)
        order.append(lease.event.message_id)
        world.pass_time(1.0)
        await world.backlog.settle(Ending(lease=lease, outcome=DONE))

    assert order == ["a0", "b0", "a1", "b1"]


async def test_an_expired_lease_comes_back_with_one_attempt_more(world):
    await world.append(event("m1", "ana"))
    [first] = await world.lease()
    world.pass_time(world.lease_s)

    [again] = await world.lease()

    assert (first.attempt, again.attempt) == (1, 2)
    assert again.event == first.event


@pytest.mark.parametrize("verdict", ["settle", "retry", "park"])
async def test_a_lost_lease_can_neither_settle_nor_retry_nor_park(world, verdict):
    await world.append(event("m1", "ana"))
    [lost] = await world.lease()
    world.pass_time(world.lease_s)
    [held] = await world.lease()
    ends = {
        "settle": lambda: world.backlog.settle(Ending(lease=lost, outcome=DONE)),
        "retry": lambda: world.backlog.retry(lost, at=0.0, first_failed_at=None, counts=True),
        "park": lambda: world.backlog.park(lost, since=0.0, until=0.0, subjects=["user:ana"]),
    }

    with pytest.raises(LeaseLost):
        await ends[verdict]()

    await world.backlog.settle(Ending(lease=held, outcome=DONE))
    assert world.counts().outcomes == {DONE: 1}


async def test_a_lease_ends_once(world):
    await world.append(event("m1", "ana"))
    [lease] = await world.lease()
    await world.backlog.settle(Ending(lease=lease, outcome=DONE))

    with pytest.raises(LeaseLost):
        await world.backlog.settle(Ending(lease=lease, outcome=DONE))

    assert world.counts().outcomes == {DONE: 1}


async def test_a_retry_is_not_handed_out_early_and_holds_back_its_own_lane_only(world):
    await world.append(event("m1", "ana"), event("m2", "ana"), event("m3", "bo"))
    first, other = await world.lease()
    await world.backlog.retry(first, at=world.clock.now() + world.long, first_failed_at=7.0, counts=True)
    await world.backlog.settle(Ending(lease=other, outcome=DONE))

    world.pass_time(world.long - 1)
    assert await world.lease() == []

    world.pass_time(1)
    [again] = await world.lease()
    assert (again.event.message_id, again.attempt, again.first_failed_at) == ("m1", 2, 7.0)


async def test_being_throttled_does_not_use_up_attempts(world):
    await world.append(event("m1", "ana"))
    for _ in range(3):
        [lease] = await world.lease()
        await world.backlog.retry(lease, at=world.clock.now(), first_failed_at=None, counts=False)

    [lease] = await world.lease()
    assert lease.attempt == 1


async def test_attempts_survive_a_crash(world):
    await world.append(event("m1", "ana"))
    [lease] = await world.lease()
    await world.backlog.retry(lease, at=world.clock.now(), first_failed_at=5.0, counts=True)
    await world.crash_and_reopen()

    [again] = await world.lease()
    assert (again.attempt, again.first_failed_at) == (2, 5.0)


async def test_burying_frees_the_lane_and_keeps_payload_reason_and_answers(world):
    tried = Attempt(at=1.0, method="POST", path="/people", status=422, answer="bad field", duration_ms=9)
    await world.append(event("m1", "ana"), event("m2", "ana"))
    [lease] = await world.lease()
    await world.backlog.settle(Ending(lease=lease, outcome=Outcome.DEAD, reason="Custify refused", attempts=[tried]))

    assert await world.leased_names() == ["m2"]
    story = world.shelf.story("custify", "m1")
    assert (story.state, story.reason, list(story.attempts)) == ("dead", "Custify refused", [tried])
    assert story.event == event("m1", "ana")


async def test_order_holds_across_a_crash_in_the_middle_of_a_lane(world):
    await world.append(*(event(f"m{i}", "ana") for i in range(4)))
    [lease] = await world.lease()
    await world.backlog.settle(Ending(lease=lease, outcome=DONE))
    await world.lease()
    await world.crash_and_reopen()

    assert await drain(world) == ["m1", "m2", "m3"]


async def test_closing_with_open_leases_is_safe(world):
    await world.append(event("m1", "ana"))
    await world.lease()
    await world.crash_and_reopen()

    assert await world.leased_names() == ["m1"]


async def test_events_of_sources_that_are_not_connected_are_not_this_destinations_business(world):
    world.sources.remove("server")
    await world.append(event("m1", "ana", source="server"), event("m2", "ana"))

    assert await world.leased_names() == ["m2"]
    assert world.counts().received == 1


async def test_two_events_that_write_the_same_company_go_in_order_whoever_sent_them(world):
    await world.append(event("g1", "ana", company="acme"), event("g2", "bo", company="acme"), event("b2", "bo"))

    assert await world.leased_names() == ["g1"]
    world.pass_time(world.lease_s)
    assert await drain(world) == ["g1", "g2", "b2"]


async def test_an_anonymous_and_a_known_id_become_one_order_once_an_event_names_both(world):
    await world.append(
        event("a1", anonymous="x"),
        event("u1", "ana"),
        event("both", "ana", anonymous="x"),
        event("a2", anonymous="x"),
        event("u2", "ana"),
    )

    order = await drain(world)

    assert sorted(order[:2]) == ["a1", "u1"]
    assert order[2:] == ["both", "a2", "u2"]


async def test_one_constant_anonymous_id_does_not_chain_strangers_together(world):
    await world.append(*(event(f"m{i}", f"u{i}", anonymous="server") for i in range(10)))

    assert len(await world.lease()) == 10


async def test_a_device_that_changes_hands_keeps_its_own_order(world):
    await world.append(
        event("m1", "ana", anonymous="x"),
        event("m2", anonymous="x"),
        event("m3", "bo", anonymous="x"),
        event("m4", anonymous="x"),
        event("m5", "ana"),
    )

    order = await drain(world)

    assert order.index("m1") < order.index("m2") < order.index("m3") < order.index("m4")
    assert order.index("m2") < order.index("m5")


async def test_a_lease_may_end_while_an_unparked_event_finds_out_who_is_under_way(sqlite_world):
    world, forever = sqlite_world, float("inf")
    await world.append(event("a1", "ana"))
    [first] = await world.lease()
    await world.backlog.park(first, since=0.0, until=forever, subjects=["user:ana"])
    await world.append(event("a2", "ana"), event("b1", "bo"), event("c1", "cy"))
    *_, other, last = await world.lease()
    leases = world.backlog.leases

    def end_another(_cursor: object, statement: str, _values: object) -> bool:
        # As the event loop does while the writer's thread reads.
        if "SELECT 1 FROM place" in statement and other.token in {held.token for held in leases.held.values()}:
            leases.end(other, float("-inf"))
        return True

    world.store.connection.exec_trace = end_another
    learned = {"user:ana": lambda _: b"known"}
    await world.backlog.settle(Ending(lease=last, outcome=DONE), learned=learned)

    assert world.counts().outcomes[DONE] == 1
    assert len(leases) == 1


async def test_what_was_remembered_survives_a_crash_and_merges(world):
    await world.backlog.remember({"hold": "bad key", "pace": 7})
    await world.backlog.remember({"pace": 8})
    await world.crash_and_reopen()

    assert await world.backlog.notes() == {"hold": "bad key", "pace": 8}


people = st.sampled_from(["", "ana", "bo"])
devices = st.sampled_from(["", "x", "y"])
companies = st.sampled_from(["", "", "acme"])
senders = st.tuples(people, devices, companies).filter(lambda sender: sender[0] or sender[1])


@pytest.mark.parametrize("kind", [MemoryWorld, SqliteWorld], ids=["memory", "sqlite"])
@given(sent=st.lists(senders, max_size=14), limit=st.integers(1, 5))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_is_sent_no_person_device_or_company_is_ever_out_of_order(tmp_path_factory, kind, sent, limit):
    world = await kind(tmp_path_factory.mktemp("world")).open()
    events = [event(f"m{i}", user, anonymous=device, company=company) for i, (user, device, company) in enumerate(sent)]
    await world.append(*events) if events else None

    order = await drain(world, limit)
    await world.close()

    place = {name: i for i, name in enumerate(order)}
    assert len(order) == len(events)
    for key in ("user_id", "anonymous_id", "company_id"):
        for who in {getattr(e, key) for e in events} - {""}:
            own = [e for e in events if getattr(e, key) == who]
            if key == "anonymous_id":
                own = [e for e in own if not e.user_id]
            assert [place[e.message_id] for e in own] == sorted(place[e.message_id] for e in own)
