"""What does an event become? Every golden case, in both mappings."""

import json

import pytest

from cases.runner import MAPPINGS, Case, read_cases

CASES = read_cases()


@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sentence)
def test_the_event_becomes_what_the_case_says(case: Case, mapping: str) -> None:
    # As text, so that the order of the fields, and true and 1, are told apart.
    assert json.dumps(case.actual(mapping)) == json.dumps(case.expected[mapping]), case.why


def test_every_case_says_why() -> None:
    assert [case.sentence for case in CASES if len(case.why) < 15] == []


def test_there_is_a_case_for_every_kind_of_event() -> None:
    assert {case.path.parent.name for case in CASES} == {"identify", "track", "group", "other"}
