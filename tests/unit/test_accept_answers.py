"""What SDKs read: the answer in their own words, their settings, and what helps who sends to the wrong place."""

import json

import pytest

from accept_client import AUTH, KEY, Client

OK, JSON = (b"ok", "text/plain; charset=utf-8"), (b'{"success": true}', "application/json; charset=utf-8")
EVENT = {"userId": "ana", "event": "E"}


def by(library: str, **more) -> bytes:
    return json.dumps({"batch": [EVENT | {"context": {"library": {"version": "1", "name": library}}}]} | more).encode()


def batch_by(library: str) -> bytes:
    """As Segment's Java client sends it: its name stands beside the calls, its key in the body."""
    shared = {"context": {"library": {"name": library, "version": "3.5.1"}}, "writeKey": KEY}
    return json.dumps({"batch": [EVENT | {"properties": {"x": "y" * 30_000}}]} | shared).encode()


@pytest.fixture
def client():
    return Client()


async def answered(client, path, body, agent=""):
    answer = await client("POST", path, body, AUTH | ({"user-agent": agent} if agent else {}))
    assert answer.status == 200
    return answer.body, answer.headers["content-type"]


@pytest.mark.parametrize("path", ["/v1/t", "/v1/i", "/v1/p", "/v1/s", "/v1/g", "/v1/a", "/v1/t/"])
async def test_segments_own_paths_answer_as_segment_does(client, path):
    assert await answered(client, path, json.dumps(EVENT).encode()) == JSON


@pytest.mark.parametrize("path", ["/v1/b", "//v1/b"])
async def test_segments_own_batch_answers_as_segment_does(client, path):
    assert await answered(client, path, by("RudderLabs JavaScript SDK")) == JSON


@pytest.mark.parametrize(
    ("agent", "body", "answer"),
    [
        ("analytics-java/3.5.1", by(""), JSON),
        ("okhttp/4.12.0", batch_by("analytics-java"), JSON),
        ("Ruby", by("analytics-ruby"), JSON),
        ("", by("analytics-ruby"), JSON),
        ("analytics-node-next/latest", by("@segment/analytics-node"), JSON),
        ("analytics-kotlin/1.16", by(""), JSON),
        ("", by("RudderLabs JavaScript SDK"), OK),
        ("Dalvik/2.1.0", by("com.rudderstack.android.sdk.core"), OK),
        ("Mozilla/5.0 (X11; Linux x86_64)", by("x"), OK),
        ("RudderStack-Swift/1.0", by("analytics-java"), OK),
        ("curl/8.5.0", by("my own client"), OK),
        ("", json.dumps({"batch": [EVENT]}).encode(), OK),
        ("", by("my-analytics-javascriptish"), OK),
        ("x" * 70_000, by("x"), OK),
    ],
)
@pytest.mark.parametrize("path", ["/v1/batch", "/v1/import"])
async def test_on_a_shared_path_the_client_decides_and_an_unknown_one_gets_ok(client, path, agent, body, answer):
    assert await answered(client, path, body, agent) == answer


async def test_refusals_stay_plain_text_for_everybody(client):
    answer = await client("POST", "/v1/b", b"{", AUTH | {"user-agent": "analytics-ruby/2.4.0"})

    assert (answer.status, answer.body, answer.headers["content-type"]) == (400, b"invalid json\n", OK[1])


async def test_segments_counts_of_its_own_work_are_answered_and_not_kept(client):
    answer = await client("POST", "/v1/m", b'{"series":[]}', {})

    assert (answer.status, answer.body, client.events) == (200, JSON[0], [])
    assert client.gateway.facts()["refused"] == []


async def test_rudderstacks_go_sdk_is_told_that_there_is_one_node(client):
    answer = await client("GET", "/cluster-info", b"")

    assert (answer.status, json.loads(answer.body)) == (200, {"nodeCount": 1})


async def test_a_client_of_the_bare_address_is_told_what_the_path_is(client):
    answer = await client("POST", "/", by(""), AUTH | {"host": "events.example.com"})

    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    assert b"https://events.example.com/v1/batch" in answer.body
    [refused] = client.gateway.facts()["refused"]
    assert "/v1/batch" in refused["text"]


@pytest.mark.parametrize(
    ("scheme", "headers", "public_url", "protocol", "host"),
    [
        ("http", {}, "", "http", "penstock:8080/v1"),
        ("https", {}, "", "https", "penstock:8080/v1"),
        ("http", {"x-forwarded-proto": "https"}, "", "https", "penstock:8080/v1"),
        ("http", {"x-forwarded-proto": "http", "x-forwarded-for": "1.2.3.4"}, "", "http", "penstock:8080/v1"),
        # A proxy that does not say it: nearly all of them are there for TLS.
        ("http", {"x-forwarded-for": "1.2.3.4"}, "", "https", "penstock:8080/v1"),
        ("http", {"via": "1.1 proxy"}, "", "https", "penstock:8080/v1"),
        ("http", {}, "https://events.example.com/in/", "https", "events.example.com/in/v1"),
        ("https", {"x-forwarded-proto": "https"}, "http://10.0.0.7:8080", "http", "10.0.0.7:8080/v1"),
    ],
)
async def test_segments_settings_say_where_to_send_and_that_no_counts_are_wanted(
    scheme, headers, public_url, protocol, host
):
    client = Client(public_url=public_url)
    path = f"/v1/projects/{KEY}/settings"

    answer = await client("GET", path, b"", {"host": "penstock:8080"} | headers, scheme=scheme)

    settings = json.loads(answer.body)
    segment = settings["integrations"]["Segment.io"]
    assert (segment["protocol"], segment["apiHost"]) == (protocol, host)
    assert settings["metrics"] == {"sampleRate": 0, "host": host}
    assert answer.headers["cache-control"] == "private"


@pytest.mark.parametrize(
    ("headers", "protocol", "host"),
    [
        # Apache calls us by our own name unless it is told otherwise, and nginx does.
        ({"x-forwarded-host": "events.example.com", "x-forwarded-for": "1.2.3.4"}, "https", "events.example.com/v1"),
        ({"x-forwarded-host": "events.example.com, cdn.example.com"}, "https", "events.example.com/v1"),
        ({"x-forwarded-host": "events.example.com:8443", "x-forwarded-proto": "https"}, "https", "events.example.com:8443/v1"),
        ({"forwarded": 'for=1.2.3.4;host="events.example.com";proto=http'}, "http", "events.example.com/v1"),
        ({"forwarded": "For=1.2.3.4; Proto=HTTPS, for=10.0.0.1;proto=http"}, "https", "penstock:8080/v1"),
        ({"x-forwarded-prefix": "/pen/", "x-forwarded-proto": "https"}, "https", "penstock:8080/pen/v1"),
        # What is no host is not passed on.
        ({"x-forwarded-host": 'evil"/><script>'}, "https", "penstock:8080/v1"),
        ({"x-forwarded-host": "a/b@c", "x-forwarded-prefix": "/../x?y"}, "https", "penstock:8080/v1"),
        ({"x-forwarded-host": "[2001:db8::1]:8443"}, "https", "[2001:db8::1]:8443/v1"),
    ],
)  # fmt: skip
async def test_a_trusted_proxy_says_what_it_was_called(headers, protocol, host):
    path = f"/v1/projects/{KEY}/settings"

    for trusted, expected in (("10.0.0.0/8",), host), ((), "penstock:8080/v1"):
        client = Client(trusted_proxies=trusted)
        answer = await client("GET", path, b"", {"host": "penstock:8080"} | headers)
        segment = json.loads(answer.body)["integrations"]["Segment.io"]
        assert (segment["protocol"], segment["apiHost"]) == (protocol, expected)


@pytest.mark.parametrize(
    ("public_url", "path", "host"),
    [
        ("", "/in", "penstock:8080/in/v1"),
        ("", "", "penstock:8080/v1"),
        ("https://events.example.com", "/in", "events.example.com/in/v1"),
        ("https://events.example.com/in", "/in", "events.example.com/in/v1"),
        ("https://events.example.com", "", "events.example.com/v1"),
    ],
)
async def test_who_asks_under_the_second_path_is_told_to_send_there(public_url, path, host):
    client = Client(path_prefix="/in", public_url=public_url)

    answer = await client("GET", f"{path}/v1/projects/{KEY}/settings", b"", {"host": "penstock:8080"})

    assert json.loads(answer.body)["integrations"]["Segment.io"]["apiHost"] == host
