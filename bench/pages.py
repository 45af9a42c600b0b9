"""How fast the pages answer with a million events stored, and what reading them costs ingest.

The store is made as accept and deliver make it; pages are asked through the whole application, without a browser. For
the second figure accept serves the same store in a process of its own, under full load from 32 connections, with and
without somebody who reads: a page every half second, as two people with a live page do.
"""

import asyncio
import itertools
import multiprocessing
import os
import shutil
import socket
import statistics
import tempfile
import time
from pathlib import Path

from accept import KEY, Sender, server, template, until_open
from buffer import BODY, PEOPLE
from starlette.testclient import TestClient

from penstock.admin.app import create_app
from penstock.admin.doors.access import Access
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.control import Role, User
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.sqlite.delivery.delivery import DeliveryStore
from penstock.buffer.sqlite.log.log import SqliteLog
from penstock.clock import SystemClock
from penstock.event import Batch, Event, MessageId
from penstock.machine.snapshot import Snapshots
from penstock.run.opening import open_control
from penstock.run.process import Process
from penstock.run.wiring import admin_routes, status_reader
from penstock.settings import load as load_settings

STORED, BATCH, ROUNDS = int(os.environ.get("BENCH_STORED", "1000000")), 1_000, 40
SETTLED, DEAD = 20_000, 2_000
# Short windows that take turns: a noisy machine is then noisy for both.
READ_EVERY_S, WINDOW_S, WINDOWS = 0.5, 1.5, int(os.environ.get("BENCH_WINDOWS", "15"))
SETTINGS = """
[sources.web]
write_key = "%s"
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
    "/problems/custify?person=u42", "/events/custify/m0000000000000042", "/events/custify/m0000000000000042?rerun=1",
    "/mapping/custify", "/mapping/custify?preview=1&nested=flatten&page_views=on", "/people?company=acme", "/replays",
    "/sources", "/destinations/custify", "/activity", "/users", "/links", "/tokens",
)  # fmt: skip


def event(number: int) -> Event:
    """Return one of a million events that came during the last two hours, at an even pace."""
    now_ms = int(time.time() * 1000)
    return Event(
        source="web",
        message_id=MessageId(f"m{number:016}"),
        type="track",
        user_id=f"u{number % PEOPLE}",
        anonymous_id="",
        company_id="",
        received_at_ms=now_ms - 7_200_000 + 7_200_000 * number // STORED,
        request_ip="127.0.0.1",
        body=BODY,
    )


async def grow(folder: Path) -> None:
    log = SqliteLog(folder, clock=SystemClock(), disk_free_bytes_min=0, waiting_events_max=10**9)
    await log.open()
    for start in range(0, STORED, BATCH):
        await log.append([Batch.of(event(number)) for number in range(start, min(start + BATCH, STORED))])
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
    path.write_text(f'data_dir = "{folder}"\n{SETTINGS % KEY}')
    settings = load_settings(path)
    access = Access(open_control(settings), clock=SystemClock())
    access.set_password(User(name="admin", role=Role.ADMIN), "the password of the bench")
    reader = status_reader(settings)
    process = Process(path, settings, read=lambda: settings, supervised=False)
    routes = admin_routes(process, reader=reader, access=access)
    app = create_app(reader=reader, snapshots=Snapshots(folder), access=access, routes=routes, password="")
    visitor = TestClient(app)
    visitor.post("/signin", data={"name": "admin", "password": "the password of the bench"})
    return visitor


def read_pages(folder: Path, is_ready, may_read) -> None:
    """Read one page after the other while it may, until ended."""
    visitor = client(folder)
    visitor.get("/")
    is_ready.set()
    for path in itertools.cycle(PATHS):
        may_read.wait()
        began = time.perf_counter()
        visitor.get(path)
        time.sleep(max(0.0, READ_EVERY_S - (time.perf_counter() - began)))


async def rates(port: int, may_read) -> dict[bool, list[float]]:
    """Return what ingest takes a second, window by window; in every other one pages are read."""
    loop, cut = asyncio.get_running_loop(), template(1)
    state = {"id": 10**12, "answers": 0, "ended": False}
    connections = [(await loop.create_connection(lambda: Sender(cut, state), "127.0.0.1", port))[0] for _ in range(32)]
    found: dict[bool, list[float]] = {False: [], True: []}
    for window in range(2 * WINDOWS):
        is_read = window % 2 == 1
        may_read.set() if is_read else may_read.clear()
        # The page under way ends in the window it began in, or in this pause.
        await asyncio.sleep(0.3)
        before, began = state["answers"], time.perf_counter()
        await asyncio.sleep(WINDOW_S)
        found[is_read].append((state["answers"] - before) / (time.perf_counter() - began))
    state["ended"] = True
    await asyncio.sleep(0.2)
    for connection in connections:
        connection.abort()
    return found


def measure_pages(folder: Path) -> None:
    visitor = client(folder)
    for path in PATHS:
        times = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            assert visitor.get(path).status_code == 200, path
            times.append(1000 * (time.perf_counter() - began))
        slowest = sorted(times)[int(ROUNDS * 0.99) - 1]
        print(f"{path:<64} median {statistics.median(times):6.1f} ms   99th {slowest:6.1f} ms", flush=True)
    print(f"{STORED} events of {PEOPLE} people; goals: median 200 ms, 99th percentile 500 ms", flush=True)


def measure_ingest(folder: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    is_ready, may_read = multiprocessing.Event(), multiprocessing.Event()
    processes = [
        multiprocessing.Process(target=server, args=("durable", port, str(folder))),
        multiprocessing.Process(target=read_pages, args=(folder, is_ready, may_read)),
    ]
    for process in processes:
        process.start()
    try:
        until_open(port)
        # What it costs to start is not what reading costs.
        assert is_ready.wait(60)
        found = asyncio.run(rates(port, may_read))
    finally:
        for process in processes:
            process.terminate()
            process.join(20)
    alone, read = statistics.median(found[False]), statistics.median(found[True])
    print(f"ingest alone {alone:.0f}/s, while pages are read {read:.0f}/s: {read / alone:.2f}; goal: 0.90")


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="penstock-bench-", dir=os.environ.get("BENCH_DIR")))
    try:
        asyncio.run(grow(folder))
        measure_pages(folder)
        measure_ingest(folder)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
