"""The store of one data folder, whole: each of its parts is opened here, and nowhere else.

A part is imported when it is asked for: a command that looks at one of them starts as if there were no other. What reads opens
the files for each look, so it may be had whether or not a server runs on the folder. `log` and `delivery` write: each is had
by one process at a time.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.buffer.port.begun import BegunSources
from penstock.buffer.port.dead_letters import DeadLetters
from penstock.buffer.port.gauge import Gauge
from penstock.buffer.port.issues import Issues
from penstock.buffer.port.ledger import LedgerOrders, LedgerShelf
from penstock.buffer.port.orders import Orders
from penstock.buffer.port.search import Search
from penstock.buffer.port.shelf import Shelf
from penstock.buffer.port.traces import Traces
from penstock.buffer.port.views import SavedViews
from penstock.buffer.rules.store_shares import whole
from penstock.clock import Clock
from penstock.timeline import Timeline

if TYPE_CHECKING:
    from penstock.buffer.sqlite.alerts.book import SqliteAlertBook
    from penstock.buffer.sqlite.control.control import SqliteControl
    from penstock.buffer.sqlite.delivery.delivery import DeliveryStore
    from penstock.buffer.sqlite.log.log import SqliteLog


class SqliteStore:
    """Three files in a folder."""

    def __init__(self, folder: Path, *, clock: Clock) -> None:
        self.folder, self.clock = folder, clock

    def log(
        self,
        *,
        disk_free_bytes_min: int,
        waiting_events_max: int,
        share_of: Callable[[str], float] = whole,
        timeline: Timeline | None = None,
    ) -> "SqliteLog":
        """Return events.db, still to be opened, by the one process that accepts."""
        from penstock.buffer.sqlite.log.log import SqliteLog

        return SqliteLog(
            self.folder,
            clock=self.clock,
            disk_free_bytes_min=disk_free_bytes_min,
            waiting_events_max=waiting_events_max,
            share_of=share_of,
            timeline=timeline,
        )

    def delivery(self, *, timeline: Timeline | None = None) -> "DeliveryStore":
        """Return delivery.db, still to be opened, by the one process that delivers."""
        from penstock.buffer.sqlite.delivery.delivery import DeliveryStore

        return DeliveryStore(self.folder, clock=self.clock, timeline=timeline)

    @functools.cached_property
    def control(self) -> "SqliteControl":
        """The dashboard's settings and users. It remembers what it read, and is asked every second."""
        from penstock.buffer.sqlite.control.control import SqliteControl

        return SqliteControl(self.folder, clock=self.clock)

    @functools.cached_property
    def orders(self) -> Orders:
        """What people asked of deliver."""
        from penstock.buffer.sqlite.control.orders import SqliteOrders

        return SqliteOrders(self.folder, clock=self.clock)

    @functools.cached_property
    def ledger_orders(self) -> LedgerOrders:
        """What people asked the ledger to forget, and let through."""
        from penstock.buffer.sqlite.control.orders import SqliteLedgerOrders

        return SqliteLedgerOrders(self.folder, clock=self.clock)

    @functools.cached_property
    def shelf(self) -> Shelf:
        """What became of events."""
        from penstock.buffer.sqlite.read.shelf import SqliteShelf

        return SqliteShelf(self.folder)

    @functools.cached_property
    def search(self) -> Search:
        """The way to single events."""
        from penstock.buffer.sqlite.read.search import SqliteSearch

        return SqliteSearch(self.folder)

    @functools.cached_property
    def dead(self) -> DeadLetters:
        """What ended badly."""
        from penstock.buffer.sqlite.read.dead import SqliteDeadLetters

        return SqliteDeadLetters(self.folder)

    @functools.cached_property
    def gauge(self) -> Gauge:
        """How things go just now."""
        from penstock.buffer.sqlite.read.gauge import SqliteGauge

        return SqliteGauge(self.folder)

    @functools.cached_property
    def begun(self) -> BegunSources:
        """Which sources began at which destination."""
        from penstock.buffer.sqlite.read.begun import SqliteBegun

        return SqliteBegun(self.folder)

    @functools.cached_property
    def ledger(self) -> LedgerShelf:
        """What destinations are known to hold, to look at."""
        from penstock.buffer.sqlite.delivery.ledger import SqliteLedgerShelf

        return SqliteLedgerShelf(self.folder)

    @functools.cached_property
    def issues(self) -> Issues:
        """What people decided about problems."""
        from penstock.buffer.sqlite.control.issues import SqliteIssues

        return SqliteIssues(self.folder, clock=self.clock)

    @functools.cached_property
    def views(self) -> SavedViews:
        """Filters that people gave a name."""
        from penstock.buffer.sqlite.control.views import SqliteViews

        return SqliteViews(self.folder, clock=self.clock)

    @functools.cached_property
    def alerts(self) -> "SqliteAlertBook":
        """What is wrong, and who was told."""
        from penstock.buffer.sqlite.alerts.book import SqliteAlertBook

        return SqliteAlertBook(self.folder)

    @functools.cached_property
    def traces(self) -> Traces:
        """What there is of people, to look for it."""
        from penstock.buffer.sqlite.privacy.search import SqliteTraces

        return SqliteTraces(self.folder, clock=self.clock)
