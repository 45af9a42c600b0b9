"""Whose records are being changed: who may go on, and who comes again in a moment."""

import pytest

from penstock.deliver.busy import BUSY_S, Busy
from penstock.deliver.dispatch import Dispatch
from penstock.destinations.answer import Throttled
from penstock.ledger.record import Delta

ANA, BO, ACME = "user:ana", "user:bo", "company:acme"


def changing(*subjects: str) -> Dispatch:
    return Dispatch(leases=[], learned={subject: Delta() for subject in subjects})


@pytest.fixture
def busy() -> Busy:
    """Leases 1 to 3 read records."""
    busy = Busy()
    for token in (1, 2, 3):
        busy.begin(token)
    return busy


def test_of_two_that_change_one_record_the_later_one_waits_and_doubts_nothing(busy):
    assert busy.take(changing(ANA), 1, {ANA})

    waits = busy.reserved(changing(ANA, BO), 2, {BO})

    assert isinstance(waits.instead, Throttled)
    assert (waits.instead.retry_after_s, waits.learned) == (BUSY_S, {})
    assert busy.take(changing(BO), 3, {BO}), "who waits holds nothing"


def test_one_lease_may_take_again_what_it_holds(busy):
    assert busy.take(changing(ANA), 1, {ANA})

    assert busy.take(changing(ANA, BO), 1, {ANA, BO})


def test_who_read_what_was_changed_since_comes_again_and_reads_it_then(busy):
    busy.take(changing(ANA), 1, {ANA})
    busy.release(1)

    assert not busy.take(changing(ACME), 2, {ANA, ACME})
    busy.begin(2)
    assert busy.take(changing(ACME), 2, {ANA, ACME})


def test_what_ends_concerns_those_alone_who_read_it(busy):
    busy.take(changing(ANA), 1, {ANA})
    busy.take(changing(BO), 2, {BO})
    busy.release(1)

    assert busy.take(changing(), 3, {BO, ACME}), "Bo is being changed, and is not changed yet"
    assert not busy.take(changing(BO), 3, {ACME}), "the end of one frees nothing of another"


def test_nothing_is_kept_of_those_that_have_ended(busy):
    for token in (1, 2, 3):
        busy.take(changing(f"user:{token}"), token, {ANA})
        busy.release(token)

    assert (busy.holders, busy.changed) == ({}, {})
