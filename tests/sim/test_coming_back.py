"""After an outage, and under a limit: how soon a destination is back at its pace, and how much of the limit is used."""

import asyncio
import dataclasses

import msgspec
import pytest

from contract.worlds import SqliteWorld, event
from penstock.clock import SeededDice
from penstock.deliver.width import START
from sim.loop import LoopClock, run_virtually
from sim.stage import engine_over
from sim.steady_custify import LATENCY_S, Bucket, SteadyCustify, Window

PEOPLE, PER_S, OUTAGE_S = 400, 50, 60.0
BACKLOG = PER_S * OUTAGE_S


class Stage:
    """An engine over real files, a Custify without chance, and somebody who sends."""

    def __init__(self, world, clock, limit) -> None:
        self.world, self.clock, self.sent = world, clock, 0
        self.custify = SteadyCustify(clock=clock, limit=limit)
        self.engine = engine_over(world, self.custify, clock, dice=SeededDice(7))
        self.running = asyncio.create_task(self.engine.run())

    async def send(self, count: int, *, people: int = PEOPLE) -> None:
        numbers = range(self.sent, self.sent + count)
        await self.world.append(*(track(number, f"u{number % people}") for number in numbers))
        self.sent += count

    async def send_for(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            await self.send(PER_S)
            await asyncio.sleep(1.0)

    def waiting(self) -> int:
        return self.world.counts().waiting

    async def stop(self) -> None:
        self.engine.stop()
        await self.running


def track(number: int, person: str):
    body = f'{{"type":"track","userId":"{person}","event":"Used","messageId":"m{number}"}}'
    return msgspec.structs.replace(event(f"m{number}", person), body=body.encode())


def on_stage(folder, story, limit=None):
    """Tell a story in virtual time, and return what it returns."""

    async def told():
        clock = LoopClock(asyncio.get_running_loop())
        world = await SqliteWorld(folder, clock).open()
        stage = Stage(world, clock, limit)
        try:
            return await story(stage)
        finally:
            await stage.stop()
            await world.close()

    return run_virtually(told())[0]


@dataclasses.dataclass(frozen=True)
class Outage:
    """What came of an outage while events went on coming."""

    #: Seconds from its end until no more waited than comes in a second.
    back_after_s: float
    #: Calls of events, and harmless reads, while it lasted.
    calls: int
    reads: int
    #: The most calls in a tenth of a second, in the first seconds after it.
    rush: int
    #: How much older events had grown by it, on the retry clock.
    aged_s: float


async def outage(stage, *, reads_pass: bool) -> Outage:
    sending = asyncio.create_task(stage.send_for(400.0))
    await asyncio.sleep(20.0)
    custify, clock, hold = stage.custify, stage.clock, stage.engine.hold
    calls, reads, aged_from = len(custify.called_at), len(custify.read_at), hold.retry_clock(clock.awake())
    custify.fails, custify.read_fails = True, not reads_pass
    await asyncio.sleep(OUTAGE_S)
    calls, reads = len(custify.called_at) - calls, len(custify.read_at) - reads
    aged_s = hold.retry_clock(clock.awake()) - aged_from
    custify.fails = custify.read_fails = False
    back = clock.now()
    while stage.waiting() > PER_S and clock.now() - back < 300.0:
        await asyncio.sleep(0.5)
    sending.cancel()
    tenths = [
        sum(start <= at < start + 0.1 for at in custify.called_at) for start in (back + n / 10 for n in range(80))
    ]
    return Outage(
        back_after_s=clock.now() - back, calls=calls, reads=reads, rush=next(n for n in tenths if n), aged_s=aged_s
    )


@pytest.mark.parametrize("reads_pass", [False, True])
def test_after_a_minute_of_outage_all_go_on_at_once_and_no_herd_is_let_loose(folder, reads_pass):
    limit_per_s = 2 * PER_S
    seen = on_stage(folder, lambda stage: outage(stage, reads_pass=reads_pass), Bucket(limit_per_s))

    # While it drains at the limit, as much goes on coming as before: what is left of the limit is the rate.
    assert seen.back_after_s <= 1.5 * BACKLOG / (limit_per_s - PER_S) + 10.0
    assert seen.rush <= START
    assert seen.reads <= 20
    assert seen.calls <= 20 * START, "those under way when it began, and with reads that pass a few that try"
    assert seen.aged_s < 10.0


def test_without_a_limit_it_is_back_within_seconds(folder):
    seen = on_stage(folder, lambda stage: outage(stage, reads_pass=False))

    assert seen.back_after_s <= 1.5 * BACKLOG / (32 / LATENCY_S - PER_S) + 10.0
    assert seen.calls <= 32, "those that were under way when it began"


@pytest.mark.parametrize("limit", [Bucket, Window])
def test_of_a_limit_of_a_hundred_calls_a_second_ninety_five_are_used(folder, limit):
    async def story(stage) -> int:
        for second in range(190):
            if stage.waiting() < 500:
                await stage.send(1_000, people=1_000)
            if second == 60:
                before = len(stage.custify.took_at)
            await asyncio.sleep(1.0)
        return len(stage.custify.took_at) - before

    taken = on_stage(folder, story, limit(100))

    assert taken >= 95 * 130
