"""One person with a hundred thousand waiting events and a call that fails: everybody else goes on as ever."""

import asyncio

import msgspec

from contract.worlds import SqliteWorld, event
from penstock.destinations.answer import Accepted, Unavailable
from sim.loop import LoopClock, run_virtually
from sim.stage import engine_over

CROWD, OTHERS = 100_000, 60
LATENCY_S_MAX = 2.0
# Once healed: two minutes at most until it is tried again, then ten calls a second, one behind the other.
HEALED_S = 280.0


class FailsForOne:
    """Takes everything but the calls of one person, until healed."""

    def __init__(self, clock) -> None:
        self.clock, self.is_ill = clock, True
        self.applied: list[tuple[float, str, str]] = []

    async def send(self, call):
        await asyncio.sleep(0.1)
        if self.is_ill and call.body["user_id"] == "crowd":
            return Unavailable(500, "always")
        self.applied.append((self.clock.now(), call.body["user_id"], call.body["deduplication_id"]))
        return Accepted(202, "[]")


def track(name: str, user: str):
    body = f'{{"type":"track","userId":"{user}","event":"Used"}}'
    return msgspec.structs.replace(event(name, user), body=body.encode())


async def live(folder):
    clock = LoopClock(asyncio.get_running_loop())
    world = await SqliteWorld(folder, clock).open()
    custify = FailsForOne(clock)
    engine = engine_over(world, custify, clock)
    running = asyncio.create_task(engine.run())
    for start in range(0, CROWD, 1_000):
        await world.append(*(track(f"c{number:06}", "crowd") for number in range(start, start + 1_000)))
    sent_at = {}
    for number in range(OTHERS):
        sent_at[f"o{number}"] = clock.now()
        await world.append(track(f"o{number}", f"u{number}"))
        await asyncio.sleep(1.0)
    others = {name: at - sent_at[name] for at, user, name in custify.applied if user != "crowd"}
    custify.is_ill = False
    await asyncio.sleep(HEALED_S)
    crowd = [name for _, user, name in custify.applied if user == "crowd"]
    engine.stop()
    await running
    counts = world.counts()
    await world.close()
    return others, crowd, counts


def test_a_lane_of_a_hundred_thousand_that_fails_delays_no_other_and_keeps_its_order(folder):
    (others, crowd, counts), _ = run_virtually(live(folder))

    assert len(others) == OTHERS
    assert max(others.values()) < LATENCY_S_MAX
    assert len(crowd) > 1_000
    assert crowd == [f"c{number:06}" for number in range(len(crowd))]
    assert counts.received == CROWD + OTHERS == counts.waiting + sum(counts.outcomes.values())
