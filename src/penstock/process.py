"""A process of `penstock serve`: the one that plays a role on a data folder, told when to stop and what changed."""

import asyncio
import contextlib
import fcntl
import os
import resource
import secrets
import select
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import structlog

from penstock import __version__
from penstock.clock import SystemClock, SystemDice
from penstock.errors import BufferUnavailable, SettingsError, StoreDamaged
from penstock.operate.snapshot import EVERY_S, Snapshots
from penstock.pulse import ROLES as ROLES  # noqa: PLC0414 - who may be played
from penstock.pulse import Pulse
from penstock.settings import Settings

log = structlog.get_logger()

# How often a changed settings file is looked for: "within a second", and next to nothing when idle.
RELOAD_S = 1.0
# Chores such as retention work in slices: one after the other while there is something to do, else now and then.
CHORE_S, CHORE_REST_S = 10.0, 0.1
# The largest PYTHONHASHSEED that Python takes; 0 would let everybody know how it hashes.
HASH_SEED_MAX = 2**32 - 1


class Process:
    """What every role needs from its process: when to stop, and the settings in force."""

    def __init__(
        self, path: Path | None, settings: Settings, *, read: Callable[[], Settings], supervised: bool
    ) -> None:
        self.path, self.settings, self.supervised = path, settings, supervised
        #: Reads the settings again; raises SettingsError.
        self.read = read
        self.stopping, self.complaint = asyncio.Event(), ""
        #: Why this process must not go on.
        self.damage: StoreDamaged | None = None
        self.clock, self.dice = SystemClock(), SystemDice()
        self.snapshots = Snapshots(settings.data_dir)
        #: Once the role is ours; before, it is another process's.
        self.pulse: Pulse | None = None
        self.on_change: Callable[[Settings], None] = lambda _: None

    @contextlib.asynccontextmanager
    async def running(self, role: str, facts: Callable[[], dict[str, object]]) -> AsyncIterator[None]:
        """Listen for the end and for changed settings, and leave a snapshot every second, while inside."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopping.set)
        if self.supervised:
            loop.add_reader(sys.stdin.fileno(), self._supervisor_said_something)
        pulse = self.take_pulse(role)
        pulse.beat()
        chores = asyncio.create_task(self._chores(role, facts))
        log.info("started", version=__version__, pid=os.getpid())
        try:
            yield
        finally:
            chores.cancel()
            pulse.end()
            log.info("stopped")

    def take_pulse(self, role: str) -> Pulse:
        """Return the pulse of this process, which plays the role."""
        if self.pulse is None:
            self.pulse = Pulse(self.snapshots.folder, role, pid=os.getpid(), clock=self.clock)
        return self.pulse

    def give_up(self, damage: StoreDamaged) -> None:
        """End: a file cannot be read any more, and to go on would make it worse."""
        self.damage = damage
        self.stopping.set()

    @contextlib.asynccontextmanager
    async def regularly(self, chore: Callable[[], Awaitable[int]]) -> AsyncIterator[None]:
        """Do a chore now and then while inside; a full disk makes it wait for the next time."""

        async def repeat() -> None:
            removed = 0
            while not self.damage:
                await asyncio.sleep(CHORE_REST_S if removed else CHORE_S)
                try:
                    removed = await chore()
                except BufferUnavailable as error:
                    log.warning("buffer_unavailable", reason=error.reason)
                except StoreDamaged as error:
                    self.give_up(error)

        task = asyncio.create_task(repeat())
        try:
            yield
        finally:
            task.cancel()

    def _supervisor_said_something(self) -> None:
        # Nothing is ever written to this pipe: readable means closed, and closed means the supervisor is gone.
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        self.stopping.set()

    async def _chores(self, role: str, facts: Callable[[], dict[str, object]]) -> None:
        while True:
            await asyncio.sleep(min(EVERY_S, RELOAD_S))
            self.take_pulse(role).beat()
            try:
                self.snapshots.write(role, facts())
            except OSError as error:
                log.warning("snapshot_not_written", reason=str(error))
            self._reload()

    def _reload(self) -> None:
        """Take a changed file over; one that cannot be used leaves the old settings in force."""
        try:
            changed = self.read()
        except SettingsError as error:
            if str(error) != self.complaint:
                log.error("settings_refused", setting=error.name, expected=error.expected)  # noqa: TRY400
            self.complaint = str(error)
            return
        except (BufferUnavailable, StoreDamaged) as error:
            if str(error) != self.complaint:
                log.warning("settings_not_read", reason=str(error))
            self.complaint = str(error)
            return
        if changed != self.settings:
            self.settings, self.complaint = changed, ""
            self.on_change(changed)
            log.info("settings_changed")


def raise_open_files() -> None:
    """Let this process open as many files as it may: the limit it begins with is meant for programs that use `select`."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def is_orphan() -> bool:
    """Return whether the pipe to the supervisor is closed; nothing is ever written to it."""
    readable, _, _ = select.select([sys.stdin], [], [], 0)
    return bool(readable)


def is_running(settings: Settings, role: str) -> bool:
    """Return whether a process plays this role on the data folder now."""
    try:
        with (settings.data_dir / f"{role}.lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


@contextlib.contextmanager
def stopped(settings: Settings) -> Iterator[None]:
    """Keep every role off the data folder while inside. Raises SettingsError while one is running."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as locks:
        for role in ROLES:
            if is_running(settings, role):
                raise SettingsError("data_dir", expected="a stopped server", got=f"{role} runs", hint="stop it first")
            locks.enter_context(only_one(settings.data_dir, role))
        yield


@contextlib.contextmanager
def only_one(data_dir: Path, role: str) -> Iterator[None]:
    """Wait until no other process plays this role on this data folder: each file has one writer, each lane one owner."""
    with (data_dir / f"{role}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.warning("waiting_for_other_process", data_dir=str(data_dir))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def hash_seed(data_dir: Path) -> int:
    """Return the seed of Python's hashes for this data folder, drawn once: nobody outside can tell what will collide."""
    path = data_dir / "hash.seed"
    with contextlib.suppress(FileNotFoundError, ValueError):
        seed = int(path.read_text(encoding="ascii"))
        if 0 < seed <= HASH_SEED_MAX:
            return seed
    # None yet, or one that Python would not take: a new one costs no more than filters made anew.
    seed = 1 + secrets.randbelow(HASH_SEED_MAX)
    path.touch(mode=0o600)
    path.write_text(f"{seed}", encoding="ascii")
    return seed
