"""Serve an application in this process's event loop, on an address that is ours alone."""

import asyncio
import resource
import socket

import structlog
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server

from penstock.errors import SettingsError

log = structlog.get_logger()

# Connections the kernel may queue while we are busy; browsers and SDKs come in bursts.
BACKLOG = 1024
# A request's line and headers must have come by then, counted from the connection's begin or from the last answer: so it is
# also how long an idle connection is kept. The server has one figure for both.
HEADERS_MS_MAX = 30_000
# The server holds so much of what it has not handed on yet, for each connection: headers as a whole, slices of bodies.
# Proxies send 32 kB of headers at most (nginx), and a request's line may have 64 kB.
BUFFER_BYTES_MAX = 65_536
# What a process opens beside connections: its databases, locks, logs, threads' pipes.
OWN_FILES = 64


async def serve(
    app: object, *, interface: Interfaces, host: str, port: int, connections_max: int, stop: asyncio.Event
) -> None:
    """Answer until `stop` is set; requests under way end first. Raises SettingsError if the address is taken.

    No more than `connections_max` connections are open at once, or as many as the process may have files; others wait.
    """
    _require_free(host, port)
    server = Server(
        app,
        address=host,
        port=port,
        interface=interface,
        backlog=BACKLOG,
        backpressure=_connections(connections_max),
        websockets=False,
        # To find out which HTTP a client speaks, the server would wait for its first bytes without end. SDKs and proxies
        # speak the first, unless there is TLS.
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEADERS_MS_MAX, max_buffer_size=BUFFER_BYTES_MAX),
        log_level=LogLevels.error,
    )
    serving = asyncio.create_task(server.serve())
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if stopped.done():
        server.stop()  # type: ignore[no-untyped-call]
    stopped.cancel()
    await serving


def _connections(wanted_max: int) -> int:
    """Return how many connections may be open: beyond the files there are, accepting one would fail."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft - OWN_FILES >= wanted_max:
        return wanted_max
    allowed = max(1, soft - OWN_FILES)
    log.warning("few_open_files", open_files_max=soft, connections_max=allowed, wanted=wanted_max)
    return allowed


def _require_free(host: str, port: int) -> None:
    # granian shares a port with what listens on it already: two programs would each get half of the requests.
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError("listen", expected="a free address", got=f"{host}:{port}", hint=str(error)) from error
