"""Calls alone, 32 at once, to a bare server that answers at once: our client beside pyreqwest and beside a protocol that does next to nothing.

Plain and with TLS, on uvloop as deliver runs, round by round in turn: calls per second, and CPU microseconds a call of the
process that calls, all of its threads together, which depend less on neighbours.
"""

import asyncio
import functools
import multiprocessing
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop
from bare import BODY, Bare
from rounds import in_turn, median, paired, say, sized
from rows import Row
from sink import Manner, Sink

from penstock.clock import SystemClock
from penstock.destinations.egress import Way
from penstock.destinations.reqwest import Reqwest
from penstock.destinations.trust import trust
from penstock.destinations.wire import Wire
from penstock.origin import Origin

CALLS, AT_ONCE, NAME = sized(6_000, 3_000), 32, "custify.example"
HEADERS = {"Authorization": "Bearer bench-key", "Accept": "application/json", "Content-Type": "application/json"}


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
            scheme: await loop.create_server(lambda: Sink(Manner()), "127.0.0.1", 0, ssl=own)
            for scheme, own in (("http", None), ("https", tls))
        }
        ports.put({scheme: server.sockets[0].getsockname()[1] for scheme, server in servers.items()})
        await asyncio.sleep(300)

    uvloop.run(run())


async def bare(way: Way) -> tuple[float, float]:
    tls = trust() if way.origin.scheme == "https" else None
    name = NAME if tls else None
    make = asyncio.get_running_loop().create_connection
    lines = [(await make(Bare, way.address, way.origin.port, ssl=tls, server_hostname=name))[1] for _ in range(AT_ONCE)]
    try:
        return await measured([functools.partial(line.call, BODY) for line in lines])
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


def rows_of(scheme: str, port: int) -> list[Row]:
    """Measure one scheme: calls for a second of processor time, and calls a second."""
    way = Way(Origin(scheme, NAME, port), "127.0.0.1")
    clients = (bare, ours, pyreqwest)
    found = in_turn({client.__name__: lambda client=client: uvloop.run(client(way)) for client in clients})
    per_s, us = (lambda each: each[0]), (lambda each: each[1])
    own = found["ours"]
    return [
        Row(
            name=f"the wire, {scheme}: calls for a second of processor time",
            unit="/s",
            beside="pyreqwest's",
            target=">= 1.8",
            cpu_us=median(own, us),
            note=f"pyreqwest uses {median(found['pyreqwest'], us):.0f} µs, the barest one {median(found['bare'], us):.0f} µs",
            **paired([1e6 / us(each) for each in own], [1e6 / us(each) for each in found["pyreqwest"]]),
        ),
        Row(
            name=f"the wire, {scheme}: calls a second",
            unit="/s",
            beside="the barest client",
            **paired(own, found["bare"], per_s),
        ),
    ]


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="penstock-bench-"))
    authority(folder)
    ports: multiprocessing.Queue[dict[str, int]] = multiprocessing.Queue()
    server = multiprocessing.Process(target=serve, args=(ports, folder), daemon=True)
    server.start()
    try:
        say(*(row for scheme, port in ports.get(timeout=20).items() for row in rows_of(scheme, port)))
    finally:
        server.terminate()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
    sys.exit(0)
