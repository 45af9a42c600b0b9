"""Which lanes an event waits in, and who is tied to whom. How that keeps an order is told in tests/contract."""

import msgspec
import pytest

from penstock import causes
from penstock.buffer.port.backlog import Priority
from penstock.buffer.rules.lanes import (
    became,
    by_head,
    companies_of,
    lanes_of,
    person_lane,
    place,
    tie_after,
    ties_of,
    why_parked,
)
from penstock.event import Event, MessageId, Named

ANA, MAIL, VISITOR = "user:ana", "email:ana@x.io", "anon:a1"
USER_NAMED, MAIL_NAMED = Named(user_id="ana"), Named(email="ana@x.io")


def lanes(named: Named, *, ties: dict[str, tuple[str, bool]] | None = None, waiting: tuple[str, ...] = ()):
    return lanes_of(named, tied=(ties or {}).get, is_waiting=waiting.__contains__)


def test_every_live_event_goes_before_every_replay_and_every_replay_before_every_backfill():
    numbers = (0, 1, 10**14)
    places = [place(priority, number) for priority in sorted(Priority) for number in numbers]

    assert places == sorted(places)
    assert [place(Priority.LIVE, number) for number in numbers] == list(numbers)
    assert len(set(places)) == len(places)


def test_positions_fit_what_the_store_counts_with_and_stay_where_they_were_stored():
    assert place(Priority.REPLAY, 5) == Priority.REPLAY * 281_474_976_710_656 + 5
    assert place(max(Priority), 2**48 - 1) < 2**63


def test_what_accept_could_tell_names_a_person_a_visitor_and_a_company():
    event = Event(
        message_id=MessageId("m1"), type="group", user_id="ana", anonymous_id="a1", company_id="acme", request_ip="",
        source="web", received_at_ms=0, body=b"{}",
    )  # fmt: skip

    assert by_head(event) == Named(user_id="ana", visitor=VISITOR, companies=("acme",))
    assert by_head(msgspec.structs.replace(event, anonymous_id="", company_id="")) == USER_NAMED


def test_an_event_waits_in_its_persons_lane_and_its_companies():
    assert lanes(Named(user_id="ana", email="ana@x.io", visitor=VISITOR, companies=("acme",))) == (ANA, "company:acme")
    assert lanes(MAIL_NAMED) == (MAIL,)
    assert lanes(Named(visitor=VISITOR)) == (VISITOR,)
    assert lanes(Named()) == ()


def test_what_still_waits_under_another_name_of_the_person_goes_first():
    named = Named(user_id="ana", email="ana@x.io", visitor=VISITOR)

    assert lanes(named, waiting=(MAIL,)) == (ANA, MAIL)
    assert lanes(named, waiting=(MAIL, VISITOR)) == (ANA, MAIL, VISITOR)


def test_an_email_that_was_another_persons_waits_for_them_too():
    named = Named(user_id="ana", email="ana@x.io")

    assert lanes(named, ties={MAIL: ("user:bo", False)}) == (ANA, "user:bo")
    assert lanes(MAIL_NAMED, ties={MAIL: (ANA, True)}) == (MAIL, ANA)


def test_of_a_visitor_only_an_event_without_other_ids_waits_for_the_person_it_was_last():
    ties = {VISITOR: ("user:bo", False)}

    assert lanes(Named(visitor=VISITOR), ties=ties) == (VISITOR, "user:bo")
    assert lanes(Named(user_id="ana", visitor=VISITOR), ties=ties) == (ANA,)


def test_a_visitor_who_became_an_email_waits_for_whose_that_is_by_now():
    ties = {VISITOR: (MAIL, False), MAIL: (ANA, False)}

    assert lanes(Named(visitor=VISITOR), ties=ties) == (VISITOR, MAIL, ANA)


def test_an_event_ties_what_it_names_beside_its_person_to_them():
    assert ties_of(Named(user_id="ana", email="ana@x.io", visitor=VISITOR)) == [(MAIL, ANA), (VISITOR, ANA)]
    assert ties_of(Named(email="ana@x.io", visitor=VISITOR)) == [(VISITOR, MAIL)]
    assert ties_of(USER_NAMED) == ties_of(MAIL_NAMED) == ties_of(Named(visitor=VISITOR)) == []


@pytest.mark.parametrize(
    ("held", "person", "after"),
    [
        (None, ANA, (ANA, False)),
        ((ANA, False), ANA, (ANA, False)),
        ((MAIL, True), MAIL, (MAIL, True)),
        # Who is known by id is not known by e-mail again.
        ((ANA, False), MAIL, (ANA, False)),
        # Who was known by e-mail is known by id now: that is no second person.
        ((MAIL, False), ANA, (ANA, False)),
        ((MAIL, True), ANA, (ANA, True)),
        # Two people.
        ((ANA, False), "user:bo", ("user:bo", True)),
        ((MAIL, False), "email:bo@x.io", ("email:bo@x.io", True)),
        (("user:bo", True), ANA, (ANA, True)),
    ],
)
def test_a_tie_follows_the_last_person_and_remembers_that_there_were_several(held, person, after):
    assert tie_after(held, person) == after


@pytest.mark.parametrize("person", ["user:user:", "user:email:", "email:user:"])
def test_no_client_is_taken_for_another_kind_by_how_its_name_ends(person):
    kind = person.split(":")[0]
    others = {"user": ("user:zoe", "user:email:x"), "email": ("email:zoe@x.io", "email:user:x")}[kind]

    for other in others:
        assert tie_after((other, False), person) == (person, True)


@pytest.mark.parametrize(
    ("named", "ties", "person"),
    [
        (Named(visitor=VISITOR), {VISITOR: (ANA, False)}, ANA),
        (Named(visitor=VISITOR), {VISITOR: (MAIL, False)}, MAIL),
        (Named(visitor=VISITOR), {VISITOR: (MAIL, False), MAIL: (ANA, False)}, ANA),
        # It may have been several: whose it is, nobody knows.
        (Named(visitor=VISITOR), {VISITOR: (ANA, True)}, ""),
        (Named(visitor=VISITOR), {VISITOR: (MAIL, False), MAIL: (ANA, True)}, MAIL),
        (Named(visitor=VISITOR), {}, ""),
        # It says itself whose it is.
        (Named(user_id="bo", visitor=VISITOR), {VISITOR: (ANA, False)}, ""),
        (Named(email="bo@x.io", visitor=VISITOR), {VISITOR: (ANA, False)}, ""),
        # It names no visitor, whoever else is tied to nobody.
        (Named(), {"": (ANA, False)}, ""),
    ],
)
def test_a_visitors_event_is_that_of_the_person_they_became_if_there_is_no_doubt(named, ties, person):
    assert became(named, ties.get) == person


def test_companies_are_read_from_lanes_by_how_they_begin():
    assert companies_of([ANA, "company:acme", "user:x-company:", "company:be:ta"]) == ("acme", "be:ta")


def test_a_person_is_named_by_id_before_email():
    assert person_lane(Named(user_id="ana", email="ana@x.io")) == ANA
    assert (person_lane(MAIL_NAMED), person_lane(Named(visitor=VISITOR))) == (MAIL, "")


@pytest.mark.parametrize(
    ("subjects", "says", "cause"),
    [
        ([VISITOR], "who the visitor is", causes.ANONYMOUS),
        ([ANA, VISITOR], "who the visitor is", causes.ANONYMOUS),
        ([ANA, MAIL], "does not know the person", causes.PERSON_UNKNOWN),
        ([], "does not know the person", causes.PERSON_UNKNOWN),
    ],
)
def test_a_parked_event_says_who_it_waits_for(subjects, says, cause):
    reason, code = why_parked(subjects)

    assert says in reason
    assert code == cause
