"""Waits and ages go on over restarts, sleeps and wrong clocks, and every jump of the wall's clock is noticed once."""

import pytest

from penstock.timeline import GAP_S_MAX, OFF_S_MAX, Timeline

HOUR, DAY = 3_600.0, 86_400.0


class Machine:
    """A wall's clock that anybody sets, and one that begins with each start of the machine."""

    def __init__(self) -> None:
        self.wall, self.up, self.boot = 1_700_000_000.0, 1_000.0, "first"

    def now(self) -> float:
        return self.wall

    def steady(self) -> float:
        return self.up

    def awake(self) -> float:
        return self.up

    def pass_(self, seconds: float) -> None:
        self.wall += seconds
        self.up += seconds

    def start_again(self, *, off_s: float, boot: str = "second", set_by: float = 0.0) -> None:
        self.wall, self.up, self.boot = self.wall + off_s + set_by, 5.0, boot

    def timeline(self, kept=None) -> Timeline:
        timeline = Timeline(self, boot=self.boot)
        if kept is not None:
            timeline.recall(kept)
        return timeline


@pytest.fixture
def machine():
    return Machine()


def live(machine: Machine, timeline: Timeline, seconds: int) -> list[float]:
    """Let time pass, with a look a second; return by how much the clock was found to be set."""
    jumps = []
    for _ in range(seconds):
        machine.pass_(1.0)
        jump, _ = timeline.look()
        jumps += [jump.by_s] if jump else []
    return jumps


def test_the_first_time_of_all_is_the_walls(machine):
    timeline = machine.timeline()

    assert timeline.now() == timeline.steady() == timeline.awake() == machine.wall


@pytest.mark.parametrize("by_s", [-HOUR, 4 * DAY, -30 * 365 * DAY])
def test_a_clock_that_is_set_moves_neither_waits_nor_ages_and_is_noticed_once(machine, by_s):
    timeline = machine.timeline()
    began = timeline.steady()
    machine.wall += by_s

    assert live(machine, timeline, 60) == [pytest.approx(by_s)]
    assert timeline.steady() - began == timeline.awake() - began == 60.0


def test_a_clock_that_is_kept_right_a_little_at_a_time_has_not_jumped(machine):
    timeline = machine.timeline()
    for _ in range(3_600):
        machine.wall += 0.0005
        assert live(machine, timeline, 1) == []


def test_a_sleep_ends_waits_and_makes_nothing_older(machine):
    timeline = machine.timeline()
    live(machine, timeline, 5)
    steady, awake = timeline.steady(), timeline.awake()
    machine.pass_(8 * HOUR)

    jump, gap = timeline.look()

    assert (jump, gap.seconds) == (None, 8 * HOUR)
    assert timeline.steady() - steady == 8 * HOUR
    assert timeline.awake() - awake == GAP_S_MAX


def test_a_restart_within_one_start_of_the_machine_misses_nothing_whatever_the_wall_says(machine):
    timeline = machine.timeline()
    live(machine, timeline, 10)
    kept = timeline.moment()
    machine.pass_(2 * DAY)
    machine.wall -= HOUR

    again = machine.timeline(kept)

    assert again.steady() - kept.steady == 2 * DAY
    assert again.awake() == kept.awake
    assert live(machine, again, 3) == [pytest.approx(-HOUR)]


def test_over_a_start_of_the_machine_the_wall_is_believed(machine):
    kept = machine.timeline().moment()
    machine.start_again(off_s=90.0)

    again = machine.timeline(kept)

    assert again.steady() - kept.steady == 90.0
    assert live(machine, again, 3) == []


@pytest.mark.parametrize(
    ("off_s", "passed_s"), [(-HOUR, 0.0), (-40 * 365 * DAY, 0.0), (OFF_S_MAX, OFF_S_MAX), (10 * 365 * DAY, OFF_S_MAX)]
)
def test_but_no_further_than_a_day_and_never_back(machine, off_s, passed_s):
    kept = machine.timeline().moment()
    machine.start_again(off_s=off_s)

    again = machine.timeline(kept)

    assert again.steady() - kept.steady == passed_s
    assert again.awake() == kept.awake
    assert live(machine, again, 3) == ([] if off_s == passed_s else [pytest.approx(off_s - passed_s)])


def test_a_kernel_that_does_not_name_its_starts_is_taken_for_another_one_each_time(machine):
    machine.boot = ""
    kept = machine.timeline().moment()
    machine.pass_(120.0)

    assert machine.timeline(kept).steady() - kept.steady == 120.0


def test_a_machine_that_was_restored_to_an_earlier_moment_does_not_take_time_back(machine):
    kept = machine.timeline().moment()
    machine.wall, machine.up = machine.wall - HOUR, machine.up - HOUR / 10

    assert machine.timeline(kept).steady() == kept.steady
