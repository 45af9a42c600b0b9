"""The process stands still in the middle of a delivery, for longer than its lease: what comes of it comes once and in order."""

import asyncio
import math

import msgspec
import pytest

from contract.worlds import MemoryWorld, SqliteWorld, event
from penstock.buffer.port.outcomes import Outcome
from penstock.clock import ManualClock, SeededDice
from penstock.deliver.engine import LATE_S_MAX
from penstock.destinations.answer import Accepted
from sim.stage import engine_over

GROUP = b'{"type":"group","userId":"ana","groupId":"acme","traits":{"name":"Acme"}}'


class StandsStill:
    """A Custify that takes every call; the process stands still while it answers one."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock, self.paths, self.still_s = clock, list[str](), 0.0

    async def send(self, call):
        self.paths.append(call.path)
        self.clock.advance(self.still_s)
        return Accepted(200, "")

    async def probe(self):
        return Accepted(200, "")


@pytest.fixture(params=[MemoryWorld, SqliteWorld])
async def stage(request, tmp_path):
    clock = ManualClock()
    world = await request.param(tmp_path, clock).open()
    custify = StandsStill(clock)
    engine = engine_over(world, custify, clock, dice=SeededDice(1))
    call = msgspec.structs.replace(event("g1", "ana", company="acme"), body=GROUP)
    await world.append(call)
    yield world, engine, custify
    await world.close()


async def leased(world, engine):
    [lease] = await world.backlog.lease(limit=1, lease_s=engine.policy.lease_s)
    return lease


async def test_no_call_is_made_once_the_lease_has_run_out(stage):
    world, engine, custify = stage
    lost = await leased(world, engine)
    custify.clock.advance(engine.policy.lease_s)

    await engine.deliver(lost)
    assert custify.paths == []

    await engine.deliver(await leased(world, engine))
    assert custify.paths == ["/company", "/people"]
    assert world.counts().outcomes == {Outcome.DELIVERED: 1}


async def test_nor_the_second_of_two_calls_when_it_ran_out_during_the_first(stage):
    world, engine, custify = stage
    custify.still_s = engine.policy.lease_s

    await engine.deliver(await leased(world, engine))
    assert custify.paths == ["/company"]

    custify.still_s = 0.0
    await engine.deliver(await leased(world, engine))
    assert custify.paths == ["/company", "/company", "/people"]
    assert world.counts().outcomes == {Outcome.DELIVERED: 1}


async def test_a_call_that_could_outlive_the_lease_is_left_to_the_next_one(stage):
    world, engine, custify = stage
    lease = await leased(world, engine)
    custify.clock.advance(engine.policy.lease_s - engine.policy.call_s_max / 2)

    await engine.deliver(lease)
    assert custify.paths == []

    await engine.deliver(await leased(world, engine))
    assert world.counts().outcomes == {Outcome.DELIVERED: 1}


async def test_a_call_whose_turn_passed_while_the_process_stood_still_waits_for_another(stage, monkeypatch):
    world, engine, custify = stage
    engine.pace.per_s_max = 2.0
    while not engine.pace.wait_s(custify.clock.steady()):
        engine.pace.sent(custify.clock.steady())

    async def slept(wait_s):
        custify.clock.advance(wait_s + LATE_S_MAX + 0.1)

    monkeypatch.setattr(asyncio, "sleep", slept)
    await engine.deliver(await leased(world, engine))
    assert custify.paths == []
    assert world.counts().waiting == 1

    engine.pace.per_s_max = math.inf
    await engine.deliver(await leased(world, engine))
    assert world.counts().outcomes == {Outcome.DELIVERED: 1}
