"""A Custify without chance: each call takes as long as every other, it can be down, and it can have a limit."""

import asyncio
import collections
import dataclasses
import math

from penstock.destinations.answer import Accepted, Answer, Throttled, Unavailable

LATENCY_S = 0.05


class Bucket:
    """The sandbox's limit: tokens for a second; a refused call takes none, and is told when there is one again."""

    def __init__(self, per_s: float) -> None:
        self.per_s = self.tokens = per_s
        self.as_of = -math.inf

    def wait_s(self, now: float) -> float:
        """Take a call, or say in how many seconds to come again."""
        self.tokens, self.as_of = min(self.per_s, self.tokens + (now - self.as_of) * self.per_s), now
        if self.tokens < 1:
            return math.ceil((1 - self.tokens) / self.per_s)
        self.tokens -= 1
        return 0.0


class Window:
    """So many calls in any second, the refused ones among them."""

    def __init__(self, per_s: float) -> None:
        self.per_s, self.calls_at = per_s, collections.deque[float]()

    def wait_s(self, now: float) -> float:
        """Take a call, or say in how many seconds to come again."""
        while self.calls_at and self.calls_at[0] <= now - 1.0:
            self.calls_at.popleft()
        self.calls_at.append(now)
        return 1.0 if len(self.calls_at) > self.per_s else 0.0


@dataclasses.dataclass
class SteadyCustify:
    """What the engine calls. `fails` and `read_fails` say whether it is down for writes, and for reads."""

    clock: object
    limit: Bucket | Window | None = None
    fails: bool = False
    read_fails: bool = False
    #: When it took a write; and when it was called, by writes and by reads.
    took_at: list[float] = dataclasses.field(default_factory=list)
    called_at: list[float] = dataclasses.field(default_factory=list)
    read_at: list[float] = dataclasses.field(default_factory=list)

    async def send(self, call) -> Answer:
        """Serve a write."""
        self.called_at.append(self.clock.steady())
        await asyncio.sleep(LATENCY_S)
        answer = await self.answer(call)
        if isinstance(answer, Accepted):
            self.took_at.append(self.clock.steady())
        return answer

    async def answer(self, _call) -> Answer:
        """Say what becomes of a write."""
        if self.fails:
            return Unavailable(503, "down")
        wait_s = self.limit.wait_s(self.clock.steady()) if self.limit else 0.0
        return Throttled(wait_s, "slow down") if wait_s else Accepted(200, "{}")

    async def read(self, _path: str) -> Answer:
        """Serve a read."""
        self.read_at.append(self.clock.steady())
        await asyncio.sleep(LATENCY_S)
        return Unavailable(503, "down") if self.read_fails else Accepted(200, "[]")

    async def probe(self) -> Answer:
        """Serve the harmless read."""
        return await self.read("/company/all")
