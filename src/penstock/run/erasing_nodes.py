"""Erasures and suppressions on several machines: what is asked at one node is done where it can be, and every door knows the list."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

from penstock.buffer.port.traces import Removal
from penstock.buffer.sqlite.file import EVENTS
from penstock.buffer.sqlite.folder import identity_of
from penstock.errors import SteppedDown, WitnessUnreachable
from penstock.privacy.errands import follow
from penstock.run.courier import Courier
from penstock.run.erasures import LOOK_S
from penstock.run.opening import open_errands, open_suppressed
from penstock.run.sharing import connected, following_others

if TYPE_CHECKING:
    from penstock.run.process import Process


def errands_of(
    process: "Process", owner: str, remove: Callable[[Removal], Awaitable[bool]]
) -> Callable[[], Awaitable[int]]:
    """Return the chore of doing what an owner is asked for; what another node is to do by now, or no engine answers, waits."""
    errands = open_errands(process.settings)

    async def chore() -> int:
        try:
            return await follow(errands, owner, Removal, remove)
        except (SteppedDown, WitnessUnreachable):
            return 0

    return chore


@contextlib.asynccontextmanager
async def beside_others(process: "Process") -> AsyncIterator[None]:
    """Take in what other nodes set, know and ask, and let them have it from here, while inside."""
    async with following_others(process), process.regularly(carrying(process), every_s=LOOK_S):
        yield


@contextlib.asynccontextmanager
async def at_the_door(process: "Process", follow_list: Callable[[], Awaitable[int]]) -> AsyncIterator[None]:
    """Take in what other nodes set, and who is dropped, while inside."""
    async with following_others(process), process.regularly(follow_list, every_s=LOOK_S):
        yield


def carrying(process: "Process") -> Callable[[], Awaitable[int]]:
    """Return the chore of carrying what is known and asked about people from node to node."""
    couriers = list[Courier]()

    async def chore() -> int:
        settings = process.settings
        folder = identity_of(settings.data_dir / EVENTS)
        try:
            if folder and not couriers:
                people, errands = open_suppressed(settings), open_errands(settings)
                couriers.append(Courier(await connected(settings), people, errands, folder=folder))
            for courier in couriers:
                await courier.step()
        except WitnessUnreachable as error:
            process.heard("engine_unreachable", reason=str(error))
        return 0

    return chore
