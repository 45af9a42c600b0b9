"""A process of one of several machines: what others set and order is followed into control.db, and what it is, is said to them."""

import asyncio
import contextlib
import fcntl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

from penstock import __version__
from penstock.buffer.sqlite.at_rest.secret import fingerprint_of
from penstock.buffer.sqlite.file import CONTROL, DELIVERY, EVENTS, SCHEMAS, snapshot
from penstock.buffer.sqlite.replica import control, snapshots
from penstock.buffer.sqlite.replica.events import STREAM as EVENTS_STREAM
from penstock.buffer.sqlite.replica.follower import FileView
from penstock.buffer.sqlite.replica.node import STATE
from penstock.buffer.sqlite.replica.place import is_view, place_of
from penstock.errors import BufferUnavailable, StoreDamaged
from penstock.inspect.cluster import SHOWN
from penstock.run.at_rest import unlock
from penstock.run.cluster import NODE, cluster_of, require_same_key
from penstock.settings import Settings
from penstock.witness.board import NodeBoard, NodeWord
from penstock.witness.port import Witness

if TYPE_CHECKING:
    from penstock.run.process import Process

#: By stream: the file of each node that follows it.
VIEWS = {EVENTS_STREAM: EVENTS, STATE: DELIVERY, control.STREAM: CONTROL}
# How long one look for changes of others waits for one; a second is soon enough.
WAIT_S = 1.0
#: A node that runs keeps a lease; without word from it for so long it is not heard of any more. Words of itself are said as often.
HEARD_S, KEPT_EVERY_S = 10.0, 2.5
# After so many changes a snapshot, and then the stream is shortened to what it lacks.
CONTROL_KEPT = 2_000
# How often a start looks whether another process of this node took everything in.
AGAIN_S = 0.1


class Neighbour:
    """One process among all of all nodes. `step` again and again; close it in the end."""

    def __init__(self, process: "Process", name: str, connect: Callable[[], Awaitable[Witness]]) -> None:
        self.process, self.name, self.connect = process, name, connect
        self.witness: Witness | None = None
        self.view: FileView | None = None
        self.lock: IO[str] | None = None
        self.said_at = float("-inf")

    async def step(self) -> None:
        """Take in what others changed, waiting a second for it, and say from time to time that this process is there.

        Raises WitnessUnreachable, BufferUnavailable, SettingsError for a secret key that is not the others', StoreDamaged.
        """
        if self.witness is None:
            self.witness = await self.connect()
            self.board = NodeBoard(self.witness)
        if self.view is None and self._is_to_follow():
            view = FileView(self._folder / CONTROL, control.STREAM, self.witness)
            view.open()
            self.view = view
        if self.view is None:
            await asyncio.sleep(WAIT_S)
        else:
            await self.view.step(wait_s=WAIT_S)
        if self.process.clock.steady() - self.said_at >= KEPT_EVERY_S:
            await self._say(self.witness)
            self.said_at = self.process.clock.steady()

    async def close(self) -> None:
        """Let the file and the engine go."""
        if self.view is not None:
            self.view.close()
        if self.lock is not None:
            self.lock.close()
        if self.witness is not None:
            await self.witness.close()

    @property
    def _folder(self) -> Path:
        return self.process.settings.data_dir

    def _is_to_follow(self) -> bool:
        """Return whether no other process of this node follows: a snapshot is loaded by way of one file beside control.db."""
        self.lock = self.lock or locked(self._folder)
        return self.lock is not None

    async def _say(self, witness: Witness) -> None:
        settings, role = self.process.settings, self.process.role
        words, owners = await self.board.look(), await witness.owners()
        word = word_of(settings, node=self.name, role=role, at=self.process.clock.now())
        require_same_key(word, words, owners)
        await witness.lease(NODE + self.name, owner=self.name, ttl_s=HEARD_S)
        await self.board.say(word)
        await self.board.shorten()
        if self.view is not None:
            await shorten_control(self.view)
        if role == "operate":
            self.process.snapshots.write(SHOWN, await self._shown(witness))

    async def _shown(self, witness: Witness) -> dict[str, object]:
        settings = self.process.settings
        words, owners = await self.board.look(), await witness.owners()
        lasts = {stream: (await witness.span(stream)).last for stream in VIEWS}
        found = cluster_of(words, owners, lasts, engine=settings.engine, here=self.name, now=self.process.clock.now())
        shown: dict[str, object] = msgspec.to_builtins(found)
        return shown


async def shorten_control(view: FileView) -> None:
    """Put a snapshot of what people set and ordered once its stream is long, and let that keep what the snapshot lacks."""
    span = await view.witness.span(view.stream)
    if span.last - span.pruned >= CONTROL_KEPT:
        number = await snapshots.put(view.path, view.stream, view.witness)
        await view.witness.prune(view.stream, through=number)


def word_of(settings: Settings, *, node: str, role: str, at: float) -> NodeWord:
    """Return what there is to say of this node. Raises SettingsError."""
    return NodeWord(
        node=node,
        role=role,
        at=at,
        version=__version__,
        secret_keys=[fingerprint_of(key) for key in unlock(settings).all()],
        schemas={name: len(SCHEMAS[name]) for name in VIEWS.values()},
        places={
            stream: place for stream, file in VIEWS.items() if (place := _place(settings.data_dir / file)) is not None
        },
    )


def _place(path: Path) -> int | None:
    """Return how far a file has come; None when it follows nothing, or cannot be read now."""
    try:
        with snapshot(path) as view:
            return place_of(view).number if view is not None and is_view(view) else None
    except (BufferUnavailable, StoreDamaged):
        return None


async def as_others(settings: Settings, name: str, witness: Witness, *, at: float) -> None:
    """Take in all that others set, at a start, when this node's secret key is theirs.

    Raises SettingsError, WitnessUnreachable, BufferUnavailable, StoreDamaged.
    """
    words, owners, file = await NodeBoard(witness).look(), await witness.owners(), settings.data_dir / CONTROL
    require_same_key(word_of(settings, node=name, role="", at=at), words, owners)
    last = (await witness.span(control.STREAM)).last
    while (lock := locked(settings.data_dir)) is None:
        if (_place(file) or 0) >= last:
            return  # another process of this node took it in
        await asyncio.sleep(AGAIN_S)
    with lock, contextlib.closing(FileView(file, control.STREAM, witness)) as view:
        view.open()
        await view.catch_up()


def locked(data_dir: Path) -> IO[str] | None:
    """Return what lets this process alone of its node follow into control.db; None while another one does."""
    lock = (data_dir / "control.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock
