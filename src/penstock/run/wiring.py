"""The composition root: the only place where concrete parts meet. It reads like the route; it decides nothing."""

import asyncio
import functools
import os
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
import uvloop

from penstock import __version__
from penstock.buffer.sqlite.store import SqliteStore
from penstock.clock import SystemClock, boot_id
from penstock.errors import BufferUnavailable, SettingsError, StoreDamaged, ViewRefused
from penstock.machine.handed_on import HandedOn
from penstock.machine.private import require_folder, tighten
from penstock.machine.snapshot import Snapshots
from penstock.run import at_rest
from penstock.run.accepting import beside_accepting, limits_of, open_log
from penstock.run.alarming import open_alarm
from penstock.run.care import kept_until, say_what_is_amiss
from penstock.run.erasures import LOOK_S, WithMemory, erasing, late_erasures, open_eraser
from penstock.run.greeting import greet, is_for_a_person
from penstock.run.in_force import following_at_start
from penstock.run.logs import set_up_logs
from penstock.run.moving import require_settled
from penstock.run.opening import (
    open_begun,
    open_control,
    open_dead_letters,
    open_gauge,
    open_issues,
    open_ledger_orders,
    open_ledger_shelf,
    open_orders,
    open_privacy_desk,
    open_search,
    open_shelf,
    open_suppressed,
    open_vault,
    open_views,
)
from penstock.run.process import Process, complain, complaining, is_orphan, only_one, raise_open_files
from penstock.run.restoring import require_erased
from penstock.settings import Settings, file_at_start, host_and_port, load, settings_of

if TYPE_CHECKING:
    from starlette.routing import Route

    from penstock.accept.minimising import Minimising
    from penstock.accept.sources import Sources
    from penstock.admin.doors.access import Access
    from penstock.alerts.alarm import Alarm
    from penstock.inspect.status import StatusReader
    from penstock.settings.revisions import Desk

log = structlog.get_logger()

# Each open page holds one for its news; people and monitoring are few.
ADMIN_CONNECTIONS_MAX = 512


def run_role(role: str, *, path: Path | None, supervised: bool) -> None:
    """Run one part until SIGTERM. Raises SettingsError."""
    assert __debug__, "assertions guard leases and order; do not run Penstock with python -O"
    handed_on = HandedOn()
    left = handed_on.read()
    alone = settings_of(file_at_start(path, handed_on=left), os.environ)
    require_folder(alone.data_dir)
    require_erased(alone)
    set_up_logs(level=alone.log_level, style=alone.log_format, role=role)
    at_rest.require(alone)
    require_settled(alone)
    if alone.engine != "sqlite":
        from penstock.run.sharing import until_as_others

        until_as_others(alone)
    following = following_at_start(role, path, alone, handed_on=left)
    settings = following.settings
    set_up_logs(level=settings.log_level, style=settings.log_format, role=role)
    if not supervised:  # the supervisor has done it
        tighten(settings.data_dir)
    raise_open_files()
    part = {"accept": run_accept, "deliver": run_deliver, "operate": run_operate}[role]
    process = Process(following, supervised=supervised, handed_on=handed_on)
    with only_one(settings.data_dir, role):
        if supervised and is_orphan():
            return  # the supervisor died while we waited for our predecessor to end
        _leave(process.snapshots, role, {})
        try:
            uvloop.run(part(process))
            if process.damage is not None:
                raise process.damage
        except StoreDamaged as error:
            # Said once, and left to be looked at; the supervisor does not start this role again.
            log.error("store_damaged", file=error.file, detail=error.detail)  # noqa: TRY400 - a bug it is not
            _leave(process.snapshots, role, {"reason": str(error)})
            raise
        except ViewRefused as error:
            # Nor this one: what other nodes have is whole, and accept goes on to give them events.
            log.error("view_refused", file=error.name, expected=error.expected, hint=error.hint)  # noqa: TRY400
            _leave(process.snapshots, role, {"reason": str(error)})
            raise


def _leave(snapshots: Snapshots, role: str, damage: Mapping[str, object]) -> None:
    try:
        snapshots.write(f"{role}.damage", damage)
    except OSError as error:
        log.warning("snapshot_not_written", reason=str(error))


async def run_accept(process: Process) -> None:
    """SDK → accept → buffer."""
    from granian.constants import Interfaces

    from penstock.accept.app import Gateway
    from penstock.accept.minimising import Minimising
    from penstock.accept.sources import Sources
    from penstock.accept.suppressing import Suppressing
    from penstock.machine.listening import serve

    settings = process.settings
    sources = Sources(settings.sources)
    sources.remember(process.snapshots.read("accept").get("keys"))
    # What is measured with every request is measured without a detour, and forgotten with the process.
    clock = SystemClock()
    store = await open_log(process, sources, clock)
    process.on_jump = store.note_jump
    # Read before anything is taken: a list that cannot be read keeps accept from starting, and no person on it comes back.
    door = Suppressing(store, open_suppressed(settings), placeholders=settings.placeholder_ids)
    minimising = Minimising(door, open_vault(settings).derived)
    minimising.follow(settings.sources)
    process.on_change = functools.partial(_follow_sources, process, sources, minimising)
    gateway = Gateway(
        log=door,
        ruled_log=minimising,
        sources=sources,
        clock=clock,
        dice=process.dice,
        limits=limits_of(settings),
        version=__version__,
        problem=store.problem,
        on_damage=process.give_up,
        names_suppressed=door.names_suppressed,
        heard=process.heard,
    )
    host, port = host_and_port("listen", settings.listen)

    # When it cannot be opened now, senders are told to come again, and the next round of `prune` tries again.
    await complaining(store.open)

    async def prune() -> int:
        return await store.prune(**kept_until(process.settings, now=process.clock.now()))

    async with (
        process.running("accept", gateway.facts),
        process.regularly(prune),
        beside_accepting(process, store, door, gateway.refusals),
    ):
        await serve(
            gateway,
            interface=Interfaces.RSGI,
            host=host,
            port=port,
            connections_max=settings.connections_max,
            stop=process.stopping,
        )
    await store.close()


def _follow_sources(process: Process, sources: "Sources", minimising: "Minimising", changed: Settings) -> None:
    """Take over changed sources, their rules first."""
    minimising.door.go_by(changed.placeholder_ids)
    try:
        minimising.follow(changed.sources)
    except SettingsError as error:
        process.give_up(error)  # what cannot be hashed must not be stored as it came
    sources.replace(changed.sources)


async def run_deliver(process: Process) -> None:
    """buffer → convert → deliver → destinations."""
    from penstock.deliver.watchman import Watchman
    from penstock.run.delivering import open_fleet, pruning

    if process.settings.engine != "sqlite":
        from penstock.run.node import deliver_in_turn

        return await deliver_in_turn(process)
    settings, watchman = process.settings, Watchman(process.take_pulse("deliver"))
    store = SqliteStore(settings.data_dir, clock=process.clock).delivery(timeline=process.clock)
    fleet = open_fleet(process, store, watchman)

    async def open_store() -> None:
        await store.open()
        say_what_is_amiss(settings, store)

    async with process.running("deliver", fleet.facts):
        if not await process.until_possible(open_store):
            return None
        process.on_change = fleet.follow
        fleet.follow(process.settings)
        async with process.regularly(pruning(process, store)), erasing(process, WithMemory(store.remove, fleet.reword)):
            with watchman.watching():
                await fleet.until(process.stopping)
                await fleet.stop()
    await store.close()
    return None


async def run_operate(process: Process) -> None:
    """The dashboard, the admin API, status and metrics."""
    from granian.constants import Interfaces

    from penstock.admin.app import create_app
    from penstock.admin.doors.access import Access
    from penstock.machine.listening import serve

    settings = process.settings
    host, port = host_and_port("admin_listen", settings.admin_listen)
    password = _password(settings)
    control = open_control(settings)
    reader, access = status_reader(settings), Access(control, clock=process.clock)
    link = ""
    try:
        at_rest.seal_anew(settings, control)
        link = _first_sign_in(access, settings, password=password)
    except BufferUnavailable as error:
        complain(error, "")  # what can be looked at without signing in says why
    alarm = open_alarm(settings, reader)
    routes = admin_routes(process, reader=reader, access=access, alarm=alarm)
    app = create_app(reader=reader, snapshots=process.snapshots, access=access, routes=routes, password=password)

    def follow(changed: Settings) -> None:
        reader.settings = changed

    process.on_change = follow

    async def remember() -> int:
        return await asyncio.to_thread(access.audit.tidy, process.settings)

    eraser = open_eraser(lambda: process.settings, clock=process.clock, minds=(alarm.reword, access.audit.reword))
    async with (
        process.running("operate", alarm.facts),
        process.regularly(remember),
        process.regularly(eraser.step, every_s=LOOK_S),
        AsyncExitStack() as others,
        asyncio.TaskGroup() as beside,
    ):
        if settings.engine != "sqlite":
            from penstock.run.erasing_nodes import beside_others

            await others.enter_async_context(beside_others(process))
        beside.create_task(alarm.until(process.stopping, process.heard))
        greeting = (
            beside.create_task(greet(settings, version=__version__, link=link)) if is_for_a_person(settings) else None
        )
        await serve(
            app,
            interface=Interfaces.ASGINL,
            host=host,
            port=port,
            connections_max=ADMIN_CONNECTIONS_MAX,
            stop=process.stopping,
        )
        if greeting is not None:
            greeting.cancel()
    access.audit.flush()


def admin_routes(process: Process, *, reader: "StatusReader", access: "Access", alarm: "Alarm") -> "list[Route]":
    """Return every page and every route of the admin API."""
    from penstock.admin.pages.trial_event import send_trial
    from penstock.admin.routes import Parts, all_routes
    from penstock.destinations.try_connection import try_connection

    settings = process.settings
    parts = Parts(
        reader=reader,
        shelf=open_shelf(settings),
        begun=open_begun(settings),
        search=open_search(settings),
        gauge=open_gauge(settings),
        dead=open_dead_letters(settings),
        orders=open_orders(settings),
        issues=open_issues(settings),
        views=open_views(settings),
        ledger=open_ledger_shelf(settings),
        ledger_orders=open_ledger_orders(settings),
        snapshots=process.snapshots,
        desk=_desk(settings, process.following.with_dashboard),
        access=access,
        journal=open_control(settings),
        try_connection=lambda destination: try_connection(destination, process.settings),
        send_trial=send_trial,
        privacy=open_privacy_desk(settings, lambda: process.settings),
        alarm=alarm,
        is_stopping=process.stopping.is_set,
    )
    return all_routes(parts)


def _load_with_dashboard(path: Path | None, document: Mapping[str, object]) -> Settings:
    return load(path, dashboard=document)


def _first_sign_in(access: "Access", settings: Settings, *, password: str) -> str:
    """Let the administrator in: with the password of the file, or with a link that works once, which is returned."""
    if password:
        access.set_administrator(password)
        return ""
    invitation = access.first_invitation()
    link = f"{settings.public_url or f'http://{settings.admin_listen}'}/welcome/{invitation}" if invitation else ""
    if link and not is_for_a_person(settings):
        # The only secret that is ever logged: without it no one could sign in, and it works once, for a day.
        log.warning("first_sign_in", link=link)
    return link


def open_desk(path: Path | None, settings: Settings) -> "Desk":
    """Return the dashboard's settings, to be read and changed."""
    return _desk(settings, functools.partial(_load_with_dashboard, path))


def _desk(settings: Settings, load_with: Callable[[Mapping[str, Any]], Settings]) -> "Desk":
    from penstock.settings.revisions import Desk

    return Desk(revisions=open_control(settings), vault=open_vault(settings), load=load_with)


def status_reader(settings: Settings) -> "StatusReader":
    """Return a reader over the data folder; works whether or not a server runs."""
    from penstock.buffer.sqlite.notices import notices
    from penstock.buffer.sqlite.times import steady_now
    from penstock.inspect.status import StatusReader

    clock = SystemClock()
    return StatusReader(
        notices=lambda: [*notices(settings.data_dir, now=clock.now()), *at_rest.notices(settings)],
        late_erasures=lambda: late_erasures(settings),
        settings=settings,
        shelf=open_shelf(settings),
        ledger=open_ledger_shelf(settings),
        snapshots=Snapshots(settings.data_dir),
        clock=clock,
        steady=lambda: steady_now(settings.data_dir, clock, boot=boot_id()),
        version=__version__,
    )


def _password(settings: Settings) -> str:
    """Return the administrator's password, if there is a file. Raises SettingsError."""
    from penstock.admin.doors.passwords import password_of_file

    host, _ = host_and_port("admin_listen", settings.admin_listen)
    if not settings.admin_password_file and host not in {"127.0.0.1", "::1", "localhost"}:
        raise SettingsError(
            "admin_password_file", expected="a file", got="", hint="the admin listener is open to other machines"
        )
    return password_of_file(settings.admin_password_file)
