"""Events that come one after the other, with time between: none waits long for the next look, and nobody looks for nothing."""

import asyncio

import msgspec
import pytest

from contract.worlds import MemoryWorld, event
from penstock.deliver.policy import IDLE_S_MIN, IDLE_SHARE
from sim.loop import LoopClock, run_virtually
from sim.stage import engine_over
from sim.steady_custify import SteadyCustify

USED = b'{"type":"track","event":"Used","userId":"u"}'
# Of what happens beside the looks: a turn of the loop takes no time here.
NEXT_TO_NOTHING_S = 0.001


async def waits(path, *, gap_s: float, events: int) -> list[float]:
    """Send an event every so often; return how long each waited for its call."""
    clock = LoopClock(asyncio.get_running_loop())
    world = await MemoryWorld(path, clock).open()
    custify = SteadyCustify(clock)
    engine = engine_over(world, custify, clock)
    running, sent_at = asyncio.create_task(engine.run()), []
    for number in range(events):
        await asyncio.sleep(gap_s)
        sent_at.append(clock.steady())
        await world.append(msgspec.structs.replace(event(f"m{number}", f"u{number}"), body=USED))
    await asyncio.sleep(1.0)
    engine.stop()
    await running
    await world.close()
    return [called - sent for called, sent in zip(custify.called_at, sent_at, strict=True)]


@pytest.mark.parametrize("gap_s", [0.0173, 0.05, 0.2, 1.0, 2.0])
def test_an_event_waits_for_an_eighth_of_the_time_since_the_last_one_at_most(tmp_path, gap_s):
    found, _ = run_virtually(waits(tmp_path, gap_s=gap_s, events=40))

    assert max(found) <= max(IDLE_S_MIN, gap_s * IDLE_SHARE) + NEXT_TO_NOTHING_S


async def looks(path, seconds: float) -> int:
    """Return how often an engine without events looks for some."""
    clock = LoopClock(asyncio.get_running_loop())
    world = await MemoryWorld(path, clock).open()
    engine, counted = engine_over(world, SteadyCustify(clock), clock), []
    look = engine.backlog.lease

    async def lease(**asked):
        counted.append(clock.steady())
        return await look(**asked)

    engine.backlog.lease = lease
    running = asyncio.create_task(engine.run())
    await asyncio.sleep(seconds)
    engine.stop()
    await running
    await world.close()
    return len(counted)


def test_an_engine_without_events_soon_looks_no_more_often_than_it_must(tmp_path):
    found, _ = run_virtually(looks(tmp_path, 600.0))

    assert found <= 600 / 0.3 + 50
