"""Which life of the log a number belongs to, so that no number ever means two events.

Each time accept begins to write, an epoch with a random token begins; delivery.db copies the epochs of what it takes in. A
log that ends before what delivery.db knows (an older copy came back, its end was lost) goes on behind that, in a new epoch;
two files whose epochs contradict each other speak of different events.
"""

import contextlib
import dataclasses
import secrets
from collections.abc import Mapping
from pathlib import Path

from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.file import DELIVERY, EVENTS, snapshot
from penstock.buffer.sqlite.log.segments import first_seq, last_seq
from penstock.errors import StoreDamaged

# Epochs kept: far more starts than lie between two files of one folder that are ever put together.
KEPT = 1_000
COMMON = """
SELECT min(min(ours.first_seq, theirs.first_seq)) FROM main.epoch AS ours JOIN log.epoch AS theirs USING (number)
WHERE ours.token <> theirs.token
"""
FOLLOW = """
INSERT INTO main.epoch SELECT number, token, first_seq FROM log.epoch
WHERE number > coalesce((SELECT max(number) FROM main.epoch), 0)
"""
# What was read, ended, or stands in the file may have come behind the cursor.
SEEN = """
SELECT coalesce(max(max(cursor, {head}, coalesce((SELECT max(seq) FROM main.outcome WHERE destination = name), 0), coalesce(
    (SELECT seq FROM main.waiting WHERE destination = name AND seq > cursor ORDER BY seq DESC LIMIT 1), 0))), 0)
FROM main.destination
"""
# By destination: the primary key of outcomes begins with it.
ENDED = """
SELECT (SELECT count(*) FROM outcome WHERE destination = name AND seq BETWEEN ?1 AND ?2 AND cause <> 'store.missing')
FROM destination WHERE name = ?3
"""
WAITING = """
SELECT (SELECT count(*) FROM outcome WHERE destination = name AND seq BETWEEN ?1 AND ?2 AND cause = 'store.missing')
    + (SELECT count(*) FROM waiting WHERE destination = name AND seq BETWEEN ?1 AND ?2)
FROM destination WHERE name = ?3
"""


@dataclasses.dataclass(frozen=True, slots=True)
class KnownLog:
    """What delivery.db knows of the log: the last number, and the last epoch."""

    seq: int = 0
    epoch: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LogGap:
    """Numbers whose events are not in the log any more, though they were given."""

    first: int
    last: int
    #: By destination: how many of them have an outcome, and how many wait, or waited when they were found missing.
    ended: Mapping[str, int]
    waiting: Mapping[str, int]

    def __str__(self) -> str:
        names = sorted({*self.ended, *self.waiting})
        known = [f"{n}: {self.ended.get(n, 0)} have an outcome, {self.waiting.get(n, 0)} cannot be sent" for n in names]
        return (
            f"events {self.first} to {self.last} are missing: an older copy of events.db came back, or its end was lost"
            f" ({'; '.join(known) or 'none of them is known to have been sent'})"
        )


def known_to(delivery: SqliteConnection | None) -> KnownLog:
    """Return what a delivery.db knows of the log."""
    tables = {row[0] for row in delivery.execute("SELECT name FROM main.sqlite_master")} if delivery else set()
    if delivery is None or "destination" not in tables:
        return KnownLog()
    has_head = delivery.execute("SELECT 1 FROM pragma_table_info('destination') WHERE name = 'head'").fetchone()
    cursor = delivery.execute(SEEN.format(head="head" if has_head else "cursor")).fetchone()[0]
    if "epoch" not in tables:  # of an older schema
        return KnownLog(cursor)
    newest = "SELECT coalesce(max(number), 0), coalesce(max(first_seq), 1) FROM main.epoch"
    epoch, first = delivery.execute(newest).fetchone()
    return KnownLog(max(cursor, first - 1), epoch)


def begin(log: SqliteConnection, known: KnownLog, *, at: float, file: str = "main") -> int:
    """Begin an epoch of the log, in a transaction; return the number behind which it goes on.

    `file` is the name that events.db is attached by.
    """
    after = last_seq(log, file=file)
    go_on_after = max(after, known.seq)
    own = log.execute(f"SELECT coalesce(max(number), 0) FROM {file}.epoch").fetchone()[0]  # noqa: S608 - our own names
    number = max(own, known.epoch) + 1
    row = [number, secrets.token_hex(8), after, go_on_after + 1, at]
    log.execute(f"INSERT INTO {file}.epoch VALUES (?, ?, ?, ?, ?)", row)  # noqa: S608 - our own names
    log.execute(f"DELETE FROM {file}.epoch WHERE number <= ?", [number - KEPT])  # noqa: S608 - our own names
    if go_on_after > after:
        log.execute(f"DELETE FROM {file}.sqlite_sequence WHERE name = 'segment'")  # noqa: S608 - our own names
        log.execute(f"INSERT INTO {file}.sqlite_sequence VALUES ('segment', ?)", [go_on_after])  # noqa: S608 - our own names
    return go_on_after


def follow(delivery: SqliteConnection) -> None:
    """Copy the epochs of the log whose events are being taken in; nearly always there is none that is new."""
    delivery.execute(FOLLOW)


def forked_at(delivery: SqliteConnection) -> int | None:
    """Return the first number that means one event here and another one in the log; None when there is none."""
    found: int | None = delivery.execute(COMMON).fetchone()[0]
    return found


def gaps(delivery: SqliteConnection | None, log: SqliteConnection | None) -> list[LogGap]:
    """Return what is missing in the log, as long as retention has not gone over it."""
    if log is None:
        return []
    # The doctor has both files in one connection.
    file = "main" if delivery is not log else "log"
    oldest, last, known = first_seq(log) or 0, last_seq(log, file=file), known_to(delivery)
    between = f"SELECT after_seq + 1, first_seq - 1 FROM {file}.epoch"  # noqa: S608 - our own names
    where = "WHERE first_seq > after_seq + 1 AND first_seq >= ? ORDER BY number"
    found = log.execute(f"{between} {where}", [oldest]).fetchall()
    if known.seq > last:
        found.append((last + 1, known.seq))
    return [_gap(delivery, *each) for each in found]


def gaps_of(data_dir: Path) -> list[LogGap]:
    """Return what is missing in the log of a data folder. Raises BufferUnavailable, StoreDamaged, FoldersMixed."""
    with snapshot(data_dir / DELIVERY) as delivery, snapshot(data_dir / EVENTS) as log:
        return gaps(delivery, log)


def _gap(delivery: SqliteConnection | None, first: int, last: int) -> LogGap:
    names = [row[0] for row in delivery.execute("SELECT name FROM destination")] if delivery else []

    def counted(select: str) -> Mapping[str, int]:
        counts = (
            {name: delivery.execute(select, [first, last, name]).fetchone()[0] for name in names} if delivery else {}
        )
        return {name: count for name, count in counts.items() if count}

    return LogGap(first=first, last=last, ended=counted(ENDED), waiting=counted(WAITING))


def known_beside(data_dir: Path) -> KnownLog:
    """Ask delivery.db; what cannot be read of a damaged one, the doctor finds. Raises BufferUnavailable."""
    with contextlib.suppress(StoreDamaged), snapshot(data_dir / DELIVERY, any_schema=True) as delivery:
        return known_to(delivery)
    return KnownLog()
