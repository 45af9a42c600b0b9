"""New attributes are looked at before they become columns for ever."""

import pytest

from penstock.clock import ManualClock
from penstock.convert.plan import Call
from penstock.deliver.answer import Accepted, Unavailable
from penstock.deliver.watch import ASK_AGAIN_S, CACHED_S, Watch
from penstock.ledger.guard import Attributes, Suspicion, read_attributes, suspicion

KNOWN = Attributes(
    {"plan_name": "string", "seats": "number", "trial_ends_at": "date", "address1": "string", "notes": None}
)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("planName", "pro", "it is new, and nearly repeats plan_name"),
        ("Plan Name", "pro", "it is new, and nearly repeats plan_name"),
        ("seat", 3, "it is new, and nearly repeats seats"),
        ("trial_end_at", "2024-01-01", "it is new, and nearly repeats trial_ends_at"),
        ("seats", "3", "it is a number at Custify, and comes as a string"),
        ("trial_ends_at", 5, "it is a date at Custify, and comes as a number"),
        ("renewal_date", "Tue, 02 Jan 2024 10:00:00 GMT", "it looks like a date, and Custify would read it as text"),
        ("created_at", 1_700_000_000, "it looks like a moment since 1970, and Custify would read it as a number"),
    ],
)
def test_what_looks_like_a_mistake_is_said(name, value, why):
    assert suspicion(f"people.{name}", value, KNOWN, message_id="m1").why == why


@pytest.mark.parametrize(
    ("name", "value"),
    [("plan_name", "x"), ("seats", 3), ("notes", True), ("role", "admin"), ("address2", "x"), ("trial_ends_at", "2024-01-01"),
     ("renewal_date", "2024-01-01"), ("count", 1_700_000_000), ("plan_tier", "gold")],
)  # fmt: skip
def test_what_is_known_or_simply_new_is_not(name, value):
    assert suspicion(f"people.{name}", value, KNOWN, message_id="m1") is None


@pytest.mark.parametrize(
    "answer",
    ['[{"name": "seats", "type": "Number"}, {"name": "odd", "type": "Segment"}]', '{"attributes": [{"name": "seats", "type": "number"}]}'],
)  # fmt: skip
def test_custifys_list_is_read_in_its_forms(answer):
    assert read_attributes(answer).types["seats"] == "number"


@pytest.mark.parametrize("answer", ["", "null", "3", '["seats"]', "{}"])
def test_an_answer_of_another_form_says_nothing(answer):
    assert read_attributes(answer).types == {}


class Custify:
    """Answers reads, and counts them."""

    def __init__(self, answer=None) -> None:
        self.answer = answer or Accepted(200, '[{"name": "plan_name", "type": "string"}]')
        self.reads: list[str] = []

    async def read(self, path: str):
        self.reads.append(path)
        return self.answer


def person(**attributes) -> Call:
    return Call("/people", {"user_id": "ana", "custom_attributes": attributes})


async def test_each_attribute_is_looked_at_once_and_the_list_is_read_now_and_then():
    clock, custify = ManualClock(), Custify()
    watch = Watch(clock=clock)

    assert await watch.suspicions([person(role="x")], "m1", custify.read) == []
    assert await watch.suspicions([person(role="y")], "m2", custify.read) == []
    assert custify.reads == ["/customer/attributes"]

    clock.advance(CACHED_S)
    await watch.suspicions([person(tier="z")], "m3", custify.read)
    assert len(custify.reads) == 2


async def test_one_that_repeats_an_attribute_of_ours_from_just_now_is_seen():
    watch, custify = Watch(clock=ManualClock()), Custify()
    await watch.suspicions([person(billing_email="x")], "m1", custify.read)

    [found] = await watch.suspicions([person(billingEmail="x")], "m2", custify.read)

    assert found == Suspicion(
        attribute="people.billingEmail",
        type="string",
        why="it is new, and nearly repeats billing_email",
        message_id="m2",
    )


async def test_what_was_heeded_or_approved_is_not_said_again():
    watch, custify = Watch(clock=ManualClock()), Custify()
    found = await watch.suspicions([person(planName="x", PlanName="y")], "m1", custify.read)
    assert len(found) == 2
    watch.heed(found[:1])
    watch.approved = frozenset({"people.PlanName"})

    assert await watch.suspicions([person(planName="x", PlanName="y")], "m2", custify.read) == []


async def test_while_custify_does_not_tell_nothing_is_held_against_an_attribute():
    clock, custify = ManualClock(), Custify(Unavailable(503, "down"))
    watch = Watch(clock=clock)

    assert await watch.suspicions([person(planName="x")], "m1", custify.read) == []
    assert await watch.suspicions([person(planName="x")], "m2", custify.read) == []
    assert len(custify.reads) == 1
    custify.answer = Custify().answer
    clock.advance(ASK_AGAIN_S)
    assert len(await watch.suspicions([person(planName="x")], "m3", custify.read)) == 1
