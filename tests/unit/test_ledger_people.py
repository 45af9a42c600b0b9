"""Events of people: whether Custify knows them, and which company is meant; and who is written to at all."""

import pytest

from penstock.destinations.custify.calls import CustifyCall as Call
from penstock.destinations.plan import Plan
from penstock.ledger.modes import Mode
from penstock.ledger.people import found, with_company
from penstock.ledger.record import LEFT, MEMBER, UNPROVEN, Record
from penstock.ledger.rules import OFF, Rules

RULES = Rules(policies={"people.signed_up_at": "set_once", "people.custom_attributes.score": "max"})


def event(**fields) -> Call:
    return Call("/event", {"user_id": "ana", "name": "Paid", **fields})


def test_a_person_is_looked_up_by_user_id_then_by_email():
    call = event(user_id="a/b c", email="ana+1@x.io")

    assert call.look_ups() == ["/people?user_id=a%2Fb%20c", "/people?email=ana%2B1%40x.io"]


@pytest.mark.parametrize(
    "answer",
    [
        '[{"people": [{"signed_up_at": "2020", "name": "Ana", "custom_attributes": {"score": 5, "plan": "x"}}], "total": 1}]',
        '{"people": [{"details": {"signed_up_at": "2020", "custom_attributes": {"score": 5}}}]}',
    ],
)
def test_of_a_person_who_was_found_the_fields_that_policies_need_are_kept(answer):
    record = found(event(), answer, RULES, now=7.0)

    assert record == Record(fields={"signed_up_at": "2020", "custom_attributes.score": 5}, asserted_at=7.0)


@pytest.mark.parametrize(
    "answer", ['[{"people": [], "total": 0}]', "[]", "{}", "null", "no JSON", '[{"people": [3]}]', ""]
)
def test_no_person_is_found_in_an_empty_or_strange_answer(answer):
    assert found(event(), answer, RULES, now=7.0) is None


@pytest.mark.parametrize(("held", "is_them"), [("ana", True), ("", True), ("bo", False)])
def test_another_person_with_the_same_address_is_not_taken_for_the_person(held, is_them):
    call = event(email="ana@x.io")
    answer = f'[{{"people": [{{"user_id": "{held}", "signed_up_at": "2020"}}]}}]'

    assert (found(call, answer, RULES, now=7.0) is not None) is is_them


def test_a_minimal_person_says_nothing_but_who_they_are():
    assert event(email="ana@x.io").introductions() == (Call("/people", {"user_id": "ana", "email": "ana@x.io"}),)


@pytest.mark.parametrize(
    ("record", "company", "why"),
    [
        (Record(companies={"a": MEMBER, "b": MEMBER}, last_group="b"), None, "belongs to 2 companies"),
        (Record(companies={"a": MEMBER, "b": UNPROVEN}), "a", "only company"),
        (Record(companies={"a": MEMBER, "b": LEFT}, last_group="b"), "a", "only company"),
        (Record(companies={"a": MEMBER, "b": MEMBER}), None, "belongs to 2 companies"),
        (Record(companies={"a": LEFT}), None, ""),
        (Record(), None, ""),
        (None, None, ""),
    ],
)
def test_an_event_gets_the_company_of_its_person_where_that_is_certain(record, company, why):
    call, notes = with_company(event(), record, Rules())

    assert call.body.get("company_id") == company
    assert why in "".join(note.why for note in notes)


def test_the_company_that_an_event_names_itself_stays():
    record = Record(companies={"a": MEMBER}, last_group="a")

    assert with_company(event(company_id="own"), record, Rules()) == (event(company_id="own"), ())


def test_no_company_is_inferred_when_that_is_off():
    record = Record(companies={"a": MEMBER}, last_group="a")

    assert with_company(event(), record, OFF) == (event(), ())


def plan(**body) -> Plan:
    return Plan((Call("/people", body),))


def test_shadow_writes_nothing_and_live_everything():
    assert not Mode(name="shadow").is_live_for(plan(user_id="ana"))
    assert Mode().is_live_for(plan(user_id="ana"))


def test_a_canary_is_a_company_with_all_that_concerns_it():
    mode = Mode(name="canary", companies=frozenset({"acme"}))

    assert mode.is_live_for(plan(user_id="ana", companies=[{"company_id": "acme", "remove": False}]))
    assert mode.is_live_for(Plan((Call("/company", {"company_id": "acme"}), Call("/people", {"user_id": "bo"}))))
    assert mode.is_live_for(Plan((event(company_id="acme"),)))
    assert not mode.is_live_for(plan(user_id="ana"))


def test_a_share_of_people_only_grows():
    people = [f"u{i}" for i in range(2_000)]
    chosen = [
        {who for who in people if Mode(name="canary", percent=percent).is_live_for(plan(user_id=who))}
        for percent in (0, 5, 20, 100)
    ]

    assert chosen[0] == set()
    assert chosen[3] == set(people)
    assert chosen[1] < chosen[2]
    assert 50 < len(chosen[1]) < 150
