"""What somebody did before signing in, from the SDK's request to Custify."""

import msgspec

from penstock import causes
from penstock.buffer.port.outcomes import Outcome
from penstock.destinations.custify.convert import convert
from penstock.destinations.custify.options import Mapping
from penstock.destinations.plan import Unmappable
from penstock.ledger.rules import Rules
from through_the_door import delivered


def call(number: int, type_: str = "track", **rest) -> dict:
    return {"type": type_, "event": f"e{number}", "messageId": f"m{number}", **rest}


def sent(*calls: dict, **how):
    return delivered([("/v1/batch", msgspec.json.encode({"batch": calls}), {})], Mapping(), visitor_s=900.0, **how)


def test_what_a_visitor_did_is_the_persons_who_signs_in_and_comes_in_order():
    visitor = {"anonymousId": "a1"}
    before, after = [call(n, **visitor) for n in (1, 2)], call(4, userId="ana", **visitor)

    came = sent(*before, call(3, "identify", userId="ana", traits={"name": "Ana"}, **visitor), after, rules=Rules())

    events = [each.body for each in came.calls if each.path == "/event"]
    assert [body["name"] for body in events] == ["e1", "e2", "e4"]
    assert {body["user_id"] for body in events} == {"ana"}
    assert {story.state for story in came.stories.values()} == {Outcome.DELIVERED}


def test_whoever_signs_in_by_email_gets_it_too():
    came = sent(call(1, anonymousId="a1"), call(2, "identify", anonymousId="a1", traits={"email": "Ana@x.io"}))

    [event] = [each.body for each in came.calls if each.path == "/event"]
    assert event["email"] == "ana@x.io"


def test_without_a_sign_in_it_ends_as_rejected_with_its_reason():
    came = sent(call(1, anonymousId="a1"), call(2, userId="undefined", anonymousId="a2"))

    assert came.calls == []
    assert {(story.state, story.cause) for story in came.stories.values()} == {(Outcome.REJECTED, causes.ANONYMOUS)}


def test_several_who_sign_in_on_one_device_get_nothing_that_may_be_anothers():
    signed_in = [call(n, "identify", userId=user, anonymousId="kiosk") for n, user in ((1, "ana"), (2, "bo"))]

    came = sent(*signed_in, call(3, anonymousId="kiosk"))

    assert came.stories["m3"].cause == causes.ANONYMOUS


def test_an_upsert_of_a_visitor_is_not_kept_for_it_would_overwrite_what_is_newer():
    meaning = convert({"type": "identify", "anonymousId": "a1", "traits": {"plan": "a"}}, Mapping())

    assert isinstance(meaning, Unmappable)
    assert meaning.visitor == ""
