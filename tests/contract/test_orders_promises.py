"""What people ask of deliver is kept until it is done."""

from penstock.buffer.port.selection import Selection
from penstock.buffer.sqlite.control.orders import SqliteOrders
from penstock.clock import ManualClock


def orders(folder):
    return SqliteOrders(folder, clock=ManualClock(1_000.0))


def test_nothing_was_asked_of_a_new_folder(tmp_path):
    assert orders(tmp_path).replays() == ()
    assert orders(tmp_path).paused() == {}


def test_a_replay_is_about_what_had_ended_when_it_was_asked_for(tmp_path):
    job = orders(tmp_path).ask_replay("custify", Selection(cause="custify.unavailable"), by="ana")

    [order] = orders(tmp_path).replays()

    assert order.id == job
    assert (order.destination, order.asked_by, order.asked_at) == ("custify", "ana", 1_000.0)
    assert order.selection == Selection(cause="custify.unavailable", ended_before=1_000.0)


def test_a_replay_can_be_stopped_and_go_on(tmp_path):
    desk = orders(tmp_path)
    job = desk.ask_replay("custify", Selection(), by="ana")

    assert desk.stop_replay(job, stopped=True)
    assert orders(tmp_path).replays()[0].stopped
    assert desk.stop_replay(job, stopped=False)
    assert not orders(tmp_path).replays()[0].stopped
    assert not desk.stop_replay(job + 1, stopped=True)


def test_a_pause_lasts_until_a_user_ends_it(tmp_path):
    orders(tmp_path).pause("custify", paused=True, by="ana")
    orders(tmp_path).pause("custify", paused=True, by="bo")
    assert orders(tmp_path).paused() == {"custify": "ana"}

    orders(tmp_path).pause("custify", paused=False, by="bo")
    assert orders(tmp_path).paused() == {}
    orders(tmp_path).pause("custify", paused=True, by="bo")
    assert orders(tmp_path).paused() == {"custify": "bo"}


def test_that_it_may_go_on_is_news_also_where_it_was_not_paused(tmp_path):
    clock = ManualClock()
    asked = SqliteOrders(tmp_path, clock=clock)
    assert asked.resumed() == {}
    asked.pause("custify", paused=False, by="ana")
    first = asked.resumed()
    clock.advance(5.0)
    asked.pause("custify", paused=True, by="ana")
    assert asked.resumed() == {}
    asked.pause("custify", paused=False, by="ana")

    assert first.keys() == asked.resumed().keys() == {"custify"}
    assert asked.resumed() != first
    assert (asked.paused(), asked.discarded()) == ({}, [])


def test_a_backlog_that_was_given_up_is_given_up_until_the_destination_comes_back(tmp_path):
    orders(tmp_path).pause("custify", paused=True, by="ana", discard=True)
    assert orders(tmp_path).discarded() == ["custify"]

    orders(tmp_path).pause("custify", paused=False, by="ana")
    assert orders(tmp_path).discarded() == []
