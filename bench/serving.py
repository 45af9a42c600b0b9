"""Penstock as users run it, in processes of its own: its settings, its roles, and what they use of the machine."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self

import psutil
from load import KEY
from rounds import PLACE

ROOT = Path(__file__).parents[1]
READY_S_MAX, END_S_MAX = 60.0, 60.0
API_KEY = "an-api-key-of-the-bench"


@contextlib.contextmanager
def place() -> Iterator[Path]:
    """Lend a folder on the disk that is measured."""
    with tempfile.TemporaryDirectory(prefix="penstock-bench-", dir=PLACE, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_open(port: int) -> bool:
    """Return whether somebody takes connections there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def one_way(url: str, **destination: object) -> str:
    """Return settings for one source and one destination."""
    return source("web", KEY) + to("custify", url, **destination) + connection("web", "custify")


def source(name: str, key: str) -> str:
    """Return a source that nothing limits."""
    return f'[sources.{name}]\nwrite_key = "{key}"\nquota = "off"\nstore_share_max = 1.0\n'


def to(name: str, url: str, **settings: object) -> str:
    """Return a destination; people need not be identified before their events."""
    rows = {"api_key": API_KEY, "base_url": url, "unknown_people": "send", "deliver_from": "all"} | settings
    return f"[destinations.{name}]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in rows.items())


def connection(source_name: str, destination: str) -> str:
    """Return a connection."""
    return f'[[connections]]\nfrom = "{source_name}"\nto = "{destination}"\n'


def toml(value: object) -> str:
    """Return a value as TOML has it."""
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


class Penstock:
    """A data folder with settings, and the processes that serve it."""

    def __init__(self, folder: Path, settings: str, *, checkout: Path = ROOT) -> None:
        self.folder, self.checkout = folder, checkout
        self.port, self.admin_port = free_port(), free_port()
        self.processes: list[subprocess.Popen] = []
        self.write(settings)

    def write(self, settings: str) -> None:
        """Put settings in place."""
        self.folder.mkdir(exist_ok=True)
        general = (
            f'data_dir = "{self.folder}/data"\nlisten = "127.0.0.1:{self.port}"\nlog_level = "warning"\n'
            f'admin_listen = "127.0.0.1:{self.admin_port}"\nwaiting_events_max = 1000000000\n'
        )
        (self.folder / "penstock.toml").write_text(general + settings)

    def start(self, *roles: str, wrapped: Sequence[str] = ()) -> None:
        """Start `penstock serve`, or some of its roles alone."""
        # As installed: without packages that only tests need.
        environment = os.environ | {"PYTHONPATH": str(self.checkout / "tests/acceptance/as_installed")}
        python = ROOT / ".venv/bin/python" if self.checkout == ROOT else self.checkout / ".venv/bin/python"
        program = wrapped or ("-m", "penstock")
        serve = [str(python), *program, "serve", "--config", str(self.folder / "penstock.toml")]
        with (self.folder / "penstock.log").open("ab") as log:
            # A role ends when the pipe to us does: however a measure ends, it leaves none behind.
            for more in [["--role", role, "--supervised"] for role in roles] or [[]]:
                command = serve + more
                pipe = subprocess.PIPE
                self.processes.append(subprocess.Popen(command, env=environment, stdin=pipe, stderr=log, stdout=log))
        if "deliver" not in roles or len(roles) > 1:
            self.until(lambda: is_open(self.port), "it takes no connection", s_max=READY_S_MAX)

    def until(self, holds: Callable[[], object], else_: str, *, s_max: float, every_s: float = 0.02) -> None:
        """Wait until something holds; raise SystemExit when a process has ended, or the time."""
        deadline = time.monotonic() + s_max
        while not holds():
            ended = [process for process in self.processes if process.poll() is not None]
            if ended or time.monotonic() > deadline:
                log = (self.folder / "penstock.log").read_text()[-2_000:]
                raise SystemExit(f"{else_}{' and has ended' if ended else ''}: {log}")
            time.sleep(every_s)

    def stop(self) -> None:
        """End all processes as systemd would."""
        for process in self.processes:
            process.terminate()
        self._wait()

    def _wait(self) -> None:
        for process in self.processes:
            process.wait(END_S_MAX)
            process.stdin.close()
        self.processes.clear()

    def kill(self) -> None:
        """End all processes with kill -9."""
        for member in self.family():
            member.kill()
        self._wait()

    def family(self) -> list[psutil.Process]:
        """Return all processes."""
        parents = [psutil.Process(process.pid) for process in self.processes]
        return [member for parent in parents for member in (parent, *parent.children(recursive=True))]

    def cpu_us(self) -> float:
        """Return the processor time that all used, in microseconds."""
        return sum(sum(member.cpu_times()[:2]) for member in self.family()) * 1e6

    def written_bytes(self) -> int:
        """Return what all had written to the disk."""
        return sum(member.io_counters().write_bytes for member in self.family())

    def pss_mb(self) -> float:
        """Return the memory of all, pages that they share counted once."""
        return sum(member.memory_full_info().pss for member in self.family()) / 1e6

    def wake_ups(self) -> int:
        """Return how often a thread of theirs was woken from waiting."""
        return sum(_woken(status) for member in self.family() for status in _threads(member.pid))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.kill() if kind else self.stop()


def _threads(pid: int) -> list[Path]:
    return list(Path(f"/proc/{pid}/task").glob("*/status"))


def _woken(status: Path) -> int:
    with contextlib.suppress(OSError):  # the thread has ended
        for line in status.read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                return int(line.split()[1])
    return 0


def copied(folder: Path, name: str) -> Path:
    """Return a copy of a data folder that no process uses, beside it."""
    copy = folder.parent / name
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy)
    # What was copied must lie on the disk before anything is measured that syncs.
    os.sync()
    return copy


def main_of(module: str) -> list[str]:
    """Return the command of a module of this folder, as a process of its own."""
    return [sys.executable, str(ROOT / "bench" / f"{module}.py")]
