"""Erasures, put together: what accept and deliver do when they are asked, and who asks them."""

import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from penstock import __version__
from penstock.buffer.port.traces import Removal
from penstock.buffer.rules.needles import Needles
from penstock.clock import Clock
from penstock.errors import SettingsError
from penstock.privacy.errands import follow
from penstock.run.opening import open_asking, open_errands, open_requests, open_searching
from penstock.settings import Destination, Settings

if TYPE_CHECKING:
    from penstock.accept.refused import Refusals
    from penstock.accept.suppressing import Suppressing
    from penstock.destinations.erasure import Erased, NotErased
    from penstock.erasing.eraser import Eraser
    from penstock.run.process import Process

# How often the owners of files look for what they are asked.
LOOK_S = 1.0
SHADOW = "in shadow mode: Penstock writes nothing there, and deletes nothing; the program that wrote them has to delete"

#: Says what a process has in mind in the words that are returned for them.
Reword = Callable[[Callable[[str], str]], None]


class Owner(Protocol):
    """Who owns a file that people are to be removed from."""

    async def remove(self, removal: Removal) -> bool:
        """Remove them; return whether that was all."""


class BehindTheDoor:
    """events.db, whose door knows everybody who is on the list before it loses what is stored of them: nothing of theirs comes in behind it."""

    def __init__(self, store: Owner, follow_list: Callable[[], Awaitable[int]]) -> None:
        self.store, self.follow_list = store, follow_list

    async def remove(self, removal: Removal) -> bool:
        """Remove people; return whether that was all."""
        await self.follow_list()
        return await self.store.remove(removal)


def follow_list(door: "Suppressing", refusals: "Refusals") -> Callable[[], Awaitable[int]]:
    """Return what learns who was suppressed since the last look, and forgets requests that were refused and name them."""

    async def follow_list() -> int:
        is_changed = door.people.is_changed()
        await door.follow()
        if is_changed:
            refusals.forget_suppressed()
        return 0

    return follow_list


class WithMemory:
    """delivery.db, whose process has in mind what answers said: it forgets that first, for it would write it down again."""

    def __init__(self, remove: Callable[[Removal], Awaitable[bool]], reword: Reword) -> None:
        self.remove_stored, self.reword = remove, reword

    async def remove(self, removal: Removal) -> bool:
        """Remove people; return whether that was all."""
        self.reword(Needles(removal.names).unsaid)
        return await self.remove_stored(removal)


@contextlib.asynccontextmanager
async def erasing(process: "Process", owner: Owner, *beside: Callable[[], Awaitable[int]]) -> AsyncIterator[None]:
    """Look each second, while inside, whether the owner of a file is to remove a person; and do what is to be done beside."""
    errands = open_errands(process.settings)
    own: Callable[[], Awaitable[int]] = functools.partial(follow, errands, process.role, Removal, owner.remove)
    chores = (own, *beside)
    async with contextlib.AsyncExitStack() as stack:
        for chore in chores:
            await stack.enter_async_context(process.regularly(chore, every_s=LOOK_S))
        yield


def open_eraser(settings: Callable[[], Settings], *, clock: Clock, minds: Sequence[Reword] = ()) -> "Eraser":
    """Return who brings erasures to their end; `settings` are those in force, `minds` what this process would write down again."""
    from penstock.buffer.sqlite.folder import FILES, identity_of
    from penstock.erasing.eraser import Eraser
    from penstock.privacy.receipt import Seal

    def forget(names: frozenset[str]) -> None:
        needles = Needles(names)
        for reword in minds:
            reword(needles.unsaid)

    now = settings()
    return Eraser(
        open_asking(now),
        errands=open_errands(now),
        searching=open_searching(now, settings),
        destinations=lambda: _ways(settings(), clock),
        seal=Seal(now.data_dir),
        clock=clock,
        facts=lambda: {"penstock": __version__, "folder": identity_of(now.data_dir / FILES[0])},
        calls_end_s=lambda: settings().call_timeout_s,
        forget=forget,
        beyond=None if now.engine == "sqlite" else functools.partial(_beyond, settings),
    )


async def _beyond(settings: Callable[[], Settings]) -> Sequence[str]:
    """Let the streams keep nothing of what this node's files have lost; return what the engine still has.

    Raises WitnessUnreachable, SettingsError, BufferUnavailable.
    """
    from penstock.buffer.sqlite.replica.moves import STREAMS
    from penstock.buffer.sqlite.replica.snapshots import ViewFile, forget_behind
    from penstock.witness.opening import open_witness
    from penstock.witness.remains import REMAINS

    now = settings()
    witness = await open_witness(now)
    if witness is None:
        return ()
    try:
        await forget_behind([ViewFile(now.data_dir / file, stream) for file, stream in STREAMS.items()], witness)
    finally:
        await witness.close()
    return REMAINS[now.engine]


def late_erasures(settings: Settings) -> list[str]:
    """Return what people must know of erasures that are past their deadline. Never raises."""
    from penstock.privacy.requests import late_in_words

    try:
        return late_in_words(open_requests(settings))
    except (SettingsError, OSError) as error:
        return [f"requests about people cannot be read: {error}"]


def _ways(
    settings: Settings, clock: Clock
) -> Mapping[str, Callable[[frozenset[str]], Awaitable["Erased | NotErased"]]]:
    return {
        name: functools.partial(_erase, destination, settings, clock)
        for name, destination in settings.destinations.items()
    }


async def _erase(
    destination: Destination, settings: Settings, clock: Clock, names: frozenset[str]
) -> "Erased | NotErased":
    """Ask one destination to delete people, with a connection of its own."""
    from penstock.destinations.erasure import Erased
    from penstock.destinations.every import package_of
    from penstock.destinations.reading import options_of

    if destination.mode == "shadow":
        return Erased(0, SHADOW)
    package = package_of(destination)
    api = package.connect(destination, settings, clock)
    try:
        return await package.erase(api, names, options_of(destination, settings))
    finally:
        await api.close()
