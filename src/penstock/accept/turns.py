"""Large requests take turns: one of each source is worked on at a time, in slices, and everybody else is answered in between."""

import asyncio
import collections
import contextlib
from collections.abc import AsyncIterator
from typing import TypeVar

from penstock.accept.room import NO_ROOM
from penstock.accept.slices import Slices
from penstock.clock import cpu_s

Result = TypeVar("Result")
# More than so many of a source would wait for longer than an SDK does.
WAITING_MAX = 64
# When so much CPU is spent, in slices, others have twice as long: two thirds of the event loop's time at least is theirs.
SPENT_S_MAX, REST_S = 0.001, 0.002
# A request being stored needs Python's lock several times. It has up to so many rests, so that large requests go on
# however many small ones there are.
RESTS_MAX = 5


class SourceTurns:
    """Whose turn it is."""

    def __init__(self) -> None:
        self.locks = collections.defaultdict[str, asyncio.Lock](asyncio.Lock)
        self.waiting: collections.Counter[str] = collections.Counter()
        #: Small requests whose events are being stored.
        self.storing = 0

    @contextlib.asynccontextmanager
    async def turn(self, source: str = "") -> AsyncIterator[None]:
        """Wait for one's turn among those of a source, and have it. Raises SdkError when too many wait."""
        if self.waiting[source] >= WAITING_MAX:
            raise NO_ROOM.again()
        self.waiting[source] += 1
        try:
            async with self.locks[source]:
                yield
        finally:
            self.waiting[source] -= 1

    async def work(self, steps: Slices[Result]) -> Result:
        """Do work in slices when it is its turn. Raises SdkError when too many wait, or what the work raises."""
        async with self.turn():
            return await self.go(steps)

    async def go(self, steps: Slices[Result]) -> Result:
        """Do work in slices, for it is its turn. Raises what the work raises."""
        began_s = cpu_s()
        while True:
            try:
                next(steps)
            except StopIteration as end:
                result: Result = end.value
                return result
            if cpu_s() - began_s < SPENT_S_MAX:
                await asyncio.sleep(0)
            else:
                await self.rest()
                began_s = cpu_s()

    async def rest(self) -> None:
        """Let others be answered, and what they sent be stored."""
        for _ in range(RESTS_MAX):
            await asyncio.sleep(REST_S)
            if not self.storing:
                return
