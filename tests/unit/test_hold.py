"""A held destination: when it is looked at again, and what does not grow old meanwhile."""

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
