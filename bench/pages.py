"""How fast the pages answer with a million events stored, and what reading them costs ingest's neighbour, deliver.

The store is made as accept and deliver make it; pages are asked through the whole application, without a browser.
"""

import asyncio
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from buffer import PEOPLE, event
from starlette.testclient import TestClient

from penstock.buffer.control_port import Role, User
from penstock.buffer.port import Ending, Outcome
from penstock.buffer.sqlite_delivery import DeliveryStore
from penstock.buffer.sqlite_log import SqliteLog
from penstock.clock import SystemClock
from penstock.operate.access import Access
from penstock.operate.app import create_app
from penstock.operate.snapshot import Snapshots
from penstock.process import Process
from penstock.settings import load
from penstock.wiring import admin_routes, open_control, status_reader

STORED, BATCH, ROUNDS = int(os.environ.get("BENCH_STORED", "1000000")), 1_000, 40
SETTLED, DEAD = 20_000, 2_000
SETTINGS = """
[sources.web]
write_key = "k"
[destinations.custify]
api_key = "a-key-of-the-bench"
base_url = "http://127.0.0.1:9"
[[connections]]
from = "web"
to = "custify"
"""
PATHS = (
    "/", "/live", "/live?person=u4711", "/live?event_name=Used", "/live?state=dead", "/live?message_id=m0000000000000042",
    "/live?state=delivered", "/people", "/people?person=u4711", "/problems", "/problems/custify/custify.refused.422",
    "/events/custify/m0000000000000042", "/replays", "/sources", "/destinations/custify", "/activity", "/users",
)  # fmt: skip


async def grow(folder: Path) -> None:
    log = SqliteLog(folder, clock=SystemClock(), disk_free_bytes_min=0, waiting_events_max=10**9)
    await log.open()
    for start in range(0, STORED, BATCH):
        await log.append([event(number) for number in range(start, min(start + BATCH, STORED))])
    await log.close()
    store = DeliveryStore(folder, clock=SystemClock())
    await store.open()
    backlog = store.backlog("custify", lambda: ["web"])
    await backlog.lease(limit=0, lease_s=0)
    for number in range(0, SETTLED, 500):
        leases = await backlog.lease(limit=500, lease_s=600)
        outcome = Outcome.DEAD if number < DEAD else Outcome.DELIVERED
        cause = "custify.refused.422" if number < DEAD else ""
        await asyncio.gather(
            *(backlog.settle(Ending(lease=each, outcome=outcome, cause=cause, reason=cause)) for each in leases)
        )
    await store.close()


def client(folder: Path) -> TestClient:
    path = folder / "penstock.toml"
    path.write_text(f'data_dir = "{folder}"\n{SETTINGS}')
    settings = load(path)
    access = Access(open_control(settings), clock=SystemClock())
    access.set_password(User(name="admin", role=Role.ADMIN), "the password of the bench")
    reader = status_reader(settings)
    process = Process(path, settings, read=lambda: settings, supervised=False)
    routes = admin_routes(process, reader=reader, access=access)
    app = create_app(reader=reader, snapshots=Snapshots(folder), access=access, routes=routes, password="")
    visitor = TestClient(app)
    visitor.post("/signin", data={"name": "admin", "password": "the password of the bench"})
    return visitor


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="penstock-bench-", dir=os.environ.get("BENCH_DIR")))
    try:
        asyncio.run(grow(folder))
        visitor = client(folder)
        for path in PATHS:
            times = []
            for _ in range(ROUNDS):
                began = time.perf_counter()
                assert visitor.get(path).status_code == 200, path
                times.append(1000 * (time.perf_counter() - began))
            slowest = sorted(times)[int(ROUNDS * 0.99) - 1]
            print(f"{path:<42} median {statistics.median(times):6.1f} ms   99th {slowest:6.1f} ms", flush=True)
    finally:
        shutil.rmtree(folder)
    print(f"{STORED} events of {PEOPLE} people; goals: median 200 ms, 99th percentile 500 ms")


if __name__ == "__main__":
    main()
