"""What is shown of a destination and of the processes is what is so: nothing reads "delivering" that does not deliver."""

import json

import pytest

from dashboard_world import World
from penstock import causes
from penstock.admin.pages.changes import mark_of
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.port.shelf import Counts
from penstock.cli.status import _lines
from penstock.clock import ManualClock
from penstock.deliver.progress import Progress
from penstock.destinations.answer import Accepted, Refused, Throttled, Unavailable
from penstock.inspect.metrics import render_metrics
from penstock.inspect.overview import verdict
from penstock.inspect.standing import STALLED_S, standing_of
from penstock.machine import pulse
from penstock.machine.ends import AGAIN_S, AGAIN_TIMES, EndsBook
from penstock.machine.pulse import BUSY_CPU_S, LATE_S, Pulse, RoleStatus

PID, NOW = 4711, 10_000.0
RUNS = RoleStatus(state="running", beat_age_s=0.3)
EVENT = {"type": "identify", "userId": "u1", "messageId": "m1", "traits": {"plan": "pro"}}


def counts(*, waiting=0, parked=0, retrying=0) -> Counts:
    return Counts(
        received=9, waiting=waiting, retrying=retrying, parked=parked, outcomes={}, oldest_received_at_ms=None
    )


def standing(live, deliver=RUNS, **counted):
    return standing_of(live, counts(**counted), deliver, enabled=True, steady=NOW)


@pytest.mark.parametrize(
    ("deliver", "words"),
    [
        (None, "deliver has not started"),
        (RoleStatus(state="down", beat_age_s=9.0), "deliver is not running"),
        (RoleStatus(state="stopped", beat_age_s=70.0), "gets no CPU"),
        (RoleStatus(state="standing", beat_age_s=7.0), "stands still"),
        (RoleStatus(state="restarting", beat_age_s=0.1, ended_lately=4, ended_with=-9), "ended 4 times"),
    ],
)
def test_without_a_deliver_that_runs_nothing_is_delivering(deliver, words):
    found = standing({"moved_at": NOW}, deliver)

    assert (found.state, found.cause) == ("stopped", causes.DELIVER_STOPPED)
    assert words in found.reason


def test_what_people_and_custify_said_is_more_than_that():
    stopped = RoleStatus(state="down", beat_age_s=9.0)

    assert standing({"paused_by": "ana"}, stopped).state == "paused"
    assert standing({"hold_reason": "no key", "hold_cause": causes.KEY_REJECTED}, stopped).state == "held"


def test_events_that_wait_while_nothing_moves_are_a_state_of_their_own_with_its_reason():
    live = {"moved_at": NOW - STALLED_S, "in_flight": 2, "trouble": "503: down for maintenance"}

    found = standing(live, waiting=12, parked=2, retrying=3)

    assert (found.state, found.cause, found.still_s) == ("stalled", causes.STALLED, STALLED_S)
    assert found.reason == (
        "nothing ended for 60 s, and 10 events wait; 3 failed before and are tried again; 2 calls are under way; "
        "the last call got: 503: down for maintenance"
    )


@pytest.mark.parametrize(
    ("live", "counted"),
    [
        ({"moved_at": NOW - STALLED_S + 1}, {"waiting": 5}),
        ({"moved_at": NOW - 9_999}, {"waiting": 0}),
        ({"moved_at": NOW - 9_999}, {"waiting": 5, "parked": 5}),
        ({}, {"waiting": 5}),
    ],
    ids=["lately", "nothing waits", "only for their people", "an older deliver does not say"],
)
def test_otherwise_it_delivers(live, counted):
    assert standing(live, **counted).state == "delivering"


def test_a_rest_is_no_standstill_and_after_it_the_clock_begins_anew():
    progress = Progress(0.0)
    progress.rests()
    assert progress.moved_at == 0.0
    progress.goes_on(500.0)
    progress.goes_on(900.0)

    assert progress.moved_at == 500.0


@pytest.mark.parametrize(
    ("answers", "trouble"),
    [
        ([Unavailable(503, "down")], "503: down"),
        ([Unavailable(None, "no answer in time")], "no answer in time"),
        ([Throttled(9.0, "slow down")], "429: slow down"),
        ([Unavailable(503, "down"), Accepted(200, "")], ""),
        ([Unavailable(503, "down"), Refused(422, "no such field")], ""),
        ([Unavailable(503, "x" * 1_000)], "503: " + "x" * 115),
    ],
)
def test_the_trouble_is_how_the_last_call_went(answers, trouble):
    progress = Progress(0.0)
    for answer in answers:
        progress.answered(answer)

    assert progress.facts() == {"moved_at": 0.0, "trouble": trouble}


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
def world(tmp_path, machine):
    """A dashboard over a server that delivers."""
    world = World(tmp_path)
    world.clock = world.reader.clock = machine.clock
    world.admin = world.set_up()
    world.reader.settings = world.desk.settings()
    beat(world, machine)
    world.snapshots.write("deliver", {"custify": {"moved_at": machine.clock.steady()}})
    return world


def beat(world, machine, *roles) -> None:
    for role in roles or pulse.ROLES:
        Pulse(world.snapshots.folder, role, pid=PID, clock=machine.clock).beat()


def shown(world) -> list[str]:
    """Return what API, command line, overview, metrics and readiness say."""
    status = world.reader.read()
    return [
        json.loads(world.admin.get("/api/v1/status").text)["destinations"]["custify"]["state"],
        *(line.removeprefix("custify: ") for line in _lines(status) if line.startswith("custify: ")),
        world.admin.get("/").text,
        render_metrics(reader=world.reader, snapshots=world.snapshots).decode(),
        verdict(status)[1],
    ]


def test_all_views_say_that_it_delivers_while_it_does(world):
    api, line, overview, metrics, sentence = shown(world)

    assert (api, line) == ("delivering", "delivering")
    assert ">delivering<" in overview
    assert 'penstock_destination_state{destination="custify",state="delivering"} 1.0' in metrics
    assert f'penstock_last_progress_timestamp_seconds{{destination="custify"}} {world.clock.now():g}' in metrics
    assert "delivered or on its way" in sentence
    assert world.client().get("/readyz").status_code == 200


def die(world, machine, times: int, *, every_s: float = 5.0) -> None:
    """Let the supervisor find that deliver ended, and start it again each time."""
    book = EndsBook(pulse.ROLES, world.snapshots.write)
    for _ in range(times):
        machine.clock.advance(every_s)
        book.note("deliver", -9, machine.clock.steady())
    beat(world, machine)


def stop(world, machine) -> None:
    machine.clock.advance(LATE_S + 1)
    beat(world, machine, "accept", "operate")


def stand_still(world, machine) -> None:
    machine.cpu_s[PID] += BUSY_CPU_S
    stop(world, machine)


@pytest.mark.parametrize(
    ("happens", "words"),
    [
        (stop, "deliver gets no CPU"),
        (stand_still, "deliver stands still"),
        (lambda world, machine: die(world, machine, AGAIN_TIMES), "deliver ended 3 times within a minute"),
    ],
    ids=["SIGSTOP", "endless step", "dying every few seconds"],
)
def test_no_view_says_so_when_deliver_is_stopped_stands_still_or_dies_again_and_again(world, machine, happens, words):
    happens(world, machine)

    api, line, overview, metrics, sentence = shown(world)

    assert (api, line.partition(":")[0]) == ("stopped", "stopped")
    assert words in line
    assert words in sentence
    assert words in overview
    assert "delivering" not in overview
    assert 'penstock_destination_state{destination="custify",state="delivering"} 0.0' in metrics
    assert 'penstock_role_up{role="deliver"} 0.0' in metrics
    ready = world.client().get("/readyz")
    assert ready.status_code == 503
    assert words in ready.text


def test_a_role_that_ended_now_and_then_runs_and_is_counted(world, machine):
    die(world, machine, 5, every_s=AGAIN_S / 2)

    api, _, _, metrics, _ = shown(world)

    assert api == "delivering"
    assert 'penstock_restarts_total{role="deliver"} 5.0' in metrics
    assert "restarts: deliver 5" in _lines(world.reader.read())
    assert world.reader.read().roles["deliver"].restarts == 5


def test_what_ended_long_ago_is_not_held_against_a_role(world, machine):
    die(world, machine, 8)
    machine.clock.advance(AGAIN_S)
    beat(world, machine)

    assert world.reader.read().roles["deliver"].state == "running"


def test_ends_of_before_the_machine_was_started_are_not_counted(world, machine, monkeypatch):
    die(world, machine, 8)
    monkeypatch.setattr("penstock.machine.ends.boot_id", lambda: "another")

    assert world.reader.read().roles["deliver"].restarts == 0


def test_all_views_say_that_nothing_moves_and_why(world, machine):
    world.receive(EVENT)
    machine.clock.advance(STALLED_S + 5)
    beat(world, machine)

    api, line, overview, metrics, sentence = shown(world)

    assert api == "stalled"
    assert line.startswith("stalled: nothing ended for 65 s, and 1 events wait")
    assert "nothing ended for 65 s" in overview
    assert 'penstock_destination_state{destination="custify",state="stalled"} 1.0' in metrics
    assert sentence == "custify is standing still: 1 events wait, none is lost."
    assert "nothing ended for 65 s" in world.admin.get("/problems").text


def test_once_something_ended_it_delivers_again(world, machine):
    world.receive(EVENT, EVENT | {"messageId": "m2", "userId": "u2"})
    machine.clock.advance(STALLED_S + 5)
    beat(world, machine)
    world.settle(Outcome.DELIVERED, limit=1)
    world.snapshots.write("deliver", {"custify": {"moved_at": machine.clock.steady()}})

    assert world.reader.read().destinations["custify"].state == "delivering"


def test_open_pages_look_again_when_a_destination_stalls_or_a_role_dies_again_and_again(world, machine):
    gauge = world.reader.shelf
    gauge.mark = lambda: 0
    marks = [mark_of(gauge, world.snapshots, world.reader)]
    machine.clock.advance(STALLED_S)
    beat(world, machine)
    marks.append(mark_of(gauge, world.snapshots, world.reader))
    die(world, machine, AGAIN_TIMES)
    marks.append(mark_of(gauge, world.snapshots, world.reader))

    assert len(set(marks)) == 3
