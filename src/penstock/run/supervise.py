"""`penstock serve`: one process per role, restarted when it dies, all stopped together.

accept and deliver are processes of their own so that they use different cores, and so that trouble in one
never stops the other. The supervisor blocks in the kernel between events; idle, it costs nothing.
"""

import contextlib
import functools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import IO

import structlog

from penstock.clock import Clock
from penstock.machine.ends import EndsBook
from penstock.machine.handed_on import VARIABLE, piece_of_memory

log = structlog.get_logger()

# A process that dies young is restarted ever more slowly; one that lived longer than this is restarted soon.
YOUNG_S = 10.0
RESTART_S_MIN, RESTART_S_MAX = 0.2, 10.0
# Longer than two calls may take, so that deliver can write its last verdicts down.
STOP_S_MAX = 30.0
EXIT_FAILED, EXIT_CONFIG = 1, 78
# Between a role and its supervisor: a file of the store is damaged. Starting again would only say so again.
EXIT_DAMAGED = 74
# Without it nothing is accepted; without deliver, events are still kept, and operate still says what is wrong.
ESSENTIAL = "accept"
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGHUP)
# Who sends waits for accept; what it took is on disk, and can wait a moment when there is not enough processor for all.
NICENESS = {"deliver": 5, "operate": 5}


class Child:
    """One supervised process."""

    def __init__(self, role: str, command: Sequence[str]) -> None:
        self.role, self.command = role, command
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at, self.due_at, self.delay_s = 0.0, 0.0, RESTART_S_MIN
        #: What each process of this role leaves for the next one.
        self.memory = piece_of_memory()
        #: Restarting cannot help; the others go on.
        self.is_down = False

    @property
    def stdin(self) -> IO[bytes]:
        """Return our end of the pipe whose closing tells the child that we died."""
        assert self.process is not None
        assert self.process.stdin is not None
        return self.process.stdin

    def start(self, now: float) -> None:
        """Start the process; its standard input closes when we end, however we end."""
        # Blocked signals are inherited; a child that cannot hear SIGTERM could only be killed. The supervisor has one
        # thread, so preexec_fn is safe.
        memory = [] if self.memory is None else [self.memory]
        self.process = subprocess.Popen(  # noqa: S603 - our own command line
            self.command,
            stdin=subprocess.PIPE,
            pass_fds=memory,
            env=os.environ | {VARIABLE: "".join(map(str, memory))},
            preexec_fn=functools.partial(_begin, self.role),  # noqa: PLW1509 - one thread, see above
        )
        self.started_at = now
        log.info("process_started", role=self.role, pid=self.process.pid)

    def reap(self, now: float) -> int | None:
        """Return the exit code if the process has ended since the last look, and plan its restart."""
        if self.process is None or (code := self.process.poll()) is None:
            return None
        self.stdin.close()
        self.process = None
        young = now - self.started_at < YOUNG_S
        self.delay_s = min(RESTART_S_MAX, self.delay_s * 2) if young else RESTART_S_MIN
        self.due_at = now + self.delay_s
        return code

    def signal(self, number: signal.Signals) -> None:
        """Send a signal if the process is there."""
        if self.process is not None:
            self.process.send_signal(number)


def supervise(
    commands: Sequence[tuple[str, Sequence[str]]],
    *,
    clock: Clock,
    write: Callable[[str, Mapping[str, object]], None] = lambda *_: None,
) -> int:
    """Run the commands until SIGTERM or SIGINT; return the exit code for our own process.

    `write` leaves, under a name, what must be known of the roles' ends.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    on_terminal = sys.stderr.isatty()
    children = [Child(role, command) for role, command in commands]
    ends = EndsBook([role for role, _ in commands], write)
    try:
        while True:
            now = clock.steady()
            for child in children:
                if child.process is None and not child.is_down and now >= child.due_at:
                    child.start(now)
            code = _wait(children, ends, clock=clock, on_terminal=on_terminal)
            if code is not None:
                return code
    finally:
        _stop(children, clock=clock)


def _begin(role: str) -> None:
    """Make a process ready that has just begun."""
    _hear_signals()
    os.nice(NICENESS.get(role, 0))


def _hear_signals() -> None:
    # Until it listens, a child must not die of being asked to read the settings, which it is about to do.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _wait(children: Sequence[Child], ends: EndsBook, *, clock: Clock, on_terminal: bool) -> int | None:
    """Sleep until something happens; return an exit code when everything must stop."""
    due = [child.due_at - clock.steady() for child in children if child.process is None and not child.is_down]
    arrived = signal.sigtimedwait(SIGNALS, max(0.01, min(due))) if due else signal.sigwaitinfo(SIGNALS)
    if arrived is not None and arrived.si_signo in {signal.SIGTERM, signal.SIGINT}:
        return 0
    if arrived is not None and arrived.si_signo == signal.SIGHUP:
        return _hang_up(children, on_terminal=on_terminal)
    for child in children:
        code = child.reap(clock.steady())
        if code is None:
            continue
        ends.note(child.role, code, clock.steady())
        log.warning("process_ended", role=child.role, code=code, restart_in_s=child.delay_s)
        if code == EXIT_CONFIG:
            # Restarting cannot mend a setting; the message is already on stderr.
            return EXIT_CONFIG
        if code == EXIT_DAMAGED:
            child.is_down = True
            if child.role == ESSENTIAL:
                return EXIT_FAILED
    return None


def _hang_up(children: Sequence[Child], *, on_terminal: bool) -> int | None:
    """Let all read their settings again; when it says that our terminal was closed, end."""
    if on_terminal and not sys.stderr.isatty():
        return 0
    log.info("reload_asked")
    for child in children:
        child.signal(signal.SIGHUP)
    return None


def _stop(children: Sequence[Child], *, clock: Clock) -> None:
    """Ask all to end, wait, and kill what does not."""
    for child in children:
        child.signal(signal.SIGTERM)
    deadline = clock.steady() + STOP_S_MAX
    for child in children:
        if child.process is None:
            continue
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.process.wait(max(0.1, deadline - clock.steady()))
        if child.process.poll() is None:
            log.warning("process_killed", role=child.role)
            child.process.kill()
            child.process.wait()
        child.stdin.close()
