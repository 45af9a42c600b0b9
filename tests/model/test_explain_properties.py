"""Whatever an event is, explain accounts for every value of it and of its calls, and says nothing that is not so."""

import copy

import pytest
from hypothesis import given

from cases.explained import accounts_for_every_leaf, leaves, set_by_mapping, tells_the_truth
from model.test_convert_properties import MAPPINGS, events, values
from penstock.destinations.custify.convert import convert
from penstock.destinations.plan import Plan
from penstock.explain.explain import explain

# Values of an event that nothing else of it can stand in for.
ALONE = {"messageId", "event"}


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


@pytest.mark.parametrize("mapping", MAPPINGS, ids=repr)
@given(event=events)
def test_what_is_said_of_a_part_of_an_event_is_true_of_the_whole(mapping, event):
    explanation = explain(event, mapping, leaves_max=4)

    assert tells_the_truth(explanation)
    sources = {line.source for line in explanation.lines if line.source is not None}
    assert len(sources) + explanation.leaves_left_out == len(list(leaves(event)))
    whole = explain(event, mapping)
    for line in explanation.lines:
        if line.source is not None:
            assert (line.call is None) == (line.source in _unsent(whole)), line


def _unsent(explanation):
    return {line.source for line in explanation.lines if line.call is None}


@pytest.mark.parametrize("mapping", MAPPINGS, ids=repr)
@given(event=events)
def test_a_field_follows_the_value_that_it_is_said_to_come_from(mapping, event):
    """The other way round, and by other means: a value that is taken away does not stay where it was, if it was alone."""
    for line in explain(event, mapping).lines:
        if line.source in ALONE and line.call is not None:
            rest = convert({key: value for key, value in event.items() if key != line.source}, mapping)
            body = rest.calls[line.call].body if isinstance(rest, Plan) and len(rest.calls) > line.call else {}
            assert line.field not in body or repr(body[line.field]) != repr(line.sent)
