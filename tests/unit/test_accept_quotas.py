"""How much a source may send a second, and from which pages: what is refused is said, counted, and nobody else's trouble."""

import json

import pytest
from structlog.testing import capture_logs

from accept_client import AUTH, KEY, Client, FullBuffer
from penstock.accept.quotas import SAID_EVERY_S, Lost, Meter, Quotas
from penstock.accept.sources import Sources
from penstock.settings import Source

EVENT = b'{"userId":"ana","event":"Seen"}'
MINUTE = 60.0
#: What SDKs hold back at most while they cannot send, as their own settings and sources say, and send at once afterwards.
QUEUES = {"RudderStack JS": 100, "Segment JS": 100, "RudderStack Python": 10_000, "Segment Python": 10_000}


def batch(count: int, size: int = 0) -> bytes:
    return json.dumps({"batch": [{"userId": "ana", "event": "Seen", "pad": "x" * size}] * count}).encode()


def client_with(**source) -> Client:
    client = Client()
    client.gateway.sources = Sources({"web": Source(name="web", write_key=KEY, **({"type": "web"} | source))})
    return client


def lost(client: Client) -> dict[str, int]:
    return {f"{source} {why}": count for source, why, count in client.gateway.facts()["lost"]}


async def test_more_than_the_quota_is_429_in_the_contracts_form_with_a_time_to_come_back():
    client = client_with(events_per_s_max=1, burst_s=MINUTE)
    assert (await client("POST", "/v1/batch", batch(60))).status == 200

    answer = await client("POST", "/v1/batch", batch(7))

    assert (answer.status, answer.body) == (429, b"max requests limit reached\n")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["retry-after"] == "1"
    assert lost(client) == {"web quota": 7}


async def test_who_waits_as_long_as_it_was_told_is_let_in():
    client = client_with(events_per_s_max=1, burst_s=MINUTE)
    await client("POST", "/v1/batch", batch(100))  # one request may use more than there is
    told_s = int((await client("POST", "/v1/track", EVENT)).headers["retry-after"])

    client.clock.advance(told_s - 2)
    too_early = await client("POST", "/v1/track", EVENT)
    client.clock.advance(2)

    assert (told_s, too_early.status) == (41, 429)
    assert (await client("POST", "/v1/track", EVENT)).status == 200


async def test_bytes_count_as_they_are_after_inflating():
    client = client_with(bytes_per_s_max=100, burst_s=MINUTE)

    assert (await client("POST", "/v1/batch", batch(1, size=7000))).status == 200
    assert (await client("POST", "/v1/track", EVENT)).status == 429


async def test_the_flood_of_one_source_is_no_others_trouble():
    client = client_with(events_per_s_max=1, burst_s=MINUTE)
    client.gateway.sources.by_key["other"] = Source(name="other", type="web", write_key="other")
    for _ in range(3):
        await client("POST", "/v1/batch", batch(100))

    other = AUTH | {"authorization": "Basic b3RoZXI6"}
    assert (await client("POST", "/v1/track", EVENT, other)).status == 200
    assert lost(client) == {"web quota": 200}


async def test_a_server_source_has_no_quota_unless_it_is_asked_for():
    floods = {"server": client_with(type="server", events_per_s_max=1, burst_s=MINUTE)}
    floods["asked"] = client_with(type="server", events_per_s_max=1, burst_s=MINUTE, quota="on")
    floods["off"] = client_with(type="web", events_per_s_max=1, burst_s=MINUTE, quota="off")
    for flood in floods.values():
        for _ in range(3):
            await flood("POST", "/v1/batch", batch(100))

    assert {name: len(flood.events) for name, flood in floods.items()} == {"server": 300, "asked": 100, "off": 300}


async def test_the_beacon_is_counted_and_the_pixel_still_answers_its_image():
    client = client_with(events_per_s_max=1, burst_s=MINUTE)
    beacon = {"query_string": f"writeKey={KEY}"}
    await client("POST", "/beacon/v1/batch", batch(60), {}, **beacon)

    answers = [
        await client("POST", "/beacon/v1/batch", batch(3), {}, **beacon),
        await client("GET", "/pixel/v1/track", headers={}, query_string=f"writeKey={KEY}&userId=ana&event=Opened"),
    ]

    assert [(answer.status, answer.headers["content-type"]) for answer in answers] == [
        (429, "text/plain; charset=utf-8"),
        (200, "image/gif"),
    ]
    assert lost(client) == {"web quota": 4}
    assert len(client.events) == 60


async def test_what_a_full_store_refuses_is_counted_at_its_source_too():
    client = client_with()
    client.gateway.log = FullBuffer(clock=client.clock)
    await client("POST", "/v1/batch", batch(5))
    await client("GET", "/pixel/v1/track", headers={}, query_string=f"writeKey={KEY}&userId=ana&event=Opened")

    assert lost(client) == {"web store": 6}


async def test_other_settings_hold_at_once_and_give_nothing_back():
    client = client_with(events_per_s_max=1, burst_s=MINUTE)
    await client("POST", "/v1/batch", batch(61))
    client.gateway.sources.replace({"web": Source(name="web", type="web", write_key=KEY, events_per_s_max=10)})
    assert (await client("POST", "/v1/batch", batch(2_389))).status == 200
    assert (await client("POST", "/v1/batch", batch(1))).status == 200
    assert (await client("POST", "/v1/batch", batch(1))).status == 429


async def test_refusals_are_said_once_in_a_minute_with_their_number():
    client = client_with(events_per_s_max=1, burst_s=MINUTE)
    await client("POST", "/v1/batch", batch(1_000))
    with capture_logs() as lines:
        for _ in range(100):
            await client("POST", "/v1/batch", batch(2))
        client.clock.advance(SAID_EVERY_S)
        await client("POST", "/v1/batch", batch(2))

    assert [(line["event"], line["source"], line["reason"], line["count"]) for line in lines] == [
        ("events_refused", "web", "quota", 2),
        ("events_refused", "web", "quota", 200),
    ]


def test_a_clock_that_is_set_back_neither_gives_nor_takes():
    meter = Meter(Source(name="web", type="web", write_key=KEY, events_per_s_max=1, burst_s=60), 1_000.0)
    meter.take(50, 0, 1_000.0)

    assert meter.take(9, 0, 400.0) == 0.0
    assert meter.take(6, 0, 405.0) == 0.0
    assert meter.events == 0.0
    assert meter.take(1, 0, 405.0) == 1.0


def test_no_pause_gives_more_than_the_burst():
    meter = Meter(Source(name="web", type="web", write_key=KEY, events_per_s_max=1, burst_s=60), 0.0)
    assert meter.take(61, 0, 0.0) == 0.0
    assert meter.take(61, 0, 1e9) == 0.0
    assert meter.take(1, 0, 1e9) == pytest.approx(2.0)


@pytest.mark.parametrize("sdk", QUEUES)
def test_a_thousand_clients_that_send_all_they_held_back_meet_no_default_quota(sdk):
    quotas, clients = Quotas(), 1_000 if QUEUES[sdk] == 100 else 10
    source = Source(name="web", type="web", write_key=KEY)

    for _ in range(clients * QUEUES[sdk] // 100):
        quotas.take(source, events=100, size_bytes=100 * 1_000, now=0.0)

    assert not quotas.lost


async def test_memory_does_not_grow_with_what_is_refused():
    quotas = Quotas()
    for n in range(10_000):
        quotas.note("web", Lost.QUOTA, 1, float(n))

    assert (len(quotas.lost), len(quotas.said), quotas.lost["web", "quota"]) == (1, 1, 10_000)
