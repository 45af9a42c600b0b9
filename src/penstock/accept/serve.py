"""Run the gateway in this process's event loop."""

import asyncio

from granian.constants import Interfaces
from granian.server.embed import Server

from penstock.accept.app import Gateway

# Connections the kernel may queue while we are busy; browsers and SDKs come in bursts.
BACKLOG = 1024


async def serve(gateway: Gateway, *, host: str, port: int, stop: asyncio.Event) -> None:
    """Answer until `stop` is set; requests under way end first."""
    server = Server(gateway, address=host, port=port, interface=Interfaces.RSGI, backlog=BACKLOG, log_enabled=False)
    serving = asyncio.create_task(server.serve())
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if stopped.done():
        server.stop()  # type: ignore[no-untyped-call]
    stopped.cancel()
    await serving
