"""What an explanation says: each reason with an event that earns it, and what bounds its cost."""

import json

import pytest

from cases.explained import accounts_for_every_leaf, tells_the_truth
from penstock.destinations.custify.calls import CustifyCall as Call
from penstock.destinations.custify.options import Mapping
from penstock.destinations.plan import Filtered, Plan
from penstock.explain import trials
from penstock.explain.explain import as_json, explain

MOMENT = "2024-05-06T07:08:09.000Z"


def reason(event, source, mapping="custify/1", **options):
    """Return the reasons for one value of an event, as words."""
    whole = {"type": "identify", "userId": "u1", "timestamp": MOMENT} | event
    lines = explain(whole, Mapping(name=mapping, **options)).lines
    return " ".join(line.reason for line in lines if line.source == source)


@pytest.mark.parametrize(
    ("traits", "source", "expected"),
    [
        ({"plan": "Pro"}, "traits.plan", "same"),
        ({"phone": " 5 "}, "traits.phone", "trimmed"),
        ({"phone": 5}, "traits.phone", "text"),
        ({"sessionCount": "5"}, "traits.sessionCount", "number"),
        ({"unsubscribedFromCalls": 1}, "traits.unsubscribedFromCalls", "flag"),
        ({"signedUpAt": 1_700_000_000}, "traits.signedUpAt", "date"),
        ({"since": "2024-05-06T07:08:09+02:00"}, "traits.since", "date"),
        ({"firstName": "Ana", "lastName": "Ana"}, "traits.firstName", "part"),
        ({"plan": None}, "traits.plan", "null"),
        ({"email": ""}, "traits.email", "empty"),
        ({"email": "n/a"}, "traits.email", "wrong-type"),
        ({"sessionCount": "many"}, "traits.sessionCount", "wrong-type"),
        ({"address": {"city": "Rome"}}, "traits.address.city", "object"),
        ({"address": {}}, "traits.address", "object"),
        ({"tags": ["a"]}, "traits.tags[0]", "array"),
        ({"tags": []}, "traits.tags", "array"),
        ({"": 1}, 'traits[""]', "reserved"),
        ({"id": "u1"}, "traits.id", "repeated"),
        ({"id": "other"}, "traits.id", "same"),
        ({"sessionCount": 1, "session_count": 2}, "traits.session_count", "lost"),
        ({"company": {"id": "acme", "remove": "maybe"}}, "traits.company.remove", "wrong-type"),
        ({"company": {"id": "acme", "remove": "true"}}, "traits.company.remove", "flag"),
    ],
)
def test_a_trait_has_its_reason(traits, source, expected):
    assert reason({"traits": traits}, source) == expected


@pytest.mark.parametrize(
    ("event", "source", "expected"),
    [
        ({}, "type", "steers"),
        ({"channel": "web"}, "channel", "not-read"),
        ({"anonymousId": "a1"}, "anonymousId", "not-read"),
        ({"context": {"library": {"name": "js"}}}, "context.library.name", "not-read"),
        ({"context": {"traits": {"plan": "Pro"}}, "traits": {"plan": "Free"}}, "context.traits.plan", "lost"),
        ({"traits": {}}, "traits", "empty"),
        ({"type": "alias"}, "userId", "filtered"),
        ({"userId": None}, "timestamp", "unmappable"),
        ({"type": "group", "groupId": "acme"}, "groupId", "same same"),
    ],
)
def test_everything_else_of_an_event_has_its_reason(event, source, expected):
    assert reason(event, source) == expected


@pytest.mark.parametrize(
    ("event", "source", "expected"),
    [
        ({"traits": {"phone": 5}}, "traits.phone", "same"),
        ({"traits": {"session_count": 5}}, "traits.session_count", "reserved"),
        ({"traits": {"a": 1}, "context": {"traits": {"b": 2}}}, "context.traits.b", "lost"),
        ({"type": "track", "event": "x", "properties": {"free": 0}}, "properties.free", "empty"),
        ({"type": "track", "event": "x", "properties": {"cart": {"id": 1}}}, "properties.cart.id", "object"),
        ({"context": {"mappedToDestination": True}, "traits": {"a": 1}}, "context.mappedToDestination", "steers"),
        ({"userId": "", "anonymousId": "a1"}, "userId", "empty"),
        ({"userId": "", "anonymousId": "a1"}, "anonymousId", "same"),
    ],
)
def test_the_other_mapping_is_explained_by_the_same_means(event, source, expected):
    assert reason(event, source, "rudderstack", anonymous_fallback=True) == expected


def test_an_attribute_sent_as_json_text_names_all_its_values():
    event = {"traits": {"address": {"city": "Rome", "zip": None, "more": {}}, "town": "Rome", "tags": []}}

    assert reason(event, "traits.tags", nested="json") == "json"
    assert reason(event, "traits.address.more", nested="json") == "json"
    assert reason(event, "traits.address.city", nested="json") == "json"
    assert reason(event, "traits.address.zip", nested="json") == "json"
    assert reason(event, "traits.town", nested="json") == "same"


def test_what_a_field_takes_is_named():
    event = {
        "type": "identify",
        "userId": True,
        "traits": {"email": 5, "id": "u1", "sessionCount": "x", "huge": 10**400},
    }

    why = {line.source: line.why for line in explain(event, Mapping()).lines}

    assert why["userId"] == "user_id takes a text or a number, and this is none"
    assert why["traits.email"] == "email takes an email address, and this is none"
    assert why["traits.sessionCount"] == "session_count takes a number, and this is none"
    assert why["traits.huge"] == "custom_attributes.huge takes a text or a number or true or false, and this is none"


def test_equal_values_are_not_taken_for_one_another():
    event = {"type": "identify", "userId": "7", "traits": {"phone": "7", "plan": "7", "id": "8", "a": True, "b": True}}

    told = {line.source: line.field for line in explain(event, Mapping()).lines}

    assert told["userId"] == "user_id"
    assert told["traits.phone"] == "phone"
    assert told["traits.plan"] == "custom_attributes.plan"
    assert told["traits.a"] == "custom_attributes.a"
    assert told["traits.b"] == "custom_attributes.b"


def test_the_value_that_lost_and_the_one_that_won_are_named():
    event = {"type": "identify", "userId": "u1", "traits": {"userId": "u2", "createdAt": MOMENT}, "timestamp": MOMENT}

    why = {line.source: line.why for line in explain(event, Mapping()).lines}

    assert why["timestamp"] == "it repeats traits.createdAt, which is sent as signed_up_at"


def test_when_the_mapping_changes_the_explanation_changes_with_it(monkeypatch):
    def other_mapping(event, mapping):
        return Plan((Call("/event", {"name": str(event["traits"]["plan"])[::-1], "user_id": event["anonymousId"]}),))

    monkeypatch.setattr(trials, "convert", other_mapping)
    monkeypatch.setattr("penstock.explain.explain.convert", other_mapping)
    event = {"type": "identify", "userId": "u1", "anonymousId": "a1", "traits": {"plan": "pro"}}

    told = {line.source: (line.reason, line.field) for line in explain(event, Mapping()).lines}

    assert told["anonymousId"] == ("same", "user_id")
    assert told["userId"] == ("not-read", None)
    # Nothing here knows what to call a text written backwards; it says that the value matters, and claims no more.
    assert told["traits.plan"] == ("steers", None)
    assert told[None] == ("constant", "name")


def test_an_event_with_very_many_values_is_explained_in_part_and_says_so():
    event = {"type": "identify", "userId": "u1", "traits": {f"k{n}": n for n in range(5000)}}

    explanation = explain(event, Mapping())

    assert len(explanation.lines) == 200
    assert explanation.leaves_left_out == 5002 - 200
    assert explanation.fields_left_out == 5001 - 199
    assert ("userId", "user_id") in {(line.source, line.field) for line in explanation.lines}


@pytest.mark.parametrize("value", ["g", True, None, {"a": {"b": "g"}}, ["g"] * 30], ids=str)
@pytest.mark.parametrize("mapping", ["custify/1", "rudderstack"])
@pytest.mark.parametrize("kind", ["identify", "group"])
def test_an_explanation_costs_a_bounded_number_of_conversions(monkeypatch, kind, mapping, value):
    asked = []
    convert = trials.convert
    monkeypatch.setattr(trials, "convert", lambda event, mapping: asked.append(1) or convert(event, mapping))
    ids = dict.fromkeys(("userId", "user_id", "id", "groupId", "company_id"), "g")
    traits = {f"k{n}": value for n in range(90)} | ids
    event = {"type": kind, "traits": traits, "groupId": "g", "userId": "g", "anonymousId": "g", "timestamp": MOMENT}

    explain(event | {"context": {"traits": traits}}, Mapping(name=mapping, anonymous_fallback=True))

    assert len(asked) < 3000


def test_a_value_that_was_left_out_is_not_passed_over_for_one_that_was_not():
    event = {"type": "identify", "anonymousId": "u1", "traits": {f"k{n}": n for n in range(300)}, "userId": "u1"}

    lines = explain(event, Mapping(anonymous_fallback=True), leaves_max=2).lines

    assert ("anonymousId", "user_id") not in {(line.source, line.field) for line in lines}


def test_of_an_array_sent_as_one_text_nothing_is_claimed_that_was_not_tried_whole():
    event = {"type": "identify", "userId": "u1", "traits": {"many": list(range(5000))}}

    lines = explain(event, Mapping(nested="json")).lines

    assert {line.source for line in lines} == {"type", "userId"}


@pytest.mark.parametrize(
    "mapping", [Mapping(), Mapping(nested="json"), Mapping(nested="flatten"), Mapping(name="rudderstack")]
)
def test_values_nested_without_end_are_named_and_not_followed(mapping):
    deep: object = 1
    for _ in range(50_000):
        deep = {"d": deep}
    event = {"type": "identify", "userId": "u1", "timestamp": MOMENT, "traits": {"deep": deep, "plan": "Pro"}}

    explanation = explain(event, mapping)

    assert "an object, nested too deep" in {line.value for line in explanation.lines}
    assert json.loads(json.dumps(as_json(explanation)))["calls"]


@pytest.mark.parametrize("event", [None, 5, "text", [], {}, [1, {"type": "track"}], {"type": 5}])
def test_what_is_no_event_is_explained_as_such(event):
    explanation = explain(event, Mapping())

    assert accounts_for_every_leaf(explanation, event)
    assert tells_the_truth(explanation)
    assert {line.reason for line in explanation.lines} == {"unmappable"}


def test_keys_that_look_like_paths_are_quoted():
    event = {"type": "identify", "userId": "u1", "traits": {"a.b": 1, "c[0]": 2, "ä": 3, "\x1b": 4}}

    sources = [line.source for line in explain(event, Mapping()).lines if (line.source or "").startswith("traits")]

    assert sources == ['traits["a.b"]', 'traits["c[0]"]', "traits.ä", 'traits["\\u001b"]']


def test_each_field_that_a_source_may_not_write_is_named_with_the_reason():
    event = {
        "type": "identify",
        "userId": "42",
        "timestamp": "2026-01-02T03:04:05Z",
        "traits": {"email": "eve@evil.test", "theme": "dark", "company": {"id": "acme", "remove": True}, "tags": []},
    }
    mapping = Mapping(trust="traits", trusted_traits=("theme",))

    told = explain(event, mapping)

    assert [(line.source, line.field) for line in told.lines if line.call is not None] == [
        ("userId", "user_id"),
        ("traits.theme", "custom_attributes.theme"),
    ]
    untrusted = {line.source: line.why for line in told.lines if line.reason == "untrusted"}
    assert untrusted.keys() == {"timestamp", "traits.email", "traits.company.id", "traits.company.remove"}
    assert untrusted["traits.email"] == "email of /people is not taken from this source: its trust is `traits`"
    # What would not be sent from a trusted source either has the reason it has there.
    assert next(line.reason for line in told.lines if line.source == "traits.tags") == "array"


def test_an_event_of_many_values_from_a_source_that_is_not_believed_is_explained_page_by_page():
    event = {"type": "identify", "userId": "42", "traits": {"theme": "dark"} | {f"t{n}": f"v{n}" for n in range(60)}}
    mapping = Mapping(trust="traits", trusted_traits=("theme", "t50"))

    pages, first = [], 0
    while first is not None:
        pages.append(explain(event, mapping, first=first, leaves_max=20))
        first = pages[-1].next_first
    lines = [line for page in pages for line in page.lines if line.source is not None]

    assert [page.first for page in pages] == [0, 20, 40, 60]
    assert all(page.leaves == 63 and page.meaning == pages[0].meaning for page in pages)
    assert {line.source for line in lines if line.call is not None} == {"userId", "traits.theme", "traits.t50"}
    untrusted = {f"traits.t{n}" for n in range(60) if n != 50}
    assert {line.source for line in lines if line.reason == "untrusted"} == untrusted


def test_what_is_asked_about_comes_first_though_its_source_is_not_believed():
    event = {"type": "identify", "userId": "42", "traits": {f"t{n}": f"v{n}" for n in range(60)}}

    told = explain(event, Mapping(trust="traits", trusted_traits=("t50",)), leaves_max=10, about="t50")

    assert "custom_attributes.t50" in {line.field for line in told.lines}


def test_an_event_of_which_nothing_may_be_written_still_says_of_each_value_where_it_would_go():
    event = {"type": "group", "groupId": "acme", "traits": {"plan": "free"}}

    told = explain(event, Mapping(trust="events"))

    assert told.meaning == Filtered("its source may not write what this event says", "filter.source_trust")
    assert {line.source: line.reason for line in told.lines}["traits.plan"] == "untrusted"
