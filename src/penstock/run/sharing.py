"""What people set and order is the same on every node: control.db is changed, and followed, as all nodes have it."""

import asyncio
import contextlib
import functools
import platform
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

import structlog

from penstock.buffer.sqlite.control.changing import SHARED, opened_to_change
from penstock.buffer.sqlite.file import CONTROL
from penstock.buffer.sqlite.replica import control
from penstock.buffer.sqlite.replica.follower import FileView
from penstock.clock import sleep
from penstock.errors import BufferUnavailable, SettingsError, WitnessUnreachable
from penstock.settings import Settings
from penstock.witness.opening import open_witness
from penstock.witness.port import Witness

if TYPE_CHECKING:
    from penstock.run.process import Process

log = structlog.get_logger()
# How long one look for changes of others waits for one; a second is soon enough.
WAIT_S, REST_S = 1.0, 1.0
#: A node that runs holds a lease of this name and its own; without word from it for so long it is not heard of any more.
NODE, HEARD_S = "node ", 10.0


def node_name(settings: Settings) -> str:
    """Return what this machine is called."""
    return settings.node or platform.node()


async def connected(settings: Settings) -> Witness:
    """Connect to the engine. Raises SettingsError, WitnessUnreachable."""
    witness = await open_witness(settings)
    if witness is None:
        raise SettingsError("engine", expected="nats or postgres", got=settings.engine)
    return witness


def share(settings: Settings) -> None:
    """Let what this process changes in control.db be everybody's, on several machines; on one nothing is done."""
    path = settings.data_dir / CONTROL
    if settings.engine != "sqlite" and path not in SHARED:
        SHARED[path] = control.SharedChanges(control.WitnessBeside(functools.partial(connected, settings)))


def until_as_others(settings: Settings) -> None:
    """Take in what other nodes set, before anything is read; while that cannot be, what is here counts, if there is anything."""
    share(settings)
    path, said = settings.data_dir / CONTROL, ""
    while True:
        try:
            with opened_to_change(path):
                return
        except BufferUnavailable as error:
            if said != error.reason:
                log.warning("store_unavailable", reason=error.reason)
            said = error.reason
            if _has_settings(path):
                return
            sleep(REST_S)


def _has_settings(path: Path) -> bool:
    from penstock.buffer.sqlite.file import snapshot

    with snapshot(path) as file:
        return (
            file is not None
            and file.execute("SELECT 1 FROM revision UNION ALL SELECT 1 FROM user").fetchone() is not None
        )


@contextlib.asynccontextmanager
async def following_others(process: "Process") -> AsyncIterator[None]:
    """Take in what other nodes set and order, while inside."""
    task = asyncio.create_task(_follow(process))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _follow(process: "Process") -> None:
    view, said = cast("FileView | None", None), float("-inf")
    try:
        while True:
            try:
                if view is None:
                    view = FileView(
                        process.settings.data_dir / CONTROL, control.STREAM, await connected(process.settings)
                    )
                    view.open()
                await view.step(wait_s=WAIT_S)
                name = node_name(process.settings)
                if process.clock.steady() - said >= HEARD_S / 4:
                    await view.witness.lease(NODE + name, owner=name, ttl_s=HEARD_S)
                    said = process.clock.steady()
            except (WitnessUnreachable, BufferUnavailable) as error:
                process.heard("engine_unreachable", reason=str(error))
                await asyncio.sleep(REST_S)
    except SettingsError as error:
        process.give_up(error)
    finally:
        if view is not None:
            view.close()
            await view.witness.close()
