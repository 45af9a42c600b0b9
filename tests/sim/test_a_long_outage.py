"""Two hours of outage with a rotated key and a crash in the middle, minute by minute in virtual time."""

import asyncio
import dataclasses

import msgspec

from contract.worlds import SqliteWorld, event
from penstock.buffer.port.outcomes import Outcome
from penstock.clock import SeededDice
from penstock.deliver.engine import Engine
from penstock.deliver.pace import BURST_S
from penstock.destinations.answer import Throttled, Unavailable
from sim.hostile_custify import Faults, HostileCustify
from sim.loop import LoopClock, run_virtually
from sim.stage import engine_over

PEOPLE, LIMIT_PER_S = 40, 20
BURST, EVERY_S = 400, 4.0
MINUTE, HOUR = 60.0, 3_600.0
CALM = Faults()


class LimitedCustify(HostileCustify):
    """Allows so many calls a second, and can be down."""

    is_down = False

    def __init__(self, **facts) -> None:
        super().__init__(**facts)
        #: Of every call, also one that is answered here.
        self.asked_at = list[float]()

    def _is_refused(self, call):
        return False

    async def _serve(self, call):
        now = self.clock.now()
        self.asked_at.append(now)
        if self.is_down:
            return Unavailable(503, "down")
        if sum(at > now - 1.0 for at in self.asked_at[-3 * LIMIT_PER_S :]) > LIMIT_PER_S:
            return Throttled(1.0, "slow down")
        return await super()._serve(call)


@dataclasses.dataclass
class Day:
    """What happened."""

    world: object
    custify: LimitedCustify
    #: The limit before the outage, and after a crash in the middle of it.
    learned: float = 0.0
    remembered: float = 0.0
    recovered_at: float = 0.0
    waiting_at_recovery: int = 0


def track(number: int):
    body = f'{{"type":"track","userId":"u{number % PEOPLE}","event":"Used","properties":{{"mark":{number}}}}}'
    return msgspec.structs.replace(event(f"m{number}", f"u{number % PEOPLE}"), body=body.encode())


async def live(make_world) -> Day:
    clock, dice = LoopClock(asyncio.get_running_loop()), SeededDice(7)
    world = await make_world(clock)
    custify = LimitedCustify(clock=clock, dice=dice, faults=CALM, call_s_max=10.0)
    engine = engine_of(world, custify)
    running = asyncio.create_task(engine.run())
    day = Day(world, custify)
    sending = asyncio.create_task(send_for(3 * HOUR, world))
    await asyncio.sleep(10 * MINUTE)
    day.learned = engine.pace.limit
    custify.is_down = True
    await asyncio.sleep(45 * MINUTE)
    custify.is_down, custify.key_is_good = False, False
    await asyncio.sleep(30 * MINUTE)
    custify.is_down, custify.key_is_good = True, True
    await asyncio.sleep(20 * MINUTE)
    await kill(running, *engine.in_flight)
    engine = engine_of(world, custify)
    running = asyncio.create_task(engine.run())
    await asyncio.sleep(25 * MINUTE)
    day.remembered = engine.pace.limit
    custify.is_down, day.recovered_at = False, clock.now()
    day.waiting_at_recovery = world.counts().waiting
    await sending
    while world.counts().waiting:
        await asyncio.sleep(10)
    engine.stop()
    await running
    return day


def engine_of(world, custify) -> Engine:
    """Return an engine that knows nothing but what is on disk."""
    return engine_over(world, custify, custify.clock, dice=custify.dice, idle_s_max=1.0)


async def kill(*tasks) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def send_for(seconds: float, world) -> None:
    """Send a burst that teaches the limit, then an event now and then."""
    await world.append(*(track(number) for number in range(BURST)))
    for number in range(BURST, BURST + int(seconds / EVERY_S)):
        await asyncio.sleep(EVERY_S)
        await world.append(track(number))


def test_nothing_is_lost_or_dead_the_order_holds_and_no_destination_is_overrun(folder):
    async def make_world(clock):
        return await SqliteWorld(folder, clock).open()

    day, _ = run_virtually(live(make_world))

    sent = BURST + int(3 * HOUR / EVERY_S)
    assert day.world.counts().outcomes == {Outcome.DELIVERED: sent}
    assert day.waiting_at_recovery > 1_500
    for person in range(PEOPLE):
        marks = [call.mark for call in day.custify.applied if call.subject == f"u{person}"]
        assert marks == sorted(marks)
    assert 1 < day.learned <= 2 * LIMIT_PER_S
    # A crash brings back what the last 429 taught; the pace may have grown since, and grows again.
    assert 1 < day.remembered <= day.learned
    first_second = [at for at in day.custify.asked_at if 0 <= at - day.recovered_at < 1.0]
    assert len(first_second) <= day.remembered * (1 + BURST_S) + 1
