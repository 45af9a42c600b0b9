"""Run the sandbox as a program of its own."""

import asyncio
import signal
from pathlib import Path

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

from penstock.sandbox.app import create_app


def serve(*, host: str, port: int, data: Path | None = None, api_keys: frozenset[str] | None = None) -> None:
    """Answer until SIGTERM or SIGINT. Raises JournalError or OSError if it cannot start."""
    asyncio.run(
        _serve(
            Server(
                create_app(api_keys=api_keys, data=data),
                address=host,
                port=port,
                interface=Interfaces.ASGINL,
                websockets=False,
                backlog=1024,
                log_level=LogLevels.error,
            )
        )
    )


async def _serve(server: Server) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    await server.serve()
