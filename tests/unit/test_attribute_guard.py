"""New attributes are looked at before they become columns for ever."""

import asyncio

import msgspec
import pytest
import structlog

from penstock.buffer.memory.ledger import MemoryLedger
from penstock.buffer.port.ledger import NewerUpserts
from penstock.clock import ManualClock
from penstock.deliver.attributes import ASK_AGAIN_S, CACHED_S, CLEARED_MAX, SLICE, NewAttributes
from penstock.deliver.remarks import Remarks
from penstock.destinations.answer import Accepted, Refused, Unavailable
from penstock.destinations.custify.calls import CustifyCall as Call
from penstock.ledger.guard import (
    OURS_MAX,
    REMARKS_MAX,
    REMARKS_OF_AN_EVENT_MAX,
    SUBJECT,
    Attributes,
    Suspicion,
    looked_at,
    type_of,
)
from unit.test_near_names import words

CALL = Call("/people", {})
KNOWN = {"plan_name": "string", "seats": "number", "trial_ends_at": "date", "address1": "string", "notes": None}


def remarks(name, value):
    """Return what is said of a trait beside the known ones."""
    found = looked_at([(f"people.{name}", type_of(value), value)], Attributes(KNOWN), "m1")
    return [each.why for each in found]


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
    assert remarks(name, value) == [why]


@pytest.mark.parametrize(
    ("name", "value"),
    [("plan_name", "x"), ("seats", 3), ("notes", True), ("role", "admin"), ("address2", "x"), ("trial_ends_at", "2024-01-01"),
     ("renewal_date", "2024-01-01"), ("count", 1_700_000_000), ("plan_tier", "gold")],
)  # fmt: skip
def test_what_is_known_or_simply_new_is_not(name, value):
    assert remarks(name, value) == []


@pytest.mark.parametrize(
    "answer",
    ['[{"name": "seats", "type": "Number"}, {"name": "odd", "type": "Segment"}]', '{"attributes": [{"name": "seats", "type": "number"}]}'],
)  # fmt: skip
def test_custifys_list_is_read_in_its_forms(answer):
    assert (CALL.listed(answer) or {})["seats"] == "number"


@pytest.mark.parametrize("answer", ['[{"name": "se', "", "null", "3", '["seats"]', "{}", "[" * 100_000])
def test_an_answer_that_cannot_be_read_is_not_taken_for_no_attributes(answer):
    assert CALL.listed(answer) is None


@pytest.mark.parametrize("answer", ["[]", '{"attributes": []}'])
def test_a_workspace_without_attributes_has_none(answer):
    assert CALL.listed(answer) == {}


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
    attributes = NewAttributes(clock=clock)

    assert await attributes.suspicions([person(role="x")], "m1", custify.read) == []
    assert await attributes.suspicions([person(role="y")], "m2", custify.read) == []
    assert custify.reads == ["/customer/attributes"]

    clock.advance(CACHED_S)
    await attributes.suspicions([person(tier="z")], "m3", custify.read)
    assert len(custify.reads) == 2


async def test_one_that_repeats_an_attribute_of_ours_from_just_now_is_seen():
    attributes, custify = NewAttributes(clock=ManualClock()), Custify()
    await attributes.suspicions([person(billing_email="x")], "m1", custify.read)

    [found] = await attributes.suspicions([person(billingEmail="x")], "m2", custify.read)

    assert found == Suspicion(
        attribute="people.billingEmail",
        type="string",
        why="it is new, and nearly repeats billing_email",
        message_id="m2",
    )


async def test_what_was_heeded_or_approved_is_not_said_again():
    attributes, custify = NewAttributes(clock=ManualClock()), Custify()
    found = await attributes.suspicions([person(planName="x", PlanName="y")], "m1", custify.read)
    assert len(found) == 2
    attributes.heed(found[:1])
    attributes.approved = frozenset({"people.PlanName"})

    assert await attributes.suspicions([person(planName="x", PlanName="y")], "m2", custify.read) == []


async def test_while_custify_does_not_tell_nothing_is_held_against_an_attribute():
    clock, custify = ManualClock(), Custify(Unavailable(503, "down"))
    attributes = NewAttributes(clock=clock)

    assert await attributes.suspicions([person(planName="x")], "m1", custify.read) == []
    assert await attributes.suspicions([person(planName="x")], "m2", custify.read) == []
    assert len(custify.reads) == 1
    custify.answer = Custify().answer
    clock.advance(ASK_AGAIN_S)
    assert len(await attributes.suspicions([person(planName="x")], "m3", custify.read)) == 1


async def test_a_list_that_cannot_be_read_is_said_once_an_hour_and_the_one_before_is_believed():
    clock, custify = ManualClock(), Custify()
    attributes = NewAttributes(clock=clock)
    await attributes.suspicions([person(role="x")], "m1", custify.read)

    clock.advance(CACHED_S)
    custify.answer = Accepted(200, custify.answer.text[:-5])
    with structlog.testing.capture_logs() as said:
        for number in range(3):
            assert len(await attributes.suspicions([person(planName=str(number))], "m2", custify.read)) == 1

    assert [each["event"] for each in said] == ["attributes_unread"]
    assert len(custify.reads) == 2


async def test_without_any_list_nothing_is_held_against_an_attribute_and_that_is_said():
    custify = Custify(Accepted(200, '{"error": "too many"}'))
    attributes = NewAttributes(clock=ManualClock())

    with structlog.testing.capture_logs() as said:
        assert await attributes.suspicions([person(planName="x", plan_name="y")], "m1", custify.read) == []

    assert [each["event"] for each in said] == ["attributes_unread"]
    assert not attributes.cleared


async def test_events_that_come_together_read_the_list_once():
    custify, answered = Custify(), asyncio.Event()

    async def read(path: str):
        await answered.wait()
        return await custify.read(path)

    attributes = NewAttributes(clock=ManualClock())
    looking = [asyncio.create_task(attributes.suspicions([person(**{f"n{n}": 1})], f"m{n}", read)) for n in range(20)]
    await asyncio.sleep(0)
    answered.set()
    await asyncio.gather(*looking)

    assert custify.reads == ["/customer/attributes"]


async def test_others_have_a_turn_after_each_slice_of_names_of_an_event_and_of_custifys_list():
    known, new = words(1, 10_000), words(2, 30_000)
    custify = Custify(Accepted(200, msgspec.json.encode([{"name": name} for name in known]).decode()))
    attributes, turns = NewAttributes(clock=ManualClock()), 0
    looking = asyncio.create_task(attributes.suspicions([person(**dict.fromkeys(new, 1))], "m1", custify.read))

    while not looking.done():
        turns += 1
        await asyncio.sleep(0)

    assert looking.result() == []
    assert turns >= (len(known) + len(new)) / SLICE
    assert attributes.known["/people"][0].names.compared < len(new)


async def test_what_is_remembered_of_names_is_bounded_however_many_come():
    attributes, custify = NewAttributes(clock=ManualClock()), Custify()

    for seed in range(3):
        await attributes.suspicions([person(**dict.fromkeys(words(seed, 9_000), 1))], "m1", custify.read)

    assert len(attributes.cleared) <= CLEARED_MAX
    assert len(attributes.known["/people"][0].types) <= 1 + OURS_MAX


async def test_an_event_is_remarked_on_for_a_few_names_and_then_for_the_next():
    attributes, custify = NewAttributes(clock=ManualClock()), Custify()
    many = person(**{f"plan{'_' * n}Name": "x" for n in range(200)})

    first = await attributes.suspicions([many], "m1", custify.read)
    attributes.heed(first)
    second = await attributes.suspicions([many], "m2", custify.read)

    assert len(first) == len(second) == REMARKS_OF_AN_EVENT_MAX
    assert not {each.attribute for each in first} & {each.attribute for each in second}


def strange(batch: int) -> list[Suspicion]:
    return [Suspicion(attribute=f"people.n{batch}.{n}", type="string", why="") for n in range(REMARKS_OF_AN_EVENT_MAX)]


async def test_the_ledger_keeps_the_newest_remarks_of_a_destination_and_no_more():
    ledger = MemoryLedger(newer=nothing_newer)
    ledger.learn({f"{SUBJECT}people.older{n}": lambda _: b"x" for n in range(3_000)})
    remarks = Remarks(ledger)

    for batch in range(60):
        told = await remarks.with_room(strange(batch), approved=(), is_held=False)
        ledger.learn({each.subject: each.learn for each in told})

    kept = await ledger.subjects(SUBJECT, limit=10_000)
    assert set(kept) == {each.subject for batch in range(50, 60) for each in strange(batch)}
    assert len(kept) == REMARKS_MAX


async def test_what_holds_a_lane_is_listed_until_it_is_approved_and_written_once():
    ledger = MemoryLedger(newer=nothing_newer)
    remarks = Remarks(ledger)
    for batch in range(12):
        told = await remarks.with_room(strange(batch), approved=(), is_held=True)
        ledger.learn({each.subject: each.learn for each in told})

    assert await remarks.with_room(strange(3), approved=(), is_held=True) == []
    assert await remarks.with_room(strange(11), approved=(), is_held=True) == []
    approved = {each.attribute for each in strange(3)}
    told = await remarks.with_room(strange(11), approved=approved, is_held=True)
    ledger.learn({each.subject: each.learn for each in told})

    kept = set(await ledger.subjects(SUBJECT, limit=10_000))
    assert kept == {each.subject for batch in (0, 1, 2, 4, 5, 6, 7, 8, 9, 11) for each in strange(batch)}


async def test_a_list_that_custify_refuses_is_said_once_an_hour_and_asked_for_every_minute():
    clock, custify = ManualClock(), Custify(Refused(404, "no such route"))
    attributes = NewAttributes(clock=clock)

    with structlog.testing.capture_logs() as said:
        for _ in range(61):
            assert await attributes.suspicions([person(planName="x")], "m1", custify.read) == []
            clock.advance(ASK_AGAIN_S)

    assert [each["event"] for each in said] == ["attributes_unread"] * 2
    assert len(custify.reads) == 61


def nothing_newer(subject: str, after_seq: int, limit: int) -> NewerUpserts:
    raise AssertionError("nothing is sent again here")
