"""Calls alone, 32 at once, to a bare server that answers at once: our client beside pyreqwest and beside a protocol that does nothing.

Plain and with TLS, on uvloop as deliver runs, round by round in turn. Prints calls per second and CPU microseconds a call
of the process that calls, all of its threads together, which depend less on neighbours.
"""

import asyncio
import multiprocessing
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop
from deliver import BareServer

from penstock.clock import SystemClock
from penstock.destinations.egress import Way
from penstock.destinations.reqwest import Reqwest
from penstock.destinations.trust import trust
from penstock.destinations.wire import Wire
from penstock.origin import Origin

CALLS, AT_ONCE, ROUNDS, NAME = 12_000, 32, 5, "custify.example"
BODY = b'{"user_id":"u1","name":"Order Completed","created_at":"2026-01-01T00:00:00.000Z","metadata":{"value":1.5}}'
HEADERS = {"Authorization": "Bearer bench-key", "Accept": "application/json", "Content-Type": "application/json"}
REQUEST = b"POST /event HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


def authority(folder: Path) -> ssl.SSLContext:
    """Make an authority that is trusted here, and the server of one name."""
    new = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-x509"]
    own = ["-subj", "/CN=authority", "-keyout", folder / "ca.key", "-out", folder / "ca.pem"]
    served = ["-subj", f"/CN={NAME}", "-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-CA", folder / "ca.pem",
              "-CAkey", folder / "ca.key", "-addext", f"subjectAltName=DNS:{NAME}", "-addext",
              "basicConstraints=critical,CA:FALSE"]  # fmt: skip
    for rest in (own, served):
        subprocess.run([*new, *rest], check=True, capture_output=True)
    os.environ["SSL_CERT_FILE"] = str(folder / "ca.pem")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return tls


def serve(ports: "multiprocessing.Queue[dict[str, int]]", folder: Path) -> None:
    async def run() -> None:
        loop, tls = asyncio.get_running_loop(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        servers = {
            scheme: await loop.create_server(BareServer, "127.0.0.1", 0, ssl=own)
            for scheme, own in (("http", None), ("https", tls))
        }
        ports.put({scheme: server.sockets[0].getsockname()[1] for scheme, server in servers.items()})
        await asyncio.sleep(300)

    uvloop.run(run())


class Bare(asyncio.Protocol):
    """Knows of an answer that it has come, and nothing else."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if data.endswith(b"{}"):
            self.answer.set_result(None)

    async def call(self) -> None:
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(REQUEST)
        await self.answer


async def bare(way: Way) -> tuple[float, float]:
    tls = trust() if way.origin.scheme == "https" else None
    name = NAME if tls else None
    make = asyncio.get_running_loop().create_connection
    lines = [(await make(Bare, way.address, way.origin.port, ssl=tls, server_hostname=name))[1] for _ in range(AT_ONCE)]
    try:
        return await measured([line.call for line in lines])
    finally:
        for line in lines:
            line.transport.abort()


async def ours(way: Way) -> tuple[float, float]:
    tls = trust() if way.origin.scheme == "https" else None
    client = Wire(way, clock=SystemClock(), call_s_max=10, kept_max=AT_ONCE, trust=tls)
    try:
        return await through(client)
    finally:
        client.leave()


async def pyreqwest(way: Way) -> tuple[float, float]:
    client = Reqwest(way, call_s_max=10, in_flight_max=AT_ONCE)
    try:
        return await through(client)
    finally:
        await client.close()


async def through(client: Wire | Reqwest) -> tuple[float, float]:
    async def call() -> None:
        reply = await client.ask("POST", "/event", BODY, headers=HEADERS, bytes_max=65_536)
        assert reply.status == 200

    await asyncio.gather(*(call() for _ in range(AT_ONCE)))
    return await measured([call] * AT_ONCE)


async def measured(callers: list[Callable[[], Awaitable[None]]]) -> tuple[float, float]:
    """Return calls per second, and CPU microseconds a call."""
    left = iter(range(CALLS))

    async def work(call: Callable[[], Awaitable[None]]) -> None:
        for _ in left:
            await call()

    before, began = os.times(), time.perf_counter()
    await asyncio.gather(*map(work, callers))
    after, took_s = os.times(), time.perf_counter() - began
    cpu_s = after.user + after.system - before.user - before.system
    return CALLS / took_s, cpu_s / CALLS * 1e6


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="penstock-bench-"))
    authority(folder)
    ports: multiprocessing.Queue[dict[str, int]] = multiprocessing.Queue()
    server = multiprocessing.Process(target=serve, args=(ports, folder), daemon=True)
    server.start()
    try:
        for scheme, port in ports.get(timeout=20).items():
            way, found = Way(Origin(scheme, NAME, port), "127.0.0.1"), {bare: [], ours: [], pyreqwest: []}
            for _ in range(ROUNDS):
                for client, rounds in found.items():
                    rounds.append(uvloop.run(client(way)))
            for client, rounds in found.items():
                rate, cpu_us = (statistics.median(each) for each in zip(*rounds, strict=True))
                least_us = min(each for _, each in rounds)
                print(
                    f"{scheme:<6}{client.__name__:<10} calls/s {rate:7.0f}   CPU µs a call {cpu_us:5.0f}, least {least_us:4.0f}"
                )
            ratio = statistics.median(b / a for (_, a), (_, b) in zip(found[ours], found[pyreqwest], strict=True))
            print(
                f"{scheme:<6}calls per CPU second, ours / pyreqwest, median of {ROUNDS} pairs: {ratio:.1f}   at least 2.0"
            )
    finally:
        server.terminate()


if __name__ == "__main__":
    main()
    sys.exit(0)
