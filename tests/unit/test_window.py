"""Where fresh events stand: in front of those behind them in each lane, behind those in front."""

from contract.worlds import event
from penstock.buffer.rules.lanes import place_in_log
from penstock.buffer.rules.window import Fresh, Window


def window(*lanes: str) -> Window:
    """Return a window with one event for each text: its lanes, a letter each."""
    made = Window()
    for seq, names in enumerate(lanes, 1):
        made.enter(Fresh(seq, event(f"m{seq}"), tuple(names), "", 0.0))
    return made


def picked(window: Window, *, under_way=(), limit: int = 10) -> list[int]:
    return [fresh.seq for fresh in window.pick(0.0, limit=limit, under_way={place_in_log(seq) for seq in under_way})]


def test_the_first_of_all_its_lanes_is_handed_out_and_no_other():
    assert picked(window("a", "ab", "b", "c", "")) == [1, 4, 5]


def test_events_behind_move_up_once_all_in_front_have_left():
    lanes = window("a", "b", "ab")
    assert picked(lanes) == [1, 2]
    lanes.leave(place_in_log(1), 0.0)
    assert picked(lanes) == []
    lanes.leave(place_in_log(2), 0.0)
    assert picked(lanes) == [3]


def test_a_request_that_moves_up_waits_from_then_on():
    lanes = window("a", "a", "b")
    assert picked(lanes, limit=1) == [1]
    lanes.leave(place_in_log(1), 5.0)

    assert picked(lanes) == [3]
    assert lanes.next_due == 5.0


def test_what_is_under_way_is_not_handed_out_until_it_is_put_back():
    lanes = window("a", "b")
    assert picked(lanes, under_way=[1]) == [2]
    assert picked(lanes) == []
    lanes.put_back([place_in_log(1), place_in_log(1), place_in_log(7)])
    assert picked(lanes) == [1]


def test_those_behind_a_run_wait_for_nothing_else():
    lanes = window("a", "a", "ab", "c", "ac", "a")

    def behind(*run: int) -> list[int]:
        return [fresh.seq for fresh in lanes.behind([place_in_log(seq) for seq in run], under_way=())]

    assert behind(1) == [2, 3]
    assert behind(1, 2, 3) == []
    assert behind(4) == []


def test_a_component_is_everybody_who_waits_for_one_another():
    lanes = window("a", "b", "ab", "c", "cd", "d", "e")

    assert [fresh.seq for fresh in lanes.component([place_in_log(1)])] == [1, 2, 3]
    assert [fresh.seq for fresh in lanes.component(lanes="d")] == [4, 5, 6]
    assert [fresh.seq for fresh in lanes.component([place_in_log(7)], lanes="b")] == [1, 2, 3, 7]


def test_those_that_stand_elsewhere_leave_no_event_in_their_lanes():
    lanes = window("a", "b", "ab", "c")
    for fresh in reversed(lanes.component([place_in_log(1)])):
        lanes.drop(fresh.position)

    assert not lanes.stands_in("a")
    assert [fresh.seq for fresh in lanes.entries.values()] == [4]
    assert lanes.bytes == len(event("m4").body)
    assert lanes.first is not None
    assert lanes.first.seq == 4
