"""What an event costs the disk and the processor, counted: it does not depend on the machine, and grows only when somebody lets it.

Each bound stands closely above what was counted when it was written. Who lowers a figure lowers its bound.
"""

import asyncio

import msgspec
import pytest

import counting
from accept_client import Client
from contract.worlds import event
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.outcomes import Attempt, Outcome
from penstock.destinations.custify.convert import convert
from penstock.destinations.custify.options import Mapping
from penstock.event import Batch
from sim.run import be_quiet
from sim.two_destinations import GREY, HEALTHY, on_stage

MANY, AT_ONCE, BATCH = 1_024, 32, 100
ATTEMPT = Attempt(at=1.7e9, method="POST", path="/event", status=200, answer="[]", duration_ms=20)


def assert_at_most(of_each, **bounds) -> None:
    """Hold figures to their bounds, all of them at once."""
    found = {name: round(of_each[name], 3) for name in bounds}
    assert {name: figure for name, figure in found.items() if figure > bounds[name]} == {}, found


@pytest.fixture
async def stocked(sqlite_world):
    await sqlite_world.append(*(event(f"m{i}", f"u{i % 200}") for i in range(MANY)))
    return sqlite_world


async def delivered(world) -> int:
    """Let everything arrive, so many at once."""
    count = 0
    while leases := await world.lease(AT_ONCE):
        ends = [Ending(lease=lease, outcome=Outcome.DELIVERED, attempts=[ATTEMPT]) for lease in leases]
        await asyncio.gather(*(world.backlog.settle(end) for end in ends))
        count += len(ends)
    return count


async def test_an_event_that_arrives_costs_its_outcome_its_call_and_its_keys(stocked):
    written = counting.Written(stocked.store.connection)

    assert await delivered(stocked) == MANY

    # Its outcome, its call, the key of its person; and the sums and a sync, for all that end together.
    assert_at_most(written.of_each(MANY), syncs=2.1 / AT_ONCE, statements=3.5, rows=3.2, bytes=2_500)


async def test_records_of_people_are_read_along_with_the_leases_of_their_events(stocked):
    ledger = stocked.backlog.ledger
    await ledger.known({"user:somebody"})
    leases = await stocked.lease(AT_ONCE)

    # Whoever asks for them next does not have to wait for the writer.
    assert ledger.cache.keys() > {f"user:{lease.event.user_id}" for lease in leases}


async def test_an_event_that_waits_behind_others_costs_nothing(stocked):
    before = stocked.store.connection.total_changes()
    await stocked.lease(AT_ONCE)

    assert stocked.store.connection.total_changes() - before <= 4


def batches_of(size: int):
    """Return requests of so many events, with all ids different."""
    names = [f"m{i * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF:016x}" for i in range(MANY)]
    return [Batch.of(*(event(n, f"u{i}") for i, n in enumerate(names[at : at + size]))) for at in range(0, MANY, size)]


async def test_events_that_come_one_after_the_other_are_a_sync_and_three_rows_each(sqlite_world):
    written = counting.Written(sqlite_world.log.connection)
    for batch in batches_of(1)[:128]:
        await sqlite_world.log.append([batch])

    assert_at_most(written.of_each(128), syncs=1.01, statements=8.5, rows=3.1, bytes=35_000)


async def test_events_that_come_at_the_same_time_share_a_sync(sqlite_world):
    written = counting.Written(sqlite_world.log.connection)
    await asyncio.gather(*(sqlite_world.log.append([batch]) for batch in batches_of(1)))

    assert_at_most(written.of_each(MANY), syncs=1.1 / MANY, statements=0.035, rows=0.025, bytes=80)


async def test_an_event_of_a_batch_costs_a_share_of_a_row(sqlite_world):
    written = counting.Written(sqlite_world.log.connection)
    await asyncio.gather(*(sqlite_world.log.append([batch]) for batch in batches_of(BATCH)))

    assert_at_most(written.of_each(MANY), syncs=1.1 / MANY, statements=0.035, rows=0.025, bytes=80)


class Swallowing:
    """A log that costs nothing."""

    async def append(self, batches) -> int:
        return sum(len(batch.heads) for batch in batches)


TRACK = {
    "type": "track",
    "event": "Order Completed",
    "userId": "u1",
    "messageId": "m1",
    "timestamp": "2026-11-28T07:00:00.000Z",
    "properties": {"category": "books", "value": 1.5, "currency": "EUR", "coupon": "SPRING"},
    "context": {"library": {"name": "test", "version": "1"}, "locale": "en-GB"},
}


async def asked(path: str, body: bytes, *, times: int) -> float:
    """Return how many functions a request calls, once all that is made at the first one is there."""
    client = Client(buffer=Swallowing())
    assert (await client("POST", path, body)).status == 200
    with counting.calls() as counted:
        for _ in range(times):
            await client("POST", path, body)
    return counted.count / times


async def test_taking_a_single_event_is_so_many_calls():
    assert await asked("/v1/track", msgspec.json.encode(TRACK), times=50) <= 100


async def test_taking_an_event_of_a_batch_is_so_many_calls():
    body = msgspec.json.encode({"batch": [TRACK | {"messageId": f"m{i}"} for i in range(BATCH)]})

    assert await asked("/v1/batch", body, times=5) / BATCH <= 7.5


async def test_a_batch_takes_so_much_memory_at_once_for_each_of_its_bytes():
    body = msgspec.json.encode({"batch": [TRACK | {"messageId": f"m{i}"} for i in range(1_000)]})
    client = Client(buffer=Swallowing())
    await client("POST", "/v1/batch", body)
    with counting.bytes_at_once() as counted:
        await client("POST", "/v1/batch", body)

    assert counted.count / len(body) <= 3.6


TYPES = {
    "track": (TRACK, 132, 224),
    "identify": (
        TRACK | {"type": "identify", "traits": {"email": "ana@example.com", "plan": "Pro", "seats": 5}},
        220,
        478,
    ),
    "group": (TRACK | {"type": "group", "groupId": "acme", "traits": {"name": "Acme", "size": 150}}, 215, 585),
    "page": (TRACK | {"type": "page", "name": "Billing"}, 134, 44),
    "screen": (TRACK | {"type": "screen", "name": "Billing"}, 134, 44),
    "alias": (TRACK | {"type": "alias", "previousId": "u0"}, 38, 44),
}


@pytest.mark.parametrize("type_", TYPES)
def test_converting_an_event_is_so_many_calls(type_):
    body, *bounds = TYPES[type_]
    found = []
    for options in (Mapping(page_views=True), Mapping(name="rudderstack")):
        convert(body, options)
        with counting.calls() as counted:
            for _ in range(20):
                convert(body, options)
        found.append(counted.count / 20)

    assert found <= bounds, found


async def sent(stage) -> float:
    """Return how many functions the loop calls for an event, from the log to a destination's answer, written down."""
    await stage.send(200)
    await until_taken(stage, 200)
    with counting.calls() as counted:
        await stage.send(MANY)
        await until_taken(stage, 200 + MANY)
    return counted.count / MANY / 2


async def until_taken(stage, events: int) -> None:
    while min(len(stage.custify[name].took_at) for name in (HEALTHY, GREY)) < events:
        await asyncio.sleep(0.05)


def test_delivering_an_event_is_so_many_calls(tmp_path):
    be_quiet()

    assert on_stage(tmp_path, sent) <= 800
