"""What a large backlog costs: leases and settles a second with 10 000 and with 1 000 000 events waiting, side by side.

Both backlogs are of 50 000 people over SQLite with real syncs. Every measurement runs in a process of its own that was
not there when the backlog grew, and that ends as kill -9 would end it: the time from the birth of the next one to its
first leases is what a start costs then, and its memory is what deliver needs.
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

from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.sqlite.delivery.delivery import DeliveryStore
from penstock.buffer.sqlite.log.log import SqliteLog
from penstock.clock import SystemClock
from penstock.deliver import fleet  # noqa: F401 - what the deliver process loads counts in its memory and its start
from penstock.event import Batch, Event, MessageId

PEOPLE, SMALL, LARGE = 50_000, 10_000, int(os.environ.get("BENCH_WAITING", "1000000"))
ROUNDS, MEASURED = int(os.environ.get("BENCH_ROUNDS", "5")), 3_000
IN_FLIGHT, BATCH = 32, 1_000
RATIO_MIN, START_S_MAX, MEMORY_MB_MAX = 0.85, 3.0, 300
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
        await log.append([Batch.of(event(number)) for number in range(start, min(start + BATCH, waiting))])
    await log.close()
    store = DeliveryStore(folder, clock=SystemClock())
    await store.open()
    backlog = store.backlog("custify", lambda: ["web"])
    await backlog.lease(limit=0, lease_s=0)
    await store.close()


async def measure(folder: Path, born_at: float) -> dict[str, float]:
    store = DeliveryStore(folder, clock=SystemClock())
    await store.open()
    backlog = store.backlog("custify", lambda: ["web"])
    leases = list(await backlog.lease(limit=IN_FLIGHT, lease_s=60))
    start_s = time.time() - born_at
    done, began = 0, time.perf_counter()
    while done < MEASURED:
        await asyncio.gather(*(backlog.settle(Ending(lease=lease, outcome=Outcome.DELIVERED)) for lease in leases))
        done += len(leases)
        leases = list(await backlog.lease(limit=IN_FLIGHT, lease_s=60))
    rate = done / (time.perf_counter() - began)
    # Ends as kill -9 would: without closing anything.
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"rate": rate, "start_s": start_s, "memory_mb": memory_mb}


def measured(folder: Path) -> dict[str, float]:
    command = [sys.executable, __file__, str(folder), str(time.time())]
    return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=300).stdout)


def report(rounds: list[dict[int, dict[str, float]]]) -> None:
    """Print every figure beside its limit."""
    for waiting in (SMALL, LARGE):
        rate, start_s, memory_mb = (
            statistics.median(each[waiting][key] for each in rounds) for key in ("rate", "start_s", "memory_mb")
        )
        print(f"{waiting:>9} waiting: {rate:6.0f} leases and settles a second")
        print(f"{'':>9}   start after kill -9 {start_s:5.2f} s    at most {START_S_MAX:.0f} s")
        print(f"{'':>9}   memory of deliver   {memory_mb:5.0f} MB   at most {MEMORY_MB_MAX} MB")
    ratio = statistics.median(each[LARGE]["rate"] / each[SMALL]["rate"] for each in rounds)
    print(f"rate with {LARGE} waiting, of that with {SMALL}: {ratio:.2f}   at least {RATIO_MIN}")


def main() -> None:
    root = Path(tempfile.mkdtemp(prefix="penstock-bench-", dir=os.environ.get("BENCH_DIR")))
    try:
        folders = {waiting: root / str(waiting) for waiting in (SMALL, LARGE)}
        for waiting, folder in folders.items():
            folder.mkdir()
            # A measurement takes events away; the small backlog begins with so many more.
            asyncio.run(grow(folder, waiting + (ROUNDS * MEASURED if waiting == SMALL else 0)))
        report([{waiting: measured(folder) for waiting, folder in folders.items()} for _ in range(ROUNDS)])
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(asyncio.run(measure(Path(sys.argv[1]), float(sys.argv[2])))), flush=True)
        os._exit(0)
    main()
