"""Times, sign-up dates and ids as clients really send them, through real processes."""

import json
import random

import pytest

from acceptance.test_commands import penstock_command
from acceptance.test_ledger import run

TIMES = (
    "2024-05-06T07:08:09+02:00", "2024-05-06 07:08:09 UTC", "Mon May 06 09:08:09 CEST 2024", "2099-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z", "1970-01-01", "0000-00-00", "N/A", "1714979289", 1714979289, 1714979289000, 1714979289.5,
    "1780111512345", "2024-05-06", None, True, {"$date": 1}, "Mon, 06 May 2024 07:08:09 GMT", "Mon May 06 07:08:09 IST 2024",
)  # fmt: skip
# The ledger has no say, so that what is sent is what the mapping makes of each event alone.
WITHOUT_LEDGER = """
skip_unchanged = "off"
coalesce = "off"
unknown_people = "send"
infer_company = "off"
attribute_guard = "off"
mapping = "{mapping}"
policies = {{ "people.signed_up_at" = "always" }}
"""


def identify(user: str, name: str, *, at: object = None, **traits: object) -> dict:
    event = {"type": "identify", "userId": user, "messageId": name, "traits": traits}
    return event | ({"timestamp": at} if at else {})


def test_a_sign_up_date_that_is_stated_later_beats_a_guess_and_then_stays(penstock, sandbox):
    for n, traits in enumerate(
        [{}, {"signedUpAt": "05/06/2024"}, {"signedUpAt": "2024-05-06"}, {"createdAt": "2020-01-01"}]
    ):
        penstock.send(identify("ana", f"i{n}", **traits))
        penstock.until_settled()

    assert sandbox.person("ana")["signed_up_at"] == "2024-05-06T00:00:00.000Z"


def test_an_unreadable_sign_up_date_is_not_today(penstock, sandbox):
    penstock.send(identify("s", "s1", signedUpAt="05/06/2024"))
    penstock.until_settled()
    assert not sandbox.person("s").get("signed_up_at")

    penstock.send(identify("s", "s2", signedUpAt="2024-05-06T00:00:00Z"))
    penstock.until_settled()
    assert sandbox.person("s")["signed_up_at"] == "2024-05-06T00:00:00.000Z"


def test_an_event_of_2099_does_not_keep_a_field_for_ever(start, sandbox):
    penstock = start(destination='policies = { "people.custom_attributes.plan" = "latest" }')
    penstock.send(identify("fut", "f1", at="2099-01-01T00:00:00Z", plan="trial"))
    penstock.until_settled()
    penstock.send(identify("fut", "f2", plan="paid"))
    penstock.until_settled()

    assert sandbox.person("fut")["custom_attributes"]["plan"] == "paid"
    assert sandbox.person("fut")["signed_up_at"] < "2099"
    assert "further ahead of its arrival" in run(penstock, "explain", "f1")


def test_capitals_of_an_email_make_no_other_person(penstock, sandbox):
    for name, email in (("e1", "Ana.X@Example.com"), ("e2", " ana.x@example.com")):
        penstock.send(
            {"type": "identify", "anonymousId": "a1", "messageId": name, "traits": {"email": email, "n": name}}
        )
        penstock.until_settled()

    [person] = sandbox.state()["people"]
    assert (person["email"], person["custom_attributes"]) == ("ana.x@example.com", {"n": "e2"})


def test_no_person_is_called_undefined_and_it_is_said_how_many_events_were(penstock, sandbox):
    names = ["undefined", "null", "NaN", "[object Object]", "None"]
    penstock.send(*(identify(name, f"p{n}", plan="p") for n, name in enumerate(names)))
    counts = penstock.until_settled()

    assert (sandbox.state()["people"], counts["outcomes"]["rejected"]) == ([], len(names))
    assert "map.placeholder_id" in run(penstock, "dead")


@pytest.mark.parametrize("mapping", ["custify/1", "rudderstack"])
def test_serve_sends_what_convert_prints(start, sandbox, mapping):
    dice = random.Random(f"times {mapping}")
    penstock = start(destination=WITHOUT_LEDGER.format(mapping=mapping))
    sent = [_event(dice, n) for n in range(150)]
    assert penstock.send(*sent)[0] == 200
    penstock.until_settled()

    arrived = {
        account["received_at"] for account in json.loads(run(penstock, "explain", "m0", "--json"))["destinations"]
    }
    lines = "".join(f"{json.dumps(event | {'receivedAt': at})}\n" for at in arrived for event in sent)
    printed = penstock_command("convert", "--mapping", mapping, stdin=lines.encode())
    expected = [call for line in printed.stdout.splitlines() for call in json.loads(line).get("calls", [])]

    assert len(expected) > 100
    assert sorted(_written(call) for call in sandbox.requests() if call["method"] == "POST") == sorted(
        map(_written, expected)
    )


def _event(dice: random.Random, n: int) -> dict:
    """Return an event of a person of its own, with times in every form."""
    kind = dice.choice(["identify", "track", "group"])
    event: dict[str, object] = {
        "type": kind,
        "messageId": f"m{n}",
        "userId": f"u{n}",
        "event": "Paid",
        "groupId": f"c{n}",
    }
    event |= {
        field: dice.choice(TIMES) for field in ("timestamp", "originalTimestamp", "sentAt") if dice.random() < 0.6
    }
    fields = {name: dice.choice(TIMES) for name in ("signedUpAt", "createdAt", "renewal") if dice.random() < 0.5}
    return event | {"traits": fields, "properties": fields}


def _written(call: dict) -> str:
    return f"{call['path']} {json.dumps(call['body'])}"
