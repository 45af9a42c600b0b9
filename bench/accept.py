"""What durability costs: accept over SQLite, beside the same server that only reads, parses and answers.

Single events at 32 and 256 connections, and batches of 100 at 32. There are two limits, for the parser is most of a limit:
Python's own json, and msgspec, which reads a batch faster than any disk format can write it. All servers take turns within
every round, so that a noisy machine is noisy for all; the median ratio of the rounds counts. Bounded: rounds times seconds.
Message ids are as random as an SDK's: an index that is kind to counted ones must not be flattered. The processor time an
event took is printed too: it says what a busy machine does to the rates, and that the sender has time to spare.
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
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import psutil
from granian.constants import Interfaces

from penstock.accept.app import Gateway, Limits
from penstock.accept.sources import Sources
from penstock.buffer.sqlite.log.log import SqliteLog
from penstock.clock import SystemClock, SystemDice
from penstock.machine.listening import serve
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
        await serve(
            ParseOnly(PARSERS[kind]),
            interface=Interfaces.RSGI,
            host="127.0.0.1",
            port=port,
            connections_max=1_024,
            stop=stop,
        )
        return
    clock = SystemClock()
    log = SqliteLog(folder, clock=clock, disk_free_bytes_min=0, waiting_events_max=10**9)
    await log.open()
    sources = Sources({"web": Source(name="web", write_key=KEY)})
    gateway = Gateway(log=log, sources=sources, clock=clock, dice=SystemDice(), limits=Limits(), version="bench")
    await serve(gateway, interface=Interfaces.RSGI, host="127.0.0.1", port=port, connections_max=1_024, stop=stop)
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
            # An odd factor makes each counted number another number of 64 bits, with no order among them.
            self.state["id"] += 1
            parts += [b"%016x" % (self.state["id"] * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF), part]
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


class Measured(NamedTuple):
    """Events a second; the server's processor time for each, in microseconds; the sender's share of one processor."""

    rate: float
    server_us: float
    sender: float


async def load(server: psutil.Process, port: int, *, connections: int, batch: int, first_id: int) -> Measured:
    loop = asyncio.get_running_loop()
    state = {"id": first_id, "answers": 0, "ended": False}
    cut = template(batch)
    transports = [
        (await loop.create_connection(lambda: Sender(cut, state), "127.0.0.1", port))[0] for _ in range(connections)
    ]
    await asyncio.sleep(0.5)
    before, started, spent, own = state["answers"], time.perf_counter(), cpu_s(server), time.process_time()
    await asyncio.sleep(SECONDS)
    events, passed = (state["answers"] - before) * batch, time.perf_counter() - started
    measured = Measured(events / passed, (cpu_s(server) - spent) / events * 1e6, (time.process_time() - own) / passed)
    state["ended"] = True
    await asyncio.sleep(0.2)
    for transport in transports:
        transport.abort()
    return measured


def cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def measured(kind: str, connections: int, batch: int, first_id: int) -> Measured:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tempfile.mkdtemp(prefix="penstock-bench-", dir=os.environ.get("BENCH_DIR"))
    process = multiprocessing.Process(target=server, args=(kind, port, folder))
    process.start()
    try:
        until_open(port)
        watched = psutil.Process(process.pid)
        return asyncio.run(load(watched, port, connections=connections, batch=batch, first_id=first_id))
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


def median(rounds: list[dict[str, Measured]], figure: Callable[[dict[str, Measured]], float]) -> float:
    return statistics.median(figure(each) for each in rounds)


def beside(rounds: list[dict[str, Measured]], limit: str) -> str:
    ratio = median(rounds, lambda each: each["durable"].rate / each[limit].rate)
    rate = median(rounds, lambda each: each[limit].rate)
    spent = median(rounds, lambda each: each[limit].server_us)
    return f"{ratio:.2f} of {limit}'s {rate:.0f} ({spent:.1f} us)"


if __name__ == "__main__":
    for connections, batch, goal in ((32, 1, 0.4), (256, 1, 0.4), (32, 100, 0.5)):
        rounds = [
            {kind: measured(kind, connections, batch, round_ * 10**9) for kind in ("durable", *PARSERS)}
            for round_ in range(ROUNDS)
        ]
        rate = median(rounds, lambda each: each["durable"].rate)
        spent = median(rounds, lambda each: each["durable"].server_us)
        sender = max(measured.sender for each in rounds for measured in each.values())
        print(
            f"{connections:>3} connections, {batch:>3} a request: durable {rate:.0f} events/s ({spent:.1f} us),"
            f" {beside(rounds, 'json')}, {beside(rounds, 'msgspec')}; goal {goal}; sender at most {sender:.2f}",
            flush=True,
        )
    sys.exit(0)
