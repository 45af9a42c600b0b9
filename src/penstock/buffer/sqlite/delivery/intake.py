"""How events come from the log into the lanes of one destination, and how far the file has followed the log.

Most events end moments after they came: of those nothing is written but the end (see rules/window.py). In `destination`,
`cursor` is the number up to which all has an outcome or stands in the file, and `received` counts all that have, or do. What
came behind the cursor is read again after a crash; some of it has its outcome by then, or stands in the file.
"""

import itertools
from collections.abc import Callable, Collection, Iterable, Sequence

from penstock.buffer.port.query import COMPANY, PERSON, key_of, keys_of
from penstock.buffer.rules.begin import ALL
from penstock.buffer.rules.window import Fresh, Window
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.delivery.endings import Endings
from penstock.buffer.sqlite.delivery.feeds import Feeds
from penstock.buffer.sqlite.delivery.lanes import SqliteLanes
from penstock.buffer.sqlite.delivery.naming import LaneNames
from penstock.buffer.sqlite.log import epochs
from penstock.buffer.sqlite.log.segments import events_after
from penstock.clock import Clock
from penstock.event import Event, Lane, Naming

# Events read from the log in one step: enough to keep lanes full, few enough not to delay a verdict.
STEP_MAX = 128
# What is held of the log, by events and by the bytes of their bodies; with more, those who wait for longest are written down.
HELD_MAX, HELD_BYTES_MAX = 2_000, 16_777_216
# So far the log is read in front of the cursor: what a restart reads again, and what pages look through.
AHEAD_MAX = 10_000
FAR = """
SELECT max(coalesce((SELECT max(seq) FROM outcome WHERE destination = ?1), 0),
    coalesce((SELECT seq FROM waiting WHERE destination = ?1 AND seq > ?2 ORDER BY seq DESC LIMIT 1), 0))
"""
KNOWN = """
SELECT 1 FROM outcome WHERE destination = ?1 AND seq = ?2 UNION ALL SELECT 1 FROM waiting WHERE destination = ?1 AND seq = ?2
"""
FOLLOWED = "UPDATE destination SET cursor = ?, head = ?, received = ? WHERE name = ?"


class Intake:
    """What one destination has of the log. But for `serve` and `is_told_otherwise`, every method runs inside a transaction of the writer."""

    def __init__(self, name: str, *, endings: Endings, clock: Clock) -> None:
        self.name, self.endings, self.clock, self.window = name, endings, clock, Window()
        self.lanes = SqliteLanes(
            name, under_way=(), clock=clock, stands_elsewhere=self.window.stands_in, bring=self._bring
        )
        self.feeds, self.names = Feeds(name, tuple, lambda _: ALL), LaneNames(name, lambda: None)
        #: Up to here the log was read; None: not known before the file is asked.
        self.head: int | None = None
        self.cursor = self.received = 0
        #: Some of what came up to here is known already, though it is read again.
        self.known_to = 0
        #: The log has more events than were taken in at once.
        self.is_behind = False
        #: Something changed that has to be written with the transaction.
        self.is_changed = False
        #: What is found by which key, and not written yet.
        self.keys: list[tuple[str, int]] = []
        #: Up to here it must be read before anything else, for leases are under way of what was forgotten.
        self.must_reach = 0

    def serve(
        self,
        sources: Callable[[], Sequence[str]],
        *,
        begin: Callable[[str], str],
        naming: Callable[[], Naming | None],
        under_way: Collection[int],
    ) -> None:
        """Follow these sources from now on; see delivery.py. `under_way` are the positions of what is leased."""
        self.feeds, self.names = Feeds(self.name, sources, begin), LaneNames(self.name, naming)
        self.lanes.under_way = under_way

    @property
    def is_full(self) -> bool:
        """Return whether as much is held as may be."""
        return len(self.window) >= HELD_MAX or self.window.bytes >= HELD_BYTES_MAX

    def is_told_otherwise(self) -> bool:
        """Return whether other sources are to be followed, or events read in another way, than at the last look."""
        return self.feeds.are_others() or self.names.is_other()

    def take_in(self, connection: SqliteConnection) -> None:
        """Give the next events of the log their places in their lanes."""
        head = self._begun(connection)
        self.is_behind = False
        if self.is_full:
            return
        rows = list(itertools.islice(events_after(connection, head), STEP_MAX))
        self.is_behind = len(rows) == STEP_MAX
        if not rows:
            return
        epochs.follow(connection)
        self._take(connection, rows)
        self.head = rows[-1][0]
        while (first := self.window.first) is not None and self.head - first.seq >= AHEAD_MAX:
            self.write_down(connection, [first.position])
        # No event waits, and all that came was for others: they are not read again.
        self.is_changed |= not len(self.window)

    def are_named(self, connection: SqliteConnection) -> bool:
        """Return whether all that waits stands in lanes that are named as it is read now; name some of it, if not."""
        if self.names.is_other():
            self.write_all_down(connection)
        return self.names.are_new(connection, self.lanes)

    def ended(self, position: int) -> None:
        """Let an event go that has its outcome now."""
        fresh = self.window.leave(position, self.clock.steady())
        self._count(fresh)

    def sent_for(self, company: str, seq: int) -> None:
        """Note that an event was sent for a company that it does not name: it is found by that too."""
        self.keys.append((key_of(COMPANY, company), seq))
        self.is_changed = True

    def write_down(self, connection: SqliteConnection, positions: Iterable[int]) -> None:
        """Let events stand in the file from now on, with all whose lanes are theirs."""
        self._stand_in_file(connection, self.window.component(positions))

    def write_all_down(self, connection: SqliteConnection) -> None:
        """Let everything stand in the file, and nothing be held."""
        self._stand_in_file(connection, list(self.window.entries.values()))
        self.is_changed = self.head is not None
        self.note(connection)

    def make_room(self, connection: SqliteConnection) -> None:
        """Let wait in the file who waits: others stand behind them in the log."""
        self.write_all_down(connection)
        self.is_behind = True

    def note(self, connection: SqliteConnection) -> None:
        """Write down how far the file has followed the log, at the end of a transaction that changed something."""
        if not self.is_changed or self.head is None:
            return
        first = self.window.first
        self.cursor = self.head if first is None else first.seq - 1
        connection.execute(FOLLOWED, [self.cursor, self.head, self.received, self.name])
        self.lanes.ties.write(connection, up_to=self.cursor)
        connection.executemany("INSERT OR IGNORE INTO found VALUES (?, ?)", sorted(self.keys))
        self.keys, self.is_changed = [], False

    def doubt(self) -> None:
        """Forget all that is not in the file: a transaction failed, and what is known may not be so."""
        self.must_reach = max(self.must_reach, self.head or 0)
        self.window.clear()
        self.lanes.ties.forget_unwritten()
        # Whether anybody waits in the file may have been found out before all of that was undone.
        self.lanes.is_empty = False
        self.head, self.keys, self.is_changed = None, [], False

    def recover(self, connection: SqliteConnection) -> None:
        """Read again what was forgotten, before anybody is told what became of it."""
        while self.must_reach:
            head = self._begun(connection)
            rows = list(itertools.islice(events_after(connection, head), STEP_MAX)) if head < self.must_reach else []
            self._take(connection, rows)
            self.head = rows[-1][0] if rows else head
            self.must_reach = self.must_reach if rows else 0

    def _begun(self, connection: SqliteConnection) -> int:
        """Return behind which number to read on."""
        if self.head is None:
            self.head = self._load(connection)
        if self.feeds.are_others():
            # The log may be read again from an earlier place: what comes from there must not meet what is held.
            self.write_all_down(connection)
            self.head = self.feeds.look(connection, self.head, self.clock.now())
        return self.head

    def _load(self, connection: SqliteConnection) -> int:
        connection.execute("INSERT OR IGNORE INTO destination (name) VALUES (?)", [self.name])
        select = "SELECT cursor, received FROM destination WHERE name = ?"
        self.cursor, self.received = connection.execute(select, [self.name]).fetchone()
        self.known_to = connection.execute(FAR, [self.name, self.cursor]).fetchone()[0]
        return self.cursor

    def _take(self, connection: SqliteConnection, rows: Sequence[tuple[int, Event]]) -> None:
        read, due = self.names.reader(), self.clock.steady()
        if rows and rows[0][0] <= max(self.known_to, self.feeds.read_to):
            # Of what is known, some may have ended just now.
            self.endings.write(connection)
        for seq, event in rows:
            if not self.feeds.takes(seq, event.source):
                continue
            named, is_again = read(event), seq <= self.feeds.read_to
            if (is_again or seq <= self.known_to) and self._is_known(connection, seq):
                if not is_again:
                    self.lanes.note(connection, named, seq)
                continue
            fresh = Fresh(seq, event, *self.lanes.read(connection, named), due)
            if is_again or self.lanes.are_taken(connection, fresh.lanes):
                self._write(connection, [fresh])
            else:
                self.window.enter(fresh)
            self.lanes.note(connection, named, seq)

    def _bring(self, connection: SqliteConnection, lanes: Sequence[Lane]) -> None:
        """An event comes to stand in some lanes of the file: those held in them go there first."""
        self._stand_in_file(connection, self.window.component(lanes=lanes))

    def _stand_in_file(self, connection: SqliteConnection, some: Sequence[Fresh]) -> None:
        for fresh in reversed(some):
            self.window.drop(fresh.position)
        self._write(connection, some)

    def _write(self, connection: SqliteConnection, some: Sequence[Fresh]) -> None:
        for fresh in some:
            self.lanes.stand(connection, fresh, position=fresh.position)
            self._count(fresh)

    def _count(self, fresh: Fresh) -> None:
        """Count an event that is in the file from now on, and note under which keys it is found."""
        self.received += 1
        self.is_changed = True
        # Its own lane is its person as the destination reads it; and the person that its visitor became.
        keys, event = keys_of(fresh.event), fresh.event
        for lane in (*fresh.lanes[:1], fresh.became):
            id_ = lane[lane.find(":") + 1 :]
            if id_ not in {"", event.user_id, event.anonymous_id}:
                keys.add(key_of(PERSON, id_))
        self.keys += [(key, fresh.seq) for key in keys]

    def _is_known(self, connection: SqliteConnection, seq: int) -> bool:
        return connection.execute(KNOWN, [self.name, seq]).fetchone() is not None
