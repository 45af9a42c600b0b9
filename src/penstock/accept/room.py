"""How much of bodies is in memory at once, and how long one may take to come.

When others need the room, who is silent is told to come again, then who has the most: half bodies of strangers, and large
ones, are not in the way of what SDKs send. The answer is 503 with Retry-After: what a 4xx refuses, SDKs throw away.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any

from penstock.errors import SdkError

# A phone that loses its net for a while sends on; who is silent for longer has gone, or means harm.
SILENT_S_MAX = 30
# Silent for so long, a body gives way to others; the small ones of SDKs come at once.
STALE_S = 2
# From then on a body must have come at this rate on average, slower than the slowest of mobile nets.
LATE_S, RATE_BYTES_PER_S_MIN = 30, 2_000
RETRY_AFTER_S = 1
GONE = SdkError(400, "failed to read body from request")
NO_ROOM = SdkError(503, "service unavailable", retry_after_s=RETRY_AFTER_S)


class Room:
    """Bodies of one process, or a share of them: `held_bytes` of them are in memory."""

    def __init__(self, *, bytes_max: int) -> None:
        self.bytes_max, self.held_bytes = bytes_max, 0
        #: Since when each part of a body is waited for, in turns of `_look`, and how much is held for its body; oldest first.
        self.coming: dict[Any, tuple[int, int]] = {}
        #: Counts seconds while something is coming; nothing else here is told the time.
        self.second = 0
        self.looking: asyncio.TimerHandle | None = None

    def take(self, size_bytes: int, *, beside_bytes: int = 0) -> None:
        """Take room for some bytes. Raises SdkError when there is none, and gives back what is held beside them."""
        while self.held_bytes + size_bytes > self.bytes_max:
            rival = self._rival_of(beside_bytes + size_bytes)
            if rival is None:
                self.give_back(beside_bytes)
                raise NO_ROOM.again()
            self._cut(rival)
        self.held_bytes += size_bytes

    def give_back(self, size_bytes: int) -> None:
        """Let others have the room."""
        self.held_bytes -= size_bytes

    async def wait(self, coming: Awaitable[bytes], *, held_bytes: int) -> bytes:
        """Return what is coming of a body for which so much is held; nothing, at its end.

        Raises SdkError when it takes too long, others need the room, or the sender is gone. Whatever is raised, what is
        held is given back.
        """
        self.coming[coming] = (self.second, held_bytes)
        if self.looking is None:
            self.looking = asyncio.get_running_loop().call_later(1, self._look)
        try:
            came = await coming
        except StopAsyncIteration:
            came = b""
        except BaseException as error:
            if self.coming.pop(coming, None) is None:
                raise NO_ROOM.again() from None
            self.held_bytes -= held_bytes
            if isinstance(error, RuntimeError):
                # How the server says that the sender has hung up.
                raise GONE.again() from error
            raise
        if self.coming.pop(coming, None) is None:
            raise NO_ROOM.again()
        return came

    def is_late(self, since: int, size_bytes: int) -> bool:
        """Return whether a body that began at this second should be larger by now."""
        return size_bytes < (self.second - since - LATE_S) * RATE_BYTES_PER_S_MIN

    def _rival_of(self, size_bytes: int) -> Awaitable[bytes] | None:
        """Return what gives way to a body of a size: the longest silent, or a larger one."""
        oldest = next(iter(self.coming), None)
        if oldest is None or self.coming[oldest][0] <= self.second - STALE_S:
            return oldest
        largest = max(self.coming, key=lambda coming: self.coming[coming][1])
        return largest if self.coming[largest][1] > size_bytes else None

    def _look(self) -> None:
        """Cut off who was silent for too long; look again while something is coming."""
        self.second += 1
        while self.coming and next(iter(self.coming.values()))[0] <= self.second - SILENT_S_MAX:
            self._cut(next(iter(self.coming)))
        self.looking = asyncio.get_running_loop().call_later(1, self._look) if self.coming else None

    def _cut(self, coming: Any) -> None:
        _, held_bytes = self.coming.pop(coming)
        self.give_back(held_bytes)
        coming.cancel()
