"""Runs `penstock` and looks at what its threads are at, once in two milliseconds. For profile_deliver.py.

As a program: a file for what was seen, then the arguments of `penstock`. SIGUSR2 begins, SIGUSR1 writes the file. Processor time is told by the system, thread by
thread, threads without a Python frame too; what a thread is at is the innermost frame of Penstock on its stack.
"""

import collections
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType

EVERY_S = 0.002
SRC = f"{os.sep}penstock{os.sep}"
#: No frame of Penstock but the one that started it all.
LOOP = "loop and threads: sockets, tasks, wake-ups"
TICKS = os.sysconf("SC_CLK_TCK")


def part_of(frame: FrameType | None) -> str:
    """Return at which part of Penstock a thread is: a folder, or a module where a folder says too little."""
    while frame is not None:
        file = frame.f_code.co_filename
        if SRC in file and "site-packages" not in file.rpartition(SRC)[0]:
            return named(file.rpartition(SRC)[2])
        frame = frame.f_back
    return LOOP


def named(path: str) -> str:
    """Return the part that a module belongs to: deliver by its module, others by their folder."""
    folder, _, module = path.rpartition("/")
    if folder in {"run", "cli", ""}:
        return path if not folder else LOOP
    return f"{folder}/{module}" if folder in {"deliver", "destinations", "buffer/sqlite"} else folder


def cpu_s() -> dict[int, float]:
    """Return the processor seconds of each thread of this process."""
    found = {}
    for task in Path("/proc/self/task").iterdir():
        try:
            fields = (task / "stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            continue
        found[int(task.name)] = (int(fields[11]) + int(fields[12])) / TICKS
    return found


class Sampler:
    """Looks at all threads now and then; each look counts what a thread used since the last one.

    A thread that looks by itself would come to it only when another one lets go of Python's lock, which is at its waits.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.seen: dict[int, collections.Counter[str]] = collections.defaultdict(collections.Counter)
        self.used: dict[int, float] = {}
        self.before: dict[int, float] = {}

    def begin(self, *_: object) -> None:
        """Forget what was seen: what a start costs is no event's."""
        self.seen.clear()
        self.before = cpu_s()

    def look(self, _: int, at: FrameType | None) -> None:
        """Count what each thread used for what it is at."""
        others = sys._current_frames()  # noqa: SLF001 - the one way to see other threads
        frames = others | {threading.main_thread().ident: at}
        for ident, frame in frames.items():
            used = time.clock_gettime(time.pthread_getcpuclockid(ident))
            self.seen[ident][part_of(frame)] += used - self.used.get(ident, used)
            self.used[ident] = used

    def tell(self, *_: object) -> None:
        """Write down what was seen since it began."""
        write(self.out, self.seen, self.before)


def write(out: Path, seen: dict[int, "collections.Counter[str]"], before: dict[int, float]) -> None:
    """Leave what was seen."""
    names = {thread.ident: (thread.native_id, thread.name) for thread in threading.enumerate()}
    used = {number: spent - before.get(number, 0.0) for number, spent in cpu_s().items()}
    threads = [
        {"name": name, "cpu_s": used.pop(native, 0.0), "parts": dict(seen.get(ident, {}))}
        for ident, (native, name) in names.items()
    ]
    threads.append({"name": "threads that are not Python's", "cpu_s": sum(used.values()), "parts": {}})
    new = out.with_suffix(".new")
    new.write_text(json.dumps(threads))
    new.replace(out)


if __name__ == "__main__":
    sampler = Sampler(Path(sys.argv[1]))
    # deliver has the timers of processor time for itself.
    signal.signal(signal.SIGALRM, sampler.look)
    signal.signal(signal.SIGUSR2, sampler.begin)
    signal.signal(signal.SIGUSR1, sampler.tell)
    signal.setitimer(signal.ITIMER_REAL, EVERY_S, EVERY_S)
    from penstock.cli import main

    sys.argv = ["penstock", *sys.argv[2:]]
    main()
