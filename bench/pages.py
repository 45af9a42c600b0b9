"""How fast the pages answer with a million events stored, and what reading them costs ingest.

The store is made as accept and deliver make it; pages are asked through the whole application, without a browser. For
the second figure accept serves the same store in a process of its own, under full load from 32 connections, with and
without somebody who reads: a page every half second, as two people with a live page do.
"""

import asyncio
import itertools
import multiprocessing
import statistics
import sys
import time
from pathlib import Path

from load import KEY, Line, Traffic, lines_to
from rounds import median, percentile, say, sized
from rows import Row
from serving import Penstock, connection, place, source, to
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
from penstock.run.alarming import open_alarm
from penstock.run.in_force import follow
from penstock.run.opening import open_control
from penstock.run.process import Process
from penstock.run.wiring import admin_routes, status_reader
from penstock.settings import load as load_settings

STORED, BATCH, ROUNDS, PEOPLE = sized(100_000, 20_000), 1_000, sized(12, 6), 50_000
SETTLED, DEAD = sized(20_000, 5_000), 2_000
# Short windows that take turns: a noisy machine is then noisy for both.
READ_EVERY_S, WINDOW_S, WINDOWS = 0.5, 1.0, sized(5, 3)
SETTINGS = source("web", KEY) + to("custify", "http://127.0.0.1:9") + connection("web", "custify")
BODY = b'{"type":"track","event":"Used","properties":{"plan":"pro","seats":12}}'
PATHS = (
    "/", "/live", "/live?person=u4711", "/live?event_name=Used", "/live?state=dead", "/live?message_id=m0000000000000042",
    "/live?state=delivered", "/live?range=30d", "/live?type=track", "/live?company=acme", "/people", "/people?person=u4711", "/problems", "/problems/custify/custify.refused.422",
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


def grow(folder: Path) -> None:
    """Store events as accept does, then let some of them end."""
    asyncio.run(stored(folder))
    asyncio.run(ended(folder))


async def stored(folder: Path) -> None:
    """Let events come."""
    log = SqliteLog(folder, clock=SystemClock(), disk_free_bytes_min=0, waiting_events_max=10**9)
    await log.open()
    for start in range(0, STORED, BATCH):
        await log.append([Batch.of(event(number)) for number in range(start, min(start + BATCH, STORED))])
    await log.close()


async def ended(folder: Path) -> None:
    """Let the first of them end, some badly."""
    store = DeliveryStore(folder, clock=SystemClock())
    await store.open()
    backlog = store.backlog("custify", lambda: ["web"])
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
    settings = load_settings(path)
    access = Access(open_control(settings), clock=SystemClock())
    access.set_password(User(name="admin", role=Role.ADMIN), "the password of the bench")
    reader = status_reader(settings)
    process = Process(follow(path), supervised=False)
    routes = admin_routes(process, reader=reader, access=access, alarm=open_alarm(settings, reader))
    app = create_app(reader=reader, snapshots=Snapshots(folder), access=access, routes=routes, password="")
    visitor = TestClient(app, base_url="http://127.0.0.1")
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
    answers, traffic, found = 0, Traffic(people=PEOPLE, number=10**12), {False: [], True: []}

    def next_request(_: Line) -> bytes:
        nonlocal answers
        answers += 1
        return traffic.request()

    lines = await lines_to(port, 32, next_request)
    for line in lines:
        line.go_on()
    for window in range(2 * WINDOWS):
        is_read = window % 2 == 1
        may_read.set() if is_read else may_read.clear()
        # The page under way ends in the window it began in, or in this pause.
        await asyncio.sleep(0.3)
        before, began = answers, time.perf_counter()
        await asyncio.sleep(WINDOW_S)
        found[is_read].append((answers - before) / (time.perf_counter() - began))
    for line in lines:
        line.transport.abort()
    return found


def pages(folder: Path) -> list[Row]:
    """Return how long people wait for the slowest page."""
    visitor, medians, slow = client(folder), {}, {}
    for path in PATHS:
        times = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            assert visitor.get(path).status_code == 200, path
            times.append(1000 * (time.perf_counter() - began))
        medians[path], slow[path] = statistics.median(times), percentile(times, 0.97)
        print(f"   {path:<64} median {medians[path]:6.1f} ms   97th {slow[path]:6.1f} ms", file=sys.stderr, flush=True)
    return [
        Row(
            name=f"pages: the slowest of {len(PATHS)}, {what}",
            unit="ms",
            figure=max(of.values()),
            target=f"<= {most}",
            note=f"{max(of, key=of.__getitem__)}, with {STORED} events stored",
        )
        for what, of, most in (("at the median", medians, 200), ("at its 97th percentile", slow, 500))
    ]


def ingest(folder: Path) -> Row:
    """Return what is left of ingest's pace while pages are read."""
    is_ready, may_read = multiprocessing.Event(), multiprocessing.Event()
    reading = multiprocessing.Process(target=read_pages, args=(folder, is_ready, may_read), daemon=True)
    reading.start()
    try:
        with Penstock(folder.parent, SETTINGS) as penstock:
            penstock.start("accept")
            # What it costs to start is not what reading costs.
            assert is_ready.wait(60)
            found = asyncio.run(rates(penstock.port, may_read))
    finally:
        reading.terminate()
        reading.join(20)
    return Row(
        name="pages: ingest while they are read",
        unit="/s",
        figure=median(found[True]),
        beside="ingest alone",
        limit=median(found[False]),
        target=">= 0.9",
    )


def main() -> None:
    with place() as root:
        (root / "data").mkdir()
        grow(root / "data")
        say(*pages(root / "data"), ingest(root / "data"))


if __name__ == "__main__":
    main()
