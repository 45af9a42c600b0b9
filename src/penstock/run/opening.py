"""The parts of a data folder, opened in one place: each works whether or not a server runs on it."""

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
from penstock.buffer.port.views import SavedViews
from penstock.buffer.sqlite.store import SqliteStore
from penstock.clock import SystemClock
from penstock.machine.snapshot import Snapshots
from penstock.privacy.suppressed import SuppressedList
from penstock.run.at_rest import unlock
from penstock.settings import Settings
from penstock.settings.vault import Vault

if TYPE_CHECKING:
    from penstock.buffer.sqlite.alerts.book import SqliteAlertBook
    from penstock.buffer.sqlite.control.control import SqliteControl
    from penstock.erasing.asking import Requesting
    from penstock.erasing.desk import PrivacyDesk
    from penstock.erasing.searching import Searching
    from penstock.privacy.errands import Errands
    from penstock.privacy.requests import Requests


@functools.cache
def _store(folder: Path) -> SqliteStore:
    """One for each folder: parts of it remember what they read, and are asked every second."""
    return SqliteStore(folder, clock=SystemClock())


def open_store(settings: Settings) -> SqliteStore:
    """Return the store of the data folder that the settings name."""
    unlock(settings)
    if settings.engine != "sqlite":
        from penstock.run.sharing import share

        share(settings)
    return _store(settings.data_dir)


def open_vault(settings: Settings) -> Vault:
    """Return what seals secrets at rest."""
    return unlock(settings)


def open_control(settings: Settings) -> "SqliteControl":
    """Return the dashboard's settings and users."""
    return open_store(settings).control


def open_suppressed(settings: Settings) -> SuppressedList:
    """Return the list of those whose events are dropped, or who were erased, as it is now. Raises SettingsError."""
    people = SuppressedList(settings.data_dir, open_vault(settings).derived)
    people.look()
    return people


def open_requests(settings: Settings) -> "Requests":
    """Return what was asked for about people."""
    from penstock.privacy.requests import Requests

    return Requests(settings.data_dir, vault=open_vault(settings), clock=SystemClock())


def open_asking(settings: Settings) -> "Requesting":
    """Return the way to ask for something about people."""
    from penstock.erasing.asking import Requesting

    return Requesting(open_requests(settings), open_suppressed(settings))


def open_errands(settings: Settings) -> "Errands":
    """Return what the owners of files are asked to remove."""
    from penstock.privacy.errands import Errands

    return Errands(settings.data_dir, vault=open_vault(settings))


def open_searching(settings: Settings, in_force: Callable[[], Settings] | None = None) -> "Searching":
    """Return the search for everything there is about a person; `in_force` tells the settings at each look, where they may change."""
    from penstock.erasing.searching import Searching

    now = in_force or (lambda: settings)
    return Searching(
        open_store(settings).traces,
        open_ledger_shelf(settings),
        lambda: now().destinations,
        placeholders=lambda: now().placeholder_ids,
        hashing=functools.partial(hashing_of, open_vault(settings)),
        refused=functools.partial(_refused, settings),
    )


def hashing_of(vault: Vault) -> Callable[[str], str] | None:
    """Return how values are hashed that sources store hashed; None while there is no key, and so no hash."""
    from penstock.minimise.hashing import PURPOSE, Hashing

    return Hashing(vault.derived(PURPOSE)).of if vault.path.exists() else None


def _refused(settings: Settings) -> list[str]:
    """Return what ingest shows of the requests that it refused."""
    kinds = Snapshots(settings.data_dir).read("accept").get("refused", [])
    return [" ".join(map(str, kind.values())) for kind in (kinds if isinstance(kinds, list) else [])]


def open_privacy_desk(settings: Settings, in_force: Callable[[], Settings]) -> "PrivacyDesk":
    """Return what the dashboard and the admin API have of privacy; the settings in force are asked for at each look."""
    from penstock.erasing.desk import PrivacyDesk
    from penstock.privacy.receipt import Seal

    searching = open_searching(settings, in_force)
    return PrivacyDesk(open_asking(settings), searching, open_shelf(settings), Seal(settings.data_dir))


def open_shelf(settings: Settings) -> Shelf:
    """Return the shelf of the data folder."""
    return open_store(settings).shelf


def open_begun(settings: Settings) -> BegunSources:
    """Return which sources began at which destination."""
    return open_store(settings).begun


def open_ledger_shelf(settings: Settings) -> LedgerShelf:
    """Return the ledger of the data folder, to look at."""
    return open_store(settings).ledger


def open_ledger_orders(settings: Settings) -> LedgerOrders:
    """Return what people asked the ledger to forget."""
    return open_store(settings).ledger_orders


def open_dead_letters(settings: Settings) -> DeadLetters:
    """Return the dead letters of the data folder."""
    return open_store(settings).dead


def open_search(settings: Settings) -> Search:
    """Return the way to single events."""
    return open_store(settings).search


def open_gauge(settings: Settings) -> Gauge:
    """Return how things go just now."""
    return open_store(settings).gauge


def open_orders(settings: Settings) -> Orders:
    """Return what people asked of deliver."""
    return open_store(settings).orders


def open_issues(settings: Settings) -> Issues:
    """Return what people decided about problems."""
    return open_store(settings).issues


def open_views(settings: Settings) -> SavedViews:
    """Return the filters that people gave a name."""
    return open_store(settings).views


def open_alert_book(settings: Settings) -> "SqliteAlertBook":
    """Return what is remembered of problems, and who was told."""
    return open_store(settings).alerts
