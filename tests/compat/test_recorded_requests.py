"""Requests in the shapes mobile SDKs send them, replayed into accept."""

import json
from pathlib import Path

import pytest

from accept_client import Client
from penstock.destinations.custify.convert import convert
from penstock.destinations.custify.options import Mapping
from penstock.destinations.plan import Filtered, Plan
from penstock.event import enriched
from penstock.settings import Source

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
