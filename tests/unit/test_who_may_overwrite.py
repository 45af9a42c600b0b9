"""The policies of fields: what is kept back, and what is said of it."""

import typing

import pytest

from penstock.ledger.policies import MEANING, NEEDS_HELD, Policy, withheld
from penstock.ledger.record import NULL, Record
from penstock.ledger.rules import Rules

NOW = 1_700_000_000.0
DAY_MS = 86_400_000
NOW_MS = int(NOW * 1000)


def why(policy: Policy, value, held=None, *, at_ms: int = NOW_MS, at_before: int | None = None, **rest) -> str:
    """Return why a value is kept back from a field of which Custify holds that, or nothing."""
    record = None if held is None and at_before is None else Record(fields={} if held is None else {"x": held})
    if record and at_before is not None:
        record.times["x"] = at_before
    return withheld(policy, value, name="x", record=record, at_ms=at_ms, now=NOW, **rest)


def test_every_policy_is_explained_and_those_that_compare_must_know_what_is_held():
    assert MEANING.keys() == set(typing.get_args(Policy))
    assert {policy for policy in MEANING if why(policy, "b", "b").startswith(f"{policy}: Custify holds")} == NEEDS_HELD


def test_by_default_only_the_sign_up_date_is_protected():
    rules = Rules()

    assert rules.policy("people", "signed_up_at") == "set_once"
    assert {rules.policy("people", "name"), rules.policy("company", "signed_up_at")} == {"always"}


@pytest.mark.parametrize(
    ("policy", "value", "held"),
    [
        ("max", 5, 5),
        ("min", 5, 5),
        ("max", "2024-01-01", "2024-01-01"),
        ("min", "2024-01-01", "2024-01-01"),
        ("max", 5, "2024-01-01"),
        ("max", "2024-01-01", 5),
        ("min", 5, "2024-01-01"),
        ("min", "2024-01-01", 5),
    ],
)
def test_as_much_is_not_more_and_what_cannot_be_compared_is_neither_more_nor_less(policy, value, held):
    assert why(policy, value, held).startswith(f"{policy}: Custify holds as ")


@pytest.mark.parametrize("policy", ["max", "min", "set_once", "never_null", "latest", "always"])
@pytest.mark.parametrize("value", [5, "2024-01-01"])
def test_a_first_value_is_sent_under_every_policy_but_one(policy, value):
    assert why(policy, value) == ""
    assert why("owner", value) == "owner: it is maintained by hand at the destination"


@pytest.mark.parametrize("policy", ["max", "min"])
def test_after_a_field_was_taken_back_any_value_is_more_and_less(policy):
    assert why(policy, 5, NULL) == ""


@pytest.mark.parametrize("policy", ["set_once", "max", "min"])
def test_a_value_that_is_never_taken_back_is_not_even_where_nothing_is_held(policy):
    assert why(policy, NULL) == why(policy, NULL, 5) == f"{policy}: it is not taken back"


@pytest.mark.parametrize("value", ["", NULL])
def test_an_empty_value_is_kept_back_where_it_must_not_be_sent(value):
    assert why("never_null", value) == "never_null: the value is empty"
    assert why("always", value, "pro") == ""


@pytest.mark.parametrize("policy", ["set_once", "max", "min", "latest", "never_null"])
def test_a_guess_gives_way_to_what_is_held_and_is_sent_where_nothing_is(policy):
    assert "this is a guess" in why(policy, 5, 1, guessed=True)
    assert why(policy, 5, guessed=True) == ""


def test_where_the_ledger_has_no_say_a_guess_is_a_value_like_others():
    assert why("always", 5, 1, guessed=True) == ""
    assert why("owner", 5, 1, guessed=True) == why("owner", 5, 1)


@pytest.mark.parametrize(
    ("at_before", "is_kept_back"),
    [
        (None, False),
        (NOW_MS - 1, False),
        (NOW_MS, False),
        (NOW_MS + 1, True),
        (NOW_MS + 2 * DAY_MS, True),
        # So far ahead no event was: the record believed a wrong time.
        (NOW_MS + 2 * DAY_MS + 1, False),
    ],
)
def test_under_latest_only_an_event_that_can_have_happened_later_keeps_a_value(at_before, is_kept_back):
    assert bool(why("latest", "new", "old", at_before=at_before)) is is_kept_back


def test_under_latest_a_field_of_a_new_person_is_sent():
    assert why("latest", "new") == ""
