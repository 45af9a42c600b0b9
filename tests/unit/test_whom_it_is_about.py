"""How a destination stands: whom a bad answer is about, when it rests, and what ends that."""

import asyncio

import pytest
import structlog

from penstock import causes
from penstock.buffer.port.shelf import Counts
from penstock.clock import ManualClock
from penstock.deliver.decide import RetryPolicy, why_down, why_held
from penstock.deliver.pace import Pace
from penstock.deliver.standing import TRIAL_S, Standing
from penstock.deliver.width import START, Width
from penstock.destinations.answer import Accepted, Barred, Down, Refused, Singled, Throttled, Unavailable
from penstock.inspect.standing import standing_of
from penstock.machine.pulse import RoleStatus

OK, FORBIDDEN, DOWN = Accepted(200, "{}"), Barred(403, "<h1>Blocked</h1>"), Unavailable(503, "down")

RUNS = RoleStatus(state="running", beat_age_s=0.0)


def counts(waiting: int) -> Counts:
    return Counts(received=9, waiting=waiting, retrying=0, parked=0, outcomes={}, oldest_received_at_ms=None)


class World:
    """A standing, what the harmless read finds, and how often it was made."""

    def __init__(self, read=OK) -> None:
        self.clock, self.read, self.reads = ManualClock(), read, 0
        self.standing = self.begun()

    def begun(self) -> Standing:
        """Return one that knows nothing, as after a start."""
        return Standing(
            pace=Pace(as_of=self.clock.now()),
            width=Width(calls_max=32, calls=32.0),
            clock=self.clock,
            log=structlog.get_logger(),
            probe=self.probe,
        )

    async def probe(self):
        self.reads += 1
        await asyncio.sleep(0)
        return self.read

    def write(self, answer=OK) -> None:
        """A write ends so."""
        self.standing.heard(answer, is_write=True, took_s=0.1, under_way=1)

    async def judged(self, answer, seq=1):
        """An event is answered so, and rests follow as in the engine."""
        self.clock.advance(0.2)
        self.write(answer)
        judged = await self.standing.judged(answer, seq, took_s=0.1)
        if isinstance(judged, Barred):
            self.standing.begin(why_held(judged, RetryPolicy()))
        elif isinstance(judged, Down):
            self.standing.begin(why_down(judged, RetryPolicy()))
        return judged


@pytest.fixture
def world():
    return World()


async def test_a_key_that_a_read_is_refused_with_too_holds(world):
    world.write()
    world.read = Barred(401, "bad key")

    assert await world.judged(Barred(401, "bad key")) == Barred(401, "bad key")
    assert world.standing.hold.cause == causes.KEY_REJECTED


async def test_a_key_that_never_wrote_holds_though_it_may_read(world):
    assert await world.judged(Barred(403, "read-only key")) == Barred(403, "read-only key")
    assert world.standing.hold.is_held


async def test_one_payload_that_a_firewall_dislikes_neither_holds_nor_flaps(world):
    world.write()
    said = [await world.judged(FORBIDDEN, seq=1)]
    for _ in range(20):
        world.write()
        said.append(await world.judged(FORBIDDEN, seq=1))

    assert said[0] == Singled(FORBIDDEN, counts=False)
    assert set(said[1:]) == {Singled(FORBIDDEN, counts=True)}
    assert not world.standing.hold.is_held


async def test_the_first_refusal_of_an_event_that_failed_otherwise_before_is_not_its_own_yet(world):
    for answer in (DOWN, DOWN, Barred(401, "rotated just now")):
        world.write()
        said = await world.judged(answer, seq=1)

    assert said == Singled(Barred(401, "rotated just now"), counts=False)


async def test_nor_do_many_such_payloads_one_after_the_other_once_others_passed_between(world):
    for round_ in range(3):
        world.write()
        said = [await world.judged(FORBIDDEN, seq=seq) for seq in range(10)]
        if round_:
            assert {type(each) for each in said} == {Singled}
            assert not world.standing.hold.is_held
        world.standing.ask_now()
        assert await world.standing.may_send()


async def test_several_events_that_are_refused_without_one_that_passes_hold_though_reads_pass(world):
    world.write()
    said = [type(await world.judged(Barred(402, "pay"), seq=seq)) for seq in range(3)]

    assert said == [Singled, Singled, Barred]
    assert world.standing.hold.cause == causes.ACCOUNT


async def test_a_write_that_began_with_the_refused_ones_and_passes_ends_such_a_hold(world):
    world.write()
    for seq in range(3):
        await world.judged(FORBIDDEN, seq=seq)
    assert world.standing.hold.is_held
    world.write()

    assert not world.standing.hold.is_held


async def test_but_not_a_hold_that_a_read_confirmed(world):
    world.write()
    world.read = Barred(401, "bad key")
    await world.judged(Barred(401, "bad key"))
    world.write()

    assert world.standing.hold.is_held


@pytest.mark.parametrize(
    "answer", [Barred(200, "<html>", causes.NOT_THE_API), Barred(200, '{"error":1}', causes.ERROR_ANSWER)]
)
async def test_what_only_looks_like_a_success_is_judged_likewise(world, answer):
    world.write()
    alone = await world.judged(answer)
    world.read = answer
    everybody = await world.judged(answer, seq=2)

    assert (alone, everybody) == (Singled(answer, counts=False), answer)


async def test_a_404_for_every_call_holds_and_buries_no_event(world):
    world.read = Refused(404, "no route")

    assert await world.judged(Refused(404, "no route")) == Barred(404, "no route", causes.ROUTE)
    assert world.standing.hold.cause == causes.ROUTE


async def test_a_404_for_every_write_holds_though_reads_pass(world):
    world.write()
    world.clock.advance(60.0)
    said = [type(await world.judged(Refused(404, ""), seq=seq)) for seq in range(3)]

    assert said == [Singled, Singled, Barred]


async def test_a_404_for_one_event_while_others_pass_buries_it(world):
    world.write()
    world.clock.advance(60.0)
    first = await world.judged(Refused(404, "no such thing"))
    again = await world.judged(Refused(404, "no such thing"))

    assert (first, again) == (Singled(Refused(404, "no such thing"), counts=False), Refused(404, "no such thing"))


async def test_a_404_of_a_look_up_means_no_person_only_where_reads_are_answered(world):
    assert await world.standing.is_way_right()
    world.read = Refused(404, "no route")
    assert await world.standing.is_way_right(), "one passed a moment ago"
    world.clock.advance(61.0)

    assert not await world.standing.is_way_right()


async def test_an_outage_is_one_where_a_read_fails_too(world):
    world.write()
    world.clock.advance(10.0)
    world.read = DOWN

    assert await world.judged(DOWN) == Down(503, "down")
    assert world.standing.hold.is_down
    assert world.standing.width.limit == START


async def test_a_lane_that_fails_while_a_read_passes_is_its_own_affair(world):
    assert await world.judged(DOWN) == DOWN
    assert not world.standing.hold.is_held


async def test_while_others_pass_no_read_is_made(world):
    world.write()
    world.clock.advance(0.05)
    assert await world.standing.judged(DOWN, 1, took_s=0.1) == DOWN
    assert world.reads == 0


async def test_several_lanes_that_fail_while_none_passes_are_an_outage_though_reads_pass(world):
    said = [type(await world.judged(DOWN, seq=seq)) for seq in range(3)]

    assert said == [Unavailable, Unavailable, Down]


async def test_calls_that_fail_together_ask_once(world):
    world.write()
    world.clock.advance(10.0)
    world.read = DOWN
    said = await asyncio.gather(*(world.standing.judged(DOWN, seq, took_s=0.1) for seq in range(2)))

    assert (said, world.reads) == ([Down(503, "down")] * 2, 1)


async def test_an_outage_is_looked_at_now_and_then_and_a_read_that_passes_lets_a_few_try(world):
    world.read = DOWN
    await world.judged(DOWN)
    reads, open_ = world.reads, []
    for _ in range(60):
        world.clock.advance(1.0)
        open_.append(await world.standing.may_send())
    assert not any(open_)
    assert 10 <= world.reads - reads <= 20
    world.read = OK
    world.clock.advance(5.0)

    assert await world.standing.may_send()
    assert world.standing.hold.is_down
    world.clock.advance(0.2)
    world.write()
    assert not world.standing.hold.is_held


@pytest.mark.parametrize("answer", [DOWN, FORBIDDEN], ids=["no answer", "forbidden"])
async def test_while_reads_pass_and_no_write_does_it_goes_on_resting_and_nothing_grows_old(world, answer):
    with structlog.testing.capture_logs() as said:
        for seq in range(3):
            await world.judged(answer, seq)
        began = world.standing.hold.retry_clock(world.clock.awake())
        for _ in range(20):
            world.clock.advance(60.0)
            assert await world.standing.may_send()
            assert world.standing.hold.is_held
            await world.judged(answer)
            assert not await world.standing.may_send()

    assert world.standing.hold.retry_clock(world.clock.awake()) == began
    assert [line["event"] for line in said] == ["went_down" if answer is DOWN else "held"]


async def test_with_nothing_to_write_a_read_that_passes_is_all_there_is_to_know(world):
    live = {"hold_reason": "Custify gives no usable answer", "hold_cause": causes.UNAVAILABLE, "is_on_trial": True}
    states = [
        standing_of(live | more, counts(waiting), RUNS, enabled=True, steady=0.0).state
        for more, waiting in (({}, 1), ({}, 0), ({"is_on_trial": False}, 0))
    ]

    assert states == ["down", "delivering", "down"]


async def test_an_outage_in_which_the_key_is_refused_becomes_a_hold_and_not_the_other_way_round(world):
    world.read = DOWN
    await world.judged(DOWN)
    world.read = Barred(401, "bad key")
    world.clock.advance(5.0)
    await world.standing.may_send()
    assert world.standing.hold.cause == causes.KEY_REJECTED
    world.read = DOWN
    world.clock.advance(60.0)
    await world.standing.may_send()

    assert world.standing.hold.cause == causes.KEY_REJECTED


async def test_an_outage_that_names_a_time_is_not_asked_before_it(world):
    world.write()
    world.clock.advance(10.0)
    reads = world.reads
    assert await world.judged(Unavailable(503, "maintenance", 30.0)) == Down(503, "maintenance")
    for _ in range(29):
        world.clock.advance(1.0)
        assert not await world.standing.may_send()
    assert world.reads == reads
    world.clock.advance(1.5)

    assert await world.standing.may_send()


async def test_a_429_found_by_the_read_ends_an_outage_and_is_heeded(world):
    world.read = DOWN
    await world.judged(DOWN)
    world.read = Throttled(7.0, "")
    world.clock.advance(5.0)

    assert not await world.standing.may_send()
    assert not world.standing.hold.is_held
    assert world.standing.pace.blocked_s(world.clock.now()) == 7.0


# Long waits.


async def test_a_long_wait_is_shown_and_ends_with_one_read(world):
    world.write(Throttled(3_600.0, "", is_cut=True))
    now = world.clock.now()
    assert (world.standing.asked_until(), world.standing.is_cut) == (now + 3_600.0, True)
    world.clock.advance(3_600.0)
    world.read = Throttled(3_600.0, "")
    assert not await world.standing.may_send()
    world.read = OK
    world.clock.advance(3_600.0)

    assert await world.standing.may_send()
    assert (world.standing.asked_until(), world.reads) == (None, 2)
    assert await world.standing.may_send()
    assert world.reads == 2


async def test_a_short_wait_is_no_news(world):
    world.write(Throttled(7.0, ""))
    assert world.standing.asked_until() is None
    world.clock.advance(7.0)

    assert await world.standing.may_send()
    assert world.reads == 0


async def ends(world) -> bool:
    """Return whether one read, made now, is all that is between us and calls."""
    reads = world.reads
    return await world.standing.may_send() and world.reads == reads + 1 and not world.standing.asked_until()


async def test_a_person_ends_a_long_wait(world):
    world.write(Throttled(3_600.0, ""))
    world.standing.ask_now()

    assert await ends(world)


async def test_pausing_and_resuming_ends_a_long_wait(world):
    world.write(Throttled(3_600.0, ""))
    world.standing.pause("ana")
    assert not await world.standing.may_send()
    world.standing.resume()

    assert await ends(world)


@pytest.mark.parametrize("until", [1e300, float("inf"), 4_070_908_800.0, 10**400])
async def test_a_restart_ends_a_long_wait_whatever_an_older_version_wrote(world, until):
    world.standing = world.begun()
    world.standing.recall({"pace_per_s": 12.5, "blocked_until": until})

    assert await world.standing.may_send()
    assert world.standing.pace.limit == 12.5


async def test_a_restart_keeps_a_short_wait(world):
    world.write(Throttled(30.0, ""))
    notes = world.standing.to_notes()
    world.clock.advance(10.0)
    world.standing = world.begun()
    world.standing.recall(notes)

    assert world.standing.pace.wait_s(world.clock.now()) == pytest.approx(20.0)
    assert world.standing.asked_until() == pytest.approx(world.clock.now() + 20.0)


async def test_that_a_key_may_write_is_known_after_a_restart(world):
    world.write()
    notes = world.standing.to_notes()
    world.standing = world.begun()
    world.standing.recall(notes)

    assert await world.judged(FORBIDDEN) == Singled(FORBIDDEN, counts=False)


async def on_trial(world) -> None:
    """Let a destination be held, and then a read pass."""
    world.read = Barred(401, "bad key")
    await world.judged(Barred(401, "bad key"))
    world.read = OK
    world.clock.advance(5.0)
    assert await world.standing.may_send()
    assert world.standing.hold.is_on_trial


async def test_a_trial_in_which_nothing_is_to_be_written_ends_after_a_while(world):
    await on_trial(world)

    world.standing.found_nothing_due()
    assert world.standing.hold.is_held, "a write may be due in a moment"
    world.clock.advance(TRIAL_S)
    world.standing.found_nothing_due()

    assert not world.standing.hold.is_held


async def test_a_hold_that_is_not_on_trial_does_not_end_for_want_of_work(world):
    world.read = Barred(401, "bad key")
    await world.judged(Barred(401, "bad key"))
    world.clock.advance(10 * TRIAL_S)
    world.standing.found_nothing_due()

    assert world.standing.hold.is_closed
