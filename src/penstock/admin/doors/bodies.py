"""Reads what is sent to the admin listener, within bounds of size and time: a stranger may send, too, before we know who asks."""

import asyncio

from starlette.requests import Request

# Forms and settings are small; a person's line sends them in a blink.
BODY_S_MAX = 20.0


class TooLarge(Exception):
    """A body has more bytes than are taken."""


async def read_body(request: Request, *, bytes_max: int) -> bytes:
    """Return a body. Raises TooLarge, and TimeoutError when it does not come."""
    chunks, size = [], 0
    async with asyncio.timeout(BODY_S_MAX):
        async for chunk in request.stream():
            size += len(chunk)
            if size > bytes_max:
                raise TooLarge
            chunks.append(chunk)
    return b"".join(chunks)
