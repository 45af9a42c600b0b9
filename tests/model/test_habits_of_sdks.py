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
from penstock.timestamps import moment
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


def rudder_javascript_batches():
    """The same calls, told to go together."""
    yield "/v1/batch", {"batch": [body for _, body in rudder_javascript()], "sentAt": iso(NOW)}


def singles(one):
    def requests():
        for number, (kind, _, _) in enumerate(FACTS):
            yield f"/v1/{kind}", call(number) | one(number)

    return requests


def seven_digits(moment: dt.datetime) -> str:
    """Return a moment as .NET's round-trip form writes it."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.0000000Z"


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
    "RudderStack Node 1": batched(
        path="/v1/batch",
        one=lambda n: {"originalTimestamp": iso(at(n)), "sentAt": iso(NOW), "channel": "server", "_metadata": {"nodeVersion": "20"}},
        beside={"sentAt": iso(NOW)},
    ),
    "RudderStack Python": batched(
        path="/v1/batch",
        one=lambda n: {"timestamp": at(n).isoformat(), "anonymousId": None, "channel": "server", "integrations": {}},
        beside={"sentAt": NOW.isoformat()},
    ),
    # Their anonymous id is the user's, where they have no other.
    "RudderStack Go, visitors": batched(
        path="/v1/batch",
        one=lambda n: {"originalTimestamp": iso(at(n)), "anonymousId": FACTS[n][1], "context": {"library": {"name": "analytics-go"}}},
        beside={"messageId": "b1", "sentAt": iso(NOW)},
    ),
    # When they are made is all that it says, in two places.
    "RudderStack Ruby": batched(
        path="/v1/batch",
        one=lambda n: {"timestamp": iso(at(n)), "sentAt": iso(at(n)), "channel": "server", "integrations": {"All": True}},
        beside={},
    ),
    "RudderStack .NET": batched(
        path="/v1/batch",
        one=lambda n: {
            "timestamp": seven_digits(at(n)), "originalTimestamp": seven_digits(at(n)), "sentAt": None, "anonymousId": None,
            "channel": "server", "integrations": {}, "context": {"library": {"name": "RudderStack-.NET"}},
        },
        beside={"WriteKey": KEY, "messageId": "b1", "sentAt": seven_digits(NOW)},
    ),
    "RudderStack PHP": batched(
        path="/v1/batch",
        one=lambda n: {"originalTimestamp": at(n).isoformat(), "sentAt": NOW.isoformat(), "channel": "server", "context": {"library": {}}},
        beside={"sentAt": NOW.isoformat()},
    ),
    "RudderStack Rust": singles(lambda n: {"originalTimestamp": iso(at(n)), "sentAt": iso(NOW), "channel": "server"}),
    "RudderStack for service workers": batched(
        path="/v1/batch",
        one=lambda n: {"originalTimestamp": iso(at(n)), "sentAt": iso(NOW), "channel": "service-worker"},
        beside={"sentAt": iso(NOW)},
    ),
    "RudderStack JavaScript in batches": rudder_javascript_batches,
    "Segment Node of before": batched(
        path="/v1/batch", one=lambda n: {"timestamp": iso(at(n)), "_metadata": {}}, beside={"timestamp": iso(NOW), "sentAt": iso(NOW)}
    ),
    "Segment PHP 3": batched(
        path="/v1/batch", one=lambda n: {"timestamp": at(n).isoformat()}, beside={"sentAt": NOW.isoformat()}
    ),
    "Segment Rust": batched(path="/v1/batch", one=lambda n: {"timestamp": iso(at(n))}, beside={}),
    "Segment Kotlin, Swift, React Native, C#": batched(
        path="/v1/b",
        one=lambda n: {"timestamp": iso(at(n)), "anonymousId": f"d{FACTS[n][1]}", "integrations": {}, "_metadata": {"bundled": []}},
        beside={"sentAt": iso(NOW), "writeKey": KEY},
    ),
    "Segment's older Android": batched(
        path="/v1/import",
        one=lambda n: {"timestamp": iso(at(n)), "anonymousId": f"d{FACTS[n][1]}", "channel": "mobile", "integrations": {}},
        beside={"sentAt": iso(NOW)},
    ),
    "Segment PHP": batched(
        path="/v1/batch",
        one=lambda n: {"timestamp": at(n).timestamp(), "context": {"library": {"name": "analytics-php"}}},
        beside={"sentAt": NOW.timestamp()},
    ),
}  # fmt: skip


#: Those that do not say when they send, or say a time as one that somebody meant: a wrong clock shows in their events.
NOT_SENT_AT = {"RudderStack Ruby", "RudderStack .NET", "Segment Rust"}
CLOCK_TEXTS = {"timestamp", "originalTimestamp", "sentAt"}


def by_a_clock(said: object, fast: dt.timedelta) -> object:
    """Return what an SDK says by a clock that is wrong; what its application says stays."""
    if isinstance(said, list):
        return [by_a_clock(each, fast) for each in said]
    if not isinstance(said, dict):
        return said
    shown = {key: iso(moment(said[key]) + fast) for key in CLOCK_TEXTS & said.keys() if said[key]}
    return said | shown | {key: by_a_clock(said[key], fast) for key in {"batch"} & said.keys()}


def state_after(habit: str, fast: dt.timedelta = dt.timedelta()):
    told = [(path, by_a_clock(body, fast) if fast else body) for path, body in HABITS[habit]()]
    requests = [(path, msgspec.json.encode(body), {}) for path, body in told]
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


@pytest.mark.parametrize("fast", [dt.timedelta(hours=-3), dt.timedelta(days=400)], ids=["slow", "fast"])
@pytest.mark.parametrize("habit", sorted(HABITS.keys() - NOT_SENT_AT))
def test_nor_does_a_wrong_clock_of_the_sender_change_it(habit, fast, expected):
    assert differences(expected, state_after(habit, fast)) == []
