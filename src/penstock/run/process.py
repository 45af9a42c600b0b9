"""A process of `penstock serve`: the one that plays a role on a data folder, told when to stop and what changed."""

import asyncio
import contextlib
import fcntl
import functools
import logging
import os
import resource
import select
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path

import structlog

from penstock import __version__
from penstock.buffer.sqlite import connections
from penstock.clock import SystemClock, SystemDice, boot_id
from penstock.errors import BufferUnavailable, SettingsError, StoreDamaged
from penstock.machine.handed_on import HandedOn
from penstock.machine.private import require_folder
from penstock.machine.pulse import ROLES as ROLES  # noqa: PLC0414 - who may be played
from penstock.machine.pulse import Pulse
from penstock.machine.snapshot import EVERY_S, Snapshots
from penstock.repeats import Repeats
from penstock.settings import Following, Settings
from penstock.settings.last_known import in_force
from penstock.timeline import Jump, Timeline

log = structlog.get_logger()

# How often a changed settings file is looked for: "within a second", and next to nothing when idle.
RELOAD_S = 1.0
# How often a file is tried again that cannot be opened: the disk is full, or has no inodes.
OPEN_AGAIN_S = 2.0
# Chores such as retention work in slices: one after the other while there is something to do, else now and then.
CHORE_S, CHORE_REST_S = 10.0, 0.1


class Process:
    """What every role needs from its process: when to stop, and the settings in force."""

    def __init__(self, following: Following, *, supervised: bool, handed_on: HandedOn | None = None) -> None:
        self.following, self.settings, self.supervised = following, following.settings, supervised
        self.handed_on = handed_on or HandedOn({})
        self.handed_on.leave(following.to_hand_on())
        self.stopping, self.complaint = asyncio.Event(), ""
        #: What was left last of settings, to be looked at.
        self.shown: tuple[str, Settings] | None = None
        #: Why this process must not go on.
        self.damage: StoreDamaged | SettingsError | None = None
        self.clock, self.dice = Timeline(SystemClock(), boot=boot_id()), SystemDice()
        #: Told when the wall's clock was set, if anything is kept of it here.
        self.on_jump: Callable[[Jump], Awaitable[None]] | None = None
        #: Which part is played, once it is; until then empty.
        self.role = ""
        #: Once the role is ours; before, it is another process's.
        self.pulse: Pulse | None = None
        self.snapshots, self.repeats = Snapshots(self.settings.data_dir), Repeats()
        self.on_change: Callable[[Settings], None] = lambda _: None

    @contextlib.asynccontextmanager
    async def running(self, role: str, facts: Callable[[], Mapping[str, object]]) -> AsyncIterator[None]:
        """Listen for the end and for changed settings, and leave a snapshot every second, while inside."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopping.set)
        loop.add_signal_handler(signal.SIGHUP, functools.partial(self._reload, asked=True))
        if self.supervised:
            loop.add_reader(sys.stdin.fileno(), self._supervisor_said_something)
        pulse, self.role = self.take_pulse(role), role
        pulse.beat()
        with contextlib.suppress(OSError):  # said by the chores, a second later
            self._show_settings(role)
        chores = asyncio.create_task(self._chores(role, facts))
        log.info("started", version=__version__, sqlite=connections.VERSION, pid=os.getpid())
        try:
            yield
        finally:
            chores.cancel()
            pulse.end()
            for line in self.repeats.rest(self.clock.steady()):
                line.say(log)
            with contextlib.suppress(OSError):  # a full disk must not hinder the end
                self.complaint = ""
                self._show_settings(role)
            pulse.end()
            log.info("stopped")

    def take_pulse(self, role: str) -> Pulse:
        """Return the pulse of this process, which plays the role."""
        if self.pulse is None:
            self.pulse = Pulse(self.snapshots.folder, role, pid=os.getpid(), clock=SystemClock())
        return self.pulse

    def give_up(self, damage: StoreDamaged | SettingsError) -> None:
        """End: a file cannot be read any more, and to go on would make it worse."""
        self.damage = damage
        self.stopping.set()

    @contextlib.asynccontextmanager
    async def regularly(self, chore: Callable[[], Awaitable[int]], *, every_s: float = CHORE_S) -> AsyncIterator[None]:
        """Do a chore now and then while inside; a full disk makes it wait for the next time."""

        async def repeat() -> None:
            removed = 0
            while not self.damage:
                await asyncio.sleep(CHORE_REST_S if removed else every_s)
                try:
                    removed = await chore()
                except BufferUnavailable as error:
                    self.heard("buffer_unavailable", reason=error.reason)
                except (StoreDamaged, SettingsError) as error:
                    self.give_up(error)
                except Exception as error:  # noqa: BLE001 - a chore that failed once is not one that is never done again
                    self.heard("chore_failed", cause=type(error).__name__, level=logging.ERROR)

        task = asyncio.create_task(repeat())
        try:
            yield
        finally:
            task.cancel()

    async def until_possible(self, open_: Callable[[], Awaitable[None]]) -> bool:
        """Open a store, as soon as its disk allows it; return whether that was before the process had to stop."""
        said = ""
        while not self.stopping.is_set():
            try:
                await open_()
            except BufferUnavailable as error:
                said = complain(error, said)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.stopping.wait(), OPEN_AGAIN_S)
            else:
                return True
        return False

    def _supervisor_said_something(self) -> None:
        # Nothing is ever written to this pipe: readable means closed, and closed means the supervisor is gone.
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        self.stopping.set()

    def heard(self, event: str, *, cause: str = "", level: int = logging.WARNING, **facts: object) -> None:
        """Log what may happen at every look, or with every request: at once, then once a minute with its count."""
        for line in self.repeats.heard(event, now=self.clock.steady(), cause=cause, level=level, **facts):
            line.say(log)

    async def _chores(self, role: str, facts: Callable[[], Mapping[str, object]]) -> None:
        while True:
            await asyncio.sleep(min(EVERY_S, RELOAD_S))
            self.take_pulse(role).beat()
            await self._look_at_clock()
            self._reload()
            try:
                self.snapshots.write(role, facts())
                self._show_settings(role)
            except OSError as error:
                self.heard("snapshot_not_written", reason=str(error))
            for line in self.repeats.due(self.clock.steady()):
                line.say(log)

    async def _look_at_clock(self) -> None:
        """Notice that the wall's clock was set, or that nothing could be done for a while."""
        jump, gap = self.clock.look()
        if gap is not None:
            log.warning("woke_up", missed_s=round(gap.seconds))
        if jump is None or self.on_jump is None:
            return
        try:
            await self.on_jump(jump)
            log.warning("clock_jumped", by_s=round(jump.by_s))
        except BufferUnavailable as error:
            self.clock.look_again(jump)
            self.heard("buffer_unavailable", reason=error.reason)

    def _reload(self, *, asked: bool = False) -> None:
        """Take changed settings over; what cannot be used leaves the old ones in force."""
        try:
            changed, problem = self.following.look(asked=asked)
        except (BufferUnavailable, StoreDamaged) as error:
            self.heard("settings_not_read", reason=str(error))
            return
        complaint = "" if problem is None else problem.without_value()
        if problem is not None and complaint != self.complaint:
            log.error("settings_refused", setting=problem.name, expected=problem.expected, hint=problem.hint)
        self.complaint = complaint
        self.handed_on.leave(self.following.to_hand_on())
        if changed != self.settings:
            self.settings = changed
            self.on_change(changed)
            log.info("settings_changed")

    def _show_settings(self, role: str) -> None:
        """Leave what is in force, without its secrets, to be looked at while the file cannot be used."""
        now = self.complaint, self.settings
        if now != self.shown:
            self.snapshots.write(f"{role}.settings", {"problem": self.complaint, **in_force(self.settings)})
            self.shown = now


def complain(error: BufferUnavailable, said: str) -> str:
    """Log why the store cannot be used, unless that was said before; return what was said last."""
    if error.reason != said:
        log.warning("store_unavailable", reason=error.reason)
    return error.reason


async def complaining(open_: Callable[[], Awaitable[None]]) -> None:
    """Try to open a store; that it cannot be used now is logged."""
    try:
        await open_()
    except BufferUnavailable as error:
        complain(error, "")


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
    require_folder(settings.data_dir)
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
