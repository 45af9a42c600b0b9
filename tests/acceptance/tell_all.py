"""Sends what waits in a folder's alerts.db until nothing does: what operate does with it, as a process that can be killed."""

import asyncio
import dataclasses
import sys
from pathlib import Path

from penstock.alerts.sender import Sender
from penstock.buffer.sqlite.alerts.book import SqliteAlertBook
from penstock.clock import SystemClock
from penstock.settings import load


async def main(config: Path, folder: Path) -> None:
    clock, settings = SystemClock(), load(config, {})
    sender = Sender(SqliteAlertBook(folder), settings=lambda: settings, clock=clock, steady=clock.steady)
    while await sender.turn():
        # What was refused is due later; here it is due at once.
        for each in sender.book.waiting():
            sender.book.tried(dataclasses.replace(each, due=0.0))


asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
