"""The composition root: the only place where concrete parts meet. It reads like the route; it decides nothing."""

import asyncio
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from penstock import __version__
from penstock.buffer.ledger_port import LedgerOrders, LedgerShelf
from penstock.buffer.port import DeadLetters, Gauge, Orders, Shelf
from penstock.buffer.search_port import Search
from penstock.clock import SystemClock
from penstock.errors import SettingsError, StoreDamaged
from penstock.operate.desk import Desk, opened
from penstock.operate.logs import set_up_logs
from penstock.operate.snapshot import Snapshots
from penstock.operate.status import StatusReader
from penstock.private import tighten
from penstock.process import Process, is_orphan, only_one, raise_open_files
from penstock.settings import Settings, host_and_port, load
from penstock.vault import Vault

if TYPE_CHECKING:
    from starlette.routing import Route

    from penstock.buffer.sqlite_control import SqliteControl
    from penstock.buffer.sqlite_doctor import Doctor
    from penstock.operate.access import Access

log = structlog.get_logger()

# Each open page holds one for its news; people and monitoring are few.
ADMIN_CONNECTIONS_MAX = 512


def run_role(role: str, *, path: Path | None, supervised: bool) -> None:
    """Run one part until SIGTERM. Raises SettingsError."""
    assert __debug__, "assertions guard leases and order; do not run Penstock with python -O"
    # A file of an older Penstock would look empty to whoever reads it first.
    open_control(load(path)).bring_up_to_date()
    settings = settings_in_force(path)
    set_up_logs(level=settings.log_level, style=settings.log_format, role=role)
    if not supervised:  # the supervisor has done it
        tighten(settings.data_dir)
    raise_open_files()
    part = {"accept": run_accept, "deliver": run_deliver, "operate": run_operate}[role]
    process = Process(path, settings, read=functools.partial(settings_in_force, path), supervised=supervised)
    with only_one(settings.data_dir, role):
        if supervised and is_orphan():
            return  # the supervisor died while we waited for our predecessor to end
        process.snapshots.write(f"{role}.damage", {})
        try:
            asyncio.run(part(process))
            if process.damage is not None:
                raise process.damage
        except StoreDamaged as error:
            # Said once, and left for whoever looks; the supervisor does not start this role again.
            log.error("store_damaged", file=error.file, detail=error.detail)  # noqa: TRY400 - a bug it is not
            process.snapshots.write(f"{role}.damage", {"reason": str(error)})
            raise


async def run_accept(process: Process) -> None:
    """SDK → accept → buffer."""
    from granian.constants import Interfaces

    from penstock.accept.app import Gateway, Limits
    from penstock.accept.sources import Sources
    from penstock.buffer.sqlite_log import SqliteLog
    from penstock.listening import serve

    settings = process.settings
    sources = Sources(settings.sources)
    process.on_change = lambda changed: sources.replace(changed.sources)
    store = SqliteLog(
        settings.data_dir,
        clock=process.clock,
        disk_free_bytes_min=settings.disk_free_bytes_min,
        waiting_events_max=settings.waiting_events_max,
        share_of=sources.share_of,
    )
    limits = Limits(
        body_bytes_max=settings.body_bytes_max,
        bodies_bytes_max=settings.bodies_bytes_max,
        request_events_max=settings.request_events_max,
        path_prefix=settings.path_prefix,
        trusted_proxies=settings.trusted_proxies,
    )
    gateway = Gateway(
        log=store,
        sources=sources,
        clock=process.clock,
        dice=process.dice,
        limits=limits,
        version=__version__,
        problem=store.problem,
        on_damage=process.give_up,
    )
    host, port = host_and_port("listen", settings.listen)
    await store.open()

    async def prune() -> int:
        in_force = process.settings
        older_than_ms = int((process.clock.now() - in_force.retention_days * 86_400) * 1000)
        return await store.prune(
            older_than_ms=older_than_ms,
            bytes_max=in_force.retention_bytes_max,
            destinations=tuple(in_force.destinations),
        )

    async with process.running("accept", gateway.facts), process.regularly(prune):
        await serve(
            gateway,
            interface=Interfaces.RSGI,
            host=host,
            port=port,
            connections_max=settings.connections_max,
            stop=process.stopping,
        )
    await store.close()


async def run_deliver(process: Process) -> None:
    """buffer → convert → deliver → Custify."""
    from penstock.buffer.sqlite_delivery import DeliveryStore
    from penstock.deliver.fleet import Fleet
    from penstock.deliver.steps import Watched
    from penstock.deliver.watchman import Watchman

    watchman = Watchman(process.take_pulse("deliver"))
    store = DeliveryStore(process.settings.data_dir, clock=process.clock)
    await store.open()
    orders = open_orders(process.settings)
    fleet = Fleet(
        backlog_of=store.backlog,
        ledger_of=store.ledger,
        orders=orders,
        ledger_orders=open_ledger_orders(process.settings),
        clock=process.clock,
        dice=process.dice,
        bench=Watched(watchman),
    )
    process.on_change = fleet.follow
    fleet.follow(process.settings)

    async def prune() -> int:
        return await store.prune(ledger_days=process.settings.ledger_days)

    async with process.running("deliver", fleet.facts), process.regularly(prune):
        with watchman.watching():
            await fleet.until(process.stopping)
            await fleet.stop()
    await store.close()


async def run_operate(process: Process) -> None:
    """The dashboard, the admin API, status and metrics."""
    from granian.constants import Interfaces

    from penstock.listening import serve
    from penstock.operate.access import Access
    from penstock.operate.app import create_app

    settings = process.settings
    host, port = host_and_port("admin_listen", settings.admin_listen)
    password = _password(settings)
    reader, access = status_reader(settings), Access(open_control(settings), clock=process.clock)
    _first_sign_in(access, settings, password=password)
    routes = admin_routes(process, reader=reader, access=access)
    app = create_app(reader=reader, snapshots=process.snapshots, access=access, routes=routes, password=password)

    def follow(changed: Settings) -> None:
        reader.settings = changed

    process.on_change = follow

    async def remember() -> int:
        return await asyncio.to_thread(access.audit.tidy, process.settings)

    async with process.running("operate", dict), process.regularly(remember):
        await serve(
            app,
            interface=Interfaces.ASGINL,
            host=host,
            port=port,
            connections_max=ADMIN_CONNECTIONS_MAX,
            stop=process.stopping,
        )
    access.audit.flush()


def admin_routes(process: Process, *, reader: StatusReader, access: "Access") -> "list[Route]":
    """Return every page and every route of the admin API."""
    from penstock.deliver.try_connection import try_connection
    from penstock.operate.routes import Parts, all_routes
    from penstock.operate.trial_event import send_trial

    settings = process.settings
    parts = Parts(
        reader=reader,
        shelf=open_shelf(settings),
        search=open_search(settings),
        gauge=open_gauge(settings),
        dead=open_dead_letters(settings),
        orders=open_orders(settings),
        ledger=open_ledger_shelf(settings),
        ledger_orders=open_ledger_orders(settings),
        snapshots=process.snapshots,
        desk=open_desk(process.path, settings),
        access=access,
        journal=open_control(settings),
        try_connection=lambda base_url, api_key: try_connection(
            base_url, api_key, allowed_private_hosts=process.settings.allowed_private_hosts
        ),
        send_trial=send_trial,
        is_stopping=process.stopping.is_set,
    )
    return all_routes(parts)


def _load_with_dashboard(path: Path | None, document: Mapping[str, object]) -> Settings:
    return load(path, dashboard=document)


def _first_sign_in(access: "Access", settings: Settings, *, password: str) -> None:
    """Let the administrator in: with the password of the file, or with a link that works once."""
    if password:
        access.set_administrator(password)
    elif invitation := access.first_invitation():
        # The only secret that is ever logged: without it nobody could sign in, and it works once, for a day.
        base = settings.public_url or f"http://{settings.admin_listen}"
        log.warning("first_sign_in", link=f"{base}/welcome/{invitation}")


def settings_in_force(path: Path | None) -> Settings:
    """Return what penstock.toml, the environment and the dashboard say together. Raises SettingsError."""
    settings = load(path)
    newest = open_control(settings).newest()
    return load(path, dashboard=opened(newest.document, open_vault(settings))) if newest else settings


def open_control(settings: Settings) -> "SqliteControl":
    """Return the dashboard's settings and users."""
    return _control(settings.data_dir)


@functools.cache
def _control(data_dir: Path) -> "SqliteControl":
    """One for each folder: it remembers what it read, and every process asks it every second."""
    from penstock.buffer.sqlite_control import SqliteControl

    return SqliteControl(data_dir, clock=SystemClock())


def open_desk(path: Path | None, settings: Settings) -> Desk:
    """Return the dashboard's settings, to be read and changed."""
    load_with = functools.partial(_load_with_dashboard, path)
    return Desk(revisions=open_control(settings), vault=open_vault(settings), load=load_with)


def open_vault(settings: Settings) -> Vault:
    """Return what seals secrets at rest."""
    return Vault(Path(settings.secret_key_file) if settings.secret_key_file else settings.data_dir / "secret.key")


def open_shelf(settings: Settings) -> Shelf:
    """Return the shelf of the data folder; works whether or not a server runs."""
    from penstock.buffer.sqlite_shelf import SqliteShelf

    return SqliteShelf(settings.data_dir)


def open_ledger_shelf(settings: Settings) -> LedgerShelf:
    """Return the ledger of the data folder, to look at; works whether or not a server runs."""
    from penstock.buffer.sqlite_ledger import SqliteLedgerShelf

    return SqliteLedgerShelf(settings.data_dir)


def open_ledger_orders(settings: Settings) -> LedgerOrders:
    """Return what people asked the ledger to forget; works whether or not a server runs."""
    from penstock.buffer.sqlite_orders import SqliteLedgerOrders

    return SqliteLedgerOrders(settings.data_dir, clock=SystemClock())


def open_dead_letters(settings: Settings) -> DeadLetters:
    """Return the dead letters of the data folder; works whether or not a server runs."""
    from penstock.buffer.sqlite_dead import SqliteDeadLetters

    return SqliteDeadLetters(settings.data_dir)


def open_search(settings: Settings) -> Search:
    """Return the way to single events; works whether or not a server runs."""
    from penstock.buffer.sqlite_search import SqliteSearch

    return SqliteSearch(settings.data_dir)


def open_gauge(settings: Settings) -> Gauge:
    """Return how things go just now; works whether or not a server runs."""
    from penstock.buffer.sqlite_gauge import SqliteGauge

    return SqliteGauge(settings.data_dir)


def open_orders(settings: Settings) -> Orders:
    """Return what people asked of deliver; works whether or not a server runs."""
    from penstock.buffer.sqlite_orders import SqliteOrders

    return SqliteOrders(settings.data_dir, clock=SystemClock())


def status_reader(settings: Settings) -> StatusReader:
    """Return a reader over the data folder; works whether or not a server runs."""
    return StatusReader(
        settings=settings,
        shelf=open_shelf(settings),
        ledger=open_ledger_shelf(settings),
        snapshots=Snapshots(settings.data_dir),
        clock=SystemClock(),
        version=__version__,
    )


def _password(settings: Settings) -> str:
    """Return the administrator's password, if there is a file. Raises SettingsError."""
    from penstock.operate.passwords import password_of_file

    host, _ = host_and_port("admin_listen", settings.admin_listen)
    if not settings.admin_password_file and host not in {"127.0.0.1", "::1", "localhost"}:
        raise SettingsError(
            "admin_password_file", expected="a file", got="", hint="the admin listener is open to other machines"
        )
    return password_of_file(settings.admin_password_file)


def open_doctor(settings: Settings) -> "Doctor":
    """Return who examines the data folder."""
    from penstock.buffer.sqlite_doctor import Doctor

    sources_of = {name: settings.sources_of(name) for name in settings.destinations}
    return Doctor(settings.data_dir, sources_of=sources_of, clock=SystemClock())
