"""Whatever an event is, convert answers, and the answer is something Custify can read."""

import copy
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.convert import convert
from penstock.convert.plan import Filtered, Mapping, Plan, Unmappable

MAPPINGS = [
    Mapping(),
    Mapping(anonymous_fallback=True, nested="flatten", page_views=True),
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
traits = st.dictionaries(names, values | st.fixed_dictionaries({"id": scalars, "remove": values}), max_size=6) | values
types = st.sampled_from(["identify", "track", "group", "page", "screen", "alias", " Track ", ""]) | values
events = st.fixed_dictionaries(
    {"type": types},
    optional={
        "userId": scalars,
        "anonymousId": scalars,
        "messageId": scalars,
        "groupId": scalars,
        "event": values,
        "name": values,
        "timestamp": scalars | st.just("2024-05-06T07:08:09+02:00"),
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
