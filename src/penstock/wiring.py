"""The composition root: the only place where concrete parts meet. It reads like the route; it decides nothing."""

import asyncio
import contextlib
import fcntl
import functools
import os
import select
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from penstock import __version__
from penstock.buffer.port import DeadLetters, Orders, Search, Shelf
from penstock.clock import SystemClock, SystemDice
from penstock.errors import BufferUnavailable, SettingsError, StoreDamaged
from penstock.operate.desk import Desk, opened
from penstock.operate.logs import set_up_logs
from penstock.operate.snapshot import EVERY_S, Snapshots
from penstock.operate.status import StatusReader
from penstock.settings import Settings, host_and_port, load
from penstock.vault import Vault

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from penstock.buffer.sqlite_control import SqliteControl
    from penstock.buffer.sqlite_doctor import Doctor
    from penstock.operate.access import Access

log = structlog.get_logger()

# How often a changed settings file is looked for: "within a second", and next to nothing when idle.
RELOAD_S = 1.0
ROLES = ("accept", "deliver", "operate")
# Retention works in slices: one after the other while there is something to remove, else now and then.
PRUNE_S, PRUNE_REST_S = 10.0, 0.1


def run_role(role: str, *, path: Path | None, supervised: bool) -> None:
    """Run one part until SIGTERM. Raises SettingsError."""
    assert __debug__, "assertions guard leases and order; do not run Penstock with python -O"
    settings = settings_in_force(path)
    set_up_logs(level=settings.log_level, style=settings.log_format, role=role)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    part = {"accept": run_accept, "deliver": run_deliver, "operate": run_operate}[role]
    process = Process(path, settings, supervised=supervised)
    with _only_one(settings.data_dir, role):
        if supervised and _is_orphan():
            return  # the supervisor died while we waited for our predecessor to end
        process.snapshots.write(f"{role}.damage", {})
        try:
            asyncio.run(part(process))
        except StoreDamaged as error:
            # Said once, and left for whoever looks; the supervisor does not start this role again.
            log.error("store_damaged", file=error.file, detail=error.detail)  # noqa: TRY400 - a bug it is not
            process.snapshots.write(f"{role}.damage", {"reason": str(error)})
            raise


def _is_orphan() -> bool:
    """Return whether the pipe to the supervisor is closed; nothing is ever written to it."""
    readable, _, _ = select.select([sys.stdin], [], [], 0)
    return bool(readable)


class Process:
    """What every role needs from its process: when to stop, and the settings in force."""

    def __init__(self, path: Path | None, settings: Settings, *, supervised: bool) -> None:
        self.path, self.settings, self.supervised = path, settings, supervised
        self.stopping, self.complaint = asyncio.Event(), ""
        self.clock, self.dice = SystemClock(), SystemDice()
        self.snapshots = Snapshots(settings.data_dir)
        self.on_change: Callable[[Settings], None] = lambda _: None

    @contextlib.asynccontextmanager
    async def running(self, role: str, facts: Callable[[], dict[str, object]]) -> AsyncIterator[None]:
        """Listen for the end and for changed settings, and leave a snapshot every second, while inside."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopping.set)
        if self.supervised:
            loop.add_reader(sys.stdin.fileno(), self._supervisor_said_something)
        chores = asyncio.create_task(self._chores(role, facts))
        log.info("started", version=__version__, pid=os.getpid())
        try:
            yield
        finally:
            chores.cancel()
            log.info("stopped")

    def _supervisor_said_something(self) -> None:
        # Nothing is ever written to this pipe: readable means closed, and closed means the supervisor is gone.
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        self.stopping.set()

    async def _chores(self, role: str, facts: Callable[[], dict[str, object]]) -> None:
        while True:
            await asyncio.sleep(min(EVERY_S, RELOAD_S))
            try:
                self.snapshots.write(role, facts())
            except OSError as error:
                log.warning("snapshot_not_written", reason=str(error))
            self._reload()

    def _reload(self) -> None:
        """Take a changed file over; one that cannot be used leaves the old settings in force."""
        try:
            changed = settings_in_force(self.path)
        except SettingsError as error:
            if str(error) != self.complaint:
                log.error("settings_refused", setting=error.name, expected=error.expected)  # noqa: TRY400
            self.complaint = str(error)
            return
        except (BufferUnavailable, StoreDamaged) as error:
            if str(error) != self.complaint:
                log.warning("settings_not_read", reason=str(error))
            self.complaint = str(error)
            return
        if changed != self.settings:
            self.settings, self.complaint = changed, ""
            self.on_change(changed)
            log.info("settings_changed")


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
    )
    limits = Limits(body_bytes_max=settings.body_bytes_max, path_prefix=settings.path_prefix)
    gateway = Gateway(
        log=store,
        sources=sources,
        clock=process.clock,
        dice=process.dice,
        limits=limits,
        version=__version__,
        problem=store.problem,
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

    async with process.running("accept", gateway.facts), _regularly(prune):
        await serve(gateway, interface=Interfaces.RSGI, host=host, port=port, stop=process.stopping)
    await store.close()


async def run_deliver(process: Process) -> None:
    """buffer → convert → deliver → Custify."""
    from penstock.buffer.sqlite_backlog import DeliveryStore
    from penstock.deliver.fleet import Fleet

    store = DeliveryStore(process.settings.data_dir, clock=process.clock)
    await store.open()
    orders = open_orders(process.settings)
    fleet = Fleet(backlog_of=store.backlog, orders=orders, clock=process.clock, dice=process.dice)
    process.on_change = fleet.follow
    fleet.follow(process.settings)

    async def prune() -> int:
        return await store.prune()

    async with process.running("deliver", fleet.facts), _regularly(prune):
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
    async with process.running("operate", dict):
        await serve(app, interface=Interfaces.ASGINL, host=host, port=port, stop=process.stopping)


def admin_routes(process: Process, *, reader: StatusReader, access: "Access") -> "list[BaseRoute]":
    """Return every page and every route of the admin API."""
    from penstock.deliver.try_connection import try_connection
    from penstock.operate.delivery_api import DeliveryApi
    from penstock.operate.pages_access import AccessPages
    from penstock.operate.pages_events import EventPages
    from penstock.operate.pages_mapping import MappingPages
    from penstock.operate.pages_settings import SettingsPages
    from penstock.operate.read_api import ReadApi
    from penstock.operate.web import Pages

    settings = process.settings
    dead, orders = open_dead_letters(settings), open_orders(settings)
    shelf, search = open_shelf(settings), open_search(settings)
    desk = open_desk(process.path, settings)
    pages, ingest = Pages(access), f"http://{settings.listen}"
    parts = (
        ReadApi(reader=reader, shelf=shelf, search=search),
        DeliveryApi(reader=reader, dead=dead, orders=orders),
        AccessPages(pages, desk=desk),
        MappingPages(pages, reader=reader, shelf=shelf),
        EventPages(pages, reader=reader, shelf=shelf, search=search, dead=dead, orders=orders),
        SettingsPages(pages, desk=desk, reader=reader, orders=orders, try_connection=try_connection, ingest=ingest),
    )
    return [route for part in parts for route in part.routes()]


def _load_with_dashboard(path: Path | None, document: Mapping[str, object]) -> Settings:
    return load(path, dashboard=document)


def _first_sign_in(access: "Access", settings: Settings, *, password: str) -> None:
    """Let the administrator in: with the password of the file, or with a link that works once."""
    if password:
        access.set_administrator(password)
    elif invitation := access.first_invitation():
        # The only secret that is ever logged: without it nobody could sign in, and it works once, for a day.
        log.warning("first_sign_in", link=f"http://{settings.admin_listen}/welcome/{invitation}")


def settings_in_force(path: Path | None) -> Settings:
    """Return what penstock.toml, the environment and the dashboard say together. Raises SettingsError."""
    settings = load(path)
    newest = open_control(settings).newest()
    return load(path, dashboard=opened(newest.document, open_vault(settings))) if newest else settings


def open_control(settings: Settings) -> "SqliteControl":
    """Return the dashboard's settings and users."""
    from penstock.buffer.sqlite_control import SqliteControl

    return SqliteControl(settings.data_dir, clock=SystemClock())


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


def open_dead_letters(settings: Settings) -> DeadLetters:
    """Return the dead letters of the data folder; works whether or not a server runs."""
    from penstock.buffer.sqlite_dead import SqliteDeadLetters

    return SqliteDeadLetters(settings.data_dir)


def open_search(settings: Settings) -> Search:
    """Return the way to single events; works whether or not a server runs."""
    from penstock.buffer.sqlite_search import SqliteSearch

    return SqliteSearch(settings.data_dir)


def open_orders(settings: Settings) -> Orders:
    """Return what people asked of deliver; works whether or not a server runs."""
    from penstock.buffer.sqlite_orders import SqliteOrders

    return SqliteOrders(settings.data_dir, clock=SystemClock())


def status_reader(settings: Settings) -> StatusReader:
    """Return a reader over the data folder; works whether or not a server runs."""
    return StatusReader(
        settings=settings,
        shelf=open_shelf(settings),
        snapshots=Snapshots(settings.data_dir),
        clock=SystemClock(),
        version=__version__,
    )


def _password(settings: Settings) -> str:
    host, _ = host_and_port("admin_listen", settings.admin_listen)
    name = settings.admin_password_file
    if not name:
        if host not in {"127.0.0.1", "::1", "localhost"}:
            raise SettingsError(
                "admin_password_file", expected="a file", got="", hint="the admin listener is open to other machines"
            )
        return ""
    try:
        return Path(name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError("admin_password_file", expected="a readable file", got=name, hint=str(error)) from error


@contextlib.asynccontextmanager
async def _regularly(chore: Callable[[], Awaitable[int]]) -> AsyncIterator[None]:
    """Do a chore now and then while inside; a full disk makes it wait for the next time."""

    async def repeat() -> None:
        removed = 0
        while True:
            await asyncio.sleep(PRUNE_REST_S if removed else PRUNE_S)
            try:
                removed = await chore()
            except BufferUnavailable as error:
                log.warning("buffer_unavailable", reason=error.reason)

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        task.cancel()


def is_running(settings: Settings, role: str) -> bool:
    """Return whether a process plays this role on the data folder now."""
    try:
        with (settings.data_dir / f"{role}.lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def open_doctor(settings: Settings) -> "Doctor":
    """Return who examines the data folder."""
    from penstock.buffer.sqlite_doctor import Doctor

    sources_of = {name: settings.sources_of(name) for name in settings.destinations}
    return Doctor(settings.data_dir, sources_of=sources_of, clock=SystemClock())


@contextlib.contextmanager
def stopped(settings: Settings) -> Iterator[None]:
    """Keep every role off the data folder while inside. Raises SettingsError while one is running."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as locks:
        for role in ROLES:
            if is_running(settings, role):
                raise SettingsError("data_dir", expected="a stopped server", got=f"{role} runs", hint="stop it first")
            locks.enter_context(_only_one(settings.data_dir, role))
        yield


@contextlib.contextmanager
def _only_one(data_dir: Path, role: str) -> Iterator[None]:
    """Wait until no other process plays this role on this data folder: each file has one writer, each lane one owner."""
    with (data_dir / f"{role}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.warning("waiting_for_other_process", data_dir=str(data_dir))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
