"""Which upserts are needed, against what Custify is known to hold."""

import dataclasses

import pytest

from penstock.destinations.custify.calls import CUSTOM
from penstock.destinations.custify.calls import CustifyCall as Call
from penstock.destinations.plan import Plan
from penstock.ledger.record import (
    COMPANIES_MAX,
    DIGEST,
    FIELD_CHARS_MAX,
    FIELDS_MAX,
    LEFT,
    MEMBER,
    UNPROVEN,
    Alias,
    Delta,
    Record,
    decoded,
    encoded,
)
from penstock.ledger.rules import Rules
from penstock.ledger.weigh import count_together, subjects_of, weigh
from weighing import DAY, NOW, changed, company, guess, held, learned, part, person, weighed


def test_a_new_person_is_sent_as_the_mapping_said():
    call = person(name="Ana", attributes={"plan": "pro"})

    result = weighed(part("m1", call))

    assert result.calls == (call,)
    assert learned(result, "user:ana").fields == {"name": "Ana", "custom_attributes.plan": "pro"}


def test_what_custify_holds_already_is_not_sent():
    result = weighed(
        part("m1", person(name="Ana", attributes={"plan": "pro"})),
        user_ana=held(name="Ana", custom_attributes__plan="pro", phone="1"),
    )

    assert result.calls == ()
    assert result.is_carried == (False,)
    assert result.learned == {}


@pytest.mark.parametrize(("value", "other"), [(1, True), (1, 1.0), ("1", 1), (0, False), ("", False)])
def test_values_of_different_types_are_different(value, other):
    assert weighed(part("m1", person(attributes={"x": value})), user_ana=held(custom_attributes__x=other)).calls


def test_of_a_long_text_only_the_digest_is_kept_and_a_change_is_seen():
    bio = "long " * 100
    first = weighed(part("m1", person(attributes={"bio": bio})))
    record = learned(first, "user:ana")

    assert str(record.fields["custom_attributes.bio"]).startswith(DIGEST)
    assert weighed(part("m2", person(attributes={"bio": bio})), user_ana=record).calls == ()
    assert weighed(part("m2", person(attributes={"bio": bio + "!"})), user_ana=record).calls != ()


def test_upserts_that_wait_together_become_one_call_with_the_last_value_of_each_field():
    result = weighed(
        part("m1", person(name="Ana", attributes={"plan": "free", "seats": 1})),
        part("m2", person(attributes={"plan": "pro"})),
        part("m3", person(attributes={"plan": "pro"})),
        user_ana=held(custom_attributes__plan="free"),
    )

    assert result.calls == (person(name="Ana", attributes={"plan": "pro", "seats": 1}),)
    assert result.is_carried == (True, True, False)


def test_a_change_that_is_taken_back_within_a_run_is_sent_all_the_same():
    """A crash may have left the first half of it at Custify."""
    result = weighed(
        part("m1", person(attributes={"plan": "pro"})),
        part("m2", person(attributes={"plan": "free"})),
        user_ana=held(custom_attributes__plan="free"),
    )

    assert result.calls == (person(attributes={"plan": "free"}),)


@pytest.mark.parametrize(
    ("plans", "count"),
    [
        ([[person()], [person(phone="1")], [company(), person()]], 3),
        ([[person()], [person("bo")]], 1),
        ([[company(), person()], [company("other"), person()]], 1),
        ([[person(email="a@x.io")], [person(phone="1")], [person(email="b@x.io")]], 2),
        ([[person()], [Call("/event", {"user_id": "ana", "name": "Paid"})], [person()]], 1),
        ([[Call("/event", {"user_id": "ana", "name": "Paid"})]], 0),
    ],
)
def test_only_upserts_of_the_same_person_and_company_go_together(plans, count):
    assert count_together([part(str(i), *calls) for i, calls in enumerate(plans)]) == count


def test_a_group_call_sends_the_company_before_the_person():
    result = weighed(part("m1", company(name="Acme"), person(companies={"acme": True})))

    assert [call.path for call in result.calls] == ["/company", "/people"]
    assert learned(result, "user:ana").companies == {"acme": MEMBER}
    assert learned(result, "user:ana").last_group == "acme"


def test_of_a_repeated_group_call_only_what_changed_is_sent():
    result = weighed(
        part("m1", company(name="Acme", size=7), person(companies={"acme": True})),
        company_acme=held(name="Acme", size=6),
        user_ana=changed(held({"acme": MEMBER}), last_group="acme"),
    )

    assert [call.path for call in result.calls] == ["/company"]
    assert result.is_carried == (True,)


def test_a_link_to_a_company_not_sent_yet_is_said_again_once_it_was():
    call = person(companies={"acme": True})
    first = weighed(part("m1", call), user_ana=held())
    record = learned(first, "user:ana", held())
    assert record.companies == {"acme": UNPROVEN}

    assert weighed(part("m2", call), user_ana=record).calls == ()
    assert weighed(part("m2", call), user_ana=record, company_acme=held(name="Acme")).calls == (call,)


def test_leaving_a_company_is_a_change_once():
    call = person(companies={"acme": False})
    first = weighed(part("m1", call), user_ana=held({"acme": MEMBER}))

    assert first.calls == (call,)
    assert learned(first, "user:ana", held({"acme": MEMBER})).companies == {"acme": LEFT}


def test_the_sign_up_date_of_the_first_call_stays():
    first = weighed(part("m1", person(signed_up_at="2024-01-01T00:00:00.000Z")))
    record = learned(first, "user:ana")

    later = weighed(part("m2", person(signed_up_at="2024-05-05T00:00:00.000Z", phone="1")), user_ana=record)

    assert later.calls == (person(phone="1"),)
    [[note]] = later.notes
    assert (note.field, note.why) == ("signed_up_at", "set_once: Custify holds a value already")


def policy(name: str, **rest) -> Rules:
    return Rules(policies={"people.custom_attributes.x": name}, **rest)


@pytest.mark.parametrize(
    ("name", "before", "value", "is_sent"),
    [
        ("always", 5, 4, True),
        ("max", 5, 4, False),
        ("max", 5, 6, True),
        ("min", 5, 4, True),
        ("min", 5, 6, False),
        ("max", "2024-01-02", "2024-01-03", True),
        ("max", "2024-01-02", "2024-01-01", False),
        ("max", 5, "text", False),
        ("set_once", 5, 6, False),
        ("never_null", "pro", "", False),
        ("never_null", "pro", "free", True),
        ("owner", "pro", "free", False),
    ],
)
def test_a_policy_says_who_may_overwrite_a_field(name, before, value, is_sent):
    result = weighed(
        part("m1", person(attributes={"x": value})), rules=policy(name), user_ana=held(custom_attributes__x=before)
    )

    assert bool(result.calls) is is_sent
    assert bool(result.notes[0]) is not is_sent


def test_under_latest_a_late_event_does_not_overwrite_a_newer_value():
    rules = policy("latest")
    first = weighed(part("m1", person(attributes={"x": "new"}), at_ms=2_000), rules=rules)
    record = learned(first, "user:ana")

    late = weighed(part("m2", person(attributes={"x": "old"}), at_ms=1_000), rules=rules, user_ana=record)
    newer = weighed(part("m3", person(attributes={"x": "newest"}), at_ms=3_000), rules=rules, user_ana=record)

    assert late.calls == ()
    assert newer.calls == (person(attributes={"x": "newest"}),)


def test_under_latest_a_repeated_value_counts_as_said_later_though_it_is_not_sent():
    rules = policy("latest")
    record = learned(weighed(part("m1", person(attributes={"x": "a"}), at_ms=1_000), rules=rules), "user:ana")
    again = weighed(part("m2", person(attributes={"x": "a"}), at_ms=3_000), rules=rules, user_ana=record)
    record = learned(again, "user:ana", record)

    late = weighed(part("m3", person(attributes={"x": "b"}), at_ms=2_000), rules=rules, user_ana=record)

    assert again.calls == late.calls == ()


def test_with_changes_only_the_rest_stays_at_home():
    result = weighed(
        part("m1", person(name="Ana", attributes={"plan": "pro", "seats": 2})),
        rules=Rules(changes_only=True),
        user_ana=held(name="Ana", custom_attributes__plan="free", custom_attributes__seats=2),
    )

    assert result.calls == (person(attributes={"plan": "pro"}),)


def test_after_a_while_all_that_is_known_is_sent_again_but_not_what_others_maintain():
    rules = Rules(reassert_s=DAY, policies={"people.signed_up_at": "set_once", "people.custom_attributes.csm": "owner"})
    record = held(
        {"acme": MEMBER, "old": LEFT}, at=NOW - 2 * DAY, name="Ana", signed_up_at="2024", custom_attributes__csm="x"
    )

    result = weighed(part("m1", person(attributes={"plan": "pro"})), rules=rules, user_ana=record)

    [call] = result.calls
    assert call == person(companies={"acme": True}, name="Ana", attributes={"plan": "pro"})
    assert learned(result, "user:ana", record).asserted_at == NOW


def test_an_event_that_says_nothing_new_carries_the_re_assertion():
    result = weighed(part("m1", person(name="Ana")), user_ana=held(at=NOW - 31 * DAY, name="Ana", phone="1"))

    assert result.calls == (person(name="Ana", phone="1"),)
    assert result.is_carried == (True,)


def test_everything_goes_out_when_nothing_may_be_skipped():
    call = person(name="Ana")

    result = weighed(part("m1", call), rules=Rules(skip_unchanged=False), user_ana=held(name="Ana"))

    assert (result.calls, result.is_carried) == ((call,), (True,))


def test_an_email_that_is_a_users_is_that_user():
    by_email = Call("/people", {"email": "ana@x.io", "name": "Ana", "custom_attributes": {}})
    records = {
        "email:ana@x.io": Record(user_id="ana"),
        "user:ana": held(email="ana@x.io", name="Ana"),
    }

    assert weigh([part("m1", by_email)], records, Rules(), now=NOW).calls == ()


def test_whose_an_email_is_follows_the_last_call():
    result = weighed(part("m1", person(email="new@x.io")), user_ana=held(email="old@x.io"))

    assert result.learned["email:new@x.io"] == Alias("ana")
    assert result.learned["email:old@x.io"].learn(b"{}") is None


def test_a_call_without_an_answer_leaves_its_fields_in_doubt():
    record = held({"acme": MEMBER}, name="Ana", phone="1")
    delta = Delta(fields={"name": "Anna"}, companies={"acme": LEFT}, last_group="acme")

    left = decoded(delta.doubt(encoded(record)))

    assert (left.fields, left.companies) == ({"phone": "1"}, {})
    assert delta.doubt(None) is None


def test_a_record_that_cannot_be_read_is_begun_anew():
    assert decoded(b"\xff") is None
    assert decoded(Delta(fields={"name": "Ana"}, asserted_at=NOW).learn(b"\xff")).fields == {"name": "Ana"}


def test_what_was_looked_up_and_what_was_sent_become_one():
    both = Delta(fields={"name": "Ana"}).after(Delta(fields={"name": "A", "phone": "1"}, asserted_at=NOW))

    assert dataclasses.asdict(both) == dataclasses.asdict(Delta(fields={"name": "Ana", "phone": "1"}, asserted_at=NOW))


def test_who_sends_ever_new_names_and_companies_does_not_make_a_record_grow_without_end():
    raw = None
    for call in range(12):
        fields = {f"{CUSTOM}n{call}_{n}": "x" for n in range(1_000)}
        companies = {f"c{call}_{n}": MEMBER for n in range(200)}
        raw = Delta(fields=fields, companies=companies, asserted_at=NOW).learn(raw)
    record = decoded(raw)

    assert (len(record.fields), len(record.companies)) == (FIELDS_MAX, COMPANIES_MAX)


def test_what_a_full_record_holds_is_kept_up_to_date_and_what_it_has_no_room_for_is_sent_again():
    many = {f"n{n}": "x" for n in range(FIELDS_MAX)}
    full = Delta(fields={CUSTOM + name: value for name, value in many.items()}, asserted_at=NOW).learn(None)
    full = decoded(
        Delta(fields={CUSTOM + "n7": "y", CUSTOM + "new": 1, "phone": "1"}, companies={"acme": LEFT}).learn(full)
    )

    assert full.fields[CUSTOM + "n7"] == "y"
    assert full.fields["phone"] == "1"
    assert full.companies == {"acme": LEFT}
    assert weighed(part("m1", person(attributes={"n7": "y"}, phone="1")), user_ana=full).calls == ()
    [call] = weighed(part("m2", person(attributes={"new": 1})), user_ana=full).calls
    assert call.body["custom_attributes"] == {"new": 1}


def test_a_name_longer_than_anybody_reads_is_not_remembered_and_so_sent_each_time():
    name = "n" * FIELD_CHARS_MAX
    record = decoded(Delta(fields={CUSTOM + name: 1}, asserted_at=NOW).learn(None))

    assert record.fields == {}
    assert weighed(part("m1", person(attributes={name: 1})), user_ana=record).calls


def test_a_guessed_sign_up_date_gives_way_to_a_stated_one_once():
    first = weighed(part("m1", guess("2024-05-06T00:00:00.000Z")))
    record = learned(first, "user:ana")
    assert record.guessed == ["signed_up_at"]

    stated = weighed(part("m2", person(signed_up_at="2023-01-01T00:00:00.000Z")), user_ana=record)
    record = learned(stated, "user:ana", record)
    assert stated.calls[0].body["signed_up_at"] == "2023-01-01T00:00:00.000Z"
    assert record.guessed == []

    other = weighed(part("m3", person(signed_up_at="2022-01-01T00:00:00.000Z", phone="1")), user_ana=record)
    assert "signed_up_at" not in other.calls[0].body


@pytest.mark.parametrize("policy", ["set_once", "min", "max", "latest", "never_null"])
def test_a_guess_never_overwrites_what_custify_holds(policy):
    rules = Rules(policies={"people.signed_up_at": policy})
    before = held(signed_up_at="2024-01-01T00:00:00.000Z")

    for at in ("2023-05-06T00:00:00.000Z", "2025-05-06T00:00:00.000Z"):
        result = weighed(part("m1", guess(at, phone="1"), at_ms=10**15), rules=rules, user_ana=before)

        assert "signed_up_at" not in result.calls[0].body
        [[note]] = result.notes
        assert "and this is a guess" in note.why


def test_with_the_policy_always_a_guess_is_sent_as_everything_is():
    rules = Rules(policies={"people.signed_up_at": "always"})

    result = weighed(part("m1", guess("2025-05-06T00:00:00.000Z")), rules=rules, user_ana=held(signed_up_at="2024"))

    assert result.calls[0].body["signed_up_at"] == "2025-05-06T00:00:00.000Z"


def test_within_a_run_a_stated_date_wins_over_guesses_before_and_after_it():
    result = weighed(
        part("m1", guess("2024-05-06T00:00:00.000Z")),
        part("m2", person(signed_up_at="2023-01-01T00:00:00.000Z")),
        part("m3", guess("2024-05-08T00:00:00.000Z")),
    )

    assert result.calls[0].body["signed_up_at"] == "2023-01-01T00:00:00.000Z"
    assert learned(result, "user:ana").guessed == []


def test_a_statement_that_says_what_was_guessed_freezes_it_without_a_call():
    guessed = learned(weighed(part("m1", guess("2024-05-06T00:00:00.000Z"))), "user:ana")

    result = weighed(part("m2", person(signed_up_at="2024-05-06T00:00:00.000Z")), user_ana=guessed)

    assert result.calls == ()
    record = learned(result, "user:ana", guessed)
    assert (record.guessed, record.fields["signed_up_at"]) == ([], "2024-05-06T00:00:00.000Z")


def test_what_a_call_without_an_answer_guessed_is_forgotten_with_its_value():
    guessed = learned(weighed(part("m1", guess("2024-05-06T00:00:00.000Z"))), "user:ana")

    again = weighed(part("m2", person(signed_up_at="2023-01-01T00:00:00.000Z")), user_ana=guessed)
    doubted = decoded(again.learned["user:ana"].doubt(encoded(guessed)))

    assert (doubted.guessed, doubted.fields) == ([], {})


def test_latest_cannot_be_poisoned_by_a_time_that_has_not_come():
    """A record of an older version, which believed an event of 2099."""
    rules = Rules(policies={"people.name": "latest"})
    poisoned = changed(held(name="trial"), times={"name": 4_070_908_800_000})

    result = weighed(part("m2", person(name="paid"), at_ms=int(NOW * 1000)), rules=rules, user_ana=poisoned)

    assert result.calls[0].body["name"] == "paid"
    assert learned(result, "user:ana", poisoned).times == {"name": int(NOW * 1000)}


def test_an_email_is_one_subject_however_it_is_written():
    by_email = Call("/people", {"email": "Ana@Example.com ", "custom_attributes": {}})

    assert subjects_of(Plan((by_email,))) == {"email:ana@example.com"}
    other = Call("/people", {"email": "ana@example.com", "custom_attributes": {"plan": "pro"}})
    assert count_together([part("m1", by_email), part("m2", other)]) == 2


def test_a_null_takes_a_field_back_once():
    null = person(phone=None, attributes={"plan": None})
    before = held(phone="1", custom_attributes__plan="a")
    result = weighed(part("m1", null), user_ana=before)

    assert result.calls == (null,)
    assert weighed(part("m2", null), user_ana=learned(result, "user:ana", before)).calls == ()


@pytest.mark.parametrize("policy", ["set_once", "never_null", "max", "min", "owner"])
def test_a_null_is_kept_back_by_a_policy_that_keeps_values(policy):
    rules = Rules(policies={"people.custom_attributes.plan": policy})
    before = held(custom_attributes__plan=3)

    assert weighed(part("m1", person(attributes={"plan": None})), rules=rules, user_ana=before).calls == ()
