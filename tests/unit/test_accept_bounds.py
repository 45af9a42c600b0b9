"""Nothing a stranger sends starves or fills ingest: bounds on events, time, room and what is remembered."""

import asyncio
import base64
import gc
import gzip
import tracemalloc
import weakref

import pytest

from accept_client import AUTH, KEY, Client, Exchange, Scope
from penstock.accept import room as room_module
from penstock.accept.app import PIECE_EVENTS_MAX, PIECES_AT_ONCE
from penstock.accept.bodies import STRANGER_BYTES_MAX, WHOLE_BYTES_MAX
from penstock.accept.lenient import CHARS_OF_A_TOKEN, CUT_DEPTH_MAX, DEPTH_MAX, TOKENS_OF_A_SLICE
from penstock.accept.sdk_request import Arrival, TooManyEvents, batch_in_slices, plain_batch, plain_one
from penstock.accept.turns import REST_S, RESTS_MAX, WAITING_MAX
from penstock.buffer.memory.log import MemoryBuffer
from penstock.clock import ManualClock, SeededDice
from penstock.errors import BufferUnavailable, SdkError
from penstock.event import in_one_go
from penstock.settings import Settings
from sim.loop import VirtualTimeLoop

ORIGIN = Arrival("web", 1_700_000_000_000, "10.0.0.7")
EVENT = b'{"userId":"a"}'
SERVER = {"authorization": "Basic " + base64.b64encode(b"server-key:").decode()}
SMALL = AUTH | {"content-length": str(len(EVENT))}


def batch_of(*events: bytes) -> bytes:
    return b'{"batch":[%b]}' % b",".join(events)


class Dripping(Exchange):
    """A sender who sends some parts of a body, and then nothing; what was waited for can be cancelled, as granian's can."""

    def __init__(self, *parts: bytes) -> None:
        super().__init__(b"")
        self.parts = list(parts)

    def __call__(self):
        return self.__anext__()

    def __aiter__(self):
        return self

    def __anext__(self):
        came = asyncio.get_running_loop().create_future()
        if self.parts:
            came.set_result(self.parts.pop(0))
        return came


def begin(client: Client, exchange: Exchange, headers: dict[str, str], path: str = "/v1/track") -> asyncio.Task:
    return asyncio.get_running_loop().create_task(client.gateway.__rsgi__(Scope("POST", path, headers), exchange))


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


# --- events of a request


async def test_a_request_with_too_many_events_is_413_and_nothing_of_it_is_stored():
    client = Client(request_events_max=10)

    assert (await client("POST", "/v1/batch", batch_of(*[EVENT] * 10))).status == 200
    answer = await client("POST", "/v1/batch", batch_of(*[EVENT] * 11))

    assert (answer.status, answer.body) == (413, b"request size exceeds max limit\n")
    assert len(client.events) == 10
    assert client.gateway.facts()["lost"] == [("web", "request", 11)]


async def test_eight_kilobytes_of_gzip_are_not_270_000_events():
    bomb = gzip.compress(batch_of(*[EVENT] * 270_000))
    client = Client()

    answer = await client("POST", "/v1/batch", bomb, AUTH | {"content-encoding": "gzip"})

    assert len(bomb) < 10_000
    assert (answer.status, client.events) == (413, [])


# The shortest event that RudderStack's and Segment's Node SDKs write: id, name, type, library, times and messageId.
SHORTEST_BYTES = 295
# What SDKs put into one request at most, by their documentation and sources; where bytes are the limit, in shortest events.
SDK_LIMITS = {
    "RudderStack JavaScript v3, a queue of 100": 100,
    "RudderStack Android, iOS, Flutter, flushQueueSize at most 100": 100,
    "RudderStack Python, upload_size 100": 100,
    "RudderStack Go, 250 events": 250,
    "RudderStack Node, maxQueueSize 460 800 bytes": 460_800 // SHORTEST_BYTES,
    "Segment Node, maxEventsInBatch 15": 15,
    "Segment's batch API, 500 kB a request": 500 * 1024 // SHORTEST_BYTES,
}


@pytest.mark.parametrize("sdk", SDK_LIMITS)
def test_no_sdk_at_its_own_limits_meets_ours(sdk):
    assert 5 * SDK_LIMITS[sdk] < Settings().request_events_max


# --- work in slices

HOSTILE = {
    "cheap events": lambda n: batch_of(*[EVENT] * (n // 15)),
    "events without end, packed apart": lambda n: b'{"batch":[%b]}' % b" \n, ".join([b'{"userId":"a"} '] * (n // 19)),
    "half surrogates": lambda n: batch_of(b'{"userId":"%b"}' % (rb"\ud800" * (n // 6))),
    "bytes that are no text": lambda n: batch_of(b'{"userId":"a","x":"%b"}' % (b"\xff" * n)),
    "backslashes": lambda n: batch_of(b'{"userId":"\xff%b"}' % (b"\\" * n)),
    "NUL": lambda n: batch_of(b'{"userId":"a","x":"%b"}' % (b"\0" * n)),
    "one text": lambda n: batch_of(b'{"userId":"%b"}' % (b"a" * n)),
    "one text of ends": lambda n: batch_of(EVENT, b'{"userId":"%b"}' % (b"},{" * (n // 3))),
    "objects as an id": lambda n: batch_of(b'{"userId":[%b1]}' % (b"{}," * (n // 3))),
    "objects as a company": lambda n: batch_of(b'{"userId":"a","type":"group","groupId":[%b1]}' % (b"{}," * (n // 3))),
    "numbers for events": lambda n: b'{"batch":[%b1]}' % (b"1," * (n // 2)),
    "the same key": lambda n: batch_of(b'{%b"userId":"a"}' % (b'"userId":"b",' * (n // 13))),
    "a huge number": lambda n: batch_of(b'{"userId":%b}' % (b"1" * n)),
    "brackets": lambda n: b"[" * n,
    "brackets in a batch": lambda n: b'{"batch":' + b"[" * n,
    "quotes": lambda n: b'{"batch":' + b'"' * n,
    "commas": lambda n: b'{"batch":[' + b"," * n,
    "words": lambda n: b'{"batch":[' + b"N " * (n // 2),
    "a letter and nothing else": lambda n: b'{"batch":[' + b"N" * n,
    "a comma and spaces": lambda n: b'{"batch":[,' + b" " * n,
    "dashes": lambda n: b'{"batch":[' + b"-" * n,
    "no numbers": lambda n: batch_of(b'{"userId":"a","x":[%b1]}' % (b"NaN," * (n // 4))),
    "spaces": lambda n: batch_of(b'{"userId":"a"} %b' % (b" " * n), EVENT),
}


@pytest.mark.parametrize("kind", HOSTILE)
async def test_others_are_answered_while_a_large_or_odd_body_is_read(kind):
    client, exchange = Client(), Exchange(HOSTILE[kind](600_000))
    answered = []

    async def ask_for_health() -> None:
        answered.append(("health", (await client("GET", "/health")).status, exchange.answer))

    reading = begin(client, exchange, AUTH, "/v1/batch")
    await asyncio.gather(reading, ask_for_health())

    assert answered == [("health", 200, None)], "health was answered after the body, not before"
    assert exchange.answer.status in {200, 400, 413}


@pytest.mark.parametrize("kind", HOSTILE)
def test_twice_as_much_to_read_is_twice_as_much_work(kind):
    small, large = (pauses(HOSTILE[kind](size)) for size in (250_000, 500_000))

    assert large <= 2.5 * small + 4


def pauses(body: bytes) -> int:
    steps, count = batch_in_slices(body, origin=ORIGIN, dice=SeededDice(1), events_max=100_000), 0
    try:
        while True:
            next(steps)
            count += 1
    except StopIteration:
        return count
    except SdkError as refusal:
        assert refusal.status == 400
        return count


@pytest.mark.parametrize("kind", ["a letter and nothing else", "a comma and spaces", "dashes", "words", "commas"])
def test_no_search_goes_through_megabytes_in_one_go(kind):
    assert pauses(HOSTILE[kind](1_000_000)) >= 1_000_000 / (TOKENS_OF_A_SLICE * CHARS_OF_A_TOKEN)


@pytest.mark.parametrize("kind", ["brackets", "brackets in a batch"])
def test_what_is_nested_too_deep_to_be_read_is_looked_at_no_further(kind):
    assert pauses(HOSTILE[kind](4_000_000)) <= 2 * (DEPTH_MAX + CUT_DEPTH_MAX) / TOKENS_OF_A_SLICE


@pytest.mark.parametrize("before", [b'{"batch":[', b'{"x":"\\"batch\\":[","batch" : ['])
def test_of_too_many_events_as_many_are_read_as_it_takes_to_refuse_them(before):
    never_read = b"this is no JSON"
    body = before + b",".join([EVENT] * 100_000) + never_read

    with pytest.raises(TooManyEvents):
        in_one_go(batch_in_slices(body, origin=ORIGIN, dice=SeededDice(1), events_max=10_000))


def test_a_list_of_an_event_is_not_taken_for_the_events():
    listing = b'{"userId":"a","properties":{"batch":[%b]}}' % b",".join([EVENT] * 50_000)
    batch = in_one_go(batch_in_slices(batch_of(listing), origin=ORIGIN, dice=SeededDice(1), events_max=10_000))

    assert batch.text == listing


def test_cheap_events_are_read_some_hundred_at_a_time():
    assert pauses(batch_of(*[EVENT] * 10_000)) > 10


def test_what_sdks_send_is_read_in_one_go():
    context = b'{"userId":"a","context":{"library":{"name":"x"},"page":{},"os":{},"traits":{"plan":{"id":1}}}}'
    batch = batch_of(*[b'{"messageId":"m%d",%b' % (n, context[1:]) for n in range(250)])

    assert len(plain_batch(batch, origin=ORIGIN, dice=SeededDice(1)).heads) == 250
    assert plain_one(EVENT, type_="track", origin=ORIGIN, dice=SeededDice(1)) is not None


async def test_events_are_the_same_in_slices_and_in_one_go():
    events = [b'{"userId":"u%d","x":[{"y":"},{"},{}],"messageId":"m%d"}' % (n, n) for n in range(2_000)]
    client = Client()
    await client("POST", "/v1/batch", batch_of(*events))

    assert plain_batch(batch_of(*events), origin=ORIGIN, dice=SeededDice(1)) is None
    assert [(event.user_id, event.body) for event in client.events] == [
        (f"u{n}", event) for n, event in enumerate(events)
    ]


async def test_large_requests_wait_for_their_turn_and_not_without_end():
    client, large = Client(), batch_of(*[EVENT] * 4_000)
    exchanges = [Exchange(large) for _ in range(WAITING_MAX + 5)]
    await asyncio.gather(*(begin(client, exchange, AUTH, "/v1/batch") for exchange in exchanges))

    answers = [exchange.answer for exchange in exchanges]
    assert [answer.status for answer in answers].count(200) == WAITING_MAX
    assert {answer.headers.get("retry-after") for answer in answers if answer.status == 503} == {"1"}


class SmallLog(MemoryBuffer):
    """Remembers how many events came at once, has room for some, and keeps who sent a single one waiting."""

    def __init__(self, *, room: int = 1_000_000) -> None:
        super().__init__(clock=ManualClock())
        self.at_once, self.room, self.is_synced = list[int](), room, asyncio.Event()

    async def append(self, batches):
        self.at_once.append(sum(len(batch.heads) for batch in batches))
        if self.at_once[-1] == 1:
            await self.is_synced.wait()
        if self.at_once[-1] > self.room:
            raise BufferUnavailable("no room is left")
        self.room -= self.at_once[-1]
        return await super().append(batches)


async def test_no_requests_sync_waits_for_thousands_of_anothers_events():
    client = Client(buffer=SmallLog())
    answer = await client("POST", "/v1/batch", batch_of(*[b'{"userId":"u%d"}' % n for n in range(5_000)]))

    assert answer.status == 200
    assert max(client.buffer.at_once) == PIECE_EVENTS_MAX * PIECES_AT_ONCE
    assert [event.user_id for event in client.events] == [f"u{n}" for n in range(5_000)]


async def test_a_large_request_that_finds_no_room_is_sent_again_and_nothing_is_stored_twice():
    client = Client(buffer=SmallLog(room=1_200))
    batch = batch_of(*[b'{"userId":"u","messageId":"m%d"}' % n for n in range(2_000)])

    refused = await client("POST", "/v1/batch", batch)
    assert (refused.status, len(client.events)) == (503, 1_024)
    assert client.gateway.facts()["lost"] == [("web", "store", 976)]

    client.buffer.room = 1_000_000
    assert (await client("POST", "/v1/batch", batch)).status == 200
    assert [event.message_id for event in client.events] == [f"m{n}" for n in range(2_000)]


def test_a_large_request_goes_slowly_while_a_small_one_is_being_stored():
    async def story() -> None:
        client, now = Client(buffer=SmallLog()), asyncio.get_running_loop().time
        small, began_at = begin(client, Exchange(EVENT), SMALL), now()
        large = await client("POST", "/v1/batch", batch_of(*[EVENT] * 9_000))

        assert large.status == 200
        assert now() - began_at >= 9_000 / (PIECE_EVENTS_MAX * PIECES_AT_ONCE) * RESTS_MAX * REST_S
        assert not small.done()
        client.buffer.is_synced.set()
        await small

    in_virtual_time(story)


async def test_a_sources_large_requests_do_not_wait_for_those_of_another():
    client, large = Client(), batch_of(*[EVENT] * 2_000)
    strangers = [Exchange(large) for _ in range(WAITING_MAX + 5)]
    waiting = [begin(client, exchange, AUTH, "/v1/batch") for exchange in strangers]
    await turns(5)
    server = Exchange(large)
    await begin(client, server, SERVER, "/v1/batch")

    assert server.answer.status == 200
    assert sum(exchange.answer is None for exchange in strangers) > WAITING_MAX / 2
    await asyncio.gather(*waiting)


# --- bodies that do not come


def in_virtual_time(story) -> None:
    VirtualTimeLoop().run_until_complete(story())


@pytest.mark.parametrize("size", [100, WHOLE_BYTES_MAX + 1])
def test_a_body_that_does_not_come_is_not_waited_for(size):
    async def story() -> None:
        client, silent = Client(), Dripping()
        waiting = begin(client, silent, AUTH | {"content-length": str(size)})
        await asyncio.sleep(room_module.SILENT_S_MAX - 2)
        assert silent.answer is None
        await asyncio.sleep(4)

        # Not 408: what a 4xx refuses, SDKs throw away.
        assert (silent.answer.status, silent.answer.headers["retry-after"]) == (503, "1")
        assert client.gateway.bodies.known.held_bytes == 0
        await waiting

    in_virtual_time(story)


def test_a_body_that_drips_is_not_waited_for_either():
    async def story() -> None:
        client = Client()

        class Slow(Dripping):
            async def __anext__(self):
                await asyncio.sleep(1)
                return b"a"

        slow = Slow()
        waiting = begin(client, slow, AUTH | {"content-length": "1000000"})
        await asyncio.sleep(room_module.LATE_S + 5)

        assert slow.answer.status == 503
        assert client.gateway.bodies.known.held_bytes == 0
        await waiting

    in_virtual_time(story)


def test_half_bodies_are_in_no_requests_way():
    async def story() -> None:
        client = Client()
        room = client.gateway.bodies.known
        half = [Dripping(*[b"a" * 60_000] * 60) for _ in range(150)]
        waiting = [begin(client, each, AUTH | {"content-length": "4000000"}) for each in half]
        await turns(200)
        held_bytes = room.held_bytes
        answers = [await client("POST", "/v1/track", EVENT, SMALL) for _ in range(50)]
        large = batch_of(b'{"userId":"a","x":"%b"}' % (b"x" * 400_000))
        await asyncio.sleep(room_module.STALE_S + 1)
        answers.append(await client("POST", "/v1/batch", large, AUTH | {"content-length": str(len(large))}))

        assert held_bytes <= room.bytes_max
        assert {answer.status for answer in answers} == {200}
        assert {each.answer.status for each in half if each.answer} == {503}
        for task in waiting:
            task.cancel()
        await turns(3)
        assert room.held_bytes == 0

    in_virtual_time(story)


def test_a_small_body_that_comes_is_not_cut_off_for_a_large_one():
    async def story() -> None:
        client = Client(body_bytes_max=400_000, bodies_bytes_max=800_000)
        small = Dripping()
        waiting = [begin(client, small, AUTH | {"content-length": "1000"})]
        waiting += [
            begin(client, Dripping(*[b"a" * 60_000] * 6), AUTH | {"content-length": "400000"}) for _ in range(4)
        ]
        await turns(20)

        assert small.answer is None
        for task in waiting:
            task.cancel()
        await turns(3)
        assert client.gateway.bodies.known.held_bytes == 0

    in_virtual_time(story)


async def test_what_is_being_stored_keeps_its_room_and_no_more_is_let_in():
    client, go_on = Client(body_bytes_max=3_000, bodies_bytes_max=8_000), asyncio.Event()

    async def append(_) -> None:
        await go_on.wait()

    client.buffer.append = append
    body = b'{"userId":"%b"}' % (b"a" * 2_900)
    headers = AUTH | {"content-length": str(len(body))}
    exchanges = [Exchange(body) for _ in range(3)]
    waiting = [begin(client, exchange, headers) for exchange in exchanges]
    await turns(5)
    statuses = [exchange.answer and exchange.answer.status for exchange in exchanges]
    go_on.set()
    await asyncio.gather(*waiting)

    assert statuses == [None, None, 503]
    assert client.gateway.bodies.known.held_bytes == 0


async def test_the_room_counts_what_gzip_unpacks_to():
    client, held = Client(), []

    async def append(_) -> None:
        held.append(client.gateway.bodies.known.held_bytes)

    client.buffer.append = append
    body = b'{"userId":"%b"}' % (b"a" * 400_000)
    await client("POST", "/v1/track", gzip.compress(body), AUTH | {"content-encoding": "gzip"})

    assert held == [len(body)]
    assert client.gateway.bodies.known.held_bytes == 0


async def test_a_sender_who_hangs_up_is_no_bug():
    class Gone(Exchange):
        async def __call__(self):
            raise RuntimeError("closed")

    client, gone = Client(), Gone(b"")
    await begin(client, gone, SMALL)

    assert (gone.answer.status, gone.answer.body) == (400, b"failed to read body from request\n")
    assert client.gateway.bodies.known.held_bytes == 0


# --- without a key


class Unread(Exchange):
    """A body that nobody may ask for."""

    async def __call__(self):
        raise AssertionError("the body was read")

    async def __aiter__(self):
        raise AssertionError("the body was read")
        yield


@pytest.mark.parametrize("authorization", ["", "Basic eDo=", "Basic b2ZmLWtleTo="])
async def test_a_body_is_read_for_a_known_key_alone(authorization):
    client, exchange = Client(), Unread(b"")
    await begin(client, exchange, {"content-length": "100", "authorization": authorization}, "/v1/batch")

    assert exchange.answer.status in {401, 404}


async def test_a_body_that_brings_its_key_itself_is_smaller_and_has_a_room_of_its_own():
    client = Client()
    body = b'{"userId":"a","writeKey":"%b","x":"%b"}' % (KEY.encode(), b"x" * STRANGER_BYTES_MAX)

    assert (await client("POST", "/v1/t", body, {})).status == 413
    assert (await client("POST", "/v1/t", body, AUTH)).status == 200
    assert client.gateway.bodies.strangers.bytes_max < client.gateway.bodies.known.bytes_max / 2


async def test_a_refused_request_leaves_nothing_behind():
    client, scopes = Client(), []
    for path, body, headers in (
        ("/v1/track", EVENT, {"authorization": "Basic eDo="}),
        ("/v1/track", b"{", AUTH),
        ("/v1/track", b'{"event":"x"}', AUTH),
        ("/v1/batch", batch_of(), AUTH),
        ("/v1/track", EVENT, AUTH | {"content-encoding": "gzip"}),
        ("/pixel/v1/track", b"", {}),
        ("/nowhere", b"", {}),
    ):
        scope = Scope("GET" if path.startswith("/pixel") else "POST", path, headers, query_string="event=x")
        scopes.append(weakref.ref(scope))
        await client.gateway.__rsgi__(scope, Exchange(body))
        del scope
    gc.collect()

    assert [scope() for scope in scopes] == [None] * len(scopes)


async def test_headers_of_strangers_are_not_remembered():
    client = Client()
    headers = [{"authorization": "Basic " + base64.b64encode(b"%060d:" % n).decode()} for n in range(300)]
    await client("POST", "/v1/track", EVENT, headers[0])
    tracemalloc.start()
    for each in headers:
        await client("POST", "/v1/track", EVENT, {"authorization": each["authorization"] + "A" * 60_000})
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert grown < 1_000_000


async def test_a_long_header_is_not_stored_with_each_event():
    client = Client()
    await client("POST", "/v1/batch", batch_of(*[EVENT] * 10), AUTH | {"x-forwarded-for": "a" * 60_000})

    assert {len(event.request_ip) for event in client.events} <= set(range(65))


async def test_an_address_with_thousands_of_fields_is_not_taken_apart():
    client, query = Client(), "&".join(["a=1"] * 1_000) + f"&writeKey={KEY}"

    assert (await client("POST", "/beacon/v1/batch", batch_of(EVENT), {}, query_string=query)).status == 401
    assert (await client("GET", "/pixel/v1/track", b"", {}, query_string=query)).headers["content-type"] == "image/gif"
    assert client.events == []
    assert ("pixel", 413, 1) in client.gateway.facts()["requests"]


async def test_types_that_a_sender_makes_up_are_counted_as_others():
    client = Client()
    events = [b'{"userId":"a","type":"t%d"}' % n for n in range(300)] + [b'{"userId":"a","type":"track"}'] * 2
    await client("POST", "/v1/batch", batch_of(*events))

    assert sorted(client.gateway.facts()["events"]) == [("web", "other", 300), ("web", "track", 2)]
