"""Server-sent events: a word to open pages whenever something was stored, has ended, or was decided.

The word carries nothing: the page then asks for its parts again, with its own filters and its visitor's rights.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from penstock.buffer.port import Gauge
from penstock.operate.snapshot import Snapshots
from penstock.operate.web import Pages

LOOK_S = 1.0
# After so many looks a stream ends and the browser begins another, for which it has to be signed in still.
LOOKS_MAX, SIGN_OF_LIFE = 300, 15
# Pages that are told at once; the others ask by themselves, now and then.
STREAMS_MAX = 100
CHANGED, NOTHING_NEW = b"data: changed\n\n", b": nothing new\n\n"
Wait = Callable[[float], Awaitable[None]]


class Changes:
    """The stream of changes."""

    def __init__(
        self,
        pages: Pages,
        *,
        gauge: Gauge,
        snapshots: Snapshots,
        is_stopping: Callable[[], bool],
        wait: Wait = asyncio.sleep,
    ) -> None:
        self.pages, self.gauge, self.snapshots = pages, gauge, snapshots
        self.is_stopping, self.wait, self.streams = is_stopping, wait, 0

    def routes(self) -> list[Route]:
        """Return all routes."""
        return [Route("/changes", self.answer, methods=["GET"])]

    async def answer(self, request: Request) -> Response:
        """Begin a stream for somebody who is signed in."""
        if await run_in_threadpool(self.pages.visit, request) is None:
            return Response("sign in", 401)
        if self.streams >= STREAMS_MAX:
            return Response("too many open pages", 503)
        # nginx would keep what it is told until there is more of it.
        headers = {"X-Accel-Buffering": "no"}
        return StreamingResponse(self.stream(), media_type="text/event-stream", headers=headers)

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield a word after each change, and sometimes without one: so it is noticed when nobody listens any more."""
        self.streams += 1
        try:
            seen = self._mark()
            yield NOTHING_NEW
            for look in range(1, LOOKS_MAX):
                await self.wait(LOOK_S)
                if self.is_stopping():
                    return
                mark = self._mark()
                if mark != seen:
                    yield CHANGED
                elif look % SIGN_OF_LIFE == 0:
                    yield NOTHING_NEW
                seen = mark
        finally:
            self.streams -= 1

    def _mark(self) -> object:
        return self.gauge.mark(), self.snapshots.mark()
