"""Very many events waiting: what delivering one of them costs then, from the first minute after a start on.

Both backlogs are of 50 000 people. deliver is started on a copy, ended with kill -9, and started again: the time from the birth of
that process to its first call is what a start costs then. Ten million where they can be made in time, else a million.
"""

import shutil
import time
from pathlib import Path

from backlog import Drained, delivered
from load import Traffic, send
from rounds import in_turn, median, paired, say, sized
from rows import Row
from serving import Penstock, copied, one_way, place
from sink import Sinks

PEOPLE, FEW, MANY, MOST = 50_000, 10_000, sized(1_000_000, 100_000), sized(10_000_000, 100_000)
GROW_S_MAX, CALLS, TURNS = 60.0, sized(3_000, 1_500), sized(3, 1)
START_S_MAX, MEMORY_MB_MAX = 3, 300
# After a crash deliver first waits for so long, as for calls that were under way.
CALL_S = 1.0


def grown(folder: Path, settings: str) -> int:
    """Let accept store a million events, and nine more if that was quick; return how many."""
    with Penstock(folder, settings) as penstock:
        penstock.start("accept")
        traffic, began = Traffic(people=PEOPLE, batch=500), time.monotonic()
        send(penstock.port, traffic, events=MANY)
        if (time.monotonic() - began) * MOST / MANY < GROW_S_MAX:
            send(penstock.port, traffic, events=MOST - MANY)
        return traffic.number


def started_again(folder: Path, settings: str, sinks: Sinks) -> Drained:
    """Deliver some, kill, and measure the process that comes after; the folder then has so many fewer."""
    with Penstock(folder, settings) as penstock:
        delivered(penstock, sinks, calls=CALLS // 4)
        penstock.kill()
        found = delivered(penstock, sinks, calls=CALLS)
        penstock.kill()
        return found


def few(full: Path, settings: str, sinks: Sinks) -> Drained:
    """Measure a small backlog, which would be empty the next time."""
    folder = copied(full, "round")
    try:
        return started_again(folder, settings, sinks)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    with Sinks() as sinks, place() as root:
        settings = f"call_timeout_s = {CALL_S}\n" + one_way(sinks.url)
        with Penstock(root / "few", settings) as penstock:
            penstock.start("accept")
            send(penstock.port, Traffic(people=PEOPLE, batch=500), events=FEW)
        stored = grown(root / "many", settings)
        found = in_turn(
            {
                "many": lambda: started_again(root / "many", settings, sinks),
                "few": lambda: few(root / "few", settings, sinks),
            },
            rounds=TURNS,
        )
    many, small = found["many"], found["few"]
    rows = [
        Row(
            name="very many waiting: processor time for an event",
            unit="µs",
            beside=f"{FEW} waiting",
            target="<= 1.1",
            written_bytes=median(many, "written_bytes"),
            note=f"{stored} waiting",
            **paired(many, small, "cpu_us"),
        ),
        Row(
            name="very many waiting: memory of deliver",
            unit="MB",
            beside=f"{FEW} waiting",
            target="<= 1.2",
            note=f"at most {MEMORY_MB_MAX} MB were asked for",
            **paired(many, small, "pss_mb"),
        ),
        Row(
            name="very many waiting: kill -9 to the first call",
            unit="s",
            figure=median(many, "start_s") - CALL_S,
            target=f"<= {START_S_MAX}",
            note="without the time that a call may take, for which deliver waits after a crash",
        ),
    ]
    say(*rows)


if __name__ == "__main__":
    main()
