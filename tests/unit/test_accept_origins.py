"""Which pages' browsers may send with a key."""

import pytest

from accept_client import AUTH, KEY, Client
from penstock.accept.origins import is_allowed
from penstock.accept.sources import Sources
from penstock.errors import SettingsError
from penstock.settings import Source, load

EVENT = b'{"userId":"ana","event":"Seen"}'
OURS = ("https://app.example.com", "https://*.shop.example", "http://localhost:3000", "capacitor://localhost")


def client_with(type_: str, *origins: str) -> Client:
    client = Client()
    source = Source(name="web", type=type_, write_key=KEY, allowed_origins=origins)
    client.gateway.sources = Sources({"web": source})
    return client


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example.com",
        "https://app.example.com:443",
        "HTTPS://APP.example.com",
        "https://eu.shop.example",
        "https://a.b.shop.example",
        "http://localhost:3000",
        "capacitor://localhost",
    ],
)
def test_a_page_that_is_named_may_send(origin):
    assert is_allowed(origin, OURS)


@pytest.mark.parametrize(
    "origin",
    [
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://app.example.com.evil.test",
        "https://evilapp.example.com",
        "https://shop.example",
        "https://evilshop.example",
        "https://.shop.example",
        "https://eu.shop.example.evil.test",
        "http://localhost",
        "null",
        "https://evil.test/https://app.example.com",
        "app.example.com",
        "https://" + "a." * 10_000 + "shop.example",
        "https://app.example.com, https://evil.test",
    ],
)
def test_every_other_page_may_not(origin):
    assert not is_allowed(origin, OURS)


def test_a_page_without_an_origin_of_its_own_may_send_when_it_is_named():
    assert is_allowed("null", ("null",))
    assert not is_allowed("https://null", ("null",))


async def test_a_web_source_takes_from_every_page_unless_some_are_named():
    assert (await client_with("web")("POST", "/v1/track", EVENT, AUTH | {"origin": "https://any.test"})).status == 200

    client = client_with("web", "https://app.example.com")
    answer = await client("POST", "/v1/track", EVENT, AUTH | {"origin": "https://any.test"})

    assert (answer.status, answer.body) == (403, b"origin is not allowed\n")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    # The page must be able to read why.
    assert answer.headers["access-control-allow-origin"] == "https://any.test"
    assert client.gateway.facts()["lost"] == [("web", "origin", 1)]
    [refused] = client.gateway.facts()["refused"]
    assert (refused["status"], refused["text"]) == (403, "origin is not allowed")
    assert client.events == []


async def test_who_names_no_origin_is_no_browser_and_is_let_in():
    assert (await client_with("web", "https://app.example.com")("POST", "/v1/track", EVENT)).status == 200


async def test_a_server_source_refuses_browsers_unless_their_page_is_named():
    page = {"origin": "https://app.example.com"}

    assert (await client_with("server")("POST", "/v1/track", EVENT, AUTH | page)).status == 403
    assert (await client_with("server")("POST", "/v1/track", EVENT)).status == 200
    named = client_with("server", "https://app.example.com")
    assert (await named("POST", "/v1/track", EVENT, AUTH | page)).status == 200


async def test_every_way_in_is_looked_at():
    client, page = client_with("web", "https://app.example.com"), {"origin": "https://any.test"}
    query = {"query_string": f"writeKey={KEY}&userId=ana&event=Opened"}
    body = b'{"writeKey":"%s","batch":[{"userId":"ana"}]}' % KEY.encode()

    answers = [
        await client("POST", "/v1/batch", body, AUTH | page),
        await client("POST", "/v1/b", body, page),
        await client("POST", "/beacon/v1/batch", body, page, **query),
        await client("GET", "/pixel/v1/track", b"", page, **query),
    ]

    assert [answer.status for answer in answers] == [403, 403, 403, 200]
    assert client.events == []


async def test_the_preflight_is_answered_as_ever():
    client = client_with("web", "https://app.example.com")
    answer = await client("OPTIONS", "/v1/track", headers={"origin": "https://any.test"})

    assert (answer.status, answer.headers["access-control-allow-origin"]) == (204, "https://any.test")


@pytest.mark.parametrize(
    "origin",
    ["https://app.example.com/", "app.example.com", "https://*", "https://a.*.com", "https://A.example.com", ""],
)
def test_a_pattern_that_no_browser_could_meet_is_refused(tmp_path, origin):
    file = tmp_path / "penstock.toml"
    file.write_text(f'[sources.web]\ntype = "web"\nwrite_key = "k"\nallowed_origins = ["{origin}"]')

    with pytest.raises(SettingsError, match="allowed_origins"):
        load(file, {})


@pytest.mark.parametrize(
    "setting", ["burst_s = 59", "events_per_s_max = 0", "store_share_max = 1.1", 'trust = "traits"', 'trust = "own"']
)
def test_a_bound_that_cannot_work_is_refused(tmp_path, setting):
    file = tmp_path / "penstock.toml"
    file.write_text(f'[sources.web]\ntype = "web"\nwrite_key = "k"\n{setting}')

    with pytest.raises(SettingsError):
        load(file, {})
