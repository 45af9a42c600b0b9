"""What durability costs: accept over SQLite, beside the same server that only reads, parses and answers.

Single events at 32 and 256 connections, and batches of 100 at 32. There are two limits, for the parser is most of a limit:
Python's own json, and msgspec, which reads a batch faster than any disk format can write it. All servers take turns within
every round, so that a noisy machine is noisy for all; the median ratio of the rounds counts. Bounded: rounds times seconds.
"""

import asyncio
import base64
import json
import multiprocessing
import os
import shutil
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

import msgspec
from granian.constants import Interfaces

from penstock.accept.app import Gateway, Limits
from penstock.accept.sources import Sources
from penstock.buffer.sqlite_log import SqliteLog
from penstock.clock import SystemClock, SystemDice
from penstock.listening import serve
from penstock.settings import Source

ROUNDS, SECONDS = int(os.environ.get("BENCH_ROUNDS", "3")), float(os.environ.get("BENCH_SECONDS", "3"))
KEY = "bench-key"


PARSERS = {"json": json.loads, "msgspec": msgspec.json.decode}


class ParseOnly:
    """A limit: the same server, without validation and without a disk."""

    def __init__(self, parse):
        self.parse = parse

    async def __rsgi__(self, scope, protocol):
        self.parse(await protocol())
        protocol.response_bytes(200, [("content-type", "text/plain; charset=utf-8")], b"ok")


async def run_server(kind: str, port: int, folder: Path) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(15, stop.set)
    if kind in PARSERS:
        await serve(ParseOnly(PARSERS[kind]), interface=Interfaces.RSGI, host="127.0.0.1", port=port, stop=stop)
        return
    clock = SystemClock()
    log = SqliteLog(folder, clock=clock, disk_free_bytes_min=0, waiting_events_max=10**9)
    await log.open()
    sources = Sources({"web": Source(name="web", write_key=KEY)})
    gateway = Gateway(log=log, sources=sources, clock=clock, dice=SystemDice(), limits=Limits(), version="bench")
    await serve(gateway, interface=Interfaces.RSGI, host="127.0.0.1", port=port, stop=stop)
    await log.close()


def server(kind: str, port: int, folder: str) -> None:
    asyncio.run(run_server(kind, port, Path(folder)))


class Sender(asyncio.Protocol):
    """Sends a request, waits for its answer, sends the next. Message ids are counted into a prepared request."""

    def __init__(self, template: tuple[bytes, ...], state: dict) -> None:
        self.template, self.state, self.unread = template, state, b""

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        parts = [self.template[0]]
        for part in self.template[1:]:
            self.state["id"] += 1
            parts += [b"%016d" % self.state["id"], part]
        self.transport.write(b"".join(parts))

    def data_received(self, data: bytes) -> None:
        self.unread += data
        if self.unread.endswith(b"ok") and b"\r\n\r\n" in self.unread:
            assert self.unread.startswith(b"HTTP/1.1 200"), self.unread[:200]
            self.unread = b""
            self.state["answers"] += 1
            if not self.state["ended"]:
                self.send()


def template(batch: int) -> tuple[bytes, ...]:
    """Return a request cut where its message ids belong."""
    event = {
        "messageId": "@",
        "userId": "user-4711",
        "anonymousId": "f0a5d3b0-0000-4000-8000-000000000000",
        "event": "Order Completed",
        "type": "track",
        "originalTimestamp": "2024-05-06T07:08:09.000Z",
        "properties": {"category": "books", "value": 120, "currency": "EUR", "coupon": "SPRING", "items": [1, 2, 3]},
        "context": {"library": {"name": "bench", "version": "1"}, "locale": "en-GB", "page": {"path": "/checkout"}},
    }
    body = json.dumps({"batch": [event] * batch} if batch > 1 else event).encode()
    length = len(body) + 15 * batch
    path = b"/v1/batch" if batch > 1 else b"/v1/track"
    key = base64.b64encode(f"{KEY}:".encode())
    head = b"POST %b HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic %b\r\nContent-Length: %d\r\n\r\n" % (
        path,
        key,
        length,
    )
    return tuple((head + body).split(b"@"))


async def load(port: int, connections: int, batch: int, first_id: int) -> float:
    loop = asyncio.get_running_loop()
    state = {"id": first_id, "answers": 0, "ended": False}
    cut = template(batch)
    transports = [
        (await loop.create_connection(lambda: Sender(cut, state), "127.0.0.1", port))[0] for _ in range(connections)
    ]
    await asyncio.sleep(0.5)
    before, started = state["answers"], time.perf_counter()
    await asyncio.sleep(SECONDS)
    rate = (state["answers"] - before) / (time.perf_counter() - started)
    state["ended"] = True
    await asyncio.sleep(0.2)
    for transport in transports:
        transport.abort()
    return rate * batch


def measured(kind: str, connections: int, batch: int, first_id: int) -> float:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tempfile.mkdtemp(prefix="penstock-bench-", dir=os.environ.get("BENCH_DIR"))
    process = multiprocessing.Process(target=server, args=(kind, port, folder))
    process.start()
    try:
        until_open(port)
        return asyncio.run(load(port, connections, batch, first_id))
    finally:
        process.terminate()
        process.join(20)
        shutil.rmtree(folder)


def until_open(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("the server did not start")


def ratio(rounds: list[dict[str, float]], limit: str) -> str:
    median = statistics.median(rates["durable"] / rates[limit] for rates in rounds)
    return f"{median:.2f} of {limit}'s {statistics.median(rates[limit] for rates in rounds):.0f}"


if __name__ == "__main__":
    for connections, batch, goal in ((32, 1, 0.4), (256, 1, 0.4), (32, 100, 0.5)):
        rounds = [
            {kind: measured(kind, connections, batch, round_ * 10**9) for kind in ("durable", *PARSERS)}
            for round_ in range(ROUNDS)
        ]
        durable = statistics.median(rates["durable"] for rates in rounds)
        print(
            f"{connections:>3} connections, {batch:>3} a request: durable {durable:.0f} events/s,"
            f" {ratio(rounds, 'json')}, {ratio(rounds, 'msgspec')} (goal {goal})",
            flush=True,
        )
    sys.exit(0)
