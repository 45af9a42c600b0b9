"""A whole view, put for nodes that come late or come back: a copy of its file, in pieces, of one moment.

It is put from a view that only follows, or by the owner between two transactions; and it is loaded into the file that is there,
page by page in one transaction of SQLite, so that a reader sees the one or the other.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import Executor
from pathlib import Path

from penstock.buffer.sqlite import folder
from penstock.buffer.sqlite.connections import SqliteConnection, connect, connect_to_read
from penstock.buffer.sqlite.file import EVENTS, SCHEMAS, as_store_errors, bring_forward, transaction
from penstock.buffer.sqlite.replica.place import place_of
from penstock.errors import ViewOutdated, ViewRefused
from penstock.witness.port import PIECE_BYTES_MAX, ViewSnapshot, ViewSnapshots, Witness

# Lies beside a file while a copy of it goes or comes.
GOING, COMING = ".going", ".coming"


async def put(path: Path, stream: str, witness: ViewSnapshots) -> int:
    """Put the view in a file as it is now; return the number that it stood at. Raises WitnessUnreachable, BufferUnavailable."""
    loop, going = asyncio.get_running_loop(), path.with_name(path.name + GOING)
    try:
        number: int = await loop.run_in_executor(None, _copied, path, going)
        await witness.put_snapshot(stream, number=number, pieces=_pieces(going))
    finally:
        going.unlink(missing_ok=True)
    return number


@dataclasses.dataclass(frozen=True, slots=True)
class ViewFile:
    """A file that follows a stream."""

    path: Path
    stream: str


async def forget_behind(views: Iterable[ViewFile], witness: Witness) -> None:
    """Let streams keep nothing of what views had before now: snapshots of them as they are, and all that led there is pruned.

    Old values of rows that were changed or removed stand in changesets, so that is what an erasure needs. A view that has not come
    so far begins with the snapshot. Raises WitnessUnreachable, BufferUnavailable.
    """
    for view in views:
        number = await put(view.path, view.stream, witness)
        await witness.prune(view.stream, through=number, is_erasing=True)


async def load(
    connection: SqliteConnection,
    path: Path,
    kept: ViewSnapshot,
    *,
    executor: Executor,
    then: Callable[[], None],
    is_other_life: bool = False,
) -> None:
    """Let a file be what a snapshot says, and then call `then` in the writer's thread, before anything else is written.

    A file that is further already stays, unless the snapshot is of another life, whose numbers are others.

    Raises ViewRefused, SnapshotReplaced, WitnessDamaged, BufferUnavailable.
    """

    def replace() -> None:
        # Another step may have brought the file here, or further, meanwhile.
        if is_other_life or place_of(connection).number < kept.number:
            _replace(connection, path, coming, kept.number)
            then()

    coming = path.with_name(path.name + COMING)
    try:
        with coming.open("wb") as file:
            async for piece in kept.pieces:
                file.write(piece)
        await asyncio.get_running_loop().run_in_executor(executor, replace)
    finally:
        coming.unlink(missing_ok=True)


def _copied(path: Path, going: Path) -> int:
    going.unlink(missing_ok=True)
    with as_store_errors(path.name), contextlib.closing(connect_to_read(path)) as connection:
        # One reading transaction; what deleted rows left between others is not in the copy.
        connection.execute("VACUUM INTO ?", [str(going)])
    with as_store_errors(path.name), contextlib.closing(connect_to_read(going)) as copy:
        return place_of(copy).number


async def _pieces(going: Path) -> AsyncIterator[bytes]:
    with going.open("rb") as file:
        while piece := file.read(PIECE_BYTES_MAX):
            yield piece


def _replace(connection: SqliteConnection, path: Path, coming: Path, number: int) -> None:
    with as_store_errors(path.name), contextlib.closing(connect(coming)) as copy:
        _assert_is(copy, path, number)
        # Each folder keeps the identity that its files have in common.
        identity = connection.execute(folder.IDENTITY).fetchone()[0]
        copy.execute("UPDATE folder SET identity = ?", [identity])
        with connection.backup("main", copy, "main") as whole:
            whole.step(-1)


def _assert_is(copy: SqliteConnection, path: Path, number: int) -> None:
    schema, known = copy.execute("PRAGMA user_version").fetchone()[0], len(SCHEMAS[path.name])
    if schema > known:
        hint = "it was put by a newer Penstock: upgrade this node, and it begins with it"
        name = f"snapshot {number} of {path.name}"
        raise ViewOutdated(name, expected=f"schema {known} or older", got=schema, hint=hint)
    if path.name == EVENTS:
        # Its schema is each node's own; of the others it is what the stream says.
        with transaction(copy):
            bring_forward(copy, path, known)
    found = place_of(copy).number
    if found != number:
        raise ViewRefused(f"snapshot of {path.name}", expected=f"one of number {number}", got=found)
