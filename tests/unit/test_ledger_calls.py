"""What is said to Custify of those whom it knows already, and what is learned from it."""

import dataclasses

import pytest

from penstock.destinations.custify.calls import CustifyCall as Call
from penstock.destinations.plan import Plan
from penstock.ledger.record import LEFT, MEMBER, Alias, Delta, Record, kept
from penstock.ledger.rules import Rules
from penstock.ledger.weigh import Weighable, count_together, subjects_of, weigh
from weighing import DAY, NOW, changed, company, guess, held, learned, part, person, weighed


def by_email(email: str = "ana@x.io", **fields) -> Call:
    return Call("/people", {"email": email, **fields, "custom_attributes": {}})


def weighed_by_email(*calls: Call, rules: Rules | None = None, **records: Record):
    parts = [part(f"m{number}", call) for number, call in enumerate(calls)]
    return weigh(parts, {"email:ana@x.io": None} | records, rules or Rules(), now=NOW)


def test_only_people_an_event_names_have_a_say():
    call = person(email="Ana@x.io", companies={"acme": True, "old": False})

    assert subjects_of(Plan((call,))) == {"user:ana", "email:ana@x.io", "company:acme", "company:old"}
    assert subjects_of(Plan((company("acme"), person()))) == {"company:acme", "user:ana"}
    nobody = (Call("/people", {"custom_attributes": {}}), Call("/company", {"custom_attributes": {}}))
    assert subjects_of(Plan(nobody)) == set()


def test_an_email_that_is_no_users_is_a_person_of_its_own():
    record = held(email="ana@x.io", name="Ana")

    result = weighed_by_email(by_email(phone="1"), **{"email:ana@x.io": record})

    assert result.learned.keys() == {"email:ana@x.io"}
    assert result.calls == (by_email(phone="1"),)


def test_the_email_of_a_company_is_no_persons_and_keeps_no_events_apart():
    plans = [(company(email=f"{who}@x.io"), person()) for who in ("a", "b")]

    assert count_together([part(str(i), *calls) for i, calls in enumerate(plans)]) == 2


def test_a_first_call_goes_out_just_as_the_mapping_made_it_whatever_it_does_not_understand():
    call = dataclasses.replace(guess("2024-05-06T00:00:00.000Z", name="Ana"))
    call.body["of_a_later_mapping"] = {"deep": [1]}

    [made] = weighed(part("m1", call)).calls

    assert made is call


def test_a_new_person_is_sent_though_nothing_is_said_of_them():
    result = weighed(part("m1", person()))

    assert (result.calls, result.is_carried) == ((person(),), (True,))


def test_companies_that_wait_together_are_still_named_by_their_id():
    result = weighed(part("m1", company(name="Acme")), part("m2", company(size=7)))

    assert result.calls == (company(name="Acme", size=7),)


def test_of_a_run_all_that_was_said_goes_out_what_custify_holds_too():
    result = weighed(part("m1", person(name="Ana")), part("m2", person(phone="1")), user_ana=held(name="Ana"))

    assert result.calls == (person(name="Ana", phone="1"),)
    assert result.is_carried == (False, True)


def test_with_changes_only_a_new_person_is_sent_whole_and_a_re_assertion_is_whole():
    rules = Rules(changes_only=True)
    new = weighed(part("m1", person(name="Ana", companies={"acme": False})), part("m2", person(phone="1")), rules=rules)
    stale = weighed(
        part("m1", person(name="Ana")), rules=rules, user_ana=held({"acme": MEMBER}, at=NOW - 31 * DAY, name="Ana")
    )

    assert new.calls == (person(name="Ana", phone="1", companies={"acme": False}),)
    assert stale.calls == (person(name="Ana", companies={"acme": True}),)


@pytest.mark.parametrize(("age_s", "is_said_again"), [(30 * DAY, False), (30 * DAY + 1, True), (-30 * DAY - 1, True)])
def test_what_is_known_is_said_again_once_it_is_older_than_that(age_s, is_said_again):
    result = weighed(part("m1", person(name="Ana")), user_ana=held(at=NOW - age_s, name="Ana"))

    assert bool(result.calls) is is_said_again


def test_of_a_text_of_which_only_the_digest_is_known_nothing_is_said_again():
    record = held(at=NOW - 31 * DAY, name="Ana", bio=kept("long " * 100))

    assert weighed(part("m1", person(name="Ana")), user_ana=record).calls == (person(name="Ana"),)


def test_an_event_of_which_nothing_may_be_sent_says_nothing():
    record = held(signed_up_at="2023")

    result = weighed(part("m1", person(signed_up_at="2024")), part("m2", person(phone="1")), user_ana=record)

    assert result.is_carried == (False, True)
    assert result.calls == (person(phone="1"),)


def test_a_member_who_is_linked_again_says_nothing_whether_the_company_is_known_or_not():
    result = weighed(
        part("m1", person(companies={"acme": True})), part("m2", person(phone="1")), user_ana=held({"acme": MEMBER})
    )

    assert result.is_carried == (False, True)
    assert weighed(part("m1", person(companies={"acme": True})), user_ana=held({"acme": MEMBER})).calls == ()


def test_a_link_alone_is_worth_a_call_and_so_is_one_that_ends():
    result = weighed(
        part("m1", person(companies={"acme": True})),
        part("m2", person(companies={"old": False})),
        user_ana=held({"old": MEMBER}),
    )

    assert result.is_carried == (True, True)
    assert result.calls == (person(companies={"acme": True, "old": False}),)
    assert learned(result, "user:ana", held({"old": MEMBER})).companies["old"] == LEFT


def test_the_company_of_the_last_group_call_is_the_persons_and_not_the_companys():
    result = weighed(part("m1", company(), person(companies={"acme": True})), part("m2", person(phone="1")))

    assert learned(result, "user:ana").last_group == "acme"
    assert learned(result, "company:acme").last_group == ""


def test_a_group_call_of_another_company_is_remembered_though_nothing_is_sent():
    known = changed(held({"acme": MEMBER, "beta": MEMBER}), last_group="acme")
    call = person(companies={"beta": True})

    other = weighed(part("m1", company("beta"), call), user_ana=known, company_beta=held())
    again = weighed(part("m1", company("beta"), call), user_ana=changed(known, last_group="beta"), company_beta=held())

    assert other.calls == again.calls == ()
    assert other.learned == {"user:ana": Delta(last_group="beta")}
    assert again.learned == {}


def test_an_event_of_no_group_says_nothing_of_one():
    result = weigh([Weighable(message_id="m1", at_ms=0, plan=Plan((person(),)))], {"user:ana": None}, Rules(), now=NOW)

    assert learned(result, "user:ana").last_group == ""


def test_without_a_call_only_the_times_that_are_new_are_learned():
    rules = Rules(policies={"people.name": "latest", "people.phone": "latest"})
    record = changed(held(name="Ana", phone="1", plan="pro"), times={"name": 1_000, "phone": 1_000})

    later = weighed(part("m1", person(name="Ana"), at_ms=2_000), rules=rules, user_ana=record)
    unchanged = weighed(part("m1", person(plan="pro"), at_ms=2_000), rules=rules, user_ana=record)

    assert later.learned == {"user:ana": Delta(times={"name": 2_000})}
    assert unchanged.learned == {}


def test_whose_an_email_is_is_learned_with_the_first_call_that_names_it_and_not_again():
    first = weighed(part("m1", person(email="ana@x.io")), user_ana=held(name="Ana"))
    again = weighed(part("m2", person(email="ana@x.io", phone="1")), user_ana=held(email="ana@x.io"))

    assert first.learned.keys() == {"user:ana", "email:ana@x.io"}
    assert again.learned.keys() == {"user:ana"}


def test_whose_an_email_is_stays_as_fresh_as_all_that_is_said_again():
    record = held(at=NOW - 31 * DAY, email="ana@x.io", name="Ana")

    result = weighed(part("m1", person(name="Ana")), user_ana=record)

    assert result.learned["email:ana@x.io"] == Alias("ana")


def test_an_email_belongs_to_a_user_only_where_one_is_named():
    companys = weighed(part("m1", company(email="info@acme.io")))
    nobodys = weighed_by_email(by_email(name="Ana"))
    without = weighed(part("m1", person(name="Ana")))

    assert companys.learned.keys() == {"company:acme"}
    assert nobodys.learned.keys() == {"email:ana@x.io"}
    assert without.learned.keys() == {"user:ana"}


def test_who_is_known_by_email_alone_is_always_named_by_it_and_who_has_an_id_by_that():
    rules = Rules(changes_only=True)
    record = held(email="ana@x.io", name="Ana")

    alone = weighed_by_email(by_email(name="Ana", phone="1"), rules=rules, **{"email:ana@x.io": record})
    user = weighed(part("m1", person(email="ana@x.io", name="Ana", phone="1")), rules=rules, user_ana=record)

    assert alone.calls == (by_email(phone="1"),)
    assert user.calls == (person(phone="1"),)


@pytest.mark.parametrize("policy", ["set_once", "owner"])
def test_a_person_known_by_email_alone_is_named_by_it_even_where_it_may_not_be_overwritten(policy):
    rules = Rules(policies={"people.email": policy})

    result = weighed_by_email(
        by_email(phone="1"), rules=rules, **{"email:ana@x.io": held(email="ana@x.io", name="Ana")}
    )

    assert result.calls == (by_email(phone="1"),)
