"""A file that is made while it is sent; few at a time, for each reads the store as fast as it is taken."""

import datetime as dt
import re
import threading
from collections.abc import Iterator

from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from penstock.inspect.export import KINDS, FileKind

# Files that are made at the same time, and after which time to ask again.
AT_ONCE_MAX, AGAIN_S = 2, 30


class Exports:
    """Counts the files that are being made."""

    def __init__(self) -> None:
        self.places = threading.BoundedSemaphore(AT_ONCE_MAX)

    def file(self, parts: Iterator[bytes], *, destination: str, kind: FileKind, now: float) -> "FileResponse":
        """Return the answer that sends a file."""
        return FileResponse(parts, self.places, name=file_name(destination, kind, now), media_type=KINDS[kind])


class FileResponse(StreamingResponse):
    """An answer that takes a place while it is sent, and refuses itself when there is none."""

    def __init__(
        self, parts: Iterator[bytes], places: threading.BoundedSemaphore, *, name: str, media_type: str
    ) -> None:
        super().__init__(
            parts, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
        )
        self.places = places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file, or say when to ask again."""
        if not self.places.acquire(blocking=False):
            said = f"{AT_ONCE_MAX} files are being made already; try again in {AGAIN_S} s"
            await PlainTextResponse(said, 429, {"Retry-After": str(AGAIN_S)})(scope, receive, send)
            return
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.places.release()


def file_name(destination: str, kind: FileKind, now: float) -> str:
    """Return what a file is called: of which destination, and when it was made, in UTC."""
    at = dt.datetime.fromtimestamp(now, dt.UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    return f"events-{re.sub(r'[^A-Za-z0-9._-]+', '-', destination)}-{at}.{kind}"
