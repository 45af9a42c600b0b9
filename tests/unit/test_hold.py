"""A held destination: when it is looked at again, and what does not grow old meanwhile."""

from penstock import causes
from penstock.deliver.hold import DOWN_PROBE_S_MAX, PROBE_S_MAX, HoldState

NOW = 1_000.0


def test_the_retry_clock_stands_still_while_held():
    hold = HoldState()
    before = hold.retry_clock(NOW)
    hold.begin("bad key", "custify.key_rejected", now=NOW)

    assert hold.retry_clock(NOW + 3600) == before

    hold.end(NOW + 3600)

    assert hold.retry_clock(NOW + 3600 + 5) == before + 5


def test_probes_come_at_growing_intervals_up_to_a_minute():
    hold = HoldState()
    hold.begin("bad key", "custify.key_rejected", now=NOW)
    waits, now = [], NOW
    for _ in range(10):
        waits.append(hold.probe_at - now)
        now = hold.probe_at
        hold.probe_failed(now)

    assert waits == sorted(waits)
    assert waits[0] == 5.0
    assert waits[-1] == PROBE_S_MAX


def test_an_outage_is_looked_at_every_few_seconds():
    hold = HoldState()
    hold.begin("503", "custify.unavailable", now=NOW)
    waits, now = [], NOW
    for _ in range(10):
        waits.append(hold.probe_at - now)
        now = hold.probe_at
        hold.probe_failed(now)

    assert hold.is_down
    assert waits[:3] == [1.0, 2.0, 4.0]
    assert max(waits) == DOWN_PROBE_S_MAX


def test_an_outage_that_turns_out_to_be_a_refusal_is_looked_at_as_one():
    hold = HoldState()
    hold.begin("503", "custify.unavailable", now=NOW)
    hold.changed("bad key", "custify.key_rejected")
    hold.probe_failed(NOW)

    assert (hold.is_down, hold.probe_at) == (False, NOW + 5.0)


def test_a_probe_that_succeeds_where_writes_fail_does_not_make_the_destination_flap():
    hold = HoldState()
    hold.begin("403", "custify.key_rejected", now=NOW)
    first_wait_s = hold.probe_at - NOW
    hold.end(NOW + 5)
    hold.begin("403", "custify.key_rejected", now=NOW + 6)

    assert hold.probe_at - (NOW + 6) > first_wait_s


def test_an_accepted_call_makes_the_next_hold_start_afresh():
    hold = HoldState()
    hold.begin("403", "custify.key_rejected", now=NOW)
    hold.end(NOW + 5)
    hold.proved()
    hold.begin("403", "custify.key_rejected", now=NOW + 6)

    assert hold.probe_at - (NOW + 6) == 5.0


def test_a_hold_survives_a_restart_and_begins_with_a_probe():
    hold = HoldState()
    hold.begin("bad key", "custify.key_rejected", now=NOW)

    again = HoldState.from_notes(hold.to_notes())

    assert again.is_held
    assert again.reason == "bad key"
    assert again.probe_is_due(NOW)
    assert again.retry_clock(NOW + 50) == hold.retry_clock(NOW + 50)


def test_notes_of_an_unknown_shape_are_no_hold():
    assert not HoldState.from_notes({"hold_reason": 7, "resting_since": "x"}).is_held


def test_the_retry_clock_stands_still_while_paused_and_while_both():
    hold = HoldState()
    before = hold.retry_clock(NOW)
    hold.pause("ana", now=NOW)
    hold.begin("bad key", "custify.key_rejected", now=NOW + 10)
    hold.end(NOW + 20)
    assert hold.retry_clock(NOW + 30) == before

    hold.resume(NOW + 30)

    assert hold.retry_clock(NOW + 35) == before + 5


def test_a_pause_survives_a_restart():
    hold = HoldState()
    hold.pause("ana", now=NOW)

    again = HoldState.from_notes(hold.to_notes())

    assert again.paused_by == "ana"
    assert again.retry_clock(NOW + 50) == hold.retry_clock(NOW + 50)


def test_who_never_rested_is_looked_at_now_and_has_no_time_to_make_good():
    hold = HoldState()

    assert hold.to_notes() == {
        "hold_reason": "",
        "hold_cause": "",
        "paused_by": "",
        "resting_since": 0.0,
        "rested_s": 0.0,
    }
    assert HoldState.from_notes({}) == hold
    assert hold.retry_clock(NOW) == NOW
    assert hold.probe_is_due(0.0)


def test_all_that_is_known_of_a_rest_survives_a_restart():
    hold = HoldState()
    hold.begin("503", causes.UNAVAILABLE, now=NOW)
    hold.end(NOW + 7)
    hold.begin("bad key", causes.KEY_REJECTED, now=NOW + 10)
    hold.pause("ana", now=NOW + 11)

    again = HoldState.from_notes(hold.to_notes())

    assert again.to_notes() == hold.to_notes()
    assert again.retry_clock(NOW + 60) == hold.retry_clock(NOW + 60) == NOW + 3


def test_a_cause_without_a_readable_reason_is_no_outage():
    assert not HoldState.from_notes({"hold_reason": 7, "hold_cause": causes.UNAVAILABLE}).is_down


def test_a_probe_is_due_from_its_very_moment_on():
    hold = HoldState()
    hold.begin("bad key", causes.KEY_REJECTED, now=NOW)

    assert not hold.probe_is_due(NOW + 4.9)
    assert hold.probe_is_due(NOW + 5.0)


def test_a_probe_that_is_asked_to_wait_waits_at_least_so_long():
    hold = HoldState()
    hold.begin("503", causes.UNAVAILABLE, now=NOW)
    hold.probe_failed(NOW, wait_s=40.0)

    assert hold.probe_at == NOW + 40.0


def test_after_a_month_of_a_bad_key_probes_still_come_each_minute():
    hold = HoldState()
    hold.begin("bad key", causes.KEY_REJECTED, now=NOW)
    for _ in range(2_000):
        hold.probe_failed(NOW)

    assert hold.probe_at == NOW + PROBE_S_MAX


def test_a_changed_key_is_tried_at_once_and_if_it_fails_soon_again():
    hold = HoldState()
    hold.begin("bad key", causes.KEY_REJECTED, now=NOW)
    for _ in range(5):
        hold.probe_failed(NOW)

    hold.probe_now()
    assert hold.probe_is_due(0.0)

    hold.probe_failed(NOW)
    assert hold.probe_at == NOW + 5.0


def test_who_is_paused_while_held_rests_once_from_the_first_moment_to_the_last():
    hold = HoldState()
    hold.begin("bad key", causes.KEY_REJECTED, now=NOW)
    hold.pause("ana", now=NOW + 10)
    hold.resume(NOW + 20)
    assert hold.retry_clock(NOW + 30) == NOW

    hold.end(NOW + 30)

    assert hold.retry_clock(NOW + 31) == NOW + 1


def test_a_read_that_passes_puts_a_hold_on_trial_and_only_its_end_ends_it():
    hold = HoldState()
    assert not hold.is_on_trial

    hold.begin("bad key", "custify.key_rejected", now=NOW)
    assert hold.is_closed
    hold.probe_passed(NOW)
    assert (hold.is_held, hold.is_on_trial, hold.is_closed) == (True, True, False)

    hold.probe_failed(NOW + 5)
    assert (hold.is_on_trial, hold.is_closed) == (False, True)

    hold.probe_passed(NOW)
    hold.end(NOW + 10)
    assert (hold.is_held, hold.is_on_trial, hold.is_closed) == (False, False, False)


def test_where_nothing_is_held_a_read_that_passes_tries_nothing():
    hold = HoldState()
    hold.probe_passed(NOW)

    assert (hold.is_on_trial, hold.is_closed) == (False, False)


def test_an_event_does_not_grow_old_while_a_hold_is_on_trial():
    hold = HoldState()
    before = hold.retry_clock(NOW)
    hold.begin("503", causes.UNAVAILABLE, now=NOW)
    hold.probe_passed(NOW)

    assert hold.retry_clock(NOW + 60) == before
