"""Who is the same person by what events said together, and whose an event is."""

import pytest

from penstock.erasing.linking import linked

U, V = "user:ann", "user:bob"


def of(given: set[str], *events: set[str], known: tuple[set[str], ...] = ()):
    """Return what is linked in a log with some events, numbered from 1."""
    log = [frozenset(event) for event in events]

    def look(names):
        seen: dict[frozenset[str], list[int]] = {}
        for seq, event in enumerate(log, 1):
            if event & names:
                seen.setdefault(event, []).append(seq)
        return seen

    return linked(given, look, lambda names: [frozenset(pair) for pair in known if pair & names])


@pytest.mark.parametrize("given", [{U}, {"email:a@x"}, {"anon:1"}])
def test_whichever_id_is_given_the_others_are_found(given):
    found = of(given, {"anon:1"}, {U, "anon:1"}, {U, "email:a@x"}, {"email:a@x"}, {V, "anon:2"})

    assert found.names == {U, "anon:1", "email:a@x"}
    assert list(found.seqs) == [1, 2, 3, 4]
    assert not found.shared


def test_an_id_that_several_people_share_leads_to_nobody_and_is_shown():
    found = of({U}, {U, "anon:kiosk"}, {V, "anon:kiosk"}, {"anon:kiosk"}, {V, "email:b@x"})

    assert found.names == {U}
    assert list(found.seqs) == [1]
    assert found.shared == {"anon:kiosk": [V]}


def test_a_shared_address_alone_takes_no_event_of_those_who_share_it():
    found = of({"email:team@x"}, {U, "email:team@x"}, {V, "email:team@x"}, {"email:team@x"})

    assert found.names == {"email:team@x"}
    assert list(found.seqs) == [3]
    assert found.shared == {"email:team@x": [U, V]}


def test_an_alias_leads_to_the_user_from_before_and_another_users_mention_does_not():
    alias = of({U}, {"user:old", "anon:old", U, "alias:"}, {"user:old", "email:o@x"}, {"user:old"})
    assert alias.names == {U, "user:old", "anon:old", "email:o@x"}
    assert list(alias.seqs) == [1, 2, 3]

    both = of({U}, {U, V}, {V}, {V, "email:b@x"})
    assert both.names == {U}
    assert list(both.seqs) == [1]


def test_another_id_that_never_comes_without_the_first_is_the_same_persons():
    found = of({U}, {U, "user:77", "email:a@x"}, {U, "user:77"})

    assert found.names == {U, "user:77", "email:a@x"}


def test_people_known_by_address_alone_are_found_with_their_visitors():
    found = of(
        {"email:a@x"}, {"email:a@x", "anon:1"}, {"anon:1"}, {"email:a@x", "anon:kiosk"}, {"email:b@x", "anon:kiosk"}
    )

    assert found.names == {"email:a@x", "anon:1"}
    assert list(found.seqs) == [1, 2, 3]
    assert found.shared == {"anon:kiosk": ["email:b@x"]}


def test_what_is_only_known_from_before_counts_too():
    found = of({U}, {"email:a@x"}, known=({U, "email:a@x"},))

    assert found.names == {U, "email:a@x"}
    assert list(found.seqs) == [1]


def test_a_company_goes_with_its_group_calls_and_the_people_left_are_counted():
    found = of({"company:acme"}, {U, "company:acme"}, {V, "company:acme"}, {U}, {V, "company:other"})

    assert found.names == {"company:acme"}
    assert list(found.seqs) == [1, 2]
    assert found.people_left == {"company:acme": 2}


def test_of_nobody_nothing_is_found():
    found = of({"user:nobody"}, {U}, {V})

    assert (found.names, list(found.seqs)) == ({"user:nobody"}, [])
