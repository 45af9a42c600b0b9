"""Every page and every route of the admin API, from what they look at and who is told."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Protocol

from starlette.routing import Route

from penstock.admin.api.access import AccessApi
from penstock.admin.api.alerts import AlertsApi
from penstock.admin.api.delivery import DeliveryApi
from penstock.admin.api.issues import IssuesApi
from penstock.admin.api.ledger import LedgerApi
from penstock.admin.api.minimise import MinimiseApi
from penstock.admin.api.privacy import PrivacyApi
from penstock.admin.api.read import ReadApi
from penstock.admin.api.regulations import Regulations
from penstock.admin.api.settings import SettingsApi
from penstock.admin.doors.access import Access
from penstock.admin.exporting import Exports
from penstock.admin.pages.access import AccessPages
from penstock.admin.pages.activity import ActivityPages
from penstock.admin.pages.alerts import AlertPages
from penstock.admin.pages.changes import Changes, mark_of
from penstock.admin.pages.destinations import DestinationPages
from penstock.admin.pages.door import DoorPages
from penstock.admin.pages.editing import Editing
from penstock.admin.pages.event import EventPages
from penstock.admin.pages.help import HelpPages
from penstock.admin.pages.ledger import LedgerPages
from penstock.admin.pages.live import LivePages
from penstock.admin.pages.mapping import MappingPages
from penstock.admin.pages.names import NamesPages
from penstock.admin.pages.overview import OverviewPages
from penstock.admin.pages.people import PeoplePages
from penstock.admin.pages.privacy import PrivacyPages
from penstock.admin.pages.problems import ProblemPages
from penstock.admin.pages.radar import RadarPages
from penstock.admin.pages.replays import ReplayPages
from penstock.admin.pages.saved_views import SavedViewPages
from penstock.admin.pages.set_up import SetUpPages
from penstock.admin.pages.sources import SourcePages
from penstock.admin.pages.trial_event import SendTrial
from penstock.admin.pages.web import Pages
from penstock.alerts.alarm import Alarm
from penstock.buffer.port.begun import BegunSources
from penstock.buffer.port.control import Journal
from penstock.buffer.port.dead_letters import DeadLetters
from penstock.buffer.port.gauge import Gauge
from penstock.buffer.port.issues import Issues
from penstock.buffer.port.ledger import LedgerOrders, LedgerShelf
from penstock.buffer.port.orders import Orders
from penstock.buffer.port.search import Search
from penstock.buffer.port.shelf import Shelf
from penstock.buffer.port.views import SavedViews
from penstock.erasing.desk import PrivacyDesk
from penstock.explain.ranges import RangeCounts
from penstock.inspect.eyes import Sight
from penstock.inspect.issue_names import IssuesByName
from penstock.inspect.key_tests import KeyTests, TryConnection
from penstock.inspect.status import StatusReader
from penstock.machine.snapshot import Snapshots
from penstock.settings.revisions import Desk


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the admin listener works with."""

    reader: StatusReader
    shelf: Shelf
    begun: BegunSources
    search: Search
    gauge: Gauge
    dead: DeadLetters
    orders: Orders
    issues: Issues
    views: SavedViews
    ledger: LedgerShelf
    ledger_orders: LedgerOrders
    snapshots: Snapshots
    desk: Desk
    access: Access
    journal: Journal
    alarm: Alarm
    try_connection: TryConnection
    send_trial: SendTrial
    privacy: PrivacyDesk
    is_stopping: Callable[[], bool] = lambda: False


class RouteGroup(Protocol):
    """Some routes that belong together."""

    def routes(self) -> Sequence[Route]:
        """Return them."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SharedParts:
    """What several of them have in common."""

    sight: Sight
    key_tests: KeyTests
    exports: Exports
    counts: RangeCounts


def all_routes(p: Parts) -> list[Route]:
    """Return all routes."""
    reader = p.reader
    # Decisions about problems are looked for by the names of now.
    p = dataclasses.replace(p, issues=IssuesByName(p.issues, lambda: reader.settings))
    sight = Sight(lambda: p.reader.settings, p.desk.vault)
    key_tests = KeyTests(p.try_connection, snapshots=p.snapshots, clock=p.reader.clock)
    shared = SharedParts(sight=sight, key_tests=key_tests, exports=Exports(), counts=RangeCounts(p.shelf))
    return [route for part in (*_api(p, shared), *_pages(p, shared)) for route in part.routes()]


def _api(p: Parts, shared: SharedParts) -> Sequence[RouteGroup]:
    return (
        ReadApi(
            reader=p.reader,
            shelf=p.shelf,
            search=p.search,
            snapshots=p.snapshots,
            sight=shared.sight,
            exports=shared.exports,
        ),
        DeliveryApi(reader=p.reader, dead=p.dead, orders=p.orders, journal=p.journal, sight=shared.sight),
        IssuesApi(
            reader=p.reader,
            dead=p.dead,
            issues=p.issues,
            orders=p.orders,
            access=p.access,
            journal=p.journal,
            sight=shared.sight,
        ),
        LedgerApi(reader=p.reader, ledger=p.ledger, orders=p.ledger_orders, journal=p.journal, sight=shared.sight),
        SettingsApi(
            reader=p.reader,
            desk=p.desk,
            shelf=p.shelf,
            begun=p.begun,
            journal=p.journal,
            key_tests=shared.key_tests,
            sight=shared.sight,
            counts=shared.counts,
        ),
        AccessApi(access=p.access, journal=p.journal, reader=p.reader, sight=shared.sight),
        MinimiseApi(reader=p.reader, sight=shared.sight),
        PrivacyApi(desk=p.privacy, journal=p.journal, settings=lambda: p.reader.settings),
        Regulations(desk=p.privacy, journal=p.journal, settings=lambda: p.reader.settings),
        AlertsApi(alarm=p.alarm, sight=shared.sight),
    )


def _pages(p: Parts, shared: SharedParts) -> Sequence[RouteGroup]:
    pages = Pages(
        p.access, p.journal, mark=functools.partial(mark_of, p.gauge, p.snapshots, p.reader), sight=shared.sight
    )
    editing = Editing(pages, desk=p.desk, reader=p.reader)
    return (
        PrivacyPages(pages, desk=p.privacy, settings=lambda: p.reader.settings),
        DoorPages(pages),
        AccessPages(pages),
        ActivityPages(pages, desk=p.desk),
        HelpPages(pages),
        Changes(pages, is_stopping=p.is_stopping),
        OverviewPages(
            pages,
            reader=p.reader,
            shelf=p.shelf,
            gauge=p.gauge,
            dead=p.dead,
            issues=p.issues,
            key_tests=shared.key_tests,
        ),
        LivePages(
            pages,
            reader=p.reader,
            search=p.search,
            views=p.views,
            snapshots=p.snapshots,
            send_trial=p.send_trial,
            exports=shared.exports,
        ),
        SavedViewPages(pages, views=p.views),
        EventPages(pages, reader=p.reader, shelf=p.shelf, desk=p.desk),
        ProblemPages(pages, reader=p.reader, dead=p.dead, orders=p.orders, issues=p.issues),
        ReplayPages(pages, reader=p.reader, dead=p.dead, orders=p.orders),
        LedgerPages(pages, reader=p.reader, ledger=p.ledger, orders=p.ledger_orders, dead=p.dead),
        AlertPages(editing, alarm=p.alarm),
        PeoplePages(pages, reader=p.reader, search=p.search, ledger=p.ledger),
        RadarPages(pages, reader=p.reader, ledger=p.ledger),
        MappingPages(pages, reader=p.reader, shelf=p.shelf, desk=p.desk, counts=shared.counts),
        NamesPages(editing),
        SourcePages(editing),
        SetUpPages(editing, orders=p.orders, begun=p.begun, key_tests=shared.key_tests),
        DestinationPages(editing, orders=p.orders, dead=p.dead, begun=p.begun, key_tests=shared.key_tests),
    )
