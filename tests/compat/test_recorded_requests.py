"""Requests in the shapes SDKs send them that are not installed here, replayed into accept."""

import gzip
import json
from pathlib import Path

import pytest

from accept_client import Client
from penstock.destinations.custify.convert import convert
from penstock.destinations.custify.options import Mapping
from penstock.destinations.plan import Filtered, Plan
from penstock.event import enriched
from penstock.settings import Source

SERVERS = sorted((Path(__file__).parent / "server").glob("*.json"))
RECORDED = sorted((Path(__file__).parent / "sdk").glob("*.json"))


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
async def test_the_sdk_is_answered_as_it_expects_and_its_events_are_stored(path):
    recorded = json.loads(path.read_text())
    request, client = recorded["request"], Client()
    client.gateway.sources.replace({"mobile": Source(name="mobile", type="mobile", write_key="mobile-key")})
    route, _, query = request["path"].partition("?")
    headers = {name.lower(): value for name, value in request["headers"].items()}
    body = b"" if request["body"] is None else json.dumps(request["body"]).encode()

    answer = await client(request["method"], route, body, headers, query_string=query)

    assert answer.status == recorded["answer"]["status"]
    if recorded["answer"]["text"] is not None:
        assert answer.body.decode() == recorded["answer"]["text"]
    else:
        assert json.loads(answer.body)["source"]["destinations"] == []
    assert [[e.message_id, e.type, e.user_id, e.anonymous_id] for e in client.events] == recorded["events"]


@pytest.mark.parametrize("path", [p for p in RECORDED if p.stem.endswith("_batch")], ids=lambda path: path.stem)
async def test_what_mobile_sdks_send_has_a_meaning(path):
    recorded, client = json.loads(path.read_text()), Client()
    client.gateway.sources.replace({"mobile": Source(name="mobile", type="mobile", write_key="mobile-key")})
    headers = {name.lower(): value for name, value in recorded["request"]["headers"].items()}
    await client("POST", "/v1/batch", json.dumps(recorded["request"]["body"]).encode(), headers)

    meanings = [convert(enriched(event), Mapping()) for event in client.events]

    assert [type(meaning) for meaning in meanings] == [Plan, Plan, Filtered, Plan]
    [person] = meanings[0].calls
    assert (person.body["name"], person.body["email"]) == ("Ana Lima", "ana@example.com")
    assert [call.path for call in meanings[3].calls] == ["/company", "/people"]


@pytest.mark.parametrize("path", SERVERS, ids=lambda path: path.stem)
async def test_what_other_sdks_send_is_answered_as_they_expect_and_has_a_meaning(path):
    recorded, client = json.loads(path.read_text()), Client()
    client.gateway.sources.replace({"mobile": Source(name="mobile", type="mobile", write_key="mobile-key")})
    request, headers = recorded["request"], {k.lower(): v for k, v in recorded["request"]["headers"].items()}
    body = json.dumps(request["body"]).encode()
    packed = gzip.compress(body) if recorded["gzip"] else body
    headers |= {"content-length": str(len(packed))} | ({"content-encoding": "gzip"} if recorded["gzip"] else {})

    answer = await client(request["method"], request["path"], packed, headers)

    assert (answer.status, answer.body.decode()) == (recorded["answer"]["status"], recorded["answer"]["text"])
    assert [[e.message_id, e.type, e.user_id, e.anonymous_id] for e in client.events] == recorded["events"]
    meanings = [convert(enriched(event), Mapping()) for event in client.events]
    assert [[call.path for call in meaning.calls] for meaning in meanings] == [
        ["/people"],
        ["/company", "/people"],
        ["/event"],
    ]
    [person] = meanings[0].calls
    assert (person.body["name"], person.body["email"]) == ("Ana Lima", "ana@example.com")
    assert meanings[2].calls[0].body["created_at"] is not None
