"""What a viewer sees of fields that name a person, and of values that look like somebody's."""

import json

import pytest

from penstock.inspect.masking import EVERYTHING, MASK, Mask, MaskRules
from penstock.inspect.sensitive import is_id, is_personal, redacted

EVENT = {
    "userId": "u1",
    "traits": {"email": "Ana@Example.com", "first_name": "Ana", "plan": "pro", "phone": 5551234, "address": {"city": "Porto"}},
}  # fmt: skip
RULES = MaskRules(masked="email, phone, firstName, address", shown="plan, feature")


@pytest.fixture
def mask():
    return Mask(RULES, EVENT)


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
    assert mask.value("another", "traits.hobby") == MASK
    assert mask.value("Porto", "traits.address.plan") == MASK
    assert mask.value("x", 'custom_attributes["contact.email"]') == MASK


def test_what_is_no_json_is_read_as_a_text(mask):
    assert mask.json("<p>Ana@Example.com</p>") == f"<p>{MASK}</p>"


def test_a_text_is_shown_where_its_field_is_on_the_list_and_it_does_not_look_personal(mask):
    shown = {"plan": "pro", "feature": "call +351 912 345 678", "hobby": "chess", "plans": "pro"}
    long = {"plan": "what somebody wrote " * 10}

    assert mask.value(shown) == {"plan": "pro", "feature": f"call {MASK}", "hobby": MASK, "plans": MASK}
    assert mask.value(long) == {"plan": MASK}


def test_numbers_dates_and_flags_are_shown_unless_the_name_is_personal_or_they_are_too_long(mask):
    event = {
        "seats": 5,
        "trial": True,
        "renewal": "2026-05-01",
        "at": 1_767_225_600_000,
        "mobile": 5551234,
        "n": 123456789,
    }
    event |= {"birthday": "1990-01-02", "lat": 41.15}

    assert mask.value(event) == {
        "seats": 5,
        "trial": True,
        "renewal": "2026-05-01",
        "at": 1_767_225_600_000,
        "mobile": MASK,
        "n": MASK,
        "birthday": MASK,
        "lat": MASK,
    }


@pytest.mark.parametrize(
    "name",
    ["work_email", "E-Mail", "mobile", "homePhone", "ssn", "passportNumber", "street", "dob", "iban", "userAgent"],
)
def test_a_name_that_says_something_of_a_person_is_recognised(name):
    assert is_personal(name)


@pytest.mark.parametrize("name", ["plan", "page", "stage", "language", "capacity", "messageId", "usage"])
def test_a_harmless_name_is_not_taken_for_another(name):
    assert not is_personal(name)


def test_what_is_called_an_id_is_one():
    assert all(map(is_id, ["id", "userId", "user_id", "companyID", "external-id", "anonymousid", "order.id"]))
    assert not any(map(is_id, ["paid", "android", "valid", "Valid", "video", "identity", "ideas"]))


@pytest.mark.parametrize(
    "text",
    [
        "ana@example.com",
        "ana%40example.com",
        "+351 912 345 678",
        "(555) 123-4567",
        "123-45-6789",
        "4111 1111 1111 1111",
        "DE89 3704 0044 0532 0130 00",
        "10.1.2.3",
        "2001:db8:0:1::7",
        "sk_live_51H8xYzAbCdEfGh",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIx.abc",
    ],
)
def test_what_looks_personal_is_masked_wherever_it_stands(text):
    assert redacted(text) == MASK
    assert redacted(f"Signed up as {text}") == f"Signed up as {MASK}"


@pytest.mark.parametrize(
    "text",
    ["2026-01-02 03:04:05 UTC", "550e8400-e29b-41d4-a716-446655440000", "refused with 422", "took 1500 ms", "12:34:56"],
)
def test_a_moment_a_made_up_id_and_a_figure_are_not(text):
    assert redacted(text) == text


def test_of_an_address_the_query_is_masked():
    assert redacted("https://example.com/invite?token=abc#x") == f"https://example.com/invite{MASK}"


def test_an_id_is_replaced_by_its_pseudonym_everywhere():
    rules = MaskRules(shown="plan", pseudonym=lambda id_: f"~{len(id_)}")
    event = {
        "userId": "ana-silva",
        "messageId": "m1",
        "traits": {"id": "7", "plan": "ana-silva's", "company": {"id": "acme"}},
    }
    mask = Mask(rules, event)

    assert mask.value(event) == {
        "userId": "~9",
        "messageId": "m1",
        "traits": {"id": "~1", "plan": "~9's", "company": {"id": "~4"}},
    }
    assert mask.text("Ana-Silva and 7 of acme") == "~9 and ~1 of ~4"
    assert mask.address("/people/ana-silva?user_id=x&limit=1") == f"/people/~9?user_id={MASK}&limit=1"
    assert mask.message_id("ana-silva-1") == "~11"


def test_sixty_thousand_values_cost_a_text_no_more_than_a_few():
    looked_up = []

    class Counted(dict):
        def get(self, *key):
            looked_up.append(key)
            return super().get(*key)

    mask = Mask(RULES, {f"k{n}": f"value {n}" for n in range(60_000)})
    mask.known.lengths = Counted(mask.known.lengths)

    assert mask.text("value 17 and no value") == f"{MASK} and no value"
    assert len(looked_up) < 100


def test_without_fields_nothing_is_masked():
    mask = Mask(EVERYTHING, EVENT)

    assert mask.value(EVENT) == EVENT
    assert mask.json('{ "email": 1}') == '{ "email": 1}'


def test_a_document_nested_without_end_is_no_trouble():
    deep: dict = {}
    for _ in range(500):
        deep = {"email": "x", "deep": deep}

    mask = Mask(RULES, deep)

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
    assert Mask(EVERYTHING).address(path) == path
