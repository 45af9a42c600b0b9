"""What a whole `penstock serve` takes to be there: idle, with what it kept of its events; and their room on the disk."""

import contextlib
import time
from pathlib import Path

import apsw
from load import IDENTIFY, Traffic, send
from rounds import say, sized
from rows import Row
from serving import Penstock, one_way, place
from sink import Sinks

from penstock.buffer.sqlite.file import DELIVERY, EVENTS

SENT, PEOPLE, BATCH = sized(10_000, 3_000), 2_000, 100
DELIVER_S_MAX, SETTLE_S_MAX, IDLE_S = 300.0, 30, sized(20, 8)
# Below this share of a core what the last event left behind is done.
QUIET_PERCENT = 5.0


def body_bytes() -> float:
    """Return how long an event's own text is, at the median."""
    return float(len(Traffic(people=PEOPLE).event(0.0)))


def stored_bytes(folder: Path) -> int:
    """Return what is taken of both files; their write-ahead logs are bounded, and no event's."""
    size = 0
    for name in (EVENTS, DELIVERY):
        with contextlib.closing(apsw.Connection(str(folder / name), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
            pages, page_bytes = (connection.pragma(pragma) for pragma in ("page_count", "page_size"))
            size += pages * page_bytes
    return size


def settle(penstock: Penstock) -> None:
    """Let what the last event left behind be done."""
    for _ in range(SETTLE_S_MAX):
        if for_a_while(penstock, 1.0)[0] < QUIET_PERCENT:
            return


def for_a_while(penstock: Penstock, seconds: float) -> tuple[float, float]:
    """Return the share of a core that is used meanwhile, in percent, and how many wake-ups there are a second."""
    used, woken, began = penstock.cpu_us(), penstock.wake_ups(), time.monotonic()
    time.sleep(seconds)
    took_s = time.monotonic() - began
    return (penstock.cpu_us() - used) / took_s / 1e4, (penstock.wake_ups() - woken) / took_s


def main() -> None:
    with Sinks() as sinks, place() as root, Penstock(root / "serve", one_way(sinks.url)) as penstock:
        penstock.start()
        data, calls = penstock.folder / "data", PEOPLE + SENT
        send(penstock.port, Traffic(people=PEOPLE, batch=BATCH, text=IDENTIFY), events=PEOPLE)
        penstock.until(lambda: sinks.count() >= PEOPLE, "not all is delivered", s_max=DELIVER_S_MAX, every_s=0.1)
        # Tables that are there, and what the ledger knows of people, are not these events'.
        before = stored_bytes(data)
        send(penstock.port, Traffic(people=PEOPLE, batch=BATCH, number=PEOPLE), events=SENT)
        penstock.until(lambda: sinks.count() >= calls, "not all is delivered", s_max=DELIVER_S_MAX, every_s=0.1)
        peak_mb = penstock.pss_mb()
        settle(penstock)
        used, woken = for_a_while(penstock, IDLE_S)
        idle_mb = penstock.pss_mb()
        disk = (stored_bytes(data) - before) / SENT
    say(
        Row(name="idle: share of a core", unit="%", figure=used, target="<= 0.3"),
        Row(name="idle: wake-ups a second", unit="/s", figure=woken, target="<= 10"),
        Row(
            name="idle: memory of all processes",
            unit="MB",
            figure=idle_mb,
            target="<= 160",
            note=f"{peak_mb:.0f} MB as the last of {calls} events left",
        ),
        Row(
            name="disk: payload and outcome of an event",
            unit="B",
            figure=disk,
            beside="its body's",
            limit=body_bytes(),
            target="<= 0.6",
        ),
    )


if __name__ == "__main__":
    main()
