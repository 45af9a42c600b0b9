"""Run the sandbox as a program of its own."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Collection
from pathlib import Path

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

from penstock.sandbox.app import create_app


def serve(
    *,
    host: str,
    port: int,
    data: Path | None = None,
    api_keys: frozenset[str] | None = None,
    hosts: Collection[str] = (),
) -> None:
    """Answer until SIGTERM or SIGINT. Raises JournalError or OSError if it cannot start."""
    _require_free(host, port)
    asyncio.run(
        _serve(
            Server(
                create_app(api_keys=api_keys, data=data, hosts={host, *hosts}),
                address=host,
                port=port,
                interface=Interfaces.ASGINL,
                websockets=False,
                backlog=1024,
                log_level=LogLevels.error,
            )
        )
    )

    # granian's threads may still call into Python while the interpreter is taken down, and would abort the process:
    # everything is written by now, so it is left without being taken down.
    sys.stderr.flush()
    os._exit(0)


def _require_free(host: str, port: int) -> None:
    # granian shares a port with another program that listens on it; two sandboxes would each get half of the calls.
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


async def _serve(server: Server) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    await server.serve()
