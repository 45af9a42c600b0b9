"""Functions for a process of its own: some are slow, some end it."""

import collections
import itertools
import os
import signal
import sys


def lines(count: int) -> int:
    """Run `count` times two lines of Python, and two more."""
    total = 0
    for number in range(count):
        total += number
    return total


def endless_in_c() -> None:
    """Hold Python's lock, and look for no signal."""
    collections.deque(itertools.repeat(None), maxlen=0)


def swallows_everything() -> str:
    """Catch every Exception there is, for ever."""
    while True:
        try:
            lines(1_000)
        except Exception:  # noqa: BLE001 - that is the point
            return "swallowed"


def refuse(text: str) -> None:
    """Raise."""
    raise ValueError(text)


def die() -> None:
    """Be killed."""
    os.kill(os.getpid(), signal.SIGKILL)


def stop() -> None:
    """Be stopped."""
    os.kill(os.getpid(), signal.SIGSTOP)


def ask_no_more() -> int:
    """Let the process end as if nobody had asked it for long; return its pid."""
    sys.modules["__main__"].IDLE_S_MAX = 0.0
    return os.getpid()


def pid() -> int:
    """Return which process does this."""
    return os.getpid()


def chatter() -> str:
    """Print, as a library may."""
    print("not an answer")
    return "an answer"


def endless_for(*_: object) -> None:
    """Take whatever is asked, and never end."""
    endless_in_c()
