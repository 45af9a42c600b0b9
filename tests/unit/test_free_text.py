"""Personal data where it is not expected is told by kind and place, and never repeated."""

import pytest

from penstock.inspect.free_text import kinds_in, sightings


@pytest.mark.parametrize(
    ("value", "kinds"),
    [
        ("write to ann.b@example.co.uk please", ["e-mail address"]), ("/search?q=ann%40example.com&x", ["e-mail address"]),
        ("ann@localhost", []), ("4111 1111 1111 1111", ["card number"]), ("card 5500-0000-0000-0004.", ["card number"]),
        (4111111111111111, ["card number"]), ("4111 1111 1111 1112", []), (1700000000000, []), (True, []), (0, []),
        ("call +49 (0)30 901820", ["phone number"]), ("(555) 010-4477", ["phone number"]), ("030 90182 0", ["phone number"]),
        ("2026-12-01T00:10:00Z", []), ("550e8400-e29b-41d4-a716-446655440000", []), ("order 20261201-17", []), ("1.234.567", []),
        ("0000000000000000", []), ("v1.2.3", []), ("x" * 10_000, []), ("@" * 5_000, []), ("1" * 5_000, []),
    ],
)  # fmt: skip
def test_kinds_are_told_by_how_they_look(value, kinds) -> None:
    assert kinds_in(value) == kinds


def test_places_are_told_and_what_a_field_is_for_is_no_surprise() -> None:
    event = {
        "userId": "ann@example.com",
        "messageId": "4111111111111111",
        "traits": {"email": "ann@example.com", "phone": "+49 30 901820", "contact_id": "bo@example.com"},
        "properties": {
            "comment": "ann@example.com",
            "rows": [{"note": "+49 30 901820"}],
            "card_email": "4111111111111111",
        },
    }
    assert sightings(event) == [
        ("e-mail address", "properties.comment"),
        ("phone number", "properties.rows[0].note"),
        ("card number", "properties.card_email"),
    ]


def test_what_is_told_is_bounded() -> None:
    assert len(sightings({"properties": {f"n{i}": "a@b.example" for i in range(100)}})) == 10
    assert sightings("a@b.example") == []
