"""What a viewer sees of fields that name a person."""

import json

import pytest

from penstock.operate.masking import MASK, Mask

EVENT = {
    "userId": "u1",
    "traits": {"email": "Ana@Example.com", "first_name": "Ana", "plan": "pro", "phone": 5551234, "address": {"city": "Porto"}},
}  # fmt: skip
FIELDS = "email, phone, firstName, address"


@pytest.fixture
def mask():
    return Mask(FIELDS, EVENT)


def test_fields_are_masked_however_they_are_spelt_and_others_are_not(mask):
    assert mask.value(EVENT) == {
        "userId": "u1",
        "traits": {"email": MASK, "first_name": MASK, "plan": "pro", "phone": MASK, "address": MASK},
    }


def test_a_value_is_masked_wherever_else_it_is_repeated(mask):
    answer = json.dumps({"errors": ["ana@example.com is taken", "5551234 is no number"], "town": "Porto"})

    assert json.loads(mask.json(answer)) == {"errors": [f"{MASK} is taken", f"{MASK} is no number"], "town": MASK}
    assert mask.text("refused: Ana@Example.com") == f"refused: {MASK}"


def test_a_line_of_an_explanation_is_masked_by_its_field(mask):
    assert mask.value("another@example.com", "custom_attributes.Email") == MASK
    assert mask.value("another", "traits.plan") == "another"


def test_what_is_no_json_is_read_as_a_text(mask):
    assert mask.json("<p>Ana@Example.com</p>") == f"<p>{MASK}</p>"


def test_without_fields_nothing_is_masked():
    mask = Mask("", EVENT)

    assert mask.value(EVENT) == EVENT
    assert mask.json('{ "email": 1}') == '{ "email": 1}'


def test_a_document_nested_without_end_is_no_trouble():
    deep: dict = {}
    for _ in range(500):
        deep = {"email": "x", "deep": deep}

    mask = Mask(FIELDS, deep)

    assert mask.text("x") == "x"
    assert mask.value(deep)["email"] == MASK


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/people?email=ana%40example.com", f"/people?email={MASK}"),
        ("/people?user_id=u1", "/people?user_id=u1"),
        ("/people?limit=1&E-Mail=a%40b", f"/people?limit=1&E-Mail={MASK}"),
        ("/people?", "/people?"),
        ("/people", "/people"),
    ],
)
def test_a_look_up_does_not_say_by_which_address(mask, path, shown):
    assert mask.address(path) == shown
    assert Mask("").address(path) == path
