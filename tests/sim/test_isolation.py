"""A destination that is well keeps its rate out of a full backlog, whatever another one does meanwhile. In virtual time, over files."""

import asyncio
import dataclasses
import functools

import pytest
import structlog

from penstock.buffer.port.selection import Selection
from penstock.destinations.answer import Answer, Refused
from sim.run import be_quiet
from sim.steady_custify import Bucket, SteadyCustify
from sim.two_destinations import GREY, HEALTHY, NEVER, Slow, on_stage

EVENTS, REPLAYED, LOOK_S, KEEPS = 1_000, 2_000, 0.05, 0.95


@dataclasses.dataclass
class Refusing(SteadyCustify):
    """Takes nothing, until it is mended."""

    is_mended: bool = False

    async def answer(self, call) -> Answer:
        """Refuse what was sent."""
        return await super().answer(call) if self.is_mended else Refused(422, "{}")


@pytest.fixture(autouse=True)
def quiet():
    """Thousands of events are thousands of lines."""
    be_quiet()
    yield
    structlog.reset_defaults()


async def rate(stage, events: int = EVENTS) -> float:
    """Send many at once; return how many the destination that is well takes a second, until it has all."""
    before, began = len(stage.custify[HEALTHY].took_at), stage.clock.steady()
    await stage.send(events)
    while len(stage.custify[HEALTHY].took_at) < before + events:
        await asyncio.sleep(LOOK_S)
    return events / (stage.clock.steady() - began)


async def rate_while_replayed(stage) -> float:
    """Let everything end badly at the other one, and measure while all of it is sent there again."""
    await rate(stage, REPLAYED)
    while (counts := stage.world.shelf.counts(GREY, ["web"])).waiting:
        await asyncio.sleep(LOOK_S)
    assert counts.outcomes["dead"] == REPLAYED
    other = stage.custify[GREY]
    other.is_mended = True
    stage.fleet.orders.ask_replay(GREY, Selection(), by="somebody")
    while not other.took_at:
        await asyncio.sleep(LOOK_S)
    found = await rate(stage)
    assert len(other.took_at) > EVENTS / 10, "nothing was replayed meanwhile"
    return found


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Its rate beside one that is well too."""
    be_quiet()
    return on_stage(tmp_path_factory.mktemp("alone"), rate)


OTHERS = {
    "is down": functools.partial(SteadyCustify, fails=True, read_fails=True),
    "trickles": functools.partial(Slow, answers_after_s=NEVER),
    "answers 429": functools.partial(SteadyCustify, limit=Bucket(1.0)),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_a_destination_keeps_its_rate_while_another(folder, alone, other):
    assert on_stage(folder, rate, other) >= KEEPS * alone


def test_a_destination_keeps_its_rate_while_thousands_are_replayed_for_another(folder, alone):
    assert on_stage(folder, rate_while_replayed, Refusing) >= KEEPS * alone
