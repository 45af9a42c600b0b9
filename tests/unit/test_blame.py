"""Whom a bad answer is about."""

import pytest

from penstock.deliver.blame import REMEMBERED_MAX, SEVERAL, Blame, Evidence


def test_one_event_alone_leaves_it_open():
    assert Evidence().blames(1, began=0.0, now=1.0) is Blame.UNCLEAR


def test_several_events_without_one_that_passed_speak_against_everybody():
    witness = Evidence()
    blames = [witness.blames(seq, began=float(seq), now=seq + 0.5) for seq in range(1, SEVERAL + 1)]

    assert blames == [Blame.UNCLEAR] * (SEVERAL - 1) + [Blame.EVERYBODY]


def test_one_event_again_and_again_is_not_several():
    witness = Evidence()

    assert {witness.blames(1, began=float(n), now=n + 0.5) for n in range(10)} == {Blame.UNCLEAR}


def test_what_passed_while_it_was_tried_speaks_against_the_event():
    witness = Evidence()
    witness.passed(1.2)

    assert witness.blames(1, began=1.0, now=1.5) is Blame.EVENT
    assert witness.blames(2, began=1.3, now=1.5) is Blame.UNCLEAR


def test_what_passed_since_it_failed_last_speaks_against_the_event_however_long_ago():
    witness = Evidence()
    witness.blames(1, began=0.0, now=1.0)
    witness.passed(50.0)

    assert witness.blames(1, began=300.0, now=301.0) is Blame.EVENT


def test_events_that_fail_alone_do_not_add_up_while_others_pass():
    witness = Evidence()
    for round_ in range(5):
        for seq in range(1, 10):
            witness.passed(100.0 * round_ + seq)
            assert witness.blames(seq, began=100.0 * round_ + seq, now=100.0 * round_ + seq + 0.5) is Blame.EVENT


def test_another_key_has_to_prove_itself():
    witness = Evidence()
    witness.passed(1.0)
    assert witness.is_proven
    witness.start_anew()

    assert not witness.is_proven
    assert witness.blames(1, began=0.5, now=2.0) is Blame.UNCLEAR


def test_events_that_ended_are_forgotten_and_so_are_the_oldest_of_too_many():
    witness = Evidence()
    witness.blames(1, began=0.0, now=1.0)
    witness.ended(1)
    assert 1 not in witness.failed

    for seq in range(2, REMEMBERED_MAX + 3):
        witness.blames(seq, began=0.0, now=1.0)

    assert len(witness.failed) == len(witness.since) == REMEMBERED_MAX
    assert 2 not in witness.failed


@pytest.mark.parametrize("seq", [1, 2])
def test_ending_what_never_failed_changes_nothing(seq):
    witness = Evidence()
    witness.ended(seq)

    assert witness == Evidence()
