"""Run the admin listener in this process's event loop."""

import asyncio

from granian.constants import Interfaces
from granian.server.embed import Server
from starlette.types import ASGIApp


async def serve(app: ASGIApp, *, host: str, port: int, stop: asyncio.Event) -> None:
    """Answer until `stop` is set."""
    server = Server(app, address=host, port=port, interface=Interfaces.ASGINL, log_enabled=False)
    serving = asyncio.create_task(server.serve())
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if stopped.done():
        server.stop()  # type: ignore[no-untyped-call]
    stopped.cancel()
    await serving
