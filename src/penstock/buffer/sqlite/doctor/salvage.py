"""Saves what can be read of a damaged file into a new one. The damaged file is kept beside it, never changed."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from penstock.buffer.sqlite.connections import FILE_ERRORS, SqliteConnection, connect, rows_changed
from penstock.buffer.sqlite.file import open_writer
from penstock.buffer.sqlite.log.older_packing import packed_columns, repacked
from penstock.buffer.sqlite.log.packing import UNREADABLE
from penstock.buffer.sqlite.log.segments import is_whole

LOG = "segment"
# accept makes these of the log when it starts, and the last follows the log by itself.
MADE_ANEW = ("run", "message", "filter", "stored")
# Rows read in one query, and how far a reader jumps over places that cannot be read.
PAGE, JUMP_MAX = 500, 2**20


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Salvage:
    """What was saved of one file."""

    file: str
    #: Where the damaged file was put.
    kept_as: Path
    #: Rows saved, by table; of the log, events.
    rows: dict[str, int]


def log_rows(old: SqliteConnection) -> str:
    """Return the columns of `segment`, and where an events.db of whatever schema has them; for a statement."""
    old.create_scalar_function("packed_columns", _if_whole(packed_columns), 4)
    old.create_scalar_function("repacked", _if_whole(repacked), 1)
    columns = {row[1] for row in old.execute("PRAGMA table_info(segment)")}
    if "frame" in columns:
        return "last_seq, count, source, received_at_ms, frame FROM segment"
    if "packed" in columns:
        return "last_seq, count, source, received_at_ms, repacked(packed) FROM segment"
    if columns:
        frame = "repacked(packed_columns(source, ends, heads, bodies))"
        return f"last_seq, count, source, received_at_ms, {frame} FROM segment"
    head = "message_id, type, user_id, anonymous_id, company_id, received_at_ms, request_ip"
    frame = f"repacked(packed_columns(source, json_array(length(body)), json_array(json_array({head})), body))"
    return f"last_seq, 1, source, received_at_ms, {frame} FROM (SELECT seq AS last_seq, * FROM events)"  # noqa: S608


def _if_whole(function: Callable[..., bytes]) -> Callable[..., bytes]:
    def result(*values: Any) -> bytes:
        try:
            return function(*values)
        except UNREADABLE:
            return b""

    return result


def salvage(path: Path, *, stamp: str) -> Salvage:
    """Move a damaged file aside as NAME.damaged-STAMP and write a new one with every row that can be read."""
    kept_as = path.with_name(f"{path.name}.damaged-{stamp}")
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(kept_as.with_name(kept_as.name + suffix))
    with contextlib.closing(open_writer(path)) as new, contextlib.closing(connect(kept_as, is_whole=False)) as old:
        # Otherwise SQLite reads nothing at all of a file that is shorter than it says.
        old.execute("PRAGMA writable_schema = ON")
        tables = [row[0] for row in new.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        tables = [table for table in tables if table not in MADE_ANEW]
        rows = {"events" if table == LOG else table: _copy(old, new, table) for table in tables}
    return Salvage(file=path.name, kept_as=kept_as, rows=rows)


def _copy(old: SqliteConnection, new: SqliteConnection, table: str) -> int:
    """Copy a table row by row; return how many rows, or events of the log, could be read."""
    columns = [row[1] for row in new.execute(f"PRAGMA table_info({table})")]
    if table != LOG:
        # An older file lacks what later steps added; the new one fills that in.
        columns = [name for name in columns if name in _columns(old, table, otherwise=columns)]
    listed, marks = ", ".join(columns), ", ".join("?" * len(columns))
    # The new file has its one row already; what the old one knew of its neighbours counts.
    verb = "REPLACE" if table == "folder" else "IGNORE"
    saved = 0
    new.execute("BEGIN")
    for row in _rows(old, table, listed):
        # A row that was damaged may break a rule of the table; the others must not suffer for it.
        rows = rows_changed(new, f"INSERT OR {verb} INTO {table} ({listed}) VALUES ({marks})", row)  # noqa: S608
        saved += rows * (row[1] if table == LOG else 1)
    new.execute("COMMIT")
    return saved


def _columns(old: SqliteConnection, table: str, *, otherwise: Sequence[str]) -> Sequence[str]:
    try:
        return [row[1] for row in old.execute(f"PRAGMA table_info({table})")]
    except FILE_ERRORS:
        return otherwise  # the table is tried all the same


def _rows(old: SqliteConnection, table: str, listed: str) -> Iterator[Sequence[Any]]:
    if table == LOG:
        yield from _by_place(old)
        return
    # From both ends: what cannot be read in the middle hides nothing behind it.
    first = list(_until_it_breaks(old, f"SELECT {listed} FROM {table} ORDER BY 1, 2"))  # noqa: S608 - our own names
    yield from first
    known = set(first)
    last = _until_it_breaks(old, f"SELECT {listed} FROM {table} ORDER BY 1 DESC, 2 DESC")  # noqa: S608 - our own names
    yield from (row for row in last if row not in known)


def _until_it_breaks(old: SqliteConnection, select: str) -> Iterator[Sequence[Any]]:
    seen: set[Sequence[Any]] = set()
    try:
        for row in old.execute(select):
            if row in seen:
                return  # broken pages may point back; without this the reading would never end
            seen.add(row)
            yield row
    except FILE_ERRORS:
        return


def _by_place(old: SqliteConnection) -> Iterator[Sequence[Any]]:
    """Read the log forward; jump over what cannot be read, a little further each time."""
    select = f"SELECT {log_rows(old)} WHERE last_seq > ? ORDER BY last_seq LIMIT ?"
    after, jump, page = 0, 1, PAGE
    while jump <= JUMP_MAX:
        rows = _page(old, select, after, page)
        if rows:
            yield from filter(is_whole, rows)
            after, jump = rows[-1][0], 1
        elif rows is None and page > 1:
            page = 1
        elif rows is None:
            after, jump = after + jump, jump * 2
        else:
            return


def _page(old: SqliteConnection, select: str, after: int, limit: int) -> list[Any] | None:
    """Return the next rows; None when they cannot be read, or make no sense: broken pages may point back."""
    try:
        rows = old.execute(select, [after, limit]).fetchall()
    except FILE_ERRORS:
        return None
    places = [row[0] for row in rows]
    return rows if places == sorted(set(places)) and (not places or places[0] > after) else None
