"""What durability costs at the door: `penstock serve --role accept`, beside the same server that only reads, parses and answers.

Single events at 32 and 256 connections. And batches of 100, beside msgspec decoding the same bytes and SQLite committing the
same rows, times added. Message ids are as random as an SDK's: an index that is kind to counted ones must not be flattered.
"""

import asyncio
import contextlib
import dataclasses
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import apsw
import msgspec
import psutil
import uvloop
from granian.constants import Interfaces
from load import Traffic, flood
from rounds import in_turn, median, paired, say, sized
from rows import Row
from serving import READY_S_MAX, Penstock, free_port, is_open, main_of, one_way, place

from penstock.buffer.sqlite.file import EVENTS, open_writer
from penstock.machine.listening import serve

SECONDS, BATCH, PEOPLE = 1.5, 100, 2_000
# Of all that 32 connections send in batches, as much as can come together shares one sync; that is the limit's best case.
CONNECTIONS, DECODED = 32, sized(300, 100)
TABLES, NOWHERE = ("segment", "run", "message", "filter"), "http://127.0.0.1:9"


@dataclasses.dataclass(frozen=True, slots=True)
class Taken:
    """Events a second, and what the server used for each."""

    rate: float
    cpu_us: float
    written_bytes: float = 0.0

    def __str__(self) -> str:
        return f"{self.rate:.0f}/s {self.cpu_us:.0f} µs"


class ParseOnly:
    """The limit: reads, parses, answers."""

    async def __rsgi__(self, scope, protocol) -> None:
        msgspec.json.decode(await protocol())
        protocol.response_bytes(200, [("content-type", "text/plain; charset=utf-8")], b"ok")


async def parse_only(port: int) -> None:
    """Serve the limit until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(15, stop.set)
    await serve(ParseOnly(), interface=Interfaces.RSGI, host="127.0.0.1", port=port, connections_max=1_024, stop=stop)


@contextlib.contextmanager
def limit() -> Iterator[tuple[int, psutil.Process]]:
    """Lend a server that is the limit."""
    port, deadline = free_port(), time.monotonic() + READY_S_MAX
    process = subprocess.Popen([*main_of("accept"), str(port)])
    try:
        while not is_open(port):
            assert time.monotonic() < deadline, "the limit did not start"
            time.sleep(0.02)
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(20)


def bare(connections: int) -> Taken:
    """Measure the limit with single events."""
    with limit() as (port, process):
        usage = lambda: sum(process.cpu_times()[:2]) * 1e6  # noqa: E731
        return Taken(*flood(port, Traffic(people=PEOPLE), seconds=SECONDS, connections=connections, usage=usage))


def durable(connections: int) -> Taken:
    """Measure accept with single events."""
    with place() as root, Penstock(root / "accept", one_way(NOWHERE)) as penstock:
        return taken(penstock, connections, 1)


def taken(penstock: Penstock, connections: int, batch: int) -> Taken:
    """Flood accept for a while."""
    penstock.start("accept")
    traffic, wrote = Traffic(people=PEOPLE, batch=batch), penstock.written_bytes()
    rate, cpu_us = flood(penstock.port, traffic, seconds=SECONDS, connections=connections, usage=penstock.cpu_us)
    return Taken(rate, cpu_us, (penstock.written_bytes() - wrote) / traffic.number)


def batches() -> tuple[Taken, float, float]:
    """Return what accept does with batches, and the seconds that decoding and committing take for one event."""
    with place() as root:
        with Penstock(root / "accept", one_way(NOWHERE)) as penstock:
            found = taken(penstock, CONNECTIONS, BATCH)
        return found, decoding_s(), committing_s(root / "accept" / "data" / EVENTS, root)


def decoding_s() -> float:
    """Return how long msgspec takes for an event of a batch."""
    request = Traffic(people=PEOPLE, batch=BATCH).request()
    body = request[request.index(b"\r\n\r\n") + 4 :]
    began = time.perf_counter()
    for _ in range(DECODED):
        msgspec.json.decode(body)
    return (time.perf_counter() - began) / DECODED / BATCH


def committing_s(source: Path, root: Path) -> float:
    """Return how long SQLite takes to commit for an event what accept wrote, into a new file of the same form."""
    (root / "limit").mkdir()
    with contextlib.closing(apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        rows = {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES}
    events = sum(row[1] for row in rows["segment"])
    groups = max(1, events // (CONNECTIONS * BATCH))
    with contextlib.closing(open_writer(root / "limit" / EVENTS)) as connection:
        began = time.perf_counter()
        for number in range(groups):
            connection.execute("BEGIN")
            for table, all_ in rows.items():
                some = all_[len(all_) * number // groups : len(all_) * (number + 1) // groups]
                if some:
                    connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(some[0]))})", some)
            connection.execute("COMMIT")
        return (time.perf_counter() - began) / events


def singles(connections: int, target: str) -> Row:
    """Measure single events beside their limit."""
    found = in_turn({"durable": lambda: durable(connections), "bare": lambda: bare(connections)})
    return Row(
        name=f"accept: single events at {connections} connections",
        unit="/s",
        beside="the same server that parses and answers",
        target=target,
        cpu_us=median(found["durable"], "cpu_us"),
        written_bytes=median(found["durable"], "written_bytes"),
        note=f"the limit uses {median(found['bare'], 'cpu_us'):.0f} µs an event",
        **paired(found["durable"], found["bare"], "rate"),
    )


def in_batches() -> Row:
    """Measure batches beside their limit."""
    found = in_turn({"batches": batches})["batches"]
    figure = median(found, lambda each: each[0].rate)
    ratio = median(found, lambda each: each[0].rate * (each[1] + each[2]))
    decode_us, commit_us = (1e6 * median(found, lambda each, n=n: each[n]) for n in (1, 2))
    return Row(
        name=f"accept: events in batches of {BATCH}",
        unit="/s",
        figure=figure,
        beside="msgspec decoding, then SQLite committing the same rows",
        limit=figure / ratio,
        target=">= 0.6",
        cpu_us=median(found, lambda each: each[0].cpu_us),
        written_bytes=median(found, lambda each: each[0].written_bytes),
        note=f"decoding {decode_us:.1f} µs, committing {commit_us:.1f} µs an event",
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        uvloop.run(parse_only(int(sys.argv[1])))
    else:
        say(singles(32, ">= 0.5"), singles(256, ">= 0.7"), in_batches())
