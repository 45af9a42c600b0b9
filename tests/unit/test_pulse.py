"""Whether a process's loop turns can be told from outside, and standing still from being stopped or dead."""

import os

import pytest

from dashboard_world import World
from penstock.admin.pages.changes import mark_of
from penstock.clock import ManualClock, cpu_s_of
from penstock.inspect.metrics import render_metrics
from penstock.inspect.overview import verdict
from penstock.machine import pulse
from penstock.machine.pulse import BUSY_CPU_S, LATE_S, Pulse, read_pulse

PID = 4711


class Machine:
    """Processes with the CPU they used, and a clock."""

    def __init__(self) -> None:
        self.clock, self.cpu_s = ManualClock(), {PID: 1.0}


@pytest.fixture
def machine(monkeypatch):
    machine = Machine()
    monkeypatch.setattr(pulse, "cpu_s_of", machine.cpu_s.get)
    return machine


@pytest.fixture
def beating(tmp_path, machine):
    """Return the pulse of a deliver whose loop has just turned."""
    beating = Pulse(tmp_path, "deliver", pid=PID, clock=machine.clock)
    beating.beat()
    return beating


def state(tmp_path, machine) -> str:
    return read_pulse(tmp_path, "deliver", clock=machine.clock).state


def test_a_loop_that_turned_lately_runs(beating, machine, tmp_path):
    machine.clock.advance(LATE_S)

    assert state(tmp_path, machine) == "running"


def test_working_without_turning_is_standing_still_and_says_where(beating, machine, tmp_path):
    beating.enter(b"custify", 17)
    machine.clock.advance(LATE_S + 1)
    machine.cpu_s[PID] += BUSY_CPU_S

    found = read_pulse(tmp_path, "deliver", clock=machine.clock)

    assert (found.state, found.destination, found.seq) == ("standing", "custify", 17)
    assert found.in_words() == "stands still; its loop turned last 6 s ago, at event 17 of custify"


def test_a_stopped_process_or_a_suspended_machine_is_not_called_standing_still(beating, machine, tmp_path):
    machine.clock.advance(86_400)

    assert state(tmp_path, machine) == "stopped"


def test_a_process_that_was_killed_or_has_ended_is_down(beating, machine, tmp_path):
    del machine.cpu_s[PID]
    assert state(tmp_path, machine) == "down"
    machine.cpu_s[PID] = 0.0
    beating.end()
    assert state(tmp_path, machine) == "down"


def test_a_clock_that_is_set_back_makes_no_loop_late(beating, machine, tmp_path):
    machine.clock.set_by(-3_600)

    assert state(tmp_path, machine) == "running"


def test_a_role_that_never_ran_has_no_pulse(machine, tmp_path):
    assert read_pulse(tmp_path, "deliver", clock=machine.clock) is None


def test_the_next_process_knows_what_the_last_was_at_when_it_ended_without_a_word(beating, machine, tmp_path):
    beating.enter("käufer".encode(), 17)
    assert Pulse(tmp_path, "deliver", pid=2, clock=machine.clock).before == ("käufer", 17)
    # It was told once.
    assert Pulse(tmp_path, "deliver", pid=3, clock=machine.clock).before == ("", 0)


def test_nothing_was_under_way_between_two_events(beating, machine, tmp_path):
    beating.enter(b"custify", 17)
    beating.leave()

    assert Pulse(tmp_path, "deliver", pid=2, clock=machine.clock).before == ("", 0)


def test_without_room_on_the_disk_a_process_runs_without_a_pulse(machine, tmp_path):
    folder = tmp_path / "file"
    folder.touch()

    Pulse(folder, "deliver", pid=PID, clock=machine.clock).beat()

    assert read_pulse(folder, "deliver", clock=machine.clock) is None


def test_the_cpu_of_a_process_is_known_while_there_is_one():
    assert cpu_s_of(os.getpid()) > 0
    assert cpu_s_of(2**22 + 1) is None


@pytest.fixture
def world(tmp_path, machine):
    world = World(tmp_path)
    world.clock = world.reader.clock = machine.clock
    for role in pulse.ROLES:
        Pulse(world.snapshots.folder, role, pid=PID, clock=machine.clock).beat()
    return world


def stand_still(world, machine) -> None:
    """Let deliver work without turning; the others turn."""
    machine.clock.advance(LATE_S + 1)
    machine.cpu_s[PID] += BUSY_CPU_S
    for role in ("accept", "operate"):
        Pulse(world.snapshots.folder, role, pid=PID, clock=machine.clock).beat()


def test_the_admin_listener_is_ready_while_all_loops_turn(world, machine):
    assert world.visitor().get("/readyz").status_code == 200

    stand_still(world, machine)

    answer = world.visitor().get("/readyz")
    assert (answer.status_code, answer.text) == (503, "deliver stands still; its loop turned last 6 s ago")


def test_status_metrics_and_the_overview_say_that_a_loop_stands_still(world, machine):
    stand_still(world, machine)

    status = world.reader.read()
    figures = render_metrics(reader=world.reader, snapshots=world.snapshots).decode()

    assert status.roles["deliver"].state == "standing"
    assert verdict(status) == (
        "bad",
        "deliver stands still; its loop turned last 6 s ago. What was accepted is kept.",
    )
    assert 'penstock_role_up{role="deliver"} 0.0' in figures
    assert 'penstock_role_up{role="accept"} 1.0' in figures
    assert 'penstock_role_beat_age_seconds{role="deliver"} 6.0' in figures


def test_open_pages_look_again_when_a_loop_stands_still(world, machine):
    gauge = world.reader.shelf
    gauge.mark = lambda: 0
    before = mark_of(gauge, world.snapshots, world.reader)
    assert mark_of(gauge, world.snapshots, world.reader) == before

    stand_still(world, machine)

    assert mark_of(gauge, world.snapshots, world.reader) != before
