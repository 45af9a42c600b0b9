"""Whatever an event is, convert answers, and the answer is something Custify can read."""

import copy
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.destinations.custify.convert import convert
from penstock.destinations.custify.options import Mapping
from penstock.destinations.plan import Filtered, Plan, Unmappable

MAPPINGS = [
    Mapping(),
    Mapping(
        anonymous_fallback=True, nested="flatten", page_views=True, date_attributes=("plan", "people.churned", "a.b")
    ),
    Mapping(nested="json"),
    Mapping(name="rudderstack"),
    Mapping(name="rudderstack", anonymous_fallback=True),
]
CUSTIFY_1 = MAPPINGS[:3]

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
names = st.sampled_from(
    ["userId", "id", "email", "name", "firstName", "phone", "sessionCount", "signedUpAt", "signed_up_at", "company", "groupId", "size",
     "mrr", "churned", "unsubscribedFromEmails", "traits", "context", "a.b", "", "plan"]
)  # fmt: skip
#: Times as they come: in every form, in the future, of no date at all, and what is no time.
times = (
    scalars
    | st.sampled_from(
        ["2024-05-06T07:08:09+02:00", "2024-05-06 07:08:09 UTC", "Mon May 06 09:08:09 CEST 2024", "2099-01-01T00:00:00Z",
         "0001-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z", "0000-00-00", "N/A", "1714979289", 1714979289, 1714979289000,
         1714979289.5, "1780111512345", "2024-05-06", "9999-12-31", "Mon, 06 May 2024 07:08:09 GMT"]
    )
    | st.datetimes().map(str)
    | st.datetimes().map(lambda moment: f"{moment.isoformat()}Z")
)  # fmt: skip
#: Ids as they come: some are none.
ids = scalars | st.sampled_from(["u1", " u1 ", 42, 42.0, "undefined", "NULL", "0", "[object Object]", "\ufeffu1"])
emails = st.sampled_from(["ana@example.com", " Ana@Example.com", "NoReply@x.io", "n/a", "undefined@x.io"])
dated = st.fixed_dictionaries(
    {}, optional={"signedUpAt": times, "createdAt": times, "plan": times, "id": ids, "email": emails}
)
traits = (
    st.dictionaries(names, values | st.fixed_dictionaries({"id": scalars, "remove": values}), max_size=6)
    | values
    | dated
)
types = st.sampled_from(["identify", "track", "group", "page", "screen", "alias", " Track ", ""]) | values
events = st.fixed_dictionaries(
    {"type": types},
    optional={
        "userId": ids,
        "anonymousId": ids,
        "messageId": scalars,
        "groupId": ids,
        "event": values,
        "name": values,
        "timestamp": times,
        "originalTimestamp": times,
        "sentAt": times,
        "receivedAt": times,
        "traits": traits,
        "properties": traits,
        "context": st.fixed_dictionaries({"traits": traits, "groupId": scalars}) | values,
    },
)


@pytest.mark.parametrize("mapping", MAPPINGS, ids=repr)
@given(event=events | values)
def test_convert_never_raises_never_changes_its_input_and_always_says_the_same(mapping, event):
    before = copy.deepcopy(event)

    meaning = convert(event, mapping)

    assert isinstance(meaning, Plan | Unmappable | Filtered)
    assert event == before
    assert convert(event, mapping) == meaning


@pytest.mark.parametrize("mapping", CUSTIFY_1, ids=repr)
@given(event=events)
def test_every_call_names_its_subject_and_holds_only_what_custify_types(mapping, event):
    meaning = convert(event, mapping)
    for call in meaning.calls if isinstance(meaning, Plan) else ():
        body = call.body
        assert any(body.get(key) for key in ("user_id", "email", "company_id"))
        for key in (
            "user_id",
            "email",
            "company_id",
            "name",
            "phone",
            "created_at",
            "signed_up_at",
            "deduplication_id",
        ):
            assert isinstance(body.get(key, "text"), str)
        for value in [*body.get("custom_attributes", {}).values(), *body.get("metadata", {}).values()]:
            assert isinstance(value, str | int | float | bool)
            assert not isinstance(value, float) or math.isfinite(value)
        assert isinstance(body.get("session_count", 0), int | float)
        assert isinstance(body.get("size", 0), int)
        assert isinstance(body.get("churned", True), bool)


@pytest.mark.parametrize("mapping", MAPPINGS, ids=repr)
def test_an_event_nested_without_end_is_answered(mapping):
    deep: object = 1
    for _ in range(100_000):
        deep = [deep]

    assert isinstance(
        convert({"type": "track", "userId": "a", "event": "x", "timestamp": "t", "properties": {"d": deep}}, mapping),
        Plan | Unmappable,
    )
