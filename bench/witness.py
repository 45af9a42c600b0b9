"""What an append to a witness costs: our own CPU for a frame, and how many a second the engine takes with so many under way.

    PYTHONPATH=bench:tests python bench/witness.py

Servers are those of the tests, all on this machine, two of NATS's three syncing always; folders lie where tests have theirs, so
rates are of processors and the loopback, not of disks. A frame is as large as some hundred compressed events.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from rounds import QUICK

from contract.witness_worlds import JetStreamWorld, PostgresWorld
from penstock.witness.port import Witness
from witness_engines import nats_cluster, postgres_pair

FRAMES = 300 if QUICK else 3_000
FRAME = os.urandom(20_000)
WIDTHS = (1, 16)


async def append_all(witness: Witness, stream: str, width: int) -> None:
    """Append every frame, so many at once."""
    places = iter(range(FRAMES))

    async def one_after_the_other() -> None:
        for place in places:
            await witness.append(stream, FRAME, expected=None, id=f"{place}")

    await asyncio.gather(*(one_after_the_other() for _ in range(width)))


async def read_all(witness: Witness, stream: str) -> None:
    """Read the stream from its beginning."""
    after = 0
    while entries := await witness.read(stream, after=after):
        after = entries[-1].number


async def measured(what: str, deed: Callable[[], Awaitable[None]]) -> None:
    """Print what a deed over all frames took."""
    cpu_s, at_s = time.process_time(), time.monotonic()
    await deed()
    cpu_s, took_s = time.process_time() - cpu_s, time.monotonic() - at_s
    print(f"{what:34} {cpu_s / FRAMES * 1e6:7.0f} us of ours a frame {FRAMES / took_s:8.0f} frames/s")


async def measure(engine: str, node: AbstractAsyncContextManager[Witness]) -> None:
    """Measure one engine."""
    async with node as witness:
        for width in WIDTHS:
            stream = f"bench {width}"
            await witness.span(stream)
            await measured(f"{engine}: append, {width} at once", lambda s=stream, w=width: append_all(witness, s, w))
        await measured(f"{engine}: read", lambda: read_all(witness, f"bench {WIDTHS[0]}"))


def main() -> None:
    """Measure both engines, one after the other."""
    with nats_cluster() as cluster:
        asyncio.run(measure("JetStream, 3 servers", JetStreamWorld(cluster).node()))
    with postgres_pair() as pair:
        asyncio.run(measure("PostgreSQL, standby", PostgresWorld(pair).node()))


if __name__ == "__main__":
    main()
