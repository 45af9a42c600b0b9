"""The wire contract of the gateway: routes, statuses, texts and headers."""

import base64
import gzip
import json

import pytest

from accept_client import AUTH, KEY, Client, DamagedBuffer, FullBuffer

EVENT = b'{"userId":"ana","event":"Signed Up"}'
ORIGIN = {"origin": "https://shop.example"}


@pytest.fixture
def client():
    return Client()


@pytest.mark.parametrize("type_", ["identify", "track", "page", "screen", "group", "alias", "merge"])
async def test_a_single_event_is_answered_with_ok_and_the_path_names_its_type(client, type_):
    answer = await client("POST", f"/v1/{type_}", b'{"userId":"ana","type":"other"}')

    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"ok", "text/plain; charset=utf-8")
    assert client.events[0].type == type_


@pytest.mark.parametrize(
    ("path", "type_"),
    [
        ("/v1/i", "identify"),
        ("/v1/t", "track"),
        ("/v1/p", "page"),
        ("/v1/s", "screen"),
        ("/v1/g", "group"),
        ("/v1/a", "alias"),
    ],
)
async def test_segments_short_paths_mean_the_same(client, path, type_):
    await client("POST", path, EVENT)

    assert client.events[0].type == type_


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/import", "/v1/b", "//v1//batch", "/v1/batch/"])
async def test_a_batch_is_stored_event_by_event(client, path):
    answer = await client("POST", path, b'{"batch":[{"userId":"a","type":"Track"},{"userId":"b","type":"identify"}]}')

    assert answer.status == 200
    assert [(e.user_id, e.type) for e in client.events] == [("a", "track"), ("b", "identify")]


async def test_the_second_path_is_as_good_as_the_first():
    client = Client(path_prefix="/in")

    assert (await client("POST", "/in/v1/track", EVENT)).status == 200
    assert (await client("POST", "/v1/track", EVENT)).status == 200
    assert (await client("POST", "/inside/v1/track", EVENT)).status == 404


async def test_the_beacon_carries_its_key_in_the_query(client):
    batch = b'{"batch":[{"userId":"a"}]}'

    assert (await client("POST", "/beacon/v1/batch", batch, {}, query_string=f"writeKey={KEY}")).status == 200
    assert (await client("POST", "/beacon/v1/batch", batch, {})).body == b"failed to read writekey from query params\n"


async def test_segments_browser_sdk_may_carry_its_key_in_the_body(client):
    answer = await client(
        "POST", "/v1/t", b'{"userId":"a","event":"x","writeKey":"web-key"}', {"content-type": "text/plain"}
    )

    assert answer.status == 200


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "text"),
    [
        ("/v1/track", EVENT, {}, 401, "failed to read writekey from header"),
        ("/v1/track", EVENT, {"authorization": "Basic !!"}, 401, "failed to read writekey from header"),
        ("/v1/track", EVENT, {"authorization": "Bearer x"}, 401, "failed to read writekey from header"),
        ("/v1/track", EVENT, {"authorization": "Basic Og=="}, 401, "failed to read writekey from header"),
        ("/v1/track", EVENT, {"authorization": "Basic eDo="}, 401, "invalid write key"),
        ("/v1/track", EVENT, {"authorization": "Basic b2ZmLWtleTo="}, 404, "source is disabled"),
        ("/v1/track", b"", AUTH, 400, "invalid json"),
        ("/v1/track", b"{", AUTH, 400, "invalid json"),
        ("/v1/track", b'{"userId":' + b"[" * 100_000, AUTH, 400, "invalid json"),
        ("/v1/track", b"[]", AUTH, 400, "event is not a valid rudder event"),
        ("/v1/track", b'{"event":"x"}', AUTH, 400, "request neither has anonymousId nor userId"),
        ("/v1/track", b'{"userId":"  ","anonymousId":null}', AUTH, 400, "request neither has anonymousId nor userId"),
        ("/v1/batch", b"{}", AUTH, 400, "empty batch payload"),
        ("/v1/batch", b'{"batch":[]}', AUTH, 400, "empty batch payload"),
        ("/v1/batch", b'{"batch":null}', AUTH, 400, "empty batch payload"),
        ("/v1/batch", b'{"batch":[7,null]}', AUTH, 400, "event is not a valid rudder event"),
        ("/v1/batch", b'{"batch":[{"event":"x"}]}', AUTH, 400, "request neither has anonymousId nor userId"),
        ("/v1/batch", b'{"batch":[{"userId":"a"},', AUTH, 400, "invalid json"),
        ("/nowhere", b"", {}, 404, "404 page not found"),
    ],
)
async def test_a_refusal_has_the_contracts_status_and_text_and_stores_nothing(
    client, path, body, headers, status, text
):
    answer = await client("POST", path, body, headers | ORIGIN)

    assert (answer.status, answer.body) == (status, f"{text}\n".encode())
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    assert client.events == []


async def test_a_batch_of_one_object_is_a_batch_of_one(client):
    await client("POST", "/v1/batch", b'{"batch":{"userId":"a"},"sentAt":"x","userId":"ignored"}')

    assert [event.user_id for event in client.events] == ["a"]


async def test_a_wrong_method_is_told_what_is_right(client):
    answer = await client("GET", "/v1/track")

    assert (answer.status, answer.body, answer.headers["allow"]) == (405, b"", "POST")


@pytest.mark.parametrize("path", ["/v1/track", "/sourceConfig/", "/nowhere"])
async def test_a_preflight_needs_no_key(client, path):
    asked = ORIGIN | {
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, anonymousid",
    }

    answer = await client("OPTIONS", path, b"", asked)

    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    assert answer.headers["access-control-allow-headers"] == "authorization, anonymousid"
    assert answer.headers["access-control-allow-methods"] == "POST"
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["access-control-max-age"] == "900"


async def test_gzip_is_unpacked_whatever_the_content_type(client):
    headers = AUTH | {"content-encoding": "gzip", "content-type": "image/png"}

    assert (await client("POST", "/v1/track", gzip.compress(EVENT), headers)).status == 200
    assert client.events[0].body == EVENT


@pytest.mark.parametrize("body", [b"nope", gzip.compress(EVENT, mtime=0)[:-6], b""], ids=["no gzip", "cut", "empty"])
async def test_corrupt_gzip_is_the_senders_fault(client, body):
    answer = await client("POST", "/v1/track", body, AUTH | {"content-encoding": "gzip"})

    assert (answer.status, answer.body) == (400, b"failed to uncompress request body\n")


async def test_a_gzip_bomb_is_not_unpacked():
    client = Client(body_bytes_max=10_000)

    answer = await client("POST", "/v1/track", gzip.compress(b" " * 50_000_000), AUTH | {"content-encoding": "gzip"})

    assert (answer.status, answer.body) == (413, b"request size exceeds max limit\n")


async def test_a_body_at_the_limit_is_taken_and_one_byte_more_is_not():
    body = b'{"userId":"a","x":"%s"}' % (b"x" * 100)
    exact, small = Client(body_bytes_max=len(body)), Client(body_bytes_max=len(body) - 1)

    assert (await exact("POST", "/v1/track", body)).status == 200
    assert (await small("POST", "/v1/track", body)).status == 413


async def test_a_damaged_file_is_answered_503_and_told_to_the_process(client):
    client.gateway.log = DamagedBuffer()

    answer = await client("POST", "/v1/track", b'{"userId":"ana"}')

    assert (answer.status, answer.headers["retry-after"]) == (503, "10")
    assert [str(error.file) for error in client.damage] == ["events.db"]


async def test_a_full_disk_is_503_with_a_time_to_come_back():
    client = Client()
    client.gateway.log = FullBuffer(clock=client.clock)

    answer = await client("POST", "/v1/track", EVENT, AUTH | ORIGIN)

    assert (answer.status, answer.body, answer.headers["retry-after"]) == (503, b"service unavailable\n", "10")
    assert "access-control-allow-origin" in answer.headers


async def test_too_many_requests_at_once_are_503():
    client = Client(requests_max=0)

    assert (await client("POST", "/v1/track", EVENT)).status == 503


async def test_a_bug_of_ours_is_500_and_not_silence(client):
    client.gateway.log = None

    answer = await client("POST", "/v1/track", EVENT, AUTH | ORIGIN)

    assert (answer.status, answer.body) == (500, b"internal server error\n")
    assert "access-control-allow-origin" in answer.headers


@pytest.mark.parametrize("path", ["/sourceConfig", "/sourceConfig/", "//sourceConfig"])
async def test_source_config_lets_every_sdk_start(client, path):
    answer = await client("GET", path, b"", AUTH | ORIGIN, query_string="p=android&v=1.2")
    config = json.loads(answer.body)["source"]

    assert (answer.status, answer.headers["content-type"]) == (200, "application/json; charset=utf-8")
    assert config["id"] is not None
    assert (config["destinations"], config["dataplanes"], config["enabled"]) == ([], {}, True)
    assert config["config"]["statsCollection"]["errors"]["enabled"] is False


async def test_source_config_takes_the_key_from_the_query_too(client):
    assert (await client("GET", "/sourceConfig", b"", {}, query_string=f"writeKey={KEY}")).status == 200


async def test_source_config_refuses_in_json(client):
    missing = await client("GET", "/sourceConfig", b"", {})
    unknown = await client("GET", "/sourceConfig", b"", {"authorization": "Basic eDo="})

    assert (missing.status, json.loads(missing.body)) == (401, {"message": "Writekey not found in basic auth"})
    assert (unknown.status, json.loads(unknown.body)) == (400, {"message": "Invalid write key"})


async def test_the_ad_blocker_probe_is_answered(client):
    assert (await client("HEAD", "/sourceConfig/", b"", {}, query_string="view=ad")).status == 204
    assert (await client("HEAD", "/sourceConfig", b"", {})).status == 200
    assert (await client("POST", "/sourceConfig")).headers["allow"] == "GET, HEAD"


async def test_segments_settings_name_its_own_integration(client):
    answer = await client("GET", f"/v1/projects/{KEY}/settings", b"", {"host": "events.example.com"})

    segment = json.loads(answer.body)["integrations"]["Segment.io"]
    assert (segment["apiKey"], segment["apiHost"]) == (KEY, "events.example.com/v1")
    assert (await client("GET", f"/v1/projects/{KEY}/settings/", b"", {})).status == 200
    assert (await client("GET", "/v1/projects/nobody/settings", b"", {})).status == 401


async def test_health_looks_like_rudderstacks(client):
    answer = await client("GET", "/health", b"", {})

    assert list(json.loads(answer.body)) == [
        "appType",
        "server",
        "db",
        "acceptingEvents",
        "routingEvents",
        "mode",
        "backendConfigMode",
        "lastSync",
        "lastRegulationSync",
    ]


async def test_an_unsafe_disk_fails_readiness_and_health_but_not_liveness(client):
    client.problem = "0 bytes are free"

    assert [(await client("GET", p, b"", {})).status for p in ("/readyz", "/health", "/livez")] == [503, 503, 200]


async def test_version_and_robots(client):
    version = json.loads((await client("GET", "/version", b"", {})).body)

    assert (version["Version"], version["Features"]) == ("1.2.3", ["gzip-req-payload"])
    assert (await client("GET", "/robots.txt", b"", {})).body == b"User-agent: * \nDisallow: / \n"


async def test_the_pixel_is_an_event_and_always_an_image(client):
    query = f'writeKey={KEY}&anonymousId="a1"&event=Opened&properties.campaign=spring&context.locale=en'
    answers = [
        await client("GET", "/pixel/v1/track", b"", {}, query_string=query),
        await client("GET", "/pixel/v1/track", b"", {}, query_string="writeKey=nobody&anonymousId=a"),
        await client("GET", "/pixel/v1/track", b"", {}, query_string=f"writeKey={KEY}&event=&anonymousId=a"),
    ]

    assert {(a.status, a.headers["content-type"], len(a.body)) for a in answers} == {
        (200, "image/gif", len(answers[0].body))
    }
    [event] = client.events
    body = json.loads(event.body)
    assert (event.anonymous_id, event.type, body["properties"]) == ("a1", "track", {"campaign": "spring"})
    assert body["integrations"] == {"All": True}


async def test_requests_and_events_are_counted_for_the_metrics(client):
    await client("POST", "/v1/track", EVENT)
    await client("POST", "/v1/track", b"{")

    facts = client.gateway.facts()
    assert (facts["requests"], facts["events"]) == ([("web", 200, 1), ("", 400, 1)], [("web", "track", 1)])


async def test_what_the_request_says_of_its_sender_is_kept_beside_the_event(client):
    await client("POST", "/v1/batch", b'{"batch":[{"userId":"a","request_ip":"1.2.3.4"},{"userId":"b"}]}')

    assert [event.request_ip for event in client.events] == ["1.2.3.4", "10.0.0.7"]


@pytest.mark.parametrize("said", ["203.0.113.9, 198.51.100.4", ["203.0.113.9", "198.51.100.4"]])
async def test_who_sent_it_is_said_by_a_trusted_proxy_alone_and_not_by_the_sender(said):
    for trusted, expected in [(("10.0.0.0/8",), "198.51.100.4"), ((), "10.0.0.7")]:
        client = Client(trusted_proxies=trusted)
        await client("POST", "/v1/track", EVENT, AUTH | {"x-forwarded-for": said})

        assert [event.request_ip for event in client.events] == [expected]


def test_basic_auth_ignores_the_password():
    assert base64.b64decode(AUTH["authorization"].split()[1]) == b"web-key:"


@pytest.mark.parametrize(
    "body",
    [
        b'\xef\xbb\xbf{"writeKey":"%b","userId":"ana","event":"E"}',
        b'{"userId":"ana","event":"E","properties":{"n":NaN},"writeKey" : "%b"}',
        b'{"writeKey":"%b","userId":"ana","event":"E",}',
    ],
)
async def test_a_key_in_a_body_that_has_to_be_mended_is_found(client, body):
    answer = await client("POST", "/v1/t", body % KEY.encode(), {})

    assert (answer.status, [event.user_id for event in client.events]) == (200, ["ana"])
