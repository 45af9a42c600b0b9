"""The promises of a witness in Python's own words, for tests and the simulation, with what a network does to them.

One `MemoryEngine` stands for the servers; each node has a `MemoryWitness` over it, with a `Weather` of its own: answers that are
lost after the deed, requests that never come, delays, and being cut off. All of it by dice and the loop's time.
"""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeVar

from penstock.clock import Clock, Dice
from penstock.errors import BufferUnavailable, SnapshotReplaced, WitnessUnreachable
from penstock.witness.port import (
    ANSWER_S_MAX,
    IDS_REMEMBERED_S,
    READ_BYTES_MAX,
    NotAppended,
    Span,
    StreamEntry,
    Tenure,
    ViewSnapshot,
)
from penstock.witness.words import checked_id, checked_message, checked_name, checked_piece, checked_ttl

# How often a number is left out, as where a message takes several; who counts numbers notices.
GAPS = 0.1

Answered = TypeVar("Answered")


@dataclasses.dataclass(slots=True)
class Weather:
    """What becomes of a node's requests on their way; shares are of 1."""

    #: Done, and the node does not hear of it.
    answers_lost: float = 0.0
    #: Not done, and the node does not hear of it.
    requests_lost: float = 0.0
    #: Each way takes up to so long.
    delay_s_max: float = 0.0
    #: Nothing comes through, either way.
    is_cut: bool = False


class _Stream:
    """One stream's messages, and who waits for the next."""

    def __init__(self) -> None:
        self.entries: list[StreamEntry] = []
        self.span = Span(pruned=0, last=0)
        #: By id: the number that it got, and when.
        self.ids: dict[str, tuple[int, float]] = {}
        self.grown = asyncio.Event()

    def add(self, message: bytes, number: int) -> None:
        self.entries.append(StreamEntry(number, message))
        self.span = dataclasses.replace(self.span, last=number)
        self.grown.set()
        self.grown = asyncio.Event()

    def prune(self, through: int) -> None:
        through = min(through, self.span.last)
        if through > self.span.pruned:
            self.entries = [entry for entry in self.entries if entry.number > through]
            self.span = dataclasses.replace(self.span, pruned=through)


@dataclasses.dataclass(slots=True)
class _Lease:
    tenure: Tenure
    until_s: float


class MemoryEngine:
    """The servers, as one that never errs: what every node's witness asks, at once and undisturbed."""

    def __init__(self, clock: Clock, dice: Dice) -> None:
        self.clock, self.dice = clock, dice
        self.streams: dict[str, _Stream] = {}
        self.leases: dict[str, _Lease] = {}
        self.snapshots: dict[str, tuple[int, tuple[bytes, ...]]] = {}
        #: The last epoch of every lease that ever was: a new owner's is always higher.
        self.epochs: dict[str, int] = {}
        #: Full servers take nothing more, and say so.
        self.is_full = False

    def stream(self, name: str) -> _Stream:
        """Return a stream, new if it was never named."""
        return self.streams.setdefault(name, _Stream())

    def append(self, name: str, message: bytes, *, expected: int | None, message_id: str) -> int | NotAppended:
        """Append, unless the id is known or another number was expected."""
        stream, now = self.stream(name), self.clock.awake()
        number, at = stream.ids.get(message_id, (0, 0.0))
        if number and now - at <= IDS_REMEMBERED_S:
            return number
        if expected is not None and expected != stream.span.last:
            return NotAppended(stream.span.last)
        if self.is_full:
            raise BufferUnavailable(f"the stream {name} is full")
        number = stream.span.last + (2 if self.dice.uniform(0, 1) < GAPS else 1)
        stream.ids[message_id] = (number, now)
        stream.add(message, number)
        return number

    def lease(self, name: str, *, owner: str, ttl_s: float) -> Tenure:
        """Give the lease to the node that asks, if none holds it."""
        now, held = self.clock.awake(), self.leases.get(name)
        if held is None or held.until_s <= now:
            self.epochs[name] = self.epochs.get(name, 0) + 1
            held = self.leases[name] = _Lease(Tenure(owner, self.epochs[name]), now)
        if held.tenure.owner == owner:
            held.until_s = now + ttl_s
        return held.tenure

    def release(self, name: str, owner: str) -> None:
        """Take a lease from its owner."""
        held = self.leases.get(name)
        if held and held.tenure.owner == owner:
            del self.leases[name]

    def owners(self) -> dict[str, Tenure]:
        """Return the leases that have not run out."""
        now = self.clock.awake()
        return {name: held.tenure for name, held in self.leases.items() if held.until_s > now}

    def put(self, name: str, number: int, pieces: tuple[bytes, ...]) -> bool:
        """Keep a snapshot, unless there is one as new."""
        if name in self.snapshots and self.snapshots[name][0] >= number:
            return False
        self.snapshots[name] = (number, pieces)
        return True


class MemoryWitness:
    """A node's way to the engine, and what happens on it."""

    def __init__(self, engine: MemoryEngine, weather: Weather | None = None) -> None:
        self.engine, self.weather = engine, weather or Weather()

    async def append(self, stream: str, message: bytes, *, expected: int | None, id: str) -> int | NotAppended:  # noqa: A002
        """Append through the weather."""
        name, body, message_id = checked_name(stream), checked_message(message), checked_id(id)
        return await self._ask(lambda: self.engine.append(name, body, expected=expected, message_id=message_id))

    async def read(self, stream: str, *, after: int, wait_s: float = 0.0) -> Sequence[StreamEntry] | Span:
        """Read what there is, or wait for it."""
        name = checked_name(stream)
        grown = self.engine.stream(name).grown
        found = await self._ask(lambda: self._look(name, after))
        if found or isinstance(found, Span) or wait_s <= 0:
            return found
        try:
            async with asyncio.timeout(wait_s):
                await grown.wait()
        except TimeoutError:
            return ()
        return await self._ask(lambda: self._look(name, after))

    def _look(self, name: str, after: int) -> Sequence[StreamEntry] | Span:
        stream = self.engine.stream(name)
        if not stream.span.pruned <= after <= stream.span.last:
            return stream.span
        found, size = list[StreamEntry](), 0
        for entry in stream.entries:
            if entry.number > after and size < READ_BYTES_MAX:
                found.append(entry)
                size += len(entry.message)
        return found

    async def span(self, stream: str) -> Span:
        """Return what the stream holds."""
        name = checked_name(stream)
        return await self._ask(lambda: self.engine.stream(name).span)

    async def prune(self, stream: str, *, through: int, is_erasing: bool = False) -> None:  # noqa: ARG002 - nothing of it is left anyway
        """Forget what is no longer needed."""
        name = checked_name(stream)
        await self._ask(lambda: self.engine.stream(name).prune(through))

    async def lease(self, name: str, *, owner: str, ttl_s: float) -> Tenure:
        """Take or keep a lease."""
        checked_name(name), checked_name(owner), checked_ttl(ttl_s)
        return await self._ask(lambda: self.engine.lease(name, owner=owner, ttl_s=ttl_s))

    async def release(self, name: str, *, owner: str) -> None:
        """Give it up."""
        await self._ask(lambda: self.engine.release(name, owner))

    async def owners(self) -> dict[str, Tenure]:
        """Return who holds what."""
        return await self._ask(self.engine.owners)

    async def put_snapshot(self, name: str, *, number: int, pieces: AsyncIterator[bytes]) -> bool:
        """Keep a snapshot once its last piece is there."""
        checked_name(name)
        kept = tuple([checked_piece(piece) async for piece in pieces])
        return await self._ask(lambda: self.engine.put(name, number, kept))

    async def get_snapshot(self, name: str) -> ViewSnapshot | None:
        """Return the newest one."""
        checked_name(name)
        number, pieces = await self._ask(lambda: self.engine.snapshots.get(name, (0, None)))
        return None if pieces is None else ViewSnapshot(number, self._pieces(name, number, len(pieces)))

    async def _pieces(self, name: str, number: int, count: int) -> AsyncIterator[bytes]:
        for place in range(count):
            now_there, pieces = await self._ask(lambda: self.engine.snapshots[name])
            if now_there != number:
                raise SnapshotReplaced(name)
            yield pieces[place]

    async def close(self) -> None:
        """Go; there is nothing to let go of."""

    async def _ask(self, deed: Callable[[], Answered]) -> Answered:
        weather, dice = self.weather, self.engine.dice
        await self._travel()
        if weather.is_cut or dice.uniform(0, 1) < weather.requests_lost:
            await self._nothing_comes()
        answer = deed()
        await self._travel()
        if weather.is_cut or dice.uniform(0, 1) < weather.answers_lost:
            await self._nothing_comes()
        return answer

    async def _travel(self) -> None:
        await asyncio.sleep(self.engine.dice.uniform(0, self.weather.delay_s_max) if self.weather.delay_s_max else 0)

    async def _nothing_comes(self) -> None:
        await asyncio.sleep(ANSWER_S_MAX)
        raise WitnessUnreachable("memory", "no answer came")
