"""The same day, sent with each SDK's own habits (names, times, envelopes), ends in the same state of the sandbox.

The shapes are those of docs/sdks.md, of recorded requests and of the SDKs that the suite runs: what each library writes
around the same facts. The facts are told in order; how they are packed is each library's own.
"""

import asyncio
import datetime as dt

import msgspec
import pytest

from accept_client import KEY
from penstock.destinations.custify.options import Mapping
from penstock.ledger.rules import Rules
from through_the_door import delivered
from what_custify_holds import differences, held

# When requests arrive; a day of facts lies before it.
NOW = dt.datetime(2023, 11, 14, 22, 13, 20, tzinfo=dt.UTC)
FACTS = [
    ("identify", "1", {"email": "Ana@x.io", "name": "Ana Abel", "plan": "Pro", "seats": 5, "createdAt": "2023-01-02T03:04:05Z"}),
    ("group", "1", {"id": "acme", "name": "Acme", "industry": "Retail", "size": 50}),
    ("track", "1", {"event": "Report Exported", "rows": 12, "is_large": False}),
    ("identify", "2", {"email": "bo@x.io", "firstName": "Bo", "lastName": "Berg", "role": "viewer"}),
    ("group", "2", {"id": "acme", "name": "Acme", "plan": "Enterprise"}),
    ("track", "2", {"event": "Comment Added", "length": 0, "company_id": "acme"}),
    ("identify", "1", {"email": "ana@x.io", "seats": 6}),
    ("track", "1", {"event": "Report Exported", "rows": 3}),
]  # fmt: skip


def at(number: int) -> dt.datetime:
    return NOW - dt.timedelta(minutes=10 * (len(FACTS) - number))


def iso(moment: dt.datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def call(number: int, *, person: dict | None = None) -> dict:
    """Return a fact as a call, with what libraries have in common; a person's traits in `person`, or in `traits`."""
    kind, user, said = FACTS[number]
    body = {"type": kind, "userId": user, "messageId": f"m{number}"}
    if kind == "track":
        return body | {"event": said["event"], "properties": {k: v for k, v in said.items() if k != "event"}}
    if kind == "group":
        return body | {"groupId": said["id"], "traits": {k: v for k, v in said.items() if k != "id"}}
    if person is None:
        return body | {"traits": said}
    person[user] = {**person.get(user, {}), **said}
    return body


def rudder_javascript():
    """Single calls; the person's traits in the context of each."""
    person: dict = {}
    for number, (kind, user, _) in enumerate(FACTS):
        body = call(number, person=person) | {
            "channel": "web",
            "anonymousId": f"a{user}",
            "integrations": {"All": True},
        }
        body |= {"originalTimestamp": iso(at(number)), "sentAt": iso(NOW)}
        body["context"] = {"library": {"name": "RudderLabs JavaScript SDK"}, "traits": person.get(user, {})}
        yield f"/v1/{kind}", body


def segment_javascript():
    """Single calls on Segment's own short paths."""
    for number, (kind, user, _) in enumerate(FACTS):
        body = call(number) | {"anonymousId": f"a{user}", "integrations": {}, "writeKey": KEY}
        body |= {"timestamp": iso(at(number)), "sentAt": iso(NOW), "_metadata": {"bundled": []}}
        yield f"/v1/{kind[0]}", body | {"context": {"library": {"name": "analytics.js"}}}


def batched(*, path: str, one, beside: dict):
    def request():
        yield path, {"batch": [call(number) | one(number) for number in range(len(FACTS))], **beside}

    return request


def rudder_mobile():
    """Batches of an app: the person's traits in the context of each, with the anonymous id among them."""
    person: dict = {}
    calls = []
    for number, (_, user, _) in enumerate(FACTS):
        body = call(number, person=person) | {
            "channel": "mobile",
            "anonymousId": f"d{user}",
            "integrations": {"All": True},
        }
        context = {"traits": {**person.get(user, {}), "userId": user}, "os": {"name": "Android"}}
        calls.append(body | {"originalTimestamp": iso(at(number)), "context": context})
    yield "/v1/batch", {"batch": calls, "sentAt": iso(NOW)}


HABITS = {
    "RudderStack JavaScript": rudder_javascript,
    "RudderStack Android": rudder_mobile,
    "RudderStack Node": batched(
        path="/v1/batch",
        one=lambda n: {"originalTimestamp": iso(at(n)), "_metadata": {"nodeVersion": "20"}, "context": {"library": {}}},
        beside={"timestamp": iso(NOW), "sentAt": iso(NOW)},
    ),
    "RudderStack Go": batched(
        path="/v1/batch", one=lambda n: {"originalTimestamp": iso(at(n)), "channel": "server"}, beside={"sentAt": iso(NOW)}
    ),
    "Segment JavaScript": segment_javascript,
    "Segment Node": batched(
        path="/v1/batch", one=lambda n: {"timestamp": iso(at(n)), "integrations": {}}, beside={"sentAt": iso(NOW)}
    ),
    "Segment Python": batched(
        path="/v1/batch",
        one=lambda n: {"timestamp": at(n).isoformat(), "anonymousId": None, "integrations": {}},
        beside={"sentAt": NOW.isoformat()},
    ),
    "Segment Java": batched(
        path="/v1/import",
        one=lambda n: {"timestamp": iso(at(n)), "anonymousId": None},
        beside={"sentAt": iso(NOW), "sequence": 1, "context": {"library": {"name": "analytics-java"}}, "writeKey": KEY},
    ),
    "Segment Go": batched(
        path="/v1/batch",
        one=lambda n: {"timestamp": at(n).isoformat()},
        beside={"messageId": "b1", "sentAt": iso(NOW), "context": {"library": {"name": "analytics-go"}}},
    ),
    "Segment Ruby": batched(
        path="/v1/import",
        one=lambda n: {"timestamp": at(n).isoformat(timespec="milliseconds"), "context": {"library": {"name": "ruby"}}},
        beside={"sentAt": NOW.isoformat(timespec="milliseconds")},
    ),
    "Segment PHP": batched(
        path="/v1/batch",
        one=lambda n: {"timestamp": at(n).timestamp(), "context": {"library": {"name": "analytics-php"}}},
        beside={"sentAt": NOW.timestamp()},
    ),
}  # fmt: skip


def state_after(habit: str):
    requests = [(path, msgspec.json.encode(body), {}) for path, body in HABITS[habit]()]
    sandbox = delivered(requests, Mapping(), rules=Rules()).sandbox
    state = held(asyncio.run(sandbox.state()))
    # By which of their names an event named its person is the library's habit; whose it is, is compared.
    state["events"] = {id_: event | {"email": None} for id_, event in state["events"].items()}
    return state


@pytest.fixture(scope="module")
def expected():
    return state_after("Segment Node")


@pytest.mark.parametrize("habit", HABITS)
def test_the_same_day_ends_in_the_same_state_whatever_the_habits_of_the_sdk(habit, expected):
    state = state_after(habit)

    assert differences(expected, state) == []
    assert len(state["people"]) == 2
    assert len(state["events"]) == 3
