"""Does the store keep its own promises? Each finding is a sentence and, where there is one, a repair that loses no event.

Runs on a stopped store when it repairs, and on one consistent view of each file when it only looks. What it costs grows with
what is stored, and no faster: every check goes through a table once, or looks up by a key.
"""

import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from penstock.buffer.port.log import SEQ_MAX
from penstock.buffer.rules.lanes import by_head, place_in_log
from penstock.buffer.sqlite import folder
from penstock.buffer.sqlite.connections import SqliteConnection, attach
from penstock.buffer.sqlite.delivery.lanes import SqliteLanes
from penstock.buffer.sqlite.delivery.naming import name_anew
from penstock.buffer.sqlite.doctor import places
from penstock.buffer.sqlite.doctor.log import Ailment, Repair, forked, missing, without_payload
from penstock.buffer.sqlite.doctor.salvage import log_rows
from penstock.buffer.sqlite.file import DELIVERY, EVENTS, as_store_errors, damage_of, open_reader, open_writer
from penstock.buffer.sqlite.log.segments import event_at, events_after, is_whole
from penstock.clock import Clock

# Segments read between two words of progress.
SEGMENTS_A_WORD = 20_000


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be."""

    file: str
    sentence: str
    #: None: nothing can be repaired in place; the sentence says what to do.
    repair: Repair | None = None


class Doctor:
    """Examines one data folder."""

    def __init__(
        self,
        data_dir: Path,
        *,
        sources_of: Mapping[str, Sequence[str]],
        clock: Clock,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.data_dir, self.sources_of, self.clock = data_dir, sources_of, clock
        #: Told what is looked at now, for a person who waits.
        self.tell = tell

    def damaged(self) -> list[Finding]:
        """Return the files that cannot be read as they are. Reads every page, and unpacks every event."""
        findings = []
        for name in folder.FILES:
            path = self.data_dir / name
            if path.exists():
                self.tell(f"{name}: every page of {path.stat().st_size} bytes")
            if path.exists() and (damage := damage_of(path) or self._packed_badly(path)):
                findings.append(Finding(name, f"damaged: {damage}; penstock doctor --repair saves what can be read"))
        return findings

    def findings(self) -> list[Finding]:
        """Return where the figures and the places of delivery.db do not fit together, or do not fit events.db."""
        if not (self.data_dir / DELIVERY).exists() or not (self.data_dir / EVENTS).exists():
            return []
        return self._look(self._destination)

    def at_start(self) -> list[Finding]:
        """Return what can be found in moments, however much is stored: at each start. Opens the files as their writer."""
        return self._look(self._sums)

    def _look(self, at: Callable[[SqliteConnection, str], Iterator[Ailment]]) -> list[Finding]:
        with self._open() as connection:
            connection.execute("BEGIN")
            if found := [Finding(EVENTS, *each) for each in forked(connection)]:
                # Nothing else that would be found makes sense before that is mended.
                return found
            names = [row[0] for row in connection.execute("SELECT name FROM destination ORDER BY name")]
            found = [Finding(EVENTS, *each) for each in missing(connection, at=self.clock.now())]
            return [*found, *(Finding(DELIVERY, *each) for name in names for each in at(connection, name))]

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
                    if finding.repair is not None:
                        finding.repair(connection)
                    repaired.append(f"{finding.file}: {finding.sentence}")
                connection.execute("COMMIT")
        return repaired

    @contextlib.contextmanager
    def _open(self) -> Iterator[SqliteConnection]:
        # One of an older schema is brought forward, as a start would.
        open_writer(self.data_dir / EVENTS, checked=False).close()
        with contextlib.closing(open_writer(self.data_dir / DELIVERY)) as connection, as_store_errors(DELIVERY):
            attach(connection, log := self.data_dir / EVENTS, f"{log.absolute()}", "log")
            yield connection

    def _destination(self, connection: SqliteConnection, name: str) -> Iterator[Ailment]:
        self.tell(f"{DELIVERY}: {name}: outcomes")
        yield from _twice(connection, name)
        self.tell(f"{DELIVERY}: {name}: waiting events")
        yield from without_payload(connection, name)
        self.tell(f"{DELIVERY}: {name}: places in lanes")
        yield from _places(connection, name)
        self.tell(f"{DELIVERY}: {name}: sums")
        yield from self._sums(connection, name)

    def _packed_badly(self, path: Path) -> str:
        """Look for what only the checksums of segments can tell; SQLite has none of its own."""
        connection = open_reader(path) if path.name == EVENTS else None
        if connection is None:
            return ""
        bad = 0
        with contextlib.closing(connection):
            if not _has_a_log(connection):
                return ""
            for number, row in enumerate(connection.execute(f"SELECT {log_rows(connection)}")):
                if number % SEGMENTS_A_WORD == 0:
                    self.tell(f"{EVENTS}: events from {row[0]} on")
                bad += not is_whole(row)
        return f"{bad} segments cannot be unpacked" if bad else ""

    def _sums(self, connection: SqliteConnection, name: str) -> Iterator[Ailment]:
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

        def repair(connection: SqliteConnection) -> None:
            self._enter_again(connection, name, lost)
            update = "UPDATE destination SET received = ? WHERE name = ?"
            connection.execute(update, [accounted + len(lost), name])

        yield sentence, repair

    def _missing(self, connection: SqliteConnection, name: str, cursor: int) -> list[int]:
        """Return the places of events that were taken in and have neither an outcome nor a place in a lane."""
        taken = "SELECT seq FROM outcome WHERE destination = ?1 UNION SELECT seq FROM waiting WHERE destination = ?1"
        known = {row[0] for row in connection.execute(taken, [name])}
        sources = frozenset(self.sources_of.get(name, ()))
        until = itertools.takewhile(lambda each: each[0] <= cursor, events_after(connection, 0))
        return [seq for seq, event in until if seq not in known and event.source in sources]

    def _enter_again(self, connection: SqliteConnection, name: str, seqs: Sequence[int]) -> None:
        lanes = SqliteLanes(name, under_way=(), clock=self.clock)
        for seq in seqs:
            event = event_at(connection, seq)
            if event is None:
                continue  # read from the log just now: only a file that is being damaged gets here
            lanes.enter(connection, event, by_head(event), seq=seq, position=place_in_log(seq), due=0.0)
        lanes.ties.write(connection, up_to=SEQ_MAX)
        name_anew(connection, name)


def _has_a_log(connection: SqliteConnection) -> bool:
    return bool(connection.execute("PRAGMA user_version").fetchone()[0])


def _places(connection: SqliteConnection, name: str) -> Iterator[Ailment]:
    """Every waiting event stands in each of its lanes, and `blocked` counts those with another event in front."""
    wrong, orphans = places.wrong(connection, name), places.orphans(connection, name)
    if wrong or orphans:
        sentence = f"{name}: {wrong} waiting events and {orphans} places do not fit together"
        yield sentence, lambda connection: places.place_anew(connection, name)


def _twice(connection: SqliteConnection, name: str) -> Iterator[Ailment]:
    """No event waits and has an outcome at once. It is sent again: a repeat is harmless, a loss is not."""
    rows = connection.execute(
        "SELECT seq, outcome FROM outcome WHERE destination = ?1 AND seq IN"
        " (SELECT seq FROM waiting WHERE destination = ?1)",
        [name],
    ).fetchall()
    if rows:

        def repair(connection: SqliteConnection) -> None:
            for seq, outcome in rows:
                connection.execute("DELETE FROM outcome WHERE destination = ? AND seq = ?", [name, seq])
                update = "UPDATE tally SET count = count - 1 WHERE destination = ? AND outcome = ?"
                connection.execute(update, [name, outcome])

        yield f"{name}: {len(rows)} events wait and have an outcome", repair
