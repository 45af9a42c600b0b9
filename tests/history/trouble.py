"""What can happen to a server: each a small story with a beginning and an end, told by dice that throw the same again."""

import contextlib
import random
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import psutil

from acceptance.conftest import until
from acceptance.test_commands import penstock_command
from history.custify import KIND, MOODS, Custify
from history.record import History

OTHER_CLOCK = Path(__file__).parent / "other_clock"
JUMPS_S = (-7200, -60, 0, 0, 60, 7200, 345_600)
BACKUPS_KEPT = 3
#: Who is hit, and how often: those that hold events most.
ROLES = {"accept": 3, "deliver": 3, "operate": 1, "supervisor": 1}
ROLE_S_MAX = 15.0
#: Of whatever must end by itself, on the slowest machine.
S_MAX = 120.0


class Trouble:
    """Makes it, to one server and one Custify; `told` counts what was done."""

    def __init__(
        self, history: History, penstock, custify: Custify, *, seed: int, folder: Path, disk: Path | None
    ) -> None:
        self.history, self.penstock, self.custify, self.folder, self.disk = history, penstock, custify, folder, disk
        self.dice, self.told, self.sets = random.Random(seed), {}, []
        self.wait = threading.Event().wait

    def make(self, kind: str) -> None:
        """Make one kind of trouble, and note the figures when the server shows any."""
        done = getattr(self, kind)()
        name = f"{kind} {done}".strip() if done else kind
        self.told[name] = self.told.get(name, 0) + 1
        self.look()

    def look(self) -> None:
        """Write down the figures, if the server shows them just now."""
        if status := self.penstock.status():
            counts = status["destinations"]["custify"]
            facts = {name: counts[name] for name in ("received", "waiting", "outcomes")}
            self.history.note("figures", **facts)

    def kill(self) -> str:
        """kill -9 of any process of the family."""
        return self._signal(signal.SIGKILL)

    def stop(self) -> str:
        """SIGSTOP of any process, for up to two seconds, as a debugger or a suspended machine would."""
        process = self._anyone()
        with contextlib.suppress(psutil.NoSuchProcess):
            role = _role(process)
            process.suspend()
            self.wait(self.dice.uniform(0.1, 2.0))
            process.resume()
            return role
        return "gone"

    def term(self) -> str:
        """SIGTERM of any process."""
        return self._signal(signal.SIGTERM)

    def restart(self) -> None:
        """An orderly stop and a start, as an upgrade makes."""
        self.penstock.stop(S_MAX)
        self.penstock.start()

    def mood(self) -> None:
        """Custify is out of order in another way from now on."""
        self.custify.mood = self.dice.choice(MOODS)

    def heal(self) -> None:
        """Custify is well again."""
        self.custify.mood = KIND

    def backup(self) -> str:
        """A backup while everything runs."""
        number = len(self.sets)
        self.history.note("backup", set=number)
        done = self._command("backup", self.folder / f"set{number}")
        self.sets.append(self.folder / f"set{number}" if done.returncode == 0 else None)
        for old in filter(None, self.sets[:-BACKUPS_KEPT]):
            shutil.rmtree(old, ignore_errors=True)
        return "" if done.returncode == 0 else "refused"

    def restore(self) -> str:
        """The newest backup comes back: of a stopped server, or of one that was killed whole."""
        whole = [(number, path) for number, path in enumerate(self.sets) if path and path.exists()]
        if not whole:
            return "without a backup"
        number, path = whole[-1]
        for process in self.penstock.family() if self.dice.random() < 0.5 else ():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        if self.penstock.process.poll() is None:
            self.penstock.process.send_signal(signal.SIGTERM)
        self.penstock.process.wait(S_MAX)
        psutil.wait_procs(self.penstock.family(), timeout=5)
        done = until(lambda: self._restored(path), s_max=S_MAX, what="the backup does not come back")
        self.history.note("restored", set=number)
        self.penstock.start()
        for aside in self.penstock.data.glob("replaced-*"):
            shutil.rmtree(aside, ignore_errors=True)
        return "" if done else "refused"

    def full_disk(self) -> str:
        """The disk is full for a while."""
        if self.disk is None:
            return "without a disk of its own"
        filler = self.disk / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(b"x" * 65_536):
                pass
        self.wait(self.dice.uniform(0.5, 3.0))
        filler.unlink()
        return ""

    def clock(self) -> str:
        """The wall clock jumps."""
        if not (file := self.penstock.env.get("CHAOS_CLOCK")):
            return "cannot be set"
        set_clock(Path(file), self.dice.choice(JUMPS_S))
        return ""

    def _restored(self, path: Path) -> bool:
        # Whoever still dies holds the folder's locks: tried again.
        done = self._command("restore", path, "--replace")
        assert done.returncode in {0, 78}, done.stdout + done.stderr
        return done.returncode == 0

    def _command(self, *arguments: object) -> subprocess.CompletedProcess:
        return penstock_command(*arguments, "--config", self.penstock.config, env=self.penstock.env, timeout=S_MAX)

    def _anyone(self) -> psutil.Process:
        """Return one process: whoever is chosen by role is waited for, so that a slow start does not spare the others."""
        [role] = self.dice.choices([*ROLES], [*ROLES.values()])
        with contextlib.suppress(AssertionError):
            return until(lambda: next((p for p in self._alive() if _role(p) == role), None), s_max=ROLE_S_MAX)
        until(self._alive, what="no process of the server is there")
        return self.dice.choice(self._alive())

    def _alive(self) -> list[psutil.Process]:
        alive = []
        for process in self.penstock.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.status() != psutil.STATUS_ZOMBIE:
                    alive.append(process)
        return alive

    def _signal(self, number: signal.Signals) -> str:
        process = self._anyone()
        role = _role(process)
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
        if process.pid == self.penstock.process.pid:
            # Who supervises is not supervised: started again as systemd would.
            self.penstock.process.wait(S_MAX)
            self.penstock.start()
        return role


def set_clock(file: Path, offset_s: int) -> None:
    """Set how far the server's wall clock is from the machine's."""
    fresh = file.with_suffix(".new")
    fresh.write_text(f"{offset_s:+d}\n")
    fresh.replace(file)


def faked_clock(folder: Path) -> dict[str, str]:
    """Return the environment of a server whose wall clock can be set; its monotonic clock goes on."""
    set_clock(folder / "clock", 0)
    return {"PYTHONPATH": str(OTHER_CLOCK), "CHAOS_CLOCK": str(folder / "clock")}


def _role(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.NoSuchProcess, IndexError):
        words = process.cmdline()
        return words[-1] if words[-1] in {"accept", "deliver", "operate"} else "supervisor"
    return "gone"


def now_s() -> float:
    """Return seconds that only grow; for who measures how long all of it took."""
    return time.monotonic()
