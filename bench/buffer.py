"""What a large backlog costs: leases and settles a second with 10 000 and with 1 000 000 events waiting, side by side.

Both backlogs are of 50 000 people over SQLite with real syncs. Every measurement runs in a process of its own that was
not there when the backlog grew: its start is what a start after kill -9 costs, its memory is what deliver needs.
The two sizes take turns; the median ratio of the rounds counts. Bounded: rounds times events, then it ends.
"""

import asyncio
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from penstock.buffer.port import Ending, Outcome
from penstock.buffer.sqlite_delivery import DeliveryStore
from penstock.buffer.sqlite_log import SqliteLog
from penstock.clock import SystemClock
from penstock.event import Event, MessageId

PEOPLE, SMALL, LARGE = 50_000, 10_000, int(os.environ.get("BENCH_WAITING", "1000000"))
ROUNDS, MEASURED = int(os.environ.get("BENCH_ROUNDS", "5")), 3_000
IN_FLIGHT, BATCH = 32, 1_000
BODY = json.dumps({"type": "track", "event": "Used", "properties": {"plan": "pro", "seats": 12}}).encode()


def event(number: int) -> Event:
    return Event(
        source="web",
        message_id=MessageId(f"m{number:016}"),
        type="track",
        user_id=f"u{number % PEOPLE}",
        anonymous_id="",
        company_id="",
        received_at_ms=1_700_000_000_000,
        request_ip="127.0.0.1",
        body=BODY,
    )


async def grow(folder: Path, waiting: int) -> None:
    log = SqliteLog(folder, clock=SystemClock(), disk_free_bytes_min=0, waiting_events_max=10**9)
    await log.open()
    for start in range(0, waiting, BATCH):
        await log.append([event(number) for number in range(start, min(start + BATCH, waiting))])
    await log.close()
    store = DeliveryStore(folder, clock=SystemClock())
    await store.open()
    backlog = store.backlog("custify", lambda: ["web"])
    await backlog.lease(limit=0, lease_s=0)
    await store.close()


async def measure(folder: Path) -> dict[str, float]:
    started = time.perf_counter()
    store = DeliveryStore(folder, clock=SystemClock())
    await store.open()
    backlog = store.backlog("custify", lambda: ["web"])
    leases = list(await backlog.lease(limit=IN_FLIGHT, lease_s=60))
    start_s = time.perf_counter() - started
    done, began = 0, time.perf_counter()
    while done < MEASURED:
        await asyncio.gather(*(backlog.settle(Ending(lease=lease, outcome=Outcome.DELIVERED)) for lease in leases))
        done += len(leases)
        leases = list(await backlog.lease(limit=IN_FLIGHT, lease_s=60))
    rate = done / (time.perf_counter() - began)
    # Ends as kill -9 would: without closing anything.
    return {"rate": rate, "start_s": start_s, "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def measured(folder: Path) -> dict[str, float]:
    done = subprocess.run([sys.executable, __file__, str(folder)], capture_output=True, check=True, timeout=300)
    return json.loads(done.stdout)


def main() -> None:
    root = Path(tempfile.mkdtemp(prefix="penstock-bench-", dir=os.environ.get("BENCH_DIR")))
    try:
        folders = {waiting: root / str(waiting) for waiting in (SMALL, LARGE)}
        for waiting, folder in folders.items():
            folder.mkdir()
            # A measurement takes events away; the small backlog begins with so many more.
            asyncio.run(grow(folder, waiting + (ROUNDS * MEASURED if waiting == SMALL else 0)))
        rounds = [{waiting: measured(folder) for waiting, folder in folders.items()} for _ in range(ROUNDS)]
    finally:
        shutil.rmtree(root)
    for waiting in folders:
        rate, start_s, rss = (
            statistics.median(r[waiting][key] for r in rounds) for key in ("rate", "start_s", "rss_mb")
        )
        print(
            f"{waiting:>9} waiting: {rate:6.0f} leases and settles a second, start {start_s:.2f} s, memory {rss:.0f} MB"
        )
    ratio = statistics.median(r[LARGE]["rate"] / r[SMALL]["rate"] for r in rounds)
    print(f"ratio {ratio:.2f} (goal 0.85), start below 3 s, memory below 300 MB")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(asyncio.run(measure(Path(sys.argv[1])))), flush=True)
        os._exit(0)
    main()
