"""What people set and order is the same on every node: control.db is changed, and followed, as all nodes have it."""

import asyncio
import contextlib
import functools
import platform
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from penstock.buffer.sqlite.control.changing import SHARED
from penstock.buffer.sqlite.file import CONTROL
from penstock.buffer.sqlite.replica import control
from penstock.clock import SystemClock, sleep
from penstock.errors import BufferUnavailable, SettingsError, StoreDamaged, WitnessUnreachable
from penstock.run.neighbours import Neighbour, as_others
from penstock.settings import Settings
from penstock.witness.opening import open_witness
from penstock.witness.port import Witness

if TYPE_CHECKING:
    from penstock.run.process import Process

log = structlog.get_logger()
# While the engine or the file does not answer.
REST_S = 1.0


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
    """Take in what other nodes set, before anything is read; while that cannot be, what is here counts, if there is anything.

    Raises SettingsError for a secret key that is not that of the others, StoreDamaged.
    """
    share(settings)
    path, said = settings.data_dir / CONTROL, ""
    while True:
        try:
            asyncio.run(_as_others(settings))
        except (BufferUnavailable, WitnessUnreachable) as error:
            if said != str(error):
                log.warning("store_unavailable", reason=str(error))
            said = str(error)
            if _has_settings(path):
                return
            sleep(REST_S)
        else:
            return


async def _as_others(settings: Settings) -> None:
    witness = await connected(settings)
    try:
        await as_others(settings, node_name(settings), witness, at=SystemClock().now())
    finally:
        await witness.close()


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
    task.add_done_callback(_say_why)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _say_why(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("not_following", exc_info=error)


async def _follow(process: "Process") -> None:
    here = Neighbour(process, node_name(process.settings), lambda: connected(process.settings))
    try:
        while True:
            try:
                await here.step()
            except (WitnessUnreachable, BufferUnavailable, OSError) as error:
                process.heard("engine_unreachable", reason=str(error))
                await asyncio.sleep(REST_S)
    except (SettingsError, StoreDamaged) as error:
        process.give_up(error)
    finally:
        await here.close()
