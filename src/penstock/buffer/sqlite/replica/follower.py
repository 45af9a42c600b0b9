"""A standby's end: a file that takes in what its stream says, in order, and knows how far it has come.

What is read at once is taken in with one transaction, with the place it leads to. A message that does not fit (of another schema,
of another chain, rows that are not as they were) stops the view as it was before, loudly: nothing is skipped or guessed. A view
that the stream has gone past begins again from a snapshot.
"""

import asyncio
import concurrent.futures
from collections.abc import Iterator, Sequence
from pathlib import Path

from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.delivery.retention import scrub
from penstock.buffer.sqlite.file import SCHEMAS, as_store_errors, bring_forward, open_writer, transaction
from penstock.buffer.sqlite.privacy import slack
from penstock.buffer.sqlite.replica import changes, messages, snapshots
from penstock.buffer.sqlite.replica.lives import newest_move
from penstock.buffer.sqlite.replica.messages import (
    StreamMessage,
    ViewPlace,
    What,
    chained,
    encoded,
    message_of,
    place_behind,
)
from penstock.buffer.sqlite.replica.place import (
    become_view,
    is_wiped,
    life_of,
    move,
    note_wiped,
    place_of,
    require_view_or_nothing,
)
from penstock.errors import SnapshotReplaced, ViewRefused
from penstock.witness.port import Span, StreamEntry, ViewSnapshot, Witness

# What rows change by, where the stream has changesets.
CHANGING = {What.CHANGES, What.ERASED}


def do(connection: SqliteConnection, path: Path, message: StreamMessage, *, name: str) -> None:
    """Do to a file what a message says, where the stream has changesets."""
    if message.what is What.SCHEMA:
        bring_forward(connection, path, message.schema)
    if message.what in CHANGING and message.body:
        changes.take_in(connection, message, name=name)
    if message.what is What.ERASED:
        note_wiped(connection, wiped=False)


def schema_of(connection: SqliteConnection) -> int:
    """Return the schema that a file has now."""
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return found


class FileView:
    """One file of a data folder that follows a stream. `open` before use, and close it before an owner opens the file."""

    def __init__(self, path: Path, stream: str, witness: Witness) -> None:
        self.path, self.stream, self.witness, self.schema = path, stream, witness, 0
        #: The newest schema that this Penstock knows; the file has the one that the stream says, `schema`.
        self.known = len(SCHEMAS[path.name])
        self.place = ViewPlace()
        self.is_open, self.loading = False, asyncio.Lock()
        #: Which life of its stream the file is in, and whether that is the one in use.
        self.life, self.is_agreed = "", False
        #: Whether nothing that was erased may lie between the rows any more.
        self.is_wiped = True

    def open(self) -> None:
        """Open the file, made new if it is not there. Raises BufferUnavailable, StoreDamaged, SettingsError."""
        self.connection = open_writer(self.path, follows=True)
        self.executor = concurrent.futures.ThreadPoolExecutor(1, f"view of {self.stream}")
        with as_store_errors(self.path.name):
            require_view_or_nothing(self.connection, self.path)
            self.read_again()
        self.is_open, self.is_agreed = True, False

    def close(self) -> None:
        """Let the file go."""
        if self.is_open:
            self.is_open = False
            self.executor.shutdown()
            self.connection.close()

    def read_again(self) -> None:
        """Learn from the file what it says: it was opened, or is another one now. In the writer's thread."""
        with as_store_errors(self.path.name):
            self.place = become_view(self.connection, self.stream)
            self.schema = schema_of(self.connection)
            self.life, self.is_wiped = life_of(self.connection), is_wiped(self.connection)

    async def step(self, *, wait_s: float = 0.0) -> int:
        """Take in what comes next, waiting for it; return how many messages that were.

        Raises ViewRefused, WitnessUnreachable, and what the file raises; nothing of the step is kept then.
        """
        if not self.is_agreed and not await self._agree():
            return 1
        found = await self.witness.read(self.stream, after=self.place.number, wait_s=wait_s)
        if isinstance(found, Span):
            await self._begin_again(found)
            return 1
        if not found:
            return 0
        await asyncio.get_running_loop().run_in_executor(self.executor, self._take_in, found)
        return len(found)

    async def wipe(self) -> bool:
        """Overwrite what was erased and still lies between rows, if anything was; return whether that is done.

        While another process reads the write-ahead log it cannot be emptied: then it is done at the next call. For once a second.
        """
        if not self.is_wiped:
            self.is_wiped = await asyncio.get_running_loop().run_in_executor(self.executor, self._wipe)
        return self.is_wiped

    def _wipe(self) -> bool:
        with as_store_errors(self.path.name):
            if slack.is_sealed(self.path):
                # It could only be written anew; until then what lies there is encrypted.
                is_done = scrub(self.connection)
            else:
                pages = slack.pages_with(self.path, slack.has_left_overs) if scrub(self.connection) else None
                is_done = pages is not None and all(
                    slack.overwrite(self.connection, self.path, some) for some in slack.in_steps(pages)
                )
            if is_done:
                note_wiped(self.connection, wiped=True)
            return is_done

    async def catch_up(self) -> int:
        """Take in all that was in the stream when this was called; return how many messages that were."""
        count, span = 0, await self.witness.span(self.stream)
        while self.place.number < span.last:
            count += await self.step()
        return count

    async def _agree(self) -> bool:
        """Look once, after the file was opened, whether the streams are those that it followed; else begin with their snapshot."""
        life = (await newest_move(self.witness))[1].life
        if life != self.life and self.place.number:
            await self._begin_anew(life)
        self.is_agreed = life == self.life or not self.place.number
        return self.is_agreed

    async def _begin_anew(self, life: str) -> None:
        kept = await self.witness.get_snapshot(self.stream)
        if kept is None:
            expected = f"a snapshot of its life {life}"
            raise ViewRefused(self.stream, expected=expected, got="none", hint="run penstock cluster reseed once more")
        await self._load(kept, is_other_life=True)

    def _take_in(self, entries: Sequence[StreamEntry]) -> None:
        with as_store_errors(self.path.name), transaction(self.connection):
            # Others of this node may write the file too; what it says counts.
            place = self.place = place_of(self.connection)
            self.schema = schema_of(self.connection)
            for message, number in self._fresh(entries):
                self.check(message, place, number)
                self.change(self.connection, message, name=f"{self.stream} {number}")
                place = place_behind(place, message, number)
            move(self.connection, place)
        self.place = place

    async def bring_forward(self) -> None:
        """Let the file have this Penstock's schema, here and at every node, where many write; older ones stop there.

        Raises ViewRefused, WitnessUnreachable, and what the file raises.
        """
        await self.catch_up()
        while self.schema < self.known:
            said = chained(message_of(What.SCHEMA, b"", schema=self.known), self.place, epoch=0)
            id_ = f"schema-{said.chain.hex()}"
            await self.witness.append(self.stream, encoded(said), expected=self.place.number, id=id_)
            await self.catch_up()

    def _fresh(self, entries: Sequence[StreamEntry]) -> Iterator[tuple[StreamMessage, int]]:
        """Yield what is not taken in yet: two may have read at the same time, and take in one after the other."""
        after = self.place.number
        for entry in entries:
            if entry.number > after:
                yield messages.read(self.stream, entry.message, number=entry.number), entry.number

    def change(self, connection: SqliteConnection, message: StreamMessage, *, name: str) -> None:
        """Do to the file what a message says."""
        self.require_body(message, name=name)
        do(connection, self.path, message, name=name)
        self.schema = message.schema if message.what is What.SCHEMA else self.schema
        self.is_wiped = self.is_wiped and message.what is not What.ERASED

    def check(self, message: StreamMessage, place: ViewPlace, number: int) -> None:
        """Raise ViewRefused where a message does not follow a place, or cannot be taken in."""
        messages.check(
            self.stream, message, place, number=number, schema=self.schema, known=self.known, oldest=self.schema
        )

    @staticmethod
    def require_body(message: StreamMessage, *, name: str) -> None:
        """Refuse a message whose body was taken out: what it changed cannot be known. Raises ViewRefused."""
        if message.is_erased:
            hint = "what it changed is in a later snapshot: take the file away, and the node begins from there"
            raise ViewRefused(name, expected="a message with its body", got="one without", hint=hint)

    async def _begin_again(self, span: Span) -> None:
        """Go on from the newest snapshot, for the stream has gone past this view. Raises ViewRefused."""
        name, own, hint = f"{self.stream} {self.place.number}", self.place.number, messages.RESEED
        if own > span.last:
            raise ViewRefused(name, expected=f"a stream of {own} or more", got=span.last, hint=hint)
        kept = await self.witness.get_snapshot(self.stream)
        if kept is None or kept.number < span.pruned:
            got = "none" if kept is None else kept.number
            raise ViewRefused(name, expected=f"a snapshot of {span.pruned} or later", got=got, hint=hint)
        await self._load(kept)

    async def _load(self, kept: ViewSnapshot, *, is_other_life: bool = False) -> None:
        # Two may step at the same time, and what is loaded lies in one place beside the file until it is.
        async with self.loading:
            try:
                await snapshots.load(
                    self.connection,
                    self.path,
                    kept,
                    executor=self.executor,
                    then=self.read_again,
                    is_other_life=is_other_life,
                )
            except SnapshotReplaced:
                return  # the next step asks for the newer one
