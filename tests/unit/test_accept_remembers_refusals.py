"""What ingest remembers of requests it refused, so that the first mistake is visible."""

import base64

import pytest

from accept_client import AUTH, Client
from penstock.accept.refused import KINDS_MAX


def basic(key: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode(), "user-agent": "sdk/1"}


@pytest.fixture
def client():
    return Client()


def refused(client) -> list[tuple]:
    return [(r["status"], r["text"], r["path"], r["key"], r["count"]) for r in client.gateway.facts()["refused"]]


async def test_a_wrong_key_is_known_by_its_beginning_alone(client):
    await client("POST", "/v1/track", b"{}", basic("the-key-of-a-bank"))

    assert refused(client) == [(401, "invalid write key", "/v1/track", "the-…", 1)]
    assert client.gateway.facts()["refused"][0]["agent"] == "sdk/1"


async def test_a_body_that_is_no_json_is_remembered_without_the_body(client):
    await client("POST", "/v1/track", b'{"email": "ana@example.com"', AUTH)

    [(status, _, path, _, _)] = refused(client)
    assert (status, path) == (400, "/v1/track")
    assert "ana@example.com" not in repr(client.gateway.facts())


async def test_wrong_paths_methods_and_bootstrap_keys_are_mistakes_too(client):
    await client("POST", "/v1/trakc", b"{}", AUTH)
    await client("GET", "/v1/track", b"", AUTH)
    await client("GET", "/sourceConfig", b"", basic("nobody"))
    await client("GET", "/v1/projects/a-secret-key/settings", b"", {})

    assert [(status, path) for status, _, path, _, _ in refused(client)] == [
        (401, "/v1/projects/KEY/settings"), (400, "/sourceConfig"), (405, "/v1/track"), (404, "/v1/trakc"),
    ]  # fmt: skip
    assert "a-secret-key" not in repr(client.gateway.facts())


async def test_the_same_mistake_is_counted_and_moves_to_the_front(client):
    for path in ("/a", "/b", "/a"):
        await client("POST", path, b"", AUTH)

    assert [(path, count) for _, _, path, _, count in refused(client)] == [("/a", 2), ("/b", 1)]


async def test_a_thousand_kinds_of_mistakes_cost_no_more_than_fifty(client):
    for number in range(1000):
        await client("POST", f"/{number}", b"", AUTH)

    assert len(refused(client)) == KINDS_MAX
    assert refused(client)[0][2] == "/999"
