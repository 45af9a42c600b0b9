"""Running a pure function in a process of its own (machine/alone.py), so that one that takes too long stops nothing else."""

import contextlib
import dataclasses
import pickle
import queue
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from penstock.machine.alone import DONE, SPENT, read_frame, write_frame

# However slow the machine: a process that has not answered by then was stopped, or its parent would wait for ever.
WALL_S_MAX = 60.0

T = TypeVar("T")


class Spent(Exception):
    """The function used up its budget; says how."""


class Died(Exception):
    """The process could not be started, was killed or stopped: that says nothing of the function."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What one call may use."""

    #: CPU seconds of the process in all; with `lines_max`, between two counts, for code that counts no lines.
    cpu_s_max: float
    #: Lines of Python; None does not count them, which is many times faster.
    lines_max: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Job(Generic[T]):
    """A call, packed, and what it returns."""

    packed: bytes


class Apart:
    """One process at a time, started when it is first needed."""

    def __init__(self, budget: Budget, *, wall_s_max: float = WALL_S_MAX) -> None:
        self.budget, self.wall_s_max = budget, wall_s_max
        self.process: subprocess.Popen[bytes] | None = None
        self.lock, self.is_ended = threading.Lock(), False

    def run(self, function: Callable[..., T], *args: object) -> T:
        """Return what the function returns, or raise what it raises. Raises Spent and Died.

        Function, arguments and result are pickled; the function is known by its name in its module.
        """
        return self.do(self.job(function, *args))

    def job(self, function: Callable[..., T], *args: object) -> "Job[T]":
        """Return a call, packed: arguments that change from now on do not change it."""
        return Job(pickle.dumps((function, args, self.budget.lines_max, self.budget.cpu_s_max)))

    def do(self, job: "Job[T]") -> T:
        """Do a call; see `run`."""
        with self.lock:
            is_new = self.process is None
            try:
                said, value = self._asked(job.packed)
            except _Ended:
                if is_new:
                    raise
                # It had nothing to do for long, and ended while we asked.
                said, value = self._asked(job.packed)
        if said == SPENT:
            raise Spent(value)
        if said != DONE:
            raise value
        result: T = value
        return result

    def do_once(self, job: "Job[T]") -> T:
        """Do a call, and leave nothing behind; see `run`."""
        with contextlib.closing(self):
            return self.do(job)

    def end(self) -> None:
        """End what is under way, from any thread, also when its process is only being started: the call raises Died."""
        self.is_ended = True
        if (process := self.process) is not None:
            process.kill()

    def close(self) -> None:
        """End the process, whatever it does, and leave nothing behind."""
        self.end()
        with self.lock:
            self._close()

    def _asked(self, job: bytes) -> tuple[str, Any]:
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        answer = b""
        with contextlib.suppress(OSError):
            write_frame(process.stdin, job)
            if not select.select([process.stdout], [], [], self.wall_s_max)[0]:
                self._close()
                raise Died(f"no answer within {self.wall_s_max:.0f} s")
            answer = read_frame(process.stdout)
        if answer:
            said, value = pickle.loads(answer)  # noqa: S301 - from our own child, by a pipe
            return said, value
        code = self._close()
        if code == -signal.SIGPROF:
            return SPENT, f"{self.budget.cpu_s_max:g} s of CPU"
        raise (_Ended if code == 0 else Died)(f"ended with {code}")

    def _started(self) -> subprocess.Popen[bytes]:
        if self.process is None:
            command = [sys.executable, "-m", "penstock.machine.alone"]
            try:
                self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603
            except OSError as error:
                raise Died(str(error)) from error
        if self.is_ended:
            self.process.kill()
            self._close()
            raise Died("broken off")
        return self.process

    def _close(self) -> int:
        """Return how the process ended; one that has not is killed."""
        process, self.process = self.process, None
        if process is None:
            return 0
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                assert pipe is not None
                pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            # With its pipes closed it ends by itself, unless it is busy or stopped.
            return process.wait(1.0)
        process.kill()
        return process.wait()


class Pool:
    """A few processes for many threads: a call that takes long keeps one of them, and the others go on."""

    def __init__(self, budget: Budget, *, size: int) -> None:
        self.free: queue.LifoQueue[Apart] = queue.LifoQueue()
        for _ in range(size):
            self.free.put(Apart(budget))

    def run(self, function: Callable[..., T], *args: object) -> T:
        """Return what the function returns; see `Apart.run`."""
        apart = self.free.get()
        try:
            return apart.run(function, *args)
        finally:
            self.free.put(apart)

    def close(self) -> None:
        """End the processes that have nothing to do."""
        with contextlib.suppress(queue.Empty):
            while True:
                self.free.get_nowait().close()


class _Ended(Died):
    """The process had ended by itself before it was asked."""
