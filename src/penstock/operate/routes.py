"""Every page and every route of the admin API, from what they look at and whom they tell."""

import dataclasses
import functools
from collections.abc import Callable

from starlette.routing import Route

from penstock.buffer.control_port import Journal
from penstock.buffer.ledger_port import LedgerOrders, LedgerShelf
from penstock.buffer.port import DeadLetters, Gauge, Orders, Shelf
from penstock.buffer.search_port import Search
from penstock.operate.access import Access
from penstock.operate.access_api import AccessApi
from penstock.operate.changes import Changes, mark_of
from penstock.operate.delivery_api import DeliveryApi
from penstock.operate.desk import Desk
from penstock.operate.eyes import Sight
from penstock.operate.ledger_api import LedgerApi
from penstock.operate.pages_access import AccessPages
from penstock.operate.pages_activity import ActivityPages
from penstock.operate.pages_door import DoorPages
from penstock.operate.pages_event import EventPages
from penstock.operate.pages_ledger import LedgerPages
from penstock.operate.pages_live import LivePages
from penstock.operate.pages_mapping import MappingPages
from penstock.operate.pages_names import NamesPages
from penstock.operate.pages_overview import OverviewPages
from penstock.operate.pages_people import PeoplePages
from penstock.operate.pages_problems import ProblemPages
from penstock.operate.pages_settings import SettingsPages, TryConnection
from penstock.operate.read_api import ReadApi
from penstock.operate.settings_api import SettingsApi
from penstock.operate.snapshot import Snapshots
from penstock.operate.status import StatusReader
from penstock.operate.trial_event import SendTrial
from penstock.operate.web import Pages


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the admin listener works with."""

    reader: StatusReader
    shelf: Shelf
    search: Search
    gauge: Gauge
    dead: DeadLetters
    orders: Orders
    ledger: LedgerShelf
    ledger_orders: LedgerOrders
    snapshots: Snapshots
    desk: Desk
    access: Access
    journal: Journal
    try_connection: TryConnection
    send_trial: SendTrial
    is_stopping: Callable[[], bool] = lambda: False


def all_routes(p: Parts) -> list[Route]:
    """Return all routes."""
    sight = Sight(lambda: p.reader.settings, p.desk.vault)
    pages = Pages(p.access, p.journal, mark=functools.partial(mark_of, p.gauge, p.snapshots, p.reader), sight=sight)
    parts = (
        ReadApi(reader=p.reader, shelf=p.shelf, search=p.search, snapshots=p.snapshots, sight=sight),
        DeliveryApi(reader=p.reader, dead=p.dead, orders=p.orders, journal=p.journal, sight=sight),
        LedgerApi(reader=p.reader, ledger=p.ledger, orders=p.ledger_orders, journal=p.journal, sight=sight),
        SettingsApi(
            reader=p.reader,
            desk=p.desk,
            shelf=p.shelf,
            journal=p.journal,
            try_connection=p.try_connection,
            sight=sight,
        ),
        AccessApi(access=p.access, journal=p.journal, reader=p.reader, sight=sight),
        DoorPages(pages),
        AccessPages(pages),
        ActivityPages(pages, desk=p.desk),
        Changes(pages, is_stopping=p.is_stopping),
        OverviewPages(pages, reader=p.reader, shelf=p.shelf, gauge=p.gauge, dead=p.dead),
        LivePages(pages, reader=p.reader, search=p.search, snapshots=p.snapshots, send_trial=p.send_trial),
        EventPages(pages, reader=p.reader, shelf=p.shelf, desk=p.desk),
        ProblemPages(pages, reader=p.reader, dead=p.dead, orders=p.orders),
        LedgerPages(pages, reader=p.reader, ledger=p.ledger, orders=p.ledger_orders, dead=p.dead),
        PeoplePages(pages, reader=p.reader, search=p.search, ledger=p.ledger),
        MappingPages(pages, reader=p.reader, shelf=p.shelf, desk=p.desk),
        NamesPages(pages, desk=p.desk, reader=p.reader),
        SettingsPages(
            pages, desk=p.desk, reader=p.reader, orders=p.orders, dead=p.dead, try_connection=p.try_connection
        ),
    )
    return [route for part in parts for route in part.routes()]
