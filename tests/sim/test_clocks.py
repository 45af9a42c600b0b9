"""The wall's clock is set, and the machine sleeps, while events are delivered: nothing stands still, nothing grows old."""

import asyncio
import math

import msgspec
import pytest

from contract.worlds import MemoryWorld, SqliteWorld, event
from penstock.buffer.port.outcomes import Outcome
from penstock.deliver.pace import Pace
from penstock.destinations.answer import Accepted, Throttled, Unavailable
from sim.loop import LoopClock, run_virtually
from sim.stage import engine_over

HOUR, DAY = 3_600.0, 86_400.0
SET_BY = [-HOUR, 4 * DAY, -30 * 365 * DAY, 30 * 365 * DAY]


class Told:
    """A Custify that says what it is told to, and accepts everything else."""

    def __init__(self) -> None:
        self.answers, self.calls = [], 0

    async def send(self, _):
        self.calls += 1
        await asyncio.sleep(0.05)
        return self.answers.pop(0) if self.answers else Accepted(200, "")

    async def probe(self):
        return Accepted(200, "")


class Story:
    """An engine over a store, in virtual time."""

    def __init__(self, world, clock, *, per_s_max=math.inf) -> None:
        self.world, self.clock, self.custify = world, clock, Told()
        self.engine = engine_over(world, self.custify, clock, pace=Pace(per_s_max=per_s_max, as_of=clock.steady()))
        self.running = asyncio.create_task(self.engine.run())
        self.sent = 0

    async def send(self, count: int) -> None:
        for _ in range(count):
            self.sent += 1
            body = f'{{"type":"track","userId":"u{self.sent}","event":"Used"}}'.encode()
            await self.world.append(msgspec.structs.replace(event(f"m{self.sent}", f"u{self.sent}"), body=body))

    def ended(self, outcome: Outcome) -> int:
        return self.world.counts().outcomes.get(outcome, 0)

    async def close(self) -> None:
        self.engine.stop()
        await self.running
        await self.world.close()


@pytest.fixture(params=[MemoryWorld, SqliteWorld])
def told(request, folder):
    def tell(story, **settings):
        async def live():
            clock = LoopClock(asyncio.get_running_loop())
            begun = Story(await request.param(folder, clock).open(), clock, **settings)
            try:
                await story(begun)
            finally:
                await begun.close()

        run_virtually(live())

    return tell


@pytest.mark.parametrize("by_s", SET_BY)
def test_a_limit_of_calls_a_second_goes_on_whatever_the_clock_is_set_to(told, by_s):
    async def story(story: Story) -> None:
        await story.send(20)
        await asyncio.sleep(1.0)
        story.clock.set_by(by_s)
        await story.send(20)
        await asyncio.sleep(40 / 5.0 + 1.0)
        assert story.ended(Outcome.DELIVERED) == 40

    told(story, per_s_max=5.0)


@pytest.mark.parametrize("by_s", [-2 * HOUR, 2 * HOUR])
def test_a_limit_learned_from_a_few_calls_is_left_behind_within_minutes_whatever_the_clock_is_set_to(told, by_s):
    async def story(story: Story) -> None:
        # What is learned in an outage: hardly a call passed in the second before the 429.
        story.engine.pace.ceiling_per_s, story.engine.pace.per_s = 2.6, 2.5
        story.engine.pace.throttled_at = story.clock.steady()
        await story.send(600)
        for _ in range(3):
            await asyncio.sleep(2.0)
            story.clock.set_by(by_s)
        await asyncio.sleep(150.0)
        assert story.ended(Outcome.DELIVERED) == 600

    told(story)


@pytest.mark.parametrize("by_s", SET_BY)
def test_a_429_is_waited_out_as_long_as_it_asks_whatever_the_clock_is_set_to(told, by_s):
    async def story(story: Story) -> None:
        story.custify.answers = [Throttled(60.0, "slow down")]
        await story.send(1)
        await asyncio.sleep(10.0)
        story.clock.set_by(by_s)
        await asyncio.sleep(45.0)
        assert story.custify.calls == 1
        await asyncio.sleep(10.0)
        assert story.ended(Outcome.DELIVERED) == 1

    told(story)


@pytest.mark.parametrize("by_s", SET_BY)
def test_what_failed_for_four_seconds_is_not_given_up_for_a_clock_that_is_set(told, by_s):
    async def story(story: Story) -> None:
        story.custify.answers = [Unavailable(503, "down")] * 6
        await story.send(3)
        await asyncio.sleep(4.0)
        story.clock.set_by(by_s)
        await asyncio.sleep(120.0)
        assert (story.ended(Outcome.DEAD), story.ended(Outcome.DELIVERED)) == (0, 3)

    told(story)


def test_a_machine_that_sleeps_over_a_long_weekend_gives_nothing_up_and_goes_on_at_once(told):
    async def story(story: Story) -> None:
        story.custify.answers = [Unavailable(503, "down")] * 8
        await story.send(4)
        await asyncio.sleep(4.0)
        story.clock.sleep(4 * DAY)
        await asyncio.sleep(30.0)
        assert (story.ended(Outcome.DEAD), story.ended(Outcome.DELIVERED)) == (0, 4)

    told(story)


def test_what_custify_asked_to_wait_for_is_over_when_the_machine_wakes_up_later(told):
    async def story(story: Story) -> None:
        story.custify.answers = [Throttled(600.0, "slow down")]
        await story.send(1)
        await asyncio.sleep(5.0)
        story.clock.sleep(HOUR)
        await asyncio.sleep(2.0)
        assert story.ended(Outcome.DELIVERED) == 1

    told(story)


def test_a_call_under_way_in_a_sleep_is_not_made_again_beside_itself(told):
    async def story(story: Story) -> None:
        slow = asyncio.Event()

        async def send(_):
            story.custify.calls += 1
            await slow.wait()
            return Accepted(200, "")

        story.custify.send = send
        await story.send(1)
        await asyncio.sleep(1.0)
        story.clock.sleep(8 * HOUR)
        await asyncio.sleep(5.0)
        assert story.custify.calls == 1
        slow.set()
        await asyncio.sleep(1.0)
        assert story.ended(Outcome.DELIVERED) == 1

    told(story)
