"""accept, put together: where events are kept, what goes on beside taking them, and what bounds a request."""

import contextlib
import functools
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from penstock.buffer.sqlite.log.log import SqliteLog
from penstock.buffer.sqlite.store import SqliteStore
from penstock.clock import Clock
from penstock.run.erasures import BehindTheDoor, erasing, follow_list
from penstock.settings import Settings

if TYPE_CHECKING:
    from penstock.accept.app import Limits
    from penstock.accept.refused import Refusals
    from penstock.accept.sources import Sources
    from penstock.accept.suppressing import Suppressing
    from penstock.run.node import NodeLog
    from penstock.run.process import Process


async def open_log(process: "Process", sources: "Sources", clock: Clock) -> "SqliteLog | NodeLog":
    """Return where events are kept: this machine's file, or what several machines have in common."""
    settings = process.settings
    if settings.engine != "sqlite":
        from penstock.run import node

        return await node.open_log(settings)
    return SqliteStore(settings.data_dir, clock=clock).log(
        disk_free_bytes_min=settings.disk_free_bytes_min,
        waiting_events_max=settings.waiting_events_max,
        share_of=sources.share_of,
        timeline=process.clock,
    )


@contextlib.asynccontextmanager
async def beside_accepting(
    process: "Process", store: "SqliteLog | NodeLog", door: "Suppressing", refusals: "Refusals"
) -> AsyncIterator[None]:
    """Do beside accepting, while inside: erasures in this machine's file; on one of several, follow what others set."""
    follow = follow_list(door, refusals)
    if isinstance(store, SqliteLog):
        async with erasing(process, BehindTheDoor(store, follow), follow):
            yield
        return
    from penstock.run.erasing_nodes import at_the_door

    async with at_the_door(process, functools.partial(store.look_beside, follow)):
        yield


def limits_of(settings: Settings) -> "Limits":
    """Return what bounds requests."""
    from penstock.accept.app import Limits

    return Limits(
        body_bytes_max=settings.body_bytes_max,
        bodies_bytes_max=settings.bodies_bytes_max,
        request_events_max=settings.request_events_max,
        batch_all_or_nothing=settings.batch_all_or_nothing,
        path_prefix=settings.path_prefix,
        public_url=settings.public_ingest_url,
        trusted_proxies=settings.trusted_proxies,
    )
