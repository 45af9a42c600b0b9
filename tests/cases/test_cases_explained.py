"""Every golden case can be explained: no value of its event, and none of its calls, is left without a reason."""

import json
import re

import pytest

from cases.explained import accounts_for_every_leaf, set_by_mapping, tells_the_truth
from cases.runner import MAPPINGS, Case, read_cases
from penstock.destinations.custify.options import Mapping
from penstock.explain.explain import as_json, explain

CASES = read_cases()


def explained(case: Case, mapping: str):
    return explain(case.call(mapping), Mapping(name=mapping, **case.options))


@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sentence)
def test_every_value_of_the_case_and_of_its_calls_is_accounted_for(case: Case, mapping: str) -> None:
    explanation = explained(case, mapping)

    assert accounts_for_every_leaf(explanation, case.call(mapping))
    assert tells_the_truth(explanation)


@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sentence)
def test_only_what_the_mapping_always_sends_has_no_source(case: Case, mapping: str) -> None:
    constants = {(re.sub(r"\[\d+\]", "[0]", field), value) for field, value in set_by_mapping(explained(case, mapping))}
    assert constants <= {
        ("custom_attributes", "{}"),
        ("metadata", "{}"),
        ("companies[0].remove", "False"),
        ("name", "'Viewed a Screen'"),
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sentence)
def test_the_explanation_as_json_holds_the_calls_of_the_case(case: Case) -> None:
    facts = json.loads(json.dumps(as_json(explained(case, "custify/1"))))
    expected = case.expected["custify/1"]

    assert facts["calls"] == expected.get("calls", [])
    assert (facts["unmappable"] or facts["filtered"]) == expected.get("unmappable")
