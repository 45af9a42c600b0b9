"""One of several machines: accept gives events to all, and deliver serves the destinations while it is this node's turn."""

import asyncio
import contextlib
import dataclasses
import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import structlog

from penstock.buffer.sqlite.delivery.retention import settled_below
from penstock.buffer.sqlite.file import DELIVERY, snapshot
from penstock.buffer.sqlite.replica.events import STREAM, StreamedLog
from penstock.buffer.sqlite.replica.node import DeliveryNode, NodeStanding
from penstock.buffer.sqlite.replica.tenure import ASKED
from penstock.clock import SystemClock
from penstock.deliver.owned import OwnedApi
from penstock.deliver.watchman import Watchman
from penstock.errors import (
    BufferUnavailable,
    SettingsError,
    SteppedDown,
    StoreDamaged,
    WitnessDamaged,
    WitnessUnreachable,
)
from penstock.event import Batch
from penstock.run.care import kept_until
from penstock.run.delivering import open_fleet, pruning
from penstock.run.erasing_nodes import errands_of
from penstock.run.erasures import LOOK_S, WithMemory
from penstock.run.sharing import connected, following_others, node_name
from penstock.run.telling import EVERY_S, FactsTold
from penstock.settings import Settings
from penstock.timeline import Jump
from penstock.witness.port import NotAppended, Span, StreamEntry, Streams

if TYPE_CHECKING:
    from penstock.buffer.sqlite.delivery.delivery import DeliveryStore
    from penstock.deliver.fleet import Fleet
    from penstock.run.process import Process

log = structlog.get_logger()
AGAIN_S = 2.0
# How often the owner looks whether streams have become long.
SHORTEN_S = 30.0


class LateStreams:
    """The streams, connected when something is first appended: senders are told to come again as long as that cannot be."""

    def __init__(self, connect: Callable[[], Awaitable[Streams]]) -> None:
        self.connect, self.lock = connect, asyncio.Lock()
        self.streams: Streams | None = None

    async def append(self, stream: str, message: bytes, *, expected: int | None, id: str) -> int | NotAppended:  # noqa: A002
        """Append a message; see witness/port.py."""
        return await (await self.connected()).append(stream, message, expected=expected, id=id)

    async def read(self, stream: str, *, after: int, wait_s: float = 0.0) -> Sequence[StreamEntry] | Span:
        """Read messages; see witness/port.py."""
        return await (await self.connected()).read(stream, after=after, wait_s=wait_s)

    async def span(self, stream: str) -> Span:
        """Return what a stream holds; see witness/port.py."""
        return await (await self.connected()).span(stream)

    async def prune(self, stream: str, *, through: int, is_erasing: bool = False) -> None:
        """Remove messages; see witness/port.py."""
        await (await self.connected()).prune(stream, through=through, is_erasing=is_erasing)

    async def connected(self) -> Streams:
        """Return the streams. Raises SettingsError, WitnessUnreachable."""
        async with self.lock:
            if self.streams is None:
                self.streams = await self.connect()
            return self.streams


class NodeLog(StreamedLog):
    """accept's log on one of several machines: events are everybody's when they are answered, and no file is kept here."""

    def __init__(self, streams: LateStreams) -> None:
        super().__init__(streams)
        self.streams = streams

    async def open(self) -> None:
        """Connect to the engine. Raises BufferUnavailable while it cannot be used; SettingsError when it is not fit for us."""
        with contextlib.suppress(WitnessUnreachable):  # asked, and told, again by the look
            await self.streams.connected()
            await self.witness.span(STREAM)
        await self.look()
        if self.trouble:
            raise BufferUnavailable(self.trouble)

    async def look_beside(self, chore: Callable[[], Awaitable[int]]) -> int:
        """Learn whether the engine takes events, and do what else is to be done each second; return what that returns."""
        return await self.look() + await chore()

    async def append(self, batches: Sequence[Batch]) -> int:
        """Append events; see StreamedLog. While it is known that they cannot be, who sends is not kept waiting to hear it."""
        if self.trouble:
            raise BufferUnavailable(self.trouble)
        return await super().append(batches)

    async def prune(self, **_: Any) -> int:
        """Remove nothing: the owner of the destinations says what every node removes."""
        return 0

    async def note_jump(self, jump: Jump) -> None:
        """Keep nothing of a clock that was set: views reckon with the times that events came with."""


async def open_log(settings: Settings) -> NodeLog:
    """Return accept's log. Raises SettingsError."""
    return NodeLog(LateStreams(lambda: connected(settings)))


async def deliver_in_turn(process: "Process") -> None:
    """Follow what the owner of the destinations does, and be the owner when it is this node's turn, until the process is to end."""
    turns = Turns(process)
    async with process.running("deliver", turns.facts), following_others(process):
        if not await process.until_possible(turns.open):
            return
        try:
            async with (
                process.regularly(turns.tell, every_s=EVERY_S),
                process.regularly(errands_of(process, "accept", turns.node.events.remove), every_s=LOOK_S),
            ):
                await turns.take()
        except SettingsError as error:
            process.give_up(error)
        finally:
            await turns.close()


class Turns:
    """This node among the others."""

    def __init__(self, process: "Process") -> None:
        self.process = process
        self.fleet: Fleet | None = None
        #: While this node owns the destinations.
        self.store: DeliveryStore | None = None
        self.telling: FactsTold | None = None
        #: How this node stood when that was learned last, and why it cannot be learned now.
        self.standing: NodeStanding | None = None
        self.trouble = ""

    async def open(self) -> None:
        """Connect, and open both views. Raises BufferUnavailable, StoreDamaged, SettingsError."""
        settings, timeline = self.process.settings, self.process.clock
        try:
            witness = await connected(settings)
        except WitnessUnreachable as error:
            raise BufferUnavailable(str(error)) from error
        name, clock = node_name(settings), SystemClock()
        self.node = DeliveryNode(settings.data_dir, witness, node=name, clock=clock, timeline=timeline)
        self.node.open()
        self.telling = FactsTold(witness, clock=clock)
        self.following = asyncio.create_task(self.node.follow_events())
        self.following.add_done_callback(self._stopped)

    async def close(self) -> None:
        """Let files and engine go."""
        self.following.cancel()
        await asyncio.gather(self.following, return_exceptions=True)
        self.node.close()
        await self.node.witness.close()

    async def take(self) -> None:
        """Own the destinations whenever they are this node's, until the process is to end. Raises SettingsError, StoreDamaged."""
        while not self.process.stopping.is_set():
            owning = asyncio.create_task(self.node.until_owner())
            stop = asyncio.create_task(self.process.stopping.wait())
            await asyncio.wait({owning, stop}, return_when=asyncio.FIRST_COMPLETED)
            stop.cancel()
            if not owning.done():
                owning.cancel()
                await asyncio.gather(owning, return_exceptions=True)
                return
            await self._own(owning.result())

    async def _own(self, store: "DeliveryStore") -> None:
        process, keeper = self.process, self.node.keeper
        log.info("owner", node=self.node.node, epoch=keeper.epoch)
        watchman, end = Watchman(process.take_pulse("deliver")), asyncio.Event()
        self.store = store
        fleet = self.fleet = open_fleet(process, store, watchman, lambda api: OwnedApi(api, keeper.holds))
        memory = WithMemory(functools.partial(self.node.remove, store), fleet.reword)
        process.on_change = fleet.follow
        fleet.follow(process.settings)
        waits = [asyncio.create_task(keeper.keep()), asyncio.create_task(process.stopping.wait())]
        for each in waits:
            each.add_done_callback(lambda _: end.set())
        is_ours = False
        try:
            async with (
                process.regularly(self._prune(store)),
                process.regularly(self._shorten, every_s=SHORTEN_S),
                process.regularly(errands_of(process, "deliver", memory.remove), every_s=LOOK_S),
            ):
                with watchman.watching():
                    await fleet.until(end)
                    is_ours = waits[1].done() or (waits[0].done() and waits[0].result() == ASKED)
                    if is_ours:
                        await fleet.stop()
        except SteppedDown as error:
            is_ours = False
            log.warning("not_owner_any_more", node=self.node.node, reason=str(error))
        finally:
            self.fleet, self.store, process.on_change = None, None, lambda _: None
            for each in waits:
                each.cancel()
        await self._leave(fleet, store, is_ours=is_ours)

    async def _leave(self, fleet: "Fleet", store: "DeliveryStore", *, is_ours: bool) -> None:
        if is_ours:
            await self.node.hand_over(store)
        else:
            await fleet.abandon()
            await self.node.step_down(store)
        log.info("standby", node=self.node.node)

    def _prune(self, store: "DeliveryStore") -> Callable[[], Awaitable[int]]:
        prune = pruning(self.process, store)

        async def chore() -> int:
            settings = self.process.settings
            try:
                removed = await prune()
                with snapshot(settings.data_dir / DELIVERY) as delivery:
                    floor = settled_below(delivery, tuple(settings.destinations)) if delivery else 0
                older = kept_until(settings, now=self.process.clock.now())["older_than_ms"]
                if floor:
                    removed += await self.node.events.prune(settled_below=floor, older_than_ms=older)
            except (SteppedDown, WitnessUnreachable):
                return 0
            return removed

        return chore

    async def _shorten(self) -> int:
        with contextlib.suppress(SteppedDown, WitnessUnreachable):
            await self.node.shorten()
        return 0

    def _stopped(self, following: asyncio.Task[None]) -> None:
        if not following.cancelled() and isinstance(error := following.exception(), SettingsError | StoreDamaged):
            self.process.give_up(error)

    async def tell(self) -> int:
        """Let other nodes know how destinations are, or learn it from the owner; and leave how this node stands."""
        fleet, telling = self.fleet, self.telling
        assert telling is not None
        try:
            await (telling.hear() if fleet is None else telling.tell(fleet.facts()))
            self.standing = await self.node.standing(owned=self.store.recorder if self.store is not None else None)
            self.trouble = ""
        except (WitnessUnreachable, WitnessDamaged) as error:
            self.trouble = str(error)
        self._leave_word()
        return 0

    def _leave_word(self) -> None:
        said = {"engine": self.process.settings.engine, "name": self.node.node, "trouble": self.trouble}
        standing = dataclasses.asdict(self.standing) if self.standing else {}
        try:
            self.process.snapshots.write("node", said | standing)
        except OSError as error:
            self.process.heard("snapshot_not_written", reason=str(error))

    def facts(self) -> Mapping[str, object]:
        """Return every destination's facts, also while another node serves them."""
        return self.fleet.facts() if self.fleet is not None else self.telling.heard if self.telling else {}
