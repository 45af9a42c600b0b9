"""Whatever an event is, explain accounts for every value of it and of its calls, and says nothing that is not so."""

import copy

import pytest
from hypothesis import given

from cases.explained import accounts_for_every_leaf, set_by_mapping, tells_the_truth
from model.test_convert_properties import MAPPINGS, events, values
from penstock.convert import convert
from penstock.convert.explain import explain


@pytest.mark.parametrize("mapping", MAPPINGS, ids=repr)
@given(event=events | values)
def test_every_value_of_any_event_and_of_its_calls_is_accounted_for(mapping, event):
    before = copy.deepcopy(event)

    explanation = explain(event, mapping)

    assert event == before
    assert explanation.meaning == convert(event, mapping)
    assert accounts_for_every_leaf(explanation, event)
    assert tells_the_truth(explanation)


@pytest.mark.parametrize("mapping", MAPPINGS[:3], ids=repr)
@given(event=events)
def test_what_no_value_of_the_event_explains_is_what_the_mapping_always_sends(mapping, event):
    assert set_by_mapping(explain(event, mapping)) <= {
        ("custom_attributes", "{}"),
        ("metadata", "{}"),
        ("companies[0].remove", "False"),
        ("name", "'Viewed a Page'"),
        ("name", "'Viewed a Screen'"),
    }
