"""Backlogs, as accept writes them, and delivery out of them into a sink."""

import contextlib
import dataclasses
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from load import Traffic, send
from serving import Penstock, copied, place
from sink import Sinks

# Before this share of the calls a process starts, and caches are empty.
WARM_SHARE = 0.1
DELIVER_S_MAX = 300.0


@dataclasses.dataclass(frozen=True, slots=True)
class Drained:
    """How a backlog left: calls a second as the sink saw them, and what deliver used for each."""

    rate: float
    cpu_us: float
    written_bytes: float
    pss_mb: float
    #: From the begin of the process to its first call.
    start_s: float = 0.0

    def __str__(self) -> str:
        return f"{self.rate:.0f}/s {self.cpu_us:.0f} µs {self.written_bytes:.0f} B"


def filled(folder: Path, settings: str, traffic: Traffic, *, events: int) -> Path:
    """Let accept store events, and return the folder once it ended."""
    with Penstock(folder, settings) as penstock:
        penstock.start("accept")
        send(penstock.port, traffic, events=events)
    return folder


@contextlib.contextmanager
def backlogs(settings: str, traffic: Traffic, *, events: int) -> Iterator[Path]:
    """Lend a folder whose events nobody has delivered; each round takes a copy."""
    with place() as root:
        yield filled(root / "full", settings, traffic, events=events)


def drained(full: Path, settings: str, sinks: Sinks, *, calls: int, of: int = 0, wrapped=(), checkout=None) -> Drained:
    """Deliver a copy of a folder, until sink number `of` has had so many calls."""
    folder = copied(full, "round")
    more = {"checkout": checkout} if checkout else {}
    try:
        with Penstock(folder, settings, **more) as penstock:
            return delivered(penstock, sinks, calls=calls, of=of, wrapped=wrapped)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def delivered(penstock: Penstock, sinks: Sinks, *, calls: int, of: int = 0, wrapped=()) -> Drained:
    """Start deliver, and measure it between the first calls and the last."""
    sinks.seen(anew=True)
    began = time.monotonic()
    penstock.start("deliver", wrapped=wrapped)
    warm = int(calls * WARM_SHARE)
    penstock.until(lambda: sinks.count(of) >= warm, "nothing is delivered", s_max=DELIVER_S_MAX)
    first, at, used, wrote = sinks.seen()[of], time.monotonic(), penstock.cpu_us(), penstock.written_bytes()
    penstock.until(lambda: sinks.count(of) >= calls, "not all is delivered", s_max=DELIVER_S_MAX)
    last = sinks.seen()[of]
    count = last["count"] - first["count"]
    return Drained(
        rate=count / (last["last_at"] - at),
        cpu_us=(penstock.cpu_us() - used) / count,
        written_bytes=(penstock.written_bytes() - wrote) / count,
        pss_mb=penstock.pss_mb(),
        start_s=first["first_at"] - began,
    )
