"""The supervisor, with real processes: it restarts what dies, stops what must, and takes its children with it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

SCRIPT = """
import sys
from penstock.clock import SystemClock
from penstock.run.supervise import supervise
commands = [(name, [sys.executable, "-c", code]) for name, code in zip(("one", "two"), sys.argv[1:])]
sys.exit(supervise(commands, clock=SystemClock()))
"""
LIVES = "import sys; open({file!r}, 'a').write('began\\n'); sys.stdin.read()"


@pytest.fixture
def started(tmp_path: Path):
    """Start a supervisor over the given programs; whatever happens, nothing of it is left."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(*programs: str) -> subprocess.Popen[bytes]:
        processes.append(subprocess.Popen([sys.executable, "-c", SCRIPT, *programs], stderr=subprocess.DEVNULL))
        return processes[-1]

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.wait()


def until(condition, s_max: float = 20.0):
    deadline = time.monotonic() + s_max
    while not condition():
        assert time.monotonic() < deadline, "did not happen"
        time.sleep(0.02)


def begun(file: Path) -> int:
    return file.read_text().count("began") if file.exists() else 0


def children(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children()


def test_a_process_that_dies_is_restarted_and_the_other_is_left_alone(started, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    supervisor = started(LIVES.format(file=str(first)), LIVES.format(file=str(second)))
    until(lambda: begun(first) == 1 and begun(second) == 1)
    victim = min(children(supervisor), key=lambda child: child.create_time())

    os.kill(victim.pid, signal.SIGKILL)

    until(lambda: begun(first) + begun(second) == 3)
    assert supervisor.poll() is None


def test_invalid_settings_in_a_child_stop_everything_with_78(started, tmp_path):
    supervisor = started(LIVES.format(file=str(tmp_path / "a")), "import sys; sys.exit(78)")

    assert supervisor.wait(20) == 78


def test_sigterm_stops_all_children_and_ends_with_0(started, tmp_path):
    file = tmp_path / "a"
    supervisor = started(LIVES.format(file=str(file)), LIVES.format(file=str(tmp_path / "b")))
    until(lambda: len(children(supervisor)) == 2 and begun(file) == 1)
    family = children(supervisor)

    supervisor.send_signal(signal.SIGTERM)

    assert supervisor.wait(20) == 0
    assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in family)


def test_when_the_supervisor_is_killed_its_children_notice(started, tmp_path):
    file = tmp_path / "a"
    supervisor = started(LIVES.format(file=str(file)), LIVES.format(file=str(tmp_path / "b")))
    until(lambda: len(children(supervisor)) == 2 and begun(file) == 1)
    family = children(supervisor)

    supervisor.kill()

    until(lambda: not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in family))
