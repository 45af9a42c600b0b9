"""Deliver through the real engine with two HTTP clients, side by side in one run: ours, and pyreqwest as for proxies.

The far side is a bare socket server in a process of its own that answers 200 at once, so that the client is measured and
not the sandbox. Prints events per second of each client, round by round in turn, and the median ratio.

Then events that need no call (they have no type): all in one lane, and each in a lane of its own, round by round in turn.
"""

import asyncio
import logging
import multiprocessing
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import structlog
import uvloop

from penstock.buffer.sqlite.delivery.delivery import DeliveryStore
from penstock.buffer.sqlite.log.log import SqliteLog
from penstock.buffer.sqlite.read.shelf import SqliteShelf
from penstock.clock import SystemClock, SystemDice
from penstock.deliver.decide import RetryPolicy
from penstock.deliver.engine import Engine
from penstock.deliver.pace import Pace
from penstock.deliver.policy import DeliveryPolicy
from penstock.destinations.custify.api import CustifyApi
from penstock.destinations.custify.options import Mapping
from penstock.destinations.egress import Way
from penstock.destinations.reqwest import Reqwest
from penstock.event import Batch, Event, MessageId

EVENTS, PEOPLE, ROUNDS, IN_FLIGHT = 4_000, 1_000, 5, 32
CHEAP, CHEAP_ROUNDS, CHEAP_PER_S_MIN = 20_000, 3, 1_000
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


class BareServer(asyncio.Protocol):
    """Reads whole requests by their Content-Length and answers each."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.unread = transport, b""

    def data_received(self, data: bytes) -> None:
        self.unread += data
        while (end := self.unread.find(b"\r\n\r\n")) >= 0:
            head = self.unread[:end].lower()
            _, found, rest = head.partition(b"content-length:")
            whole = end + 4 + (int(rest.split(b"\r\n")[0]) if found else 0)
            if len(self.unread) < whole:
                return
            self.unread = self.unread[whole:]
            self.transport.write(ANSWER)


def serve(ports: "multiprocessing.Queue[int]") -> None:
    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(BareServer, "127.0.0.1", 0)
        ports.put(server.sockets[0].getsockname()[1])
        await asyncio.sleep(120)

    asyncio.run(run())


class ThroughReqwest(CustifyApi):
    """The same adapter over the client for proxies."""

    def _new_client(self, way: Way) -> Reqwest:
        return Reqwest(way, call_s_max=self.call_s_max, in_flight_max=self.in_flight_max)


async def events_per_s(api, events: list[Event]) -> tuple[float, float]:
    """Return events a second, and CPU microseconds an event of this process."""
    clock, folder = SystemClock(), Path(tempfile.mkdtemp(prefix="penstock-bench-"))
    log = SqliteLog(folder, clock=clock, disk_free_bytes_min=0, waiting_events_max=10**9)
    await log.open()
    await log.append([Batch.of(each) for each in events])
    store, shelf = DeliveryStore(folder, clock=clock), SqliteShelf(folder)
    await store.open()
    backlog = store.backlog("custify", lambda: ["web"])
    policy = DeliveryPolicy(options=Mapping(), retry=RetryPolicy(), in_flight_max=IN_FLIGHT)
    engine = Engine(
        "custify",
        backlog=backlog,
        ledger=backlog.ledger,
        api=api,
        pace=Pace(),
        policy=policy,
        clock=clock,
        dice=SystemDice(),
    )
    started, before = time.perf_counter(), os.times()
    running = asyncio.create_task(engine.run())
    while sum(shelf.counts("custify", ["web"]).outcomes.values()) < len(events):
        await asyncio.sleep(0.05)
    seconds, after = time.perf_counter() - started, os.times()
    cpu_s = after.user + after.system - before.user - before.system
    engine.stop()
    await running
    await store.close()
    await log.close()
    shutil.rmtree(folder)
    return len(events) / seconds, cpu_s / len(events) * 1e6


def event(i: int, *, kind: str = "track", people: int = PEOPLE) -> Event:
    user_id = f"u{i % people}"
    body = {
        "type": kind,
        "userId": user_id,
        "event": "Order Completed",
        "messageId": f"m{i}",
        "properties": {"value": i},
    }
    return Event(
        source="web",
        message_id=MessageId(f"m{i}"),
        type=kind,
        user_id=user_id,
        anonymous_id="",
        company_id="",
        received_at_ms=1_700_000_000_000,
        request_ip="127.0.0.1",
        body=msgspec.json.encode(body),
    )


async def main(port: int) -> None:
    tracks = [event(i) for i in range(EVENTS)]
    url, rates = f"http://127.0.0.1:{port}", {CustifyApi: [], ThroughReqwest: []}
    for _ in range(ROUNDS):
        for kind, measured in rates.items():
            api = kind(base_url=url, api_key="bench-key", call_s_max=10, in_flight_max=IN_FLIGHT, clock=SystemClock())
            measured.append(await events_per_s(api, tracks))
            await api.close()
    for name, measured in zip(("ours", "pyreqwest"), rates.values(), strict=True):
        for what, each in zip(("events/s", "CPU µs an event"), zip(*measured, strict=True), strict=True):
            print(
                f"{name:<10} {what:<16} min {min(each):7.0f}  median {statistics.median(each):7.0f}  max {max(each):7.0f}"
            )
    ratios = [a / b for (a, _), (b, _) in zip(*rates.values(), strict=True)]
    print(f"ours / pyreqwest, events/s, median of {ROUNDS} pairs: {statistics.median(ratios):.2f}")
    await cheap(url)


async def cheap(url: str) -> None:
    """Print how fast events end that need no call."""
    api = CustifyApi(base_url=url, api_key="bench-key", call_s_max=10, in_flight_max=IN_FLIGHT, clock=SystemClock())
    rates: dict[int, list[float]] = {1: [], CHEAP: []}
    for _ in range(CHEAP_ROUNDS):
        for people, measured in rates.items():
            measured.append((await events_per_s(api, [event(i, kind="", people=people) for i in range(CHEAP)]))[0])
    await api.close()
    one, many = (statistics.median(measured) for measured in rates.values())
    print(f"events that need no call/s  in one lane {one:6.0f}   at least {CHEAP_PER_S_MIN}")
    print(f"{'':>26}  in a lane each {many:6.0f}")


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    ports: "multiprocessing.Queue[int]" = multiprocessing.Queue()
    server = multiprocessing.Process(target=serve, args=(ports,), daemon=True)
    server.start()
    try:
        uvloop.run(main(ports.get(timeout=10)))
    finally:
        server.terminate()
    sys.exit(0)
