"""`python -m penstock.machine.alone`: runs pure functions for its parent, one after the other, each within a budget.

A process, not a thread: a thread shares Python's lock, and no thread can be taken out of C code. Lines of Python are
counted where a budget of them is given, so the same call spends the same wherever it runs, however often it is stopped.
C code counts no lines: the kernel ends this process, by SIGPROF, once CPU was used for too long between two counts.

A job is (function, args, lines_max or None, cpu_s_max); an answer is (said, value). Ends when its input does.
"""

import os
import pickle
import select
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import IO, Any

# Who asks for nothing for this long needs no process that waits; the next question starts another.
IDLE_S_MAX = 30.0
# How many lines pass between two looks at the CPU's budget.
LINES_A_LOOK = 65_536
HEAD_BYTES = 8
DONE, SPENT, RAISED = "done", "spent", "raised"

Tracer = Callable[[FrameType, str, Any], Any]


class LinesSpent(BaseException):
    """The budget of lines is used up. No Exception: what is judged must not catch it."""


def write_frame(pipe: IO[bytes], frame: bytes) -> None:
    """Write one job or answer. Raises OSError."""
    pipe.write(len(frame).to_bytes(HEAD_BYTES, "big") + frame)
    pipe.flush()


def read_frame(pipe: IO[bytes]) -> bytes:
    """Return the next job or answer; empty when the other side has ended."""
    head = pipe.read(HEAD_BYTES)
    size = int.from_bytes(head, "big")
    frame = pipe.read(size) if len(head) == HEAD_BYTES else b""
    return frame if len(frame) == size else b""


def counted(function: Callable[..., Any], args: tuple[Any, ...], *, lines_max: int, cpu_s_max: float) -> Any:
    """Return what the function returns. Raises LinesSpent after `lines_max` lines of Python."""
    left = lines_max

    def count(_: FrameType, event: str, __: Any) -> Tracer:
        nonlocal left
        if event == "line":
            left -= 1
            if left < 0:
                raise LinesSpent
            if not left % LINES_A_LOOK:
                signal.setitimer(signal.ITIMER_PROF, cpu_s_max)
        return count

    sys.settrace(count)
    try:
        return function(*args)
    finally:
        sys.settrace(None)


def answered(job: bytes) -> bytes:
    """Do one job; return the answer."""
    function, args, lines_max, cpu_s_max = pickle.loads(job)  # noqa: S301 - from our own parent, by a pipe
    signal.setitimer(signal.ITIMER_PROF, cpu_s_max)
    try:
        if lines_max is None:
            answer = DONE, function(*args)
        else:
            answer = DONE, counted(function, args, lines_max=lines_max, cpu_s_max=cpu_s_max)
    except LinesSpent:
        answer = SPENT, f"{lines_max} lines of Python"
    except Exception as error:  # noqa: BLE001 - the parent raises it
        answer = RAISED, error
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
    try:
        return pickle.dumps(answer)
    except (pickle.PicklingError, TypeError, AttributeError, RecursionError) as error:
        return pickle.dumps((RAISED, RuntimeError(f"the result cannot be handed over: {type(error).__name__}")))


def main() -> None:
    """Answer until no more is asked."""
    # Ctrl-C at a terminal reaches us too; our parent decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Python would say at length that the answer is not heard: the process that asked was killed while we worked.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    jobs, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # Whatever else is printed must not be read as an answer.
    os.dup2(2, 1)
    while select.select([jobs], [], [], IDLE_S_MAX)[0] and (job := read_frame(jobs)):
        write_frame(answers, answered(job))


if __name__ == "__main__":
    main()
