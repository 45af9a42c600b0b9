"""control.db of a node: no node owns it. A change is made behind all that others changed, and is everybody's before it is kept.

    begin ──▶ take in what others changed ──▶ change ──▶ append, with the number expected ──▶ commit
                                                           │ another node was first, or no answer: nothing is kept here

So a change sees what every other one left, whichever node it is made at. Who changes waits in a thread, or in a process of its own
(a command): the engine is spoken to on a loop that runs beside.
"""

import asyncio
import contextlib
import secrets
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.file import CONTROL, SCHEMAS
from penstock.buffer.sqlite.replica import changes, messages
from penstock.buffer.sqlite.replica.follower import do, schema_of
from penstock.buffer.sqlite.replica.messages import ViewPlace, What, chained, encoded, message_of, place_behind
from penstock.buffer.sqlite.replica.place import become_view, move, require_view_or_nothing
from penstock.errors import AnotherWasFirst, BufferUnavailable, WitnessUnreachable
from penstock.witness.port import NotAppended, Span, Witness

STREAM = "CONTROL"
# An answer that has not come by then is asked for again, so often; a person waits for it.
ANSWER_S, TRIES = 3.0, 2

Answered = TypeVar("Answered")


class WitnessBeside:
    """An engine for code that waits: connected when it is first asked, on a loop in a thread of its own."""

    def __init__(self, open_: Callable[[], Awaitable[Witness]]) -> None:
        self._open, self._lock = open_, threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._witness: Witness | None = None

    def call(self, ask: Callable[[Witness], Awaitable[Answered]]) -> Answered:
        """Return an answer. Raises WitnessUnreachable, also when none came in time, and what the engine raises."""
        asked = asyncio.run_coroutine_threadsafe(self._ask(ask), self._running())
        try:
            return asked.result(ANSWER_S)
        except TimeoutError as error:
            asked.cancel()
            raise WitnessUnreachable("the engine", f"no answer in {ANSWER_S:g} s") from error

    async def _ask(self, ask: Callable[[Witness], Awaitable[Answered]]) -> Answered:
        if self._witness is None:
            self._witness = await self._open()
        return await ask(self._witness)

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="engine", daemon=True).start()
            return self._loop


class SharedChanges:
    """What makes changes of control.db everybody's; see control/changing.py."""

    def __init__(self, beside: WitnessBeside) -> None:
        self.beside, self.schema = beside, len(SCHEMAS[CONTROL])
        # Two nodes that change the same at the same place must not be taken for one.
        self.token = secrets.token_hex(8)

    @contextlib.contextmanager
    def changing(self, connection: SqliteConnection) -> Iterator[None]:
        """See changing.SharesChanges. Raises BufferUnavailable, and then nothing is kept here; ViewRefused, SettingsError."""
        place = self._caught_up(connection)
        session = changes.recording(connection)
        try:
            yield
            if body := session.changeset():
                sequences = changes.sequences_of(connection)
                move(connection, self._appended(place, What.CHANGES, body, sequences))
        finally:
            session.close()

    def _caught_up(self, connection: SqliteConnection) -> ViewPlace:
        require_view_or_nothing(connection, Path(CONTROL))
        place = become_view(connection, STREAM)
        while True:
            after = place.number
            try:
                entries = self.beside.call(lambda witness: witness.read(STREAM, after=after))  # noqa: B023 - called at once
            except WitnessUnreachable as error:
                raise _unreachable(error) from error
            if isinstance(entries, Span):
                raise BufferUnavailable("this node is behind the others, and reads a snapshot of them first")
            for entry in entries:
                message = messages.read(STREAM, entry.message, number=entry.number)
                schema = schema_of(connection)
                messages.check(
                    STREAM, message, place, number=entry.number, schema=schema, known=self.schema, oldest=schema
                )
                do(connection, Path(CONTROL), message, name=f"{STREAM} {entry.number}")
                place = place_behind(place, message, entry.number)
            if not entries and schema_of(connection) < self.schema:
                # Older nodes stop there until they are upgraded; this one takes its own message in at the next look.
                self._appended(place, What.SCHEMA, b"", {})
            elif not entries:
                move(connection, place)
                return place

    def _appended(self, place: ViewPlace, what: What, body: bytes, sequences: dict[str, int]) -> ViewPlace:
        message = chained(message_of(what, body, schema=self.schema, sequences=sequences), place, epoch=0)
        said, id_ = encoded(message), f"{self.token}-{message.chain.hex()}"
        for tried in range(1, TRIES + 1):
            try:
                number = self.beside.call(lambda witness: witness.append(STREAM, said, expected=place.number, id=id_))
            except WitnessUnreachable as error:
                if tried == TRIES:
                    raise _unreachable(error, "; it is not known whether the change was kept") from error
            else:
                break
        if isinstance(number, NotAppended):
            raise AnotherWasFirst(
                "another node changed something at the same moment, and nothing was changed here: try again"
            )
        return place_behind(place, message, number)


def _unreachable(error: WitnessUnreachable, more: str = "") -> BufferUnavailable:
    return BufferUnavailable(f"nothing can be changed now: {error}{more}", retry_after_s=error.retry_after_s)
