"""Large requests take turns: one is worked on at a time, in slices, and everybody else is answered in between."""

import asyncio
from typing import TypeVar

from penstock.accept.room import NO_ROOM
from penstock.accept.slices import Steps

Result = TypeVar("Result")
# More than so many would wait for longer than an SDK does.
WAITING_MAX = 64


class Turns:
    """Whose turn it is."""

    def __init__(self) -> None:
        self.lock, self.waiting = asyncio.Lock(), 0

    async def work(self, steps: Steps[Result]) -> Result:
        """Do work in slices when it is its turn. Raises SdkError when too many wait, or what the work raises."""
        if self.waiting >= WAITING_MAX:
            raise NO_ROOM.again()
        self.waiting += 1
        try:
            async with self.lock:
                while True:
                    try:
                        next(steps)
                    except StopIteration as end:
                        result: Result = end.value
                        return result
                    await asyncio.sleep(0)
        finally:
            self.waiting -= 1
