"""What a process does now and then is done again, whatever went wrong once: an erasure would else wait for the next start."""

import asyncio
from types import SimpleNamespace

from penstock.run.process import Process


async def test_a_chore_that_fails_is_said_and_done_again() -> None:
    said, done = [], asyncio.Event()

    async def chore() -> int:
        if not said:
            raise ZeroDivisionError
        done.set()
        return 0

    process = SimpleNamespace(damage=None, heard=lambda event, **facts: said.append((event, facts["cause"])))
    async with Process.regularly(process, chore, every_s=0.0):  # type: ignore[arg-type]
        await asyncio.wait_for(done.wait(), 10.0)

    assert said == [("chore_failed", "ZeroDivisionError")]
