"""What the gauge promises: a mark that moves with the store, and how long events took."""

import msgspec

from contract.worlds import DESTINATION, event
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.outcomes import Outcome

MINUTE = 1_700_000_000_000 // 60_000


def received(name: str, *, minute: int):
    return msgspec.structs.replace(event(name, name), received_at_ms=minute * 60_000)


def lags(world, *, of_each: int = 10):
    return world.gauge.lags(DESTINATION, since=MINUTE, until=MINUTE + 5, of_each=of_each)


async def settle_all(world, outcome=Outcome.DELIVERED):
    for lease in await world.lease():
        await world.backlog.settle(Ending(lease=lease, outcome=outcome))


async def test_the_mark_moves_when_something_is_stored_and_when_something_ends(world):
    untouched = world.gauge.mark()
    await world.append(event("m1", "ana"))
    stored = world.gauge.mark()
    await settle_all(world)

    assert len({repr(mark) for mark in (untouched, stored, world.gauge.mark())}) == 3


async def test_nothing_received_has_no_lags(world):
    assert lags(world) == {}


async def test_lags_are_told_by_the_minute_in_which_events_were_received(world):
    for minute in (0, 1, 4, 9):
        await world.append(received(f"m{minute}", minute=MINUTE + minute))
    await settle_all(world)
    took = world.clock.now() - MINUTE * 60

    assert lags(world) == {MINUTE: [max(took, 0)], MINUTE + 1: [max(took - 60, 0)], MINUTE + 4: [max(took - 240, 0)]}


async def test_what_waits_or_was_not_taken_has_no_lag(world):
    await world.append(received("m1", minute=MINUTE))
    await settle_all(world, Outcome.FILTERED)
    await world.append(received("m2", minute=MINUTE))

    assert lags(world) == {}


async def test_of_a_busy_minute_an_even_sample_is_looked_at(world):
    await world.append(*(received(f"m{number}", minute=MINUTE) for number in range(30)))
    await settle_all(world)

    assert len(lags(world, of_each=7)[MINUTE]) == 7
    assert len(lags(world, of_each=100)[MINUTE]) == 30


def named(name: str, said: str, *, minute: int):
    body = f'{{"messageId":"{name}","event":"{said}"}}'.encode()
    return msgspec.structs.replace(received(name, minute=minute), body=body)


async def test_names_are_those_of_events_that_ended_and_of_others_than_tracks_their_type(world):
    group = msgspec.structs.replace(event("g", "ana", company="acme"), received_at_ms=(MINUTE + 1) * 60_000)
    await world.append(named("m1", "Used", minute=MINUTE), named("m2", "Used", minute=MINUTE))
    await world.append(group)
    await settle_all(world)
    await world.append(named("m3", "Paid", minute=MINUTE + 2))

    names = world.gauge.names(DESTINATION, since=MINUTE, until=MINUTE + 5, of_each=10)

    assert names == {MINUTE: {"Used": 2}, MINUTE + 1: {"group": 1}}
