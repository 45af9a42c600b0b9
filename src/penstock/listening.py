"""Serve an application in this process's event loop, on an address that is ours alone."""

import asyncio
import socket

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

from penstock.errors import SettingsError

# Connections the kernel may queue while we are busy; browsers and SDKs come in bursts.
BACKLOG = 1024


async def serve(app: object, *, interface: Interfaces, host: str, port: int, stop: asyncio.Event) -> None:
    """Answer until `stop` is set; requests under way end first. Raises SettingsError if the address is taken."""
    _require_free(host, port)
    server = Server(
        app,
        address=host,
        port=port,
        interface=interface,
        backlog=BACKLOG,
        websockets=False,
        log_level=LogLevels.error,
    )
    serving = asyncio.create_task(server.serve())
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if stopped.done():
        server.stop()  # type: ignore[no-untyped-call]
    stopped.cancel()
    await serving


def _require_free(host: str, port: int) -> None:
    # granian shares a port with whoever listens on it already: two programs would each get half of the requests.
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError("listen", expected="a free address", got=f"{host}:{port}", hint=str(error)) from error
