"""A new name that nearly repeats a known one is found beside a few of them, however many there are."""

import random

import pytest

from penstock.ledger.likeness import CHARS_MAX, COMPARED_MAX, HALF_MAX, KnownNames

LETTERS = "abcdefghijklmnopqrstuvwxyz"
LONG, SHORT = "subscription_renewal", "billingmail"


def known(*names: str) -> KnownNames:
    index = KnownNames()
    for name in names:
        index.add(name)
    return index


def words(seed: int, count: int) -> list[str]:
    dice = random.Random(seed)
    return ["".join(dice.choices(LETTERS, k=18)) for _ in range(count)]


def slips(name: str):
    """Yield the name with a letter missing or added, wherever it is."""
    for at in range(len(name)):
        yield name[:at] + name[at + 1 :]
        yield f"{name[:at]}q{name[at:]}"


def wider_slips(name: str):
    """Yield the name with a letter changed, or swapped with the next."""
    for at in range(len(name)):
        yield f"{name[:at]}q{name[at + 1 :]}"
        yield name[:at] + name[at + 1 : at + 2] + name[at] + name[at + 2 :]


def test_a_letter_missing_or_added_anywhere_is_found_in_a_name_of_eight_letters_and_more():
    for name in (LONG.replace("_", ""), SHORT, "nickname"):
        crowd = known(*words(1, 500), name, *words(2, 500))

        assert {crowd.near(slip) for slip in slips(name) if len(slip) >= 8} == {name}


def test_a_letter_changed_or_swapped_anywhere_is_found_in_a_longer_one():
    name = LONG.replace("_", "")
    crowd = known(*words(1, 500), name, *words(2, 500))

    assert {crowd.near(slip) for slip in wider_slips(name) if slip != name} == {name}


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("unsubscribed_from_newsletter", "unsubscribedFromNewsleter"),
        ("total_number_of_active_users", "total_number_of_activ_user"),
        ("Seat Count", "seat_counts"),
        ("имя_клиента", "имяКлиента"),
        ("größe", "Größe"),
    ],
)
def test_what_people_write_differently_is_found_in_both_directions(name, other):
    assert known(name).near(other) == name
    assert known(other).near(name) == other


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("address_line_1", "address_line_2"),
        ("q1_revenue_2024", "q2_revenue_2025"),
        ("plan_name", "plan_tier"),
        ("plan", "plane"),
        ("billing_city", "shipping_city"),
        ("имя", "город"),
        ("!!!", "???"),
        ("s", "_"),
    ],
)
def test_what_is_meant_to_be_two_is_left_alone(name, other):
    assert known(name).near(other) is None
    assert known(other).near(name) is None


@pytest.mark.parametrize("name", ["_", "", "s", "1", "x" * 100_000], ids=len)
def test_any_name_can_be_known_and_looked_up(name):
    index = known(name)

    assert index.near("something_else_entirely") is None
    assert index.compared == 0


def test_a_name_too_long_to_be_read_is_compared_with_none():
    name = "a" * CHARS_MAX + "bc"

    assert known(name).near(f"{name}d") is None


@pytest.mark.parametrize("known_count", [1_000, 10_000])
def test_thirty_thousand_new_names_cost_as_many_comparisons_as_there_are_names_not_the_product(known_count):
    index = known(*words(1, known_count))

    for name in words(2, 30_000):
        index.near(name)

    assert index.compared < 30_000


def test_names_that_were_made_to_be_compared_are_compared_with_a_few():
    index = known(*(f"{'a' * 20}{word}" for word in words(1, 10_000)))

    for word in words(2, 2_000):
        index.near(f"{'a' * 20}{word}")

    assert 0 < index.compared <= 2_000 * COMPARED_MAX
    assert max(len(kept) for kept in index.heads.values()) == HALF_MAX
