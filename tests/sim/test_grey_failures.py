"""What is neither well nor down, a slow disk or a slow Custify, slows nobody else, and nothing claims that it delivers."""

import asyncio
import functools

import pytest
import structlog

from sim.run import be_quiet
from sim.steady_custify import LATENCY_S
from sim.two_destinations import GREY, HEALTHY, NEVER, Slow, on_stage

PER_S, WARM_S, SECONDS = 20, 10, 100
KEEPS = 0.95
# What a sync costs a disk of a server, and one that is 50 times slower.
DISK_S, SLOW_DISK_S = 0.004, 0.2
CALLS_MAX = 32


@pytest.fixture(autouse=True)
def quiet():
    """Ten thousand events are ten thousand lines."""
    be_quiet()
    yield
    structlog.reset_defaults()


async def busy(stage):
    """Events come at a steady rate; return how many the healthy destination took, and how both were said to stand."""
    await stage.send_for(SECONDS, per_s=PER_S)
    return stage.taken(HEALTHY, since_s=WARM_S), stage.looks


@pytest.fixture(scope="module")
def well(tmp_path_factory):
    """How many events it takes beside one that is well too."""
    be_quiet()
    return on_stage(tmp_path_factory.mktemp("well"), busy)[0]


GREYS = {
    "a byte a second": {"answers_after_s": NEVER},
    "a byte a second, to writes alone": {"answers_after_s": NEVER, "do_reads_pass": True},
    "answers after 29 s": {"answers_after_s": 29.0},
    "answers after 29 s, and is waited for": {"answers_after_s": 29.0, "call_s_max": 30.0},
}


@pytest.mark.parametrize("how", GREYS.values(), ids=GREYS)
def test_a_destination_that_is_grey_slows_no_other_and_does_not_claim_to_deliver(folder, well, how):
    taken, looks = on_stage(folder, busy, functools.partial(Slow, **how), call_s_max=how.get("call_s_max", 10.0))

    assert taken >= KEEPS * well
    assert [look for name in looks for look in looks[name] if not look.is_true] == []
    assert {look.standing.state for look in looks[HEALTHY]} == {"delivering"}


async def crowded(stage):
    """More waits than can be sent; return how many each took a second, and how both were said to stand."""
    await stage.send(3_000)
    for _ in range(15):
        await asyncio.sleep(1.0)
        stage.look()
    return [stage.taken(name, since_s=5.0) / 10.0 for name in (HEALTHY, GREY)], stage.looks


def test_a_disk_that_is_fifty_times_slower_delays_events_and_neither_their_rate_nor_the_truth(folder, tmp_path):
    well, _ = on_stage(tmp_path, busy, disk_s=DISK_S)
    taken, looks = on_stage(folder, busy, disk_s=SLOW_DISK_S)

    assert taken >= KEEPS * well
    assert max(look.waiting for look in looks[HEALTHY]) <= 5 * PER_S
    assert {look.standing.state for each in looks.values() for look in each} == {"delivering"}


def test_on_such_a_disk_a_full_width_of_calls_is_made_every_other_sync_also_beside_a_slow_destination(folder, tmp_path):
    rates, looks = on_stage(tmp_path, crowded, disk_s=SLOW_DISK_S)
    beside, looks_beside = on_stage(folder, crowded, functools.partial(Slow, answers_after_s=NEVER), disk_s=SLOW_DISK_S)

    assert min(rates) >= CALLS_MAX / (2 * SLOW_DISK_S + LATENCY_S)
    assert min(rates) >= KEEPS * max(rates)
    assert beside[0] >= KEEPS * rates[0]
    assert {look.standing.state for each in looks.values() for look in each} == {"delivering"}
    assert all(look.is_true for look in looks_beside[GREY])
