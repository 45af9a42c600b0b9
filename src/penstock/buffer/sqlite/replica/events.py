"""Events beyond one machine: any node appends what it accepted, and every node makes the same log of it.

A request is in one message, so it is never half visible. Each view gives numbers and finds repeats with the code that does so on
one machine; all read the same order, so all find the same. What that code remembers for longer than it must depends on how a
process went: here an id is known exactly as long as its event is stored. What is removed is said in the stream, by one node.
"""

import asyncio
import functools
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any

import msgspec

from penstock.buffer.port.traces import Removal
from penstock.buffer.rules.store_shares import StoreShares, whole
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.group_commit import GroupCommit
from penstock.buffer.sqlite.log import segments
from penstock.buffer.sqlite.log.ids import Filter, MessageIds, places_in_runs
from penstock.buffer.sqlite.log.log import ANY_TIME_MS, PRUNE_PAGES_MAX, PRUNE_ROWS_MAX, Appends, cut
from penstock.buffer.sqlite.privacy import log_removal
from penstock.buffer.sqlite.privacy.log_removal import ErasedNumbers
from penstock.buffer.sqlite.replica import messages
from penstock.buffer.sqlite.replica.follower import FileView
from penstock.buffer.sqlite.replica.lives import life_in_use
from penstock.buffer.sqlite.replica.messages import (
    StreamMessage,
    ViewPlace,
    What,
    chained,
    encoded,
    message_of,
    place_behind,
)
from penstock.buffer.sqlite.replica.place import floor_of, move, note_wiped, raise_floor
from penstock.errors import BufferUnavailable, SettingsError, ViewRefused, WitnessUnreachable
from penstock.event import Batch
from penstock.witness.port import NotAppended, StreamEntry, Streams

STREAM = "EVENTS"
#: How events are told in the stream: the number of the first events.db that told them so. Each view reads all from the first on.
FORMAT, FORMATS_FROM = 7, 7
# Requests that came meanwhile go together up to so much; a larger one has a message of its own.
BODY_BYTES = 1 << 20
# No share is reckoned with here: what is taken in was accepted.
NO_BOUND = 10**18
# How often a node that prunes tries to say what all before came to, while others append.
TRIES = 3
# What depends on what is stored, or changes it.
APART = {What.PRUNED, What.ERASED}
WHOLE = f"""
SELECT max(last_seq) FROM (SELECT last_seq, received_at_ms FROM segment WHERE last_seq < ? ORDER BY last_seq LIMIT {PRUNE_ROWS_MAX})
WHERE received_at_ms < ?
"""  # noqa: S608 - our own number

RequestParts = Sequence[segments.SegmentPart]
_parts_of = msgspec.msgpack.Decoder(list[tuple[str, list[str], int, bytes]]).decode


class StreamedLog:
    """accept's end: events go into the stream, and no file is needed for that; see port/log.py."""

    def __init__(self, witness: Streams) -> None:
        self.witness, self.group = witness, GroupCommit[Any](self, recorder=self._append_group)
        self.token, self.appended = secrets.token_hex(8), 0
        #: Why events cannot be stored, as was learned last; empty when they can.
        self.trouble = ""
        #: Why nothing may be appended, though it could; empty when it may.
        self.unused = ""

    async def append(self, batches: Sequence[Batch]) -> int:
        """Append all events of some batches; return how many they are: which of them are repeats, the views find out.

        Raises BufferUnavailable, also when it is not known whether they were appended: sent again, they are recognised.
        """
        if self.unused:
            raise BufferUnavailable(self.unused)
        parts: list[segments.SegmentPart] = []
        for batch in batches:
            if segments.fits(batch):
                parts.append(segments.part(batch))
            else:
                await cut(batch, parts)
        operation: Callable[[Any], Any] = lambda _: parts  # noqa: E731 - what is to be appended; the answer is how many
        return int(await self.group.run(operation)) if parts else 0

    def problem(self) -> str:
        """Return why nothing can be stored now; empty when it can."""
        return self.trouble

    async def look(self) -> int:
        """Learn whether the streams are there, and in use; for once a second, also while no events come. Returns 0.

        While they are not, nothing is accepted. What a stream without room refuses shows with the next events.
        """
        try:
            await life_in_use(self.witness)
            await self.witness.span(STREAM)
        except ViewRefused as error:
            self.unused = self.trouble = str(error)
        except (WitnessUnreachable, SettingsError) as error:
            self.trouble = str(error)
        else:
            self.unused = self.trouble = ""
        return 0

    async def close(self) -> None:
        """Append what is pending."""
        await self.group.close()

    def commit(self, operations: Sequence[Callable[[Any], Any]]) -> list[Any]:
        """Return what is to be appended; see group_commit.Transactions."""
        return [operation(None) for operation in operations]

    async def _append_group(
        self, _executor: Executor, commit: Callable[..., list[Any]], operations: Sequence[Callable[[Any], Any]]
    ) -> list[Any]:
        answers: list[Any] = []
        for some in together(commit(operations)):
            try:
                await self._append([part for parts in some for part in parts])
                answers += [sum(len(part.ids) for part in parts) for parts in some]
                self.trouble = ""
            except BufferUnavailable as error:
                answers += [error] * len(some)
                self.trouble = error.reason
        return answers

    async def _append(self, parts: RequestParts) -> None:
        body = msgspec.msgpack.encode([tuple(part) for part in parts])
        self.appended += 1
        said = encoded(message_of(What.EVENTS, body, schema=FORMAT))
        try:
            await self.witness.append(STREAM, said, expected=None, id=f"{self.token}-{self.appended}")
        except WitnessUnreachable as error:
            raise BufferUnavailable(str(error), retry_after_s=error.retry_after_s) from error
        except SettingsError as error:
            raise BufferUnavailable(str(error)) from error


def together(requests: Sequence[RequestParts]) -> list[list[RequestParts]]:
    """Return which requests go into one message each: as many as fit, in order, and none in two."""
    found: list[list[RequestParts]] = []
    room = 0
    for parts in requests:
        size = sum(len(part.encoding) for part in parts)
        if not found or size > room:
            found.append([])
            room = BODY_BYTES
        found[-1].append(parts)
        room -= size
    return found


class IdsOfStored(MessageIds):
    """Message ids that are known exactly as long as their events are stored."""

    floor = 1

    def _is_stored(self, source: str, id_: str, filter_: Filter) -> bool:
        in_memory = (places.of.get(source, {}).get(id_, 0) for places in (self.recent, self.unfinished.places))
        if any(seq >= self.floor for seq in in_memory):
            return True
        return any(seq >= self.floor for seq in places_in_runs(self.connection, source, id_, filter_))


class EventsView(FileView):
    """events.db of a node, made of the stream."""

    def read_again(self) -> None:
        """Learn from the file what it says; nothing that was known of another one counts."""
        super().read_again()
        self.appends = Appends(self.connection, StoreShares(share_of=whole, events_max=NO_BOUND))
        self.appends.ids = self.ids = IdsOfStored(self.connection)
        self.ids.floor = floor_of(self.connection)

    def _take_in(self, entries: Sequence[StreamEntry]) -> None:
        place, some = self.place, list[Callable[[SqliteConnection], Any]]()
        for message, number in self._fresh(entries):
            self.check(message, place, number)
            if message.what in APART:
                # Which ids are known depends on what is stored: this belongs exactly between its neighbours.
                self._write(some, place)
                some = []
            place = place_behind(place, message, number)
            some.append(functools.partial(self.change, message=message, name=f"{self.stream} {number}"))
            if message.what in APART:
                self._write(some, place)
                some = []
        self._write(some, place)

    def check(self, message: StreamMessage, place: ViewPlace, number: int) -> None:
        """Raise ViewRefused where a message does not follow a place. Its file's schema is each node's own: events are told, not rows."""
        messages.check(self.stream, message, place, number=number, schema=FORMAT, known=FORMAT, oldest=FORMATS_FROM)

    def _write(self, some: Sequence[Callable[[SqliteConnection], Any]], place: ViewPlace) -> None:
        if some:
            self.appends.commit([*some, lambda connection: move(connection, place)])
            self.place = place

    def change(self, connection: SqliteConnection, message: StreamMessage, *, name: str) -> None:
        """Store events, or remove those that the stream says."""
        self.require_body(message, name=name)
        if message.what is What.EVENTS:
            self.appends.take([segments.SegmentPart(*part) for part in _parts_of(message.body)])
        elif message.what is What.PRUNED:
            self._remove(connection, msgspec.msgpack.decode(message.body, type=int))
        elif message.what is What.ERASED:
            self._erase(connection, msgspec.msgpack.decode(message.body, type=ErasedNumbers))

    def _erase(self, connection: SqliteConnection, numbers: ErasedNumbers) -> None:
        # What is remembered of message ids is read again before the next event.
        self.appends.version = None if log_removal.erase_numbers(connection, numbers) else self.appends.version
        self.is_wiped = False
        note_wiped(connection, wiped=False)

    async def remove(self, removal: Removal) -> bool:
        """Take people's events out at every node; return whether nothing is left of them in this one's file.

        What the stream says of it is numbers. Raises ViewRefused, WitnessUnreachable, and what the file raises.
        """
        loop = asyncio.get_running_loop()
        await self.catch_up()
        for some in log_removal.in_steps(removal.seqs):
            find = functools.partial(log_removal.numbers_of, self.connection, some, removal.names)
            numbers = await loop.run_in_executor(self.executor, find)
            if numbers.gone or numbers.trimmed:
                said = message_of(What.ERASED, msgspec.msgpack.encode(numbers), schema=FORMAT)
                id_ = f"erased-{secrets.token_hex(8)}"
                await self.witness.append(STREAM, encoded(said), expected=None, id=id_)
                await self.catch_up()
        return await self.wipe()

    def _remove(self, connection: SqliteConnection, below: int) -> None:
        segments.remove(connection, below_seq=below, older_than_ms=ANY_TIME_MS, rows_max=NO_BOUND)
        raise_floor(connection, below)
        self.ids.floor = max(self.ids.floor, below)
        self.ids.prune()
        connection.execute(f"PRAGMA incremental_vacuum({PRUNE_PAGES_MAX})").fetchall()

    async def prune(self, *, settled_below: int, older_than_ms: int) -> int:
        """Say which events every node removes: whole segments that are old and below what waits; return below which number.

        0 when there are none. One node does this, who knows what waits; nothing is removed here before the stream says so.
        """
        loop = asyncio.get_running_loop()
        old = await loop.run_in_executor(self.executor, self._old, settled_below, older_than_ms)
        if not old:
            return 0
        said = message_of(What.PRUNED, msgspec.msgpack.encode(old + 1), schema=FORMAT)
        id_ = f"pruned-{secrets.token_hex(8)}"
        for _ in range(TRIES):
            # Who appends behind a place that is known says also what all before it came to: other views compare.
            sure, expected = chained(said, self.place, epoch=0), self.place.number
            number = await self.witness.append(STREAM, encoded(sure), expected=expected, id=id_)
            if not isinstance(number, NotAppended):
                return old + 1
            await self.catch_up()
        await self.witness.append(STREAM, encoded(said), expected=None, id=id_)
        return old + 1

    def _old(self, settled_below: int, older_than_ms: int) -> int:
        found: int | None = self.connection.execute(WHOLE, [settled_below, older_than_ms]).fetchone()[0]
        return found or 0
