"""The parts of a data folder, opened in one place: each works whether or not a server runs on it."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.buffer.port.begun import BegunSources
from penstock.buffer.port.dead_letters import DeadLetters
from penstock.buffer.port.gauge import Gauge
from penstock.buffer.port.ledger import LedgerOrders, LedgerShelf
from penstock.buffer.port.orders import Orders
from penstock.buffer.port.search import Search
from penstock.buffer.port.shelf import Shelf
from penstock.clock import SystemClock
from penstock.run.care import secret_key
from penstock.settings import Settings
from penstock.settings.vault import Vault

if TYPE_CHECKING:
    from penstock.buffer.sqlite.control.control import SqliteControl


def open_control(settings: Settings) -> "SqliteControl":
    """Return the dashboard's settings and users."""
    return _control(settings.data_dir)


@functools.cache
def _control(data_dir: Path) -> "SqliteControl":
    """One for each folder: it remembers what it read, and every process asks it every second."""
    from penstock.buffer.sqlite.control.control import SqliteControl

    return SqliteControl(data_dir, clock=SystemClock())


def open_vault(settings: Settings) -> Vault:
    """Return what seals secrets at rest."""
    return Vault(secret_key(settings))


def open_shelf(settings: Settings) -> Shelf:
    """Return the shelf of the data folder."""
    from penstock.buffer.sqlite.read.shelf import SqliteShelf

    return SqliteShelf(settings.data_dir)


def open_begun(settings: Settings) -> BegunSources:
    """Return which sources began at which destination."""
    from penstock.buffer.sqlite.read.begun import SqliteBegun

    return SqliteBegun(settings.data_dir)


def open_ledger_shelf(settings: Settings) -> LedgerShelf:
    """Return the ledger of the data folder, to look at."""
    from penstock.buffer.sqlite.delivery.ledger import SqliteLedgerShelf

    return SqliteLedgerShelf(settings.data_dir)


def open_ledger_orders(settings: Settings) -> LedgerOrders:
    """Return what people asked the ledger to forget."""
    from penstock.buffer.sqlite.control.orders import SqliteLedgerOrders

    return SqliteLedgerOrders(settings.data_dir, clock=SystemClock())


def open_dead_letters(settings: Settings) -> DeadLetters:
    """Return the dead letters of the data folder."""
    from penstock.buffer.sqlite.read.dead import SqliteDeadLetters

    return SqliteDeadLetters(settings.data_dir)


def open_search(settings: Settings) -> Search:
    """Return the way to single events."""
    from penstock.buffer.sqlite.read.search import SqliteSearch

    return SqliteSearch(settings.data_dir)


def open_gauge(settings: Settings) -> Gauge:
    """Return how things go just now."""
    from penstock.buffer.sqlite.read.gauge import SqliteGauge

    return SqliteGauge(settings.data_dir)


def open_orders(settings: Settings) -> Orders:
    """Return what people asked of deliver."""
    from penstock.buffer.sqlite.control.orders import SqliteOrders

    return SqliteOrders(settings.data_dir, clock=SystemClock())
