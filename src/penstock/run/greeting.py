"""What `penstock serve` says to a person at a terminal: where it is, and how to get in. Programs read the log."""

import asyncio
import contextlib
import sys
from collections.abc import Sequence

from penstock.settings import Settings, host_and_port

# How often it is looked whether both listeners answer.
LOOK_S = 0.1
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what is listened on is the operator's choice


def is_for_a_person(settings: Settings) -> bool:
    """Return whether a person reads our words at a terminal, and wants more than warnings."""
    return sys.stderr.isatty() and settings.log_format != "json" and settings.log_level in {"debug", "info"}


async def greet(settings: Settings, *, version: str, link: str) -> None:
    """Once both listeners answer, say so. `link` lets the administrator in, once; empty once there is a password."""
    for name in ("listen", "admin_listen"):
        host, port = host_and_port(name, getattr(settings, name))
        await _answering(EVERYWHERE.get(host, host), port)
    sys.stderr.write("\n".join(["", *greeting(settings, version=version, link=link), "", ""]))
    sys.stderr.flush()


def greeting(settings: Settings, *, version: str, link: str) -> Sequence[str]:
    """Return the lines. Pure."""
    ingest = settings.public_ingest_url or f"http://{settings.listen}"
    dashboard = settings.public_url or f"http://{settings.admin_listen}"
    lines = [
        f"Penstock {version} is running.",
        "",
        f"  SDKs send to   {ingest}",
        f"  Dashboard      {dashboard}",
    ]
    if link:
        lines += [f"  Sign in with   {link}", "                 (works once, within a day: choose a password)"]
    if not settings.sources:
        lines += ["", "  There is no source yet: add one in the dashboard, or to penstock.toml."]
    return [*lines, "", "Ctrl-C ends it."]


async def _answering(host: str, port: int) -> None:
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            return
        await asyncio.sleep(LOOK_S)
