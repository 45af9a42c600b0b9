"""Promises about events that step aside, and about those that go together; each test runs over every backend."""

import msgspec
import pytest

from contract.worlds import DESTINATION, event
from penstock.buffer.port.backlog import CallCount, Ending
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.port.shelf import ParkedLongest
from penstock.errors import LeaseLost

DONE = Outcome.DELIVERED


def upsert(name: str, user: str = "", **who: str):
    made = event(name, user, **who)
    return msgspec.structs.replace(made, type="group" if made.company_id else "identify")


def ended(lease, outcome: Outcome = DONE) -> Ending:
    return Ending(lease=lease, outcome=outcome)


async def park(world, lease, *, until: float, subjects=("user:ana",)):
    await world.backlog.park(lease, since=world.clock.now(), until=world.clock.now() + until, subjects=list(subjects))


async def test_a_parked_event_lets_later_ones_of_its_lane_pass(world):
    await world.append(event("t1", "ana"), event("t2", "ana"))
    [lease] = await world.lease()

    await park(world, lease, until=1_000.0)

    assert await world.leased_names() == ["t2"]


async def test_what_is_learned_of_its_subject_wakes_it_in_front_of_later_ones(world):
    await world.append(event("t1", "ana"), event("t2", "ana"), upsert("i", "ana"), event("t3", "ana"))
    for _ in range(2):
        [lease] = await world.lease()
        await park(world, lease, until=1_000.0)
    [identify] = await world.lease()

    await world.backlog.settle(ended(identify), learned={"user:ana": lambda _: b"known"})

    order = []
    for _ in range(3):
        [lease] = await world.lease()
        order.append(lease.event.message_id)
        await world.backlog.settle(ended(lease))
    assert order == ["t1", "t2", "t3"]
    assert world.counts().waiting == 0


async def test_what_is_learned_of_others_or_forgotten_wakes_no_event(world):
    await world.append(event("t1", "ana"), event("b", "bo"))
    ana, bo = await world.lease()
    await park(world, ana, until=1_000.0)

    await world.backlog.settle(ended(bo), learned={"user:bo": lambda _: b"known", "user:ana": lambda _: None})

    assert await world.leased_names() == []
    assert world.counts().parked == 1


async def test_a_parked_event_comes_back_when_its_time_is_over_and_remembers_since_when(world):
    await world.append(event("t1", "ana"))
    [lease] = await world.lease()
    since = world.clock.now()
    await park(world, lease, until=100.0)
    world.pass_time(99.0)
    assert await world.leased_names() == []

    world.pass_time(1.0)

    [again] = await world.lease()
    assert (again.parked_at, again.attempt) == (since, 1)
    await park(world, again, until=100.0)
    world.pass_time(100.0)
    [third] = await world.lease()
    assert third.parked_at == since


async def test_all_can_be_woken_at_once(world):
    await world.append(event("t1", "ana"), event("t2", "ana"), event("b", "bo"))
    for _ in range(2):
        for lease in await world.lease():
            await park(world, lease, until=1_000.0, subjects=[f"user:{lease.event.user_id}"])

    await world.backlog.wake_all()

    assert sorted(await world.leased_names()) == ["b", "t1"]
    assert world.counts().parked == 0


async def test_a_parked_event_is_waiting_and_says_so(world):
    await world.append(event("t1", "ana"))
    [lease] = await world.lease()

    await park(world, lease, until=100.0)

    counts = world.counts()
    assert (counts.received, counts.waiting, counts.parked, counts.retrying) == (1, 1, 1, 0)
    [story] = world.stories()
    assert (story.state, story.cause) == ("parked", "custify.person_unknown")
    assert "waits for an identify or group call" in story.reason


async def test_parking_survives_a_crash(world):
    await world.append(event("t1", "ana"), event("t2", "ana"))
    [lease] = await world.lease()
    await park(world, lease, until=100.0)

    await world.crash_and_reopen()

    assert await world.leased_names() == ["t2"]
    world.pass_time(200.0)
    assert "t1" in await world.leased_names()


async def test_one_that_wakes_waits_for_events_that_passed_it_and_are_under_way(world):
    await world.append(event("t1", "ana"), event("t2", "ana"), event("t3", "ana"), event("b", "bo"))
    [first, other] = await world.lease()
    await park(world, first, until=1_000.0)
    [passing] = await world.lease()

    await world.backlog.settle(ended(other), learned={"user:ana": lambda _: b"known"})

    assert await world.leased_names() == []
    await world.backlog.retry(passing, at=0.0, first_failed_at=None, counts=False)
    order = []
    for _ in range(3):
        [lease] = await world.lease()
        order.append(lease.event.message_id)
        await world.backlog.settle(ended(lease))
    assert order == ["t1", "t2", "t3"]


async def test_upserts_right_behind_one_another_are_leased_together(world):
    await world.append(upsert("i1", "ana"), upsert("i2", "ana"), event("t", "ana"), upsert("i3", "ana"))

    [lease] = await world.backlog.lease(limit=10, lease_s=world.lease_s, together=10)

    assert [each.event.message_id for each in (lease, *lease.followers)] == ["i1", "i2"]
    assert await world.leased_names() == []


async def test_no_more_go_together_than_asked_for(world):
    await world.append(*(upsert(f"i{i}", "ana") for i in range(9)))

    [lease] = await world.backlog.lease(limit=10, lease_s=world.lease_s, together=3)

    assert len(lease.followers) == 3


async def test_a_parked_event_comes_between_its_person_and_what_follows(world):
    await world.append(event("t", "ana"), upsert("i1", "ana"), upsert("i2", "ana"), upsert("i3", "ana"))
    [lease] = await world.lease()
    await park(world, lease, until=1_000.0)

    order = []
    while leases := await world.backlog.lease(limit=10, lease_s=world.lease_s, together=10):
        [lease] = leases
        order.append([each.event.message_id for each in (lease, *lease.followers)])
        endings = [ended(each) for each in (lease, *lease.followers)]
        await world.backlog.settle(*endings, learned={"user:ana": lambda _: b"known"})

    assert order == [["i1"], ["t"], ["i2", "i3"]]


async def test_an_event_of_another_person_in_one_of_its_lanes_keeps_a_follower_back(world):
    await world.append(
        upsert("bo", "bo", company="acme"), upsert("i1", "ana"), upsert("g", "ana", company="acme"), upsert("i2", "ana")
    )

    leases = await world.backlog.lease(limit=10, lease_s=world.lease_s, together=10)

    assert [(each.event.message_id, len(each.followers)) for each in leases] == [("bo", 0), ("i1", 0)]


async def test_a_run_ends_together_and_frees_its_lane(world):
    await world.append(upsert("i1", "ana"), upsert("i2", "ana"), event("t", "ana"))
    [lease] = await world.backlog.lease(limit=10, lease_s=world.lease_s, together=10)
    [follower] = lease.followers

    await world.backlog.settle(ended(lease, Outcome.COALESCED), ended(follower))

    assert world.counts().outcomes == {Outcome.COALESCED: 1, DONE: 1}
    assert await world.leased_names() == ["t"]


async def test_followers_of_one_that_ends_alone_go_back(world):
    await world.append(upsert("i1", "ana"), upsert("i2", "ana"))
    [lease] = await world.backlog.lease(limit=10, lease_s=world.lease_s, together=10)

    await world.backlog.settle(ended(lease, Outcome.DEAD))

    [again] = await world.lease()
    assert (again.event.message_id, again.attempt) == ("i2", 1)


async def test_followers_of_one_that_is_retried_go_back_and_wait_behind_it(world):
    await world.append(upsert("i1", "ana"), upsert("i2", "ana"))
    [lease] = await world.backlog.lease(limit=10, lease_s=world.lease_s, together=10)

    await world.backlog.retry(lease, at=world.clock.now() + 60.0, first_failed_at=1.0, counts=True)

    assert await world.leased_names() == []
    world.pass_time(60.0)
    [again] = await world.backlog.lease(limit=10, lease_s=world.lease_s, together=10)
    assert (again.attempt, [each.attempt for each in again.followers]) == (2, [1])


async def test_a_run_of_which_one_lease_was_lost_writes_nothing(world):
    await world.append(upsert("i1", "ana"), upsert("i2", "ana"))
    [lease] = await world.backlog.lease(limit=10, lease_s=world.lease_s, together=10)
    await world.crash_and_reopen()

    with pytest.raises(LeaseLost):
        await world.backlog.settle(ended(lease), ended(lease.followers[0]), learned={"user:ana": lambda _: b"known"})

    assert world.counts().outcomes == {}
    assert await world.backlog.ledger.known(["user:ana"]) == {}


async def test_the_ledger_is_written_with_the_outcome_and_survives_a_crash(world):
    await world.append(event("m1", "ana"))
    [lease] = await world.lease()

    await world.backlog.settle(ended(lease), learned={"user:ana": lambda old: (old or b"") + b"!"})
    await world.crash_and_reopen()

    assert await world.backlog.ledger.known(["user:ana", "user:bo"]) == {"user:ana": b"!"}


async def test_what_is_known_is_given_to_the_change_and_none_removes_it(world):
    await world.append(*(event(f"m{i}", "ana") for i in range(3)))
    seen = []

    def learn(old, new):
        seen.append(old)
        return new

    for new in (b"a", b"b", None):
        [lease] = await world.lease()
        await world.backlog.settle(ended(lease), learned={"user:ana": lambda old, new=new: learn(old, new)})

    assert seen == [None, b"a", b"b"]
    assert await world.backlog.ledger.known(["user:ana"]) == {}


async def test_the_ledger_forgets_what_begins_with_a_text(world):
    await world.append(event("m1", "ana"))
    [lease] = await world.lease()
    learned = {subject: lambda _: b"x" for subject in ("user:ana", "user:bo", "company:acme")}
    await world.backlog.settle(ended(lease), learned=learned)

    assert await world.backlog.ledger.forget("user:", limit=1) == 1
    assert await world.backlog.ledger.forget("user:", limit=10) == 1

    assert set(await world.backlog.ledger.known(learned)) == {"company:acme"}


async def test_the_ledger_lists_subjects_that_begin_with_a_text_in_order_up_to_a_number(world):
    await world.append(event("m1", "ana"))
    [lease] = await world.lease()
    learned = {subject: lambda _: b"x" for subject in ("user:bo", "user:ana", "company:acme", "users")}
    await world.backlog.settle(ended(lease), learned=learned)

    assert list(await world.backlog.ledger.subjects("user:", limit=10)) == ["user:ana", "user:bo"]
    assert list(await world.backlog.ledger.subjects("", limit=2)) == ["company:acme", "user:ana"]


async def test_calls_planned_sent_and_saved_are_counted(world):
    await world.append(event("m1", "ana"), event("m2", "bo"))
    for lease in await world.lease():
        calls = [CallCount("/people", "planned", 1), CallCount("/people", "saved", 1)]
        await world.backlog.settle(ended(lease), calls=calls)

    [figures] = world.call_figures().values()
    assert (figures.planned, figures.sent, figures.saved) == (2, 0, 2)


async def test_what_is_parked_is_neither_the_oldest_that_waits_nor_a_lag(world):
    await world.append(event("m1", "ana"))
    [lease] = await world.lease()
    await world.backlog.park(lease, since=7.0, until=world.clock.steady() + 60, subjects=("user:ana",))

    counts = world.counts()
    assert (counts.waiting, counts.parked, counts.oldest_received_at_ms) == (1, 1, None)
    assert counts.parked_longest == ParkedLongest(received_at_ms=1_700_000_000_000, parked_at=7.0, is_visitors=False)

    await world.append(event("m2", "bo"))
    assert world.counts().oldest_received_at_ms == 1_700_000_000_000
    world.pass_time(61)
    for lease in await world.lease():
        await world.backlog.settle(Ending(lease=lease, outcome=Outcome.DELIVERED))

    minute = 1_700_000_000_000 // 60_000
    [lags] = world.gauge.lags(DESTINATION, since=minute, until=minute, of_each=10).values()
    assert len(lags) == 1
    assert world.counts().parked_longest is None


async def test_a_visitors_event_is_told_from_one_whose_person_is_unknown(world):
    await world.append(event("m1", anonymous="v"))
    [lease] = await world.lease()
    await world.backlog.park(lease, since=7.0, until=world.clock.steady() + 60, subjects=("anon:v",), room=10)

    assert world.counts().parked_longest.is_visitors
