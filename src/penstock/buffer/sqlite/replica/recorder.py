"""The owner's end: what a group of operations changed is appended to the stream before it is committed here.

    begin, change ──▶ append, with the number expected ──▶ commit
                        │ another message came first: roll back, step down (the fence)
                        │ no answer: the same again, under the same id, while the lease holds; then roll back, step down

The transaction stays open in the writer's thread meanwhile, and the event loop goes on. What the loop gathers while one append
is under way makes the next: one append for many verdicts. Whatever becomes of this process, the stream says what happened: an
owner that steps down, or starts again, takes in from it what it had not committed.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any

import apsw

from penstock.buffer.sqlite.connections import FILE_ERRORS, SqliteConnection, is_damage
from penstock.buffer.sqlite.file import SqliteTransactions
from penstock.buffer.sqlite.replica import changes
from penstock.buffer.sqlite.replica.messages import StreamMessage, What, chained, encoded, message_of, place_behind
from penstock.buffer.sqlite.replica.place import become_view, move
from penstock.errors import BufferUnavailable, SteppedDown, StoreDamaged, WitnessUnreachable
from penstock.witness.port import NotAppended, Streams

# How long an answer is waited for before the same message is appended again, under the same id.
ANSWER_S = 3.0
# Between two tries, when an engine says at once that it cannot.
REST_S = 0.5


class RecordedTransactions(SqliteTransactions):
    """Transactions of one connection in two steps, between which the stream takes them."""

    session: apsw.Session | None = None

    def begin(self, operations: Sequence[Callable[[SqliteConnection], Any]]) -> tuple[list[Any], bytes, dict[str, int]]:
        """Run operations; return their answers, what they changed, and the numbers given. What changed nothing is committed."""
        is_done = False
        try:
            with self._as_errors():
                self.connection.execute("BEGIN")
                self.session = changes.recording(self.connection)
                answers = [self._answer(operation) for operation in operations]
                self.before_commit()
                body = self.session.changeset()
                sequences = changes.sequences_of(self.connection) if body else {}
                if not body:
                    self.commit_at(None)
            is_done = True
        finally:
            if not is_done:
                self.undo()
        return answers, body, sequences

    def commit_at(self, place: Any) -> None:
        """End the transaction, at a place of the stream; none if it has no message."""
        self._end_session()
        with self._as_errors():
            if place is not None:
                move(self.connection, place)
            self.connection.execute("COMMIT")

    def undo(self) -> None:
        """Let nothing of the transaction be kept."""
        self._end_session()
        self.after_failure()
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def _end_session(self) -> None:
        if self.session is not None:
            self.session.close()
            self.session = None

    @contextmanager
    def _as_errors(self) -> Iterator[None]:
        try:
            yield
        except FILE_ERRORS as error:
            if is_damage(error) or isinstance(error, apsw.ConstraintError):
                raise StoreDamaged(self.name, str(error)) from error
            raise BufferUnavailable(f"the store cannot be written: {error}") from error


class Recorder:
    """Puts the transactions of one file into its stream; asked in the place of an executor, see group_commit.py.

    `holds` says whether the lease does; while it does not, nothing is appended, and no caller is told that it was.
    """

    def __init__(
        self, stream: str, witness: Streams, *, schema: int, epoch: int, holds: Callable[[], bool] = lambda: True
    ) -> None:
        self.stream, self.witness, self.schema, self.epoch, self.holds = stream, witness, schema, epoch, holds
        #: Tells our ids from those of another owner that changes the same at the same place.
        self.token = secrets.token_hex(8)
        #: Why this node does not write any more; empty while it does.
        self.stepped_down = ""
        #: Another message came first: nothing of ours was appended.
        self.was_refused = False
        #: What is changed now takes people out: every view overwrites what that leaves.
        self.is_erasing = False

    def transactions(self, connection: SqliteConnection, **hooks: Callable[[], None]) -> RecordedTransactions:
        """Return what writes the file, which is a view of the stream up to its end."""
        self.place = become_view(connection, self.stream)
        self.written = RecordedTransactions(connection, **hooks)
        return self.written

    async def __call__(
        self, executor: Executor, _commit: object, operations: Sequence[Callable[[SqliteConnection], Any]]
    ) -> list[Any]:
        """Run all in one transaction that the stream has when this returns; return the answers.

        Raises BufferUnavailable, and then nothing was kept anywhere; SteppedDown, and then the stream says what was.
        """
        self._assert_owner()
        run = asyncio.get_running_loop().run_in_executor
        answers, body, sequences = await run(executor, self.written.begin, operations)
        if not body:
            return answers
        what = What.ERASED if self.is_erasing else What.CHANGES
        message = message_of(what, body, schema=self.schema, sequences=sequences)
        try:
            place = await self.append(chained(message, self.place, epoch=self.epoch))
        except BaseException:
            await run(executor, self.written.undo)
            raise
        try:
            await run(executor, self.written.commit_at, place)
        except BaseException as error:
            # The stream has it and the file has not: from there it is taken in again.
            self.stepped_down = f"{self.stream} {place.number} is in the stream, and not in the file: {error}"
            await run(executor, self.written.undo)
            raise SteppedDown(self.stepped_down) from error
        self.place = place
        return answers

    async def append(self, message: StreamMessage) -> Any:
        """Append a message behind the last one; return its place. Raises as `__call__` does."""
        said, id_ = encoded(message), f"{self.token}-{message.chain.hex()}"
        while True:
            self._assert_owner()
            try:
                async with asyncio.timeout(ANSWER_S):
                    number = await self.witness.append(self.stream, said, expected=self.place.number, id=id_)
            except (WitnessUnreachable, TimeoutError):
                await asyncio.sleep(REST_S)
                continue
            except asyncio.CancelledError:
                self.stepped_down = f"an append to {self.stream} was interrupted"
                raise
            if isinstance(number, NotAppended):
                self.was_refused = True
                self.stepped_down = f"{self.stream} ends with {number.last}, and not with {self.place.number}"
                raise SteppedDown(self.stepped_down)
            return place_behind(self.place, message, number)

    def _assert_owner(self) -> None:
        if not self.stepped_down and not self.holds():
            self.stepped_down = f"the lease of {self.stream} may have run out"
        if self.stepped_down:
            raise SteppedDown(self.stepped_down)
