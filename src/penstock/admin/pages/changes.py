"""Server-sent events: a word to open pages whenever something was stored, has ended, or was decided.

The word carries only a mark of how things stood: the page then asks for its parts again, with its own filters and its
visitor's rights. A stream begins at the mark that the page was made at, so nothing is missed between the two.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from penstock.admin.pages.web import Pages
from penstock.buffer.port.gauge import Gauge
from penstock.inspect.status import StatusReader
from penstock.machine.snapshot import Snapshots

LOOK_S = 1.0
# After so many looks a stream ends and the browser begins another, for which it has to be signed in still.
LOOKS_MAX, SIGN_OF_LIFE = 300, 15
# Pages that are told at once; the others ask by themselves, now and then.
STREAMS_MAX = 100
NOTHING_NEW = b": nothing new\n\n"
WaitFor = Callable[[float], Awaitable[None]]


class Changes:
    """The stream of changes."""

    def __init__(self, pages: Pages, *, is_stopping: Callable[[], bool], wait: WaitFor = asyncio.sleep) -> None:
        self.pages, self.is_stopping, self.wait, self.streams = pages, is_stopping, wait, 0

    def routes(self) -> list[Route]:
        """Return all routes."""
        return [Route("/changes", self.answer, methods=["GET"])]

    async def answer(self, request: Request) -> Response:
        """Begin a stream for a user who is signed in."""
        if await run_in_threadpool(self.pages.visit, request) is None:
            return Response("sign in", 401)
        if self.streams >= STREAMS_MAX:
            return Response("too many open pages", 503)
        # A browser that lost its stream says which mark it heard last.
        since = request.headers.get("last-event-id") or request.query_params.get("since", "")
        # nginx would keep what it is told until there is more of it.
        headers = {"X-Accel-Buffering": "no"}
        return StreamingResponse(self.stream(since), media_type="text/event-stream", headers=headers)

    async def stream(self, since: str) -> AsyncIterator[bytes]:
        """Yield a word after each change, and sometimes without one: so it is noticed when the listener has gone."""
        self.streams += 1
        try:
            for look in range(LOOKS_MAX):
                mark = self.pages.mark()
                if mark != since:
                    yield changed(mark)
                elif look % SIGN_OF_LIFE == 0:
                    yield NOTHING_NEW
                since = mark
                await self.wait(LOOK_S)
                if self.is_stopping():
                    return
        finally:
            self.streams -= 1


def changed(mark: str) -> bytes:
    """Return the word that things changed, and how they stand now."""
    return f"id: {mark}\ndata: changed\n\n".encode()


def mark_of(gauge: Gauge, snapshots: Snapshots, reader: StatusReader) -> str:
    """Return a text that is another one once anything was stored, has ended, was counted, or stands still since."""
    states = [*(found.state for found in reader.roles().values()), *reader.still()]
    return hashlib.blake2s(repr((gauge.mark(), snapshots.mark(), states)).encode(), digest_size=8).hexdigest()
