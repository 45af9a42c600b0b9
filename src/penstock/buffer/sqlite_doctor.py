"""Does the store keep its own promises? Each finding is a sentence and, where there is one, a repair that loses no event.

Runs on a stopped store when it repairs, and on one consistent view of each file when it only looks.
"""

import contextlib
import dataclasses
import itertools
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from penstock.buffer.lanes import POSITIONS_OF_A_PRIORITY
from penstock.buffer.sqlite import CONTROL, DELIVERY, EVENTS, damage_of, open_reader, open_writer
from penstock.buffer.sqlite_lanes import SqliteLanes
from penstock.buffer.sqlite_salvage import log_rows
from penstock.buffer.sqlite_segments import event_at, events_after, is_whole, last_seq
from penstock.clock import Clock

FILES = (EVENTS, DELIVERY, CONTROL)
Repair = Callable[[sqlite3.Connection], None]


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be."""

    file: str
    sentence: str
    #: None: nothing can be repaired in place; the sentence says what to do.
    repair: Repair | None = None


class Doctor:
    """Examines one data folder."""

    def __init__(self, data_dir: Path, *, sources_of: Mapping[str, Sequence[str]], clock: Clock) -> None:
        self.data_dir, self.sources_of, self.clock = data_dir, sources_of, clock

    def damaged(self) -> list[Finding]:
        """Return the files that cannot be read as they are. Reads every page, and unpacks every event."""
        findings = []
        for name in FILES:
            path = self.data_dir / name
            if path.exists() and (damage := damage_of(path) or _packed_badly(path)):
                findings.append(Finding(name, f"damaged: {damage}; penstock doctor --repair saves what can be read"))
        return findings

    def findings(self) -> list[Finding]:
        """Return where the figures and the places of delivery.db do not fit together, or do not fit events.db."""
        if not (self.data_dir / DELIVERY).exists() or not (self.data_dir / EVENTS).exists():
            return []
        with self._open() as connection:
            connection.execute("BEGIN")
            names = [row[0] for row in connection.execute("SELECT name FROM destination ORDER BY name")]
            found = [Finding(DELIVERY, *each) for name in names for each in self._destination(connection, name)]
            return [*(Finding(EVENTS, *each) for each in _log(connection)), *found]

    def repair(self) -> list[str]:
        """Repair what can be repaired, in one transaction per round; return the sentences of what was repaired."""
        repaired: list[str] = []
        # One repair may bring the next to light: a lost place changes who is blocked.
        for _ in range(5):
            todo = [finding for finding in self.findings() if finding.repair]
            if not todo:
                break
            with self._open() as connection:
                connection.execute("BEGIN IMMEDIATE")
                for finding in todo:
                    assert finding.repair is not None
                    finding.repair(connection)
                    repaired.append(f"{finding.file}: {finding.sentence}")
                connection.execute("COMMIT")
        return repaired

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(open_writer(self.data_dir / DELIVERY)) as connection:
            connection.execute("ATTACH ? AS log", [f"{(self.data_dir / EVENTS).absolute()}"])
            yield connection

    def _destination(self, connection: sqlite3.Connection, name: str) -> Iterator[tuple[str, Repair | None]]:
        yield from _twice(connection, name)
        yield from _without_payload(connection, name)
        yield from self._places(connection, name)
        yield from self._sums(connection, name)

    def _places(self, connection: sqlite3.Connection, name: str) -> Iterator[tuple[str, Repair | None]]:
        """Every waiting event stands in each of its lanes, and `blocked` counts those with somebody in front."""
        wrong = 0
        for position, lanes_text, blocked in connection.execute(
            "SELECT position, lanes, blocked FROM waiting WHERE destination = ? AND blocked <> -1", [name]
        ).fetchall():
            lanes = json.loads(lanes_text)
            stands = [_stands(connection, name, lane, position) for lane in lanes]
            in_front = sum(_in_front(connection, name, lane, position) for lane in lanes)
            # An event may also wait for one under way that passed it; nobody can tell from the file alone.
            exact = position < POSITIONS_OF_A_PRIORITY and not _can_pass(connection, name)
            wrong += not all(stands) or blocked < in_front or (exact and blocked != in_front)
        orphans = connection.execute(
            "SELECT count(*) FROM place WHERE destination = ?1 AND position NOT IN"
            " (SELECT position FROM waiting WHERE destination = ?1 AND blocked <> -1)",
            [name],
        ).fetchone()[0]
        if wrong or orphans:
            sentence = f"{name}: {wrong} waiting events and {orphans} places do not fit together"
            yield sentence, lambda connection: _place_anew(connection, name)

    def _sums(self, connection: sqlite3.Connection, name: str) -> Iterator[tuple[str, Repair | None]]:
        """received == waiting + the sum of outcomes; what is missing is looked for in the log."""
        received, cursor = connection.execute(
            "SELECT received, cursor FROM destination WHERE name = ?", [name]
        ).fetchone()
        waiting = connection.execute("SELECT count(*) FROM waiting WHERE destination = ?", [name]).fetchone()[0]
        ended = connection.execute("SELECT coalesce(sum(count), 0) FROM tally WHERE destination = ?", [name])
        accounted = waiting + ended.fetchone()[0]
        if received == accounted:
            return
        lost = self._missing(connection, name, cursor) if received > accounted else []
        sentence = f"{name}: received {received}, waiting and ended {accounted}, found again in the log {len(lost)}"

        def repair(connection: sqlite3.Connection) -> None:
            self._enter_again(connection, name, lost)
            update = "UPDATE destination SET received = ? WHERE name = ?"
            connection.execute(update, [accounted + len(lost), name])

        yield sentence, repair

    def _missing(self, connection: sqlite3.Connection, name: str, cursor: int) -> list[int]:
        """Return the places of events that were taken in and have neither an outcome nor a place in a lane."""
        taken = "SELECT seq FROM outcome WHERE destination = ?1 UNION SELECT seq FROM waiting WHERE destination = ?1"
        known = {row[0] for row in connection.execute(taken, [name])}
        sources = frozenset(self.sources_of.get(name, ()))
        until = itertools.takewhile(lambda each: each[0] <= cursor, events_after(connection, 0))
        return [seq for seq, event in until if seq not in known and event.source in sources]

    def _enter_again(self, connection: sqlite3.Connection, name: str, seqs: Sequence[int]) -> None:
        lanes = SqliteLanes(name, under_way=(), clock=self.clock)
        select = "SELECT next_position FROM destination WHERE name = ?"
        position = connection.execute(select, [name]).fetchone()[0]
        for number, seq in enumerate(seqs):
            event = event_at(connection, seq)
            assert event is not None, "it was read from the log just now"
            lanes.enter(connection, event, seq=seq, position=position + number, due=self.clock.now())
        connection.execute("UPDATE destination SET next_position = ? WHERE name = ?", [position + len(seqs), name])


def _packed_badly(path: Path) -> str:
    """Look for what only the checksums of segments can tell; SQLite has none of its own."""
    connection = open_reader(path) if path.name == EVENTS else None
    if connection is None:
        return ""
    with contextlib.closing(connection):
        rows = connection.execute(f"SELECT {log_rows(connection)}") if _has_a_log(connection) else ()
        count = sum(not is_whole(row) for row in rows)
    return f"{count} segments cannot be unpacked" if count else ""


def _has_a_log(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("PRAGMA user_version").fetchone()[0])


def _log(connection: sqlite3.Connection) -> Iterator[tuple[str, Repair | None]]:
    """No destination is ahead of the log: after an old copy of events.db came back, new events would be skipped."""
    ahead = connection.execute("SELECT coalesce(max(cursor), 0) FROM destination").fetchone()[0]
    last = last_seq(connection, file="log")
    if ahead > last:
        sentence = f"the log ends at {last}, but was read up to {ahead}: an older copy of the file came back"

        def repair(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM log.sqlite_sequence WHERE name = 'segment'")
            connection.execute("INSERT INTO log.sqlite_sequence VALUES ('segment', ?)", [ahead])

        yield sentence, repair


def _twice(connection: sqlite3.Connection, name: str) -> Iterator[tuple[str, Repair | None]]:
    """No event waits and has an outcome at once. It is sent again: a repeat is harmless, a loss is not."""
    rows = connection.execute(
        "SELECT seq, outcome FROM outcome WHERE destination = ?1 AND seq IN"
        " (SELECT seq FROM waiting WHERE destination = ?1)",
        [name],
    ).fetchall()
    if rows:

        def repair(connection: sqlite3.Connection) -> None:
            for seq, outcome in rows:
                connection.execute("DELETE FROM outcome WHERE destination = ? AND seq = ?", [name, seq])
                update = "UPDATE tally SET count = count - 1 WHERE destination = ? AND outcome = ?"
                connection.execute(update, [name, outcome])

        yield f"{name}: {len(rows)} events wait and have an outcome", repair


def _without_payload(connection: sqlite3.Connection, name: str) -> Iterator[tuple[str, Repair | None]]:
    """Every waiting event is in the log. One that is not can never be sent; it must not stop its lane for ever."""
    rows = connection.execute(
        "SELECT position, seq FROM waiting WHERE destination = ? AND seq <= coalesce((SELECT last_seq - count"
        " FROM segment WHERE last_seq >= waiting.seq ORDER BY last_seq LIMIT 1), waiting.seq)",
        [name],
    ).fetchall()
    if rows:

        def repair(connection: sqlite3.Connection) -> None:
            for position, seq in rows:
                connection.execute("DELETE FROM waiting WHERE destination = ? AND position = ?", [name, position])
                connection.execute("DELETE FROM place WHERE destination = ? AND position = ?", [name, position])
                reason = "its payload was lost with a damaged events.db"
                connection.execute(
                    "INSERT OR REPLACE INTO outcome VALUES (?, ?, 'dead', ?, 0, 'store.damaged', '')",
                    [name, seq, reason],
                )
                connection.execute(
                    "INSERT INTO tally VALUES (?, 'dead', 1) ON CONFLICT DO UPDATE SET count = count + 1", [name]
                )

        yield f"{name}: {len(rows)} waiting events are not in the log", repair


def _place_anew(connection: sqlite3.Connection, name: str) -> None:
    connection.execute("DELETE FROM place WHERE destination = ?", [name])
    select = "SELECT position, lanes FROM waiting WHERE destination = ? AND blocked <> -1"
    rows = connection.execute(select, [name]).fetchall()
    for position, lanes in rows:
        places = [(name, lane, position) for lane in json.loads(lanes)]
        connection.executemany("INSERT INTO place VALUES (?, ?, ?)", places)
    for position, lanes in rows:
        blocked = sum(_in_front(connection, name, lane, position) for lane in json.loads(lanes))
        update = "UPDATE waiting SET blocked = ? WHERE destination = ? AND position = ?"
        connection.execute(update, [blocked, name, position])


def _stands(connection: sqlite3.Connection, name: str, lane: str, position: int) -> bool:
    select = "SELECT 1 FROM place WHERE destination = ? AND lane = ? AND position = ?"
    return connection.execute(select, [name, lane, position]).fetchone() is not None


def _in_front(connection: sqlite3.Connection, name: str, lane: str, position: int) -> bool:
    select = "SELECT 1 FROM place WHERE destination = ? AND lane = ? AND position < ? LIMIT 1"
    return connection.execute(select, [name, lane, position]).fetchone() is not None


def _can_pass(connection: sqlite3.Connection, name: str) -> bool:
    """Return whether there are replayed events, or some that were parked: others may have passed those."""
    select = "SELECT 1 FROM waiting WHERE destination = ? AND (position >= ? OR parked_at IS NOT NULL) LIMIT 1"
    return connection.execute(select, [name, POSITIONS_OF_A_PRIORITY]).fetchone() is not None
