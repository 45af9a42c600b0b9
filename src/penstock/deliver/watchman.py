"""Watches over the loop: a pure step that uses too much CPU is interrupted; one that cannot be ends the process.

CPU seconds, never the clock on the wall: a stopped process, a suspended machine or a busy one adds nothing to them.

Two timers of the kernel. SIGPROF comes now and then while the process uses CPU; Python answers it between two of its
instructions, so a step of Python can be left there. C code that holds Python's lock lets nothing of ours run: the other
timer, which each SIGPROF winds up again, runs out then, and SIGVTALRM ends the process. It is started again, reads in
its pulse which event it was at, and has that event's steps done in a process of their own.
"""

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, TypeVar

from penstock.clock import cpu_s
from penstock.machine.pulse import Pulse

# How long a step may keep the loop. The largest event that ingest takes is converted in a fraction of it.
STEP_CPU_S_MAX = 1.0
TICK_CPU_S = 0.25
# How long C code may hold Python's lock.
LOCKED_CPU_S_MAX = 3.0

T = TypeVar("T")


class StepSpent(BaseException):
    """The step under way kept the loop for too long. No Exception: what it interrupts must not catch it."""


class Watchman:
    """The watch over all steps of this process; they run one at a time, in the main thread."""

    def __init__(
        self, pulse: Pulse, *, step_cpu_s_max: float = STEP_CPU_S_MAX, locked_cpu_s_max: float = LOCKED_CPU_S_MAX
    ) -> None:
        self.pulse, self.step_cpu_s_max, self.locked_cpu_s_max = pulse, step_cpu_s_max, locked_cpu_s_max
        self.entered = self.seen = 0
        self.since_cpu_s = 0.0

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """NewAttributes while inside; in the main thread."""
        previous = signal.signal(signal.SIGPROF, self._tick)
        signal.siginterrupt(signal.SIGPROF, False)
        signal.setitimer(signal.ITIMER_PROF, TICK_CPU_S, TICK_CPU_S)
        signal.setitimer(signal.ITIMER_VIRTUAL, self.locked_cpu_s_max)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)
            signal.setitimer(signal.ITIMER_PROF, 0.0)
            signal.signal(signal.SIGPROF, previous)

    def run(self, destination: bytes, seq: int, function: Callable[..., T], *args: Any) -> T:
        """Return what a step of an event returns. Raises StepSpent."""
        self.entered += 1
        self.pulse.enter(destination, seq)
        try:
            return _step(function, args)
        finally:
            self.pulse.leave()

    def _tick(self, _: int, frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_VIRTUAL, self.locked_cpu_s_max)
        now = cpu_s()
        if self.entered != self.seen:
            self.seen, self.since_cpu_s = self.entered, now
        elif now - self.since_cpu_s >= self.step_cpu_s_max and _is_in_a_step(frame):
            raise StepSpent


def _step(function: Callable[..., T], args: tuple[Any, ...]) -> T:
    """Make the one place where a step may be interrupted: what stands around it is always done whole."""
    return function(*args)


def _is_in_a_step(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code is _step.__code__:
            return True
        frame = frame.f_back
    return False
