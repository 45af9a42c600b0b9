"""convert and the lanes name a person by one function: whoever a plan writes stands in the lanes that events are given."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.test_convert_properties import events, ids
from penstock.accept.one_by_one import read_batch
from penstock.accept.sdk_request import Arrival
from penstock.buffer.rules.lanes import lanes_of
from penstock.clock import SeededDice
from penstock.destinations.custify.calls import CustifyCall as Call
from penstock.destinations.custify.convert import convert
from penstock.destinations.custify.convert.subjects import named
from penstock.destinations.custify.convert.values import as_email, as_id
from penstock.destinations.custify.naming import NamedBy, who
from penstock.destinations.custify.options import Mapping
from penstock.destinations.plan import Plan
from penstock.destinations.reading import call_of
from penstock.errors import SdkError

ORIGIN = Arrival(source="web", received_at_ms=1_714_979_300_123, ip="10.0.0.7")
company = st.fixed_dictionaries(
    {}, optional={"id": ids, "company_id": ids, "remove": st.booleans(), "name": st.just("Acme"), "plan": st.none()}
)
traits = st.fixed_dictionaries(
    {},
    optional={
        "userId": ids, "user_id": ids, "id": ids, "email": st.sampled_from([None, "A@b.c", "undefined@x.y", " a@ b.c", 7]),
        "company": company | st.text(max_size=3), "companies": st.lists(company, max_size=3) | st.none(),
        "groupId": ids, "company_id": ids, "plan": st.sampled_from(["a", None, 4.5, {"a": [1]}]),
    },
)  # fmt: skip
calls = st.builds(
    lambda call, top, traits, context: call | top | traits | context,
    events,
    st.fixed_dictionaries({}, optional={"userId": ids, "anonymousId": ids, "groupId": ids}),
    st.fixed_dictionaries({}, optional={"traits": traits | st.none() | st.lists(traits, max_size=1)}),
    st.fixed_dictionaries(
        {}, optional={"context": st.none() | st.fixed_dictionaries({}, optional={"traits": traits | st.just("none")})}
    ),
)
mappings = st.builds(Mapping, name=st.sampled_from(["custify/1", "rudderstack"]), anonymous_fallback=st.booleans())


def stored(said, beside):
    """Return events as accept stores them; none when it refuses them."""
    try:
        body = msgspec.json.encode({"batch": said, **beside})
        return read_batch(body, origin=ORIGIN, dice=SeededDice(1)).events()
    except SdkError:
        return []


@given(
    said=st.lists(calls, min_size=1, max_size=3),
    beside=st.fixed_dictionaries({}, optional={"context": st.fixed_dictionaries({"traits": traits}), "userId": ids}),
    mapping=mappings,
)
def test_the_lanes_of_an_event_are_named_after_the_people_it_writes(said, beside, mapping):
    for event in stored(said, beside):
        about = NamedBy(mapping)(event)
        call = call_of(event, mapping)
        # Passing over what says nothing of that changes nothing.
        assert about == named(call | {"type": event.type.strip().lower()}, mapping)

        meaning = convert(call, mapping)
        lanes = lanes_of(about, tied=lambda _: None, is_waiting=lambda _: False)
        for plan_call in meaning.calls if isinstance(meaning, Plan) else ():
            assert {"", *lanes} >= {_as_compared(plan_call).subject}


def _as_compared(call: Call) -> Call:
    """Return a call with its ids as texts, as Custify compares them; a company's event needs no lane of its own.

    What RudderStack sends for an id and is none, such as true, names nobody.
    """
    ids = {
        name: as_id(call.body.get(name)) for name in ("user_id", "company_id") if call.path != "/event" or "u" in name
    }
    if call.path == "/company" and ids["company_id"] is None:
        return Call("/event", {})
    return Call(call.path, {"email": as_email(call.body.get("email")), **ids})


@pytest.mark.parametrize(
    "form",
    [
        {"userId": "42"}, {"userId": 42}, {"userId": 42.0}, {"userId": " 42 "}, {"userId": "\ufeff42"},
        {"userId": "undefined", "traits": {"id": 42}}, {"anonymousId": "a", "traits": {"userId": "42"}},
        {"anonymousId": "a", "context": {"traits": {"user_id": 42.0}}}, {"traits": {"id": "42"}, "anonymousId": "null"},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("type_", ["track", "identify", "group", "page"])
def test_one_person_in_whatever_form_has_one_lane(form, type_):
    if type_ == "group" and "traits" in form:
        form = {**form, "context": {"traits": form["traits"]}}  # a group call's traits are the company's
    [event] = stored([{"type": type_, "event": "Seen", "groupId": "acme", **form}], {})

    about = NamedBy(Mapping())(event)

    assert about.user_id == "42"
    assert lanes_of(about, tied=lambda _: None, is_waiting=lambda _: False)[0] == "user:42"


@pytest.mark.parametrize("email", ["ana@x.io", " Ana@X.io", "ANA @x.io", "ana@x.io\u200b"])
def test_an_email_alone_is_one_lane_however_it_is_written(email):
    [event] = stored([{"type": "identify", "anonymousId": "undefined", "traits": {"email": email}}], {})

    assert NamedBy(Mapping())(event).email == "ana@x.io"


@pytest.mark.parametrize("nobody", ["undefined", "null", "NaN", "[object Object]", "0", "", "Anonymous", {}, []])
def test_a_placeholder_is_no_persons_name_and_chains_no_events(nobody):
    [event] = stored([{"type": "track", "event": "Seen", "userId": nobody, "anonymousId": "a1"}], {})

    assert lanes_of(NamedBy(Mapping())(event), tied=lambda _: None, is_waiting=lambda _: False) == ("anon:a1",)


def test_who_a_large_event_is_about_is_read_without_reading_the_rest_of_it():
    traits = {f"name{n}": n for n in range(20_000)} | {"id": 42, "company": {"id": "acme", "name": "Acme"}}
    [event] = stored([{"type": "identify", "anonymousId": "a1", "traits": traits}], {})

    assert who(event, alone=False) == {
        "type": "identify",
        "anonymousId": "a1",
        "traits": {"id": 42, "company": {"id": "acme", "unread": True}},
    }
