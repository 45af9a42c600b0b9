"""Which message ids are stored. An id that was stored is always known; what is new is found to be new without the disk.

Ids are random, so an index of them all would have a page of its own written for each event. Instead the last ones are
kept in memory, and written in runs that never change. Filters in memory say which ids may be in which runs; only these,
about one new id in a hundred, are looked for on disk. An id is known as long as its event is stored, or a little longer.
"""

import collections
import itertools
import sqlite3
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from penstock.buffer.sqlite_segments import first_seq, insert, names_after

RUN_IDS, IDS_OF_A_ROW = 65_536, 128
# In each run at most one row can have the id; `instr` spares reading those that have not.
ROWS = """
SELECT ids, seqs FROM run CROSS JOIN message ON message.run = run.last_seq AND message.source = run.source AND first_id = (
    SELECT max(first_id) FROM message AS each
    WHERE each.run = run.last_seq AND each.source = run.source AND each.first_id <= :id
) WHERE run.last_seq BETWEEN :first AND :last AND instr(ids, :quoted)
"""
OF_SOURCE = f"{ROWS} AND run.source = :source"
MARK = "SELECT coalesce(max(last_seq), 0) FROM run"
# Python's hash of a text differs from process to process, but for those that `penstock serve` starts with one seed.
HASHING = hash("penstock")


ids_of = msgspec.json.Decoder(list[str]).decode
seqs_of = msgspec.json.Decoder(list[int]).decode


class MessageIds:
    """The ids of one events.db, for its one writer. `read` before use."""

    def __init__(self, connection: sqlite3.Connection, *, run_ids: int = RUN_IDS) -> None:
        self.connection, self.run_ids = connection, run_ids
        #: By source: the ids behind the last run, and where their events are.
        self.recent: dict[str, dict[str, int]] = collections.defaultdict(dict)
        self.filters: list[Filter] = []

    def read(self) -> None:
        """Learn from the file what is stored, and write the runs that it lacks."""
        self._read_runs()
        self.recent.clear()
        mark = self.connection.execute(MARK).fetchone()[0]
        for seq, event in names_after(self.connection, mark):
            self.recent[event.source][event.message_id] = seq
            self.write_run(seq)

    def known(self, source: str, ids: Sequence[str]) -> set[str]:
        """Return which of these ids are stored."""
        recent = self.recent[source]
        found = set() if recent.keys().isdisjoint(ids) else recent.keys() & set(ids)
        for filter_ in self.filters:
            for id_ in filter_.suspects(ids):
                where = {"first": min(filter_.runs), "last": max(filter_.runs), "source": source}
                if any(_places(self.connection, OF_SOURCE, id_, where)):
                    found.add(id_)
        return found

    def add(self, source: str, ids: Iterable[str], *, first_seq: int) -> None:
        """Remember ids whose events are being stored."""
        self.recent[source].update(zip(ids, itertools.count(first_seq), strict=False))

    def write_run(self, last_seq: int) -> None:
        """Write the ids in memory, up to the event `last_seq`, when they have become enough for a run."""
        if sum(map(len, self.recent.values())) < self.run_ids:
            return
        for source, places in self.recent.items():
            self.connection.execute("INSERT INTO run VALUES (?, ?)", [last_seq, source])
            insert(self.connection, "message", _rows(last_seq, source, places))
        self._filter(last_seq, itertools.chain.from_iterable(self.recent.values()))
        self.recent.clear()

    def prune(self) -> None:
        """Remove the oldest run when retention took all its events."""
        oldest = first_seq(self.connection)
        [run] = self.connection.execute("SELECT min(last_seq) FROM run").fetchone()
        if run is not None and (oldest is None or run < oldest):
            self.connection.execute("DELETE FROM message WHERE run = ?", [run])
            self.connection.execute("DELETE FROM run WHERE last_seq = ?", [run])
            self.connection.execute("DELETE FROM filter WHERE last_run <= ?", [run])
            self.filters = [filter_ for filter_ in self.filters if max(filter_.runs) > run]

    def _read_runs(self) -> None:
        """Let the filters cover the runs that are there: one that was taken back goes, one that is not known yet comes."""
        runs = {row[0] for row in self.connection.execute("SELECT last_seq FROM run")}
        for filter_ in self.filters:
            filter_.runs = [run for run in filter_.runs if run in runs]
            runs.difference_update(filter_.runs)
        self.filters = [filter_ for filter_ in self.filters if filter_.runs]
        if not self.filters:
            self._read_filters(runs)
        for run in sorted(runs):
            rows = self.connection.execute("SELECT ids FROM message WHERE run = ?", [run])
            self._filter(run, itertools.chain.from_iterable(ids_of(row[0]) for row in rows))

    def _read_filters(self, runs: set[int]) -> None:
        """Take the stored filters, as far as their runs are there; these leave the set. Others are of no use."""
        self.connection.execute("DELETE FROM filter WHERE hashing <> ? OR length(bits) <> ?", [HASHING, FILTER_BYTES])
        for covered, bits in self.connection.execute("SELECT runs, bits FROM filter ORDER BY last_run"):
            present = [run for run in seqs_of(covered) if run in runs]
            if present:
                self.filters.append(Filter(bits, present))
                runs.difference_update(present)

    def _filter(self, run: int, ids: Iterable[str]) -> None:
        if not self.filters or len(self.filters[-1].runs) >= FILTER_RUNS:
            self.filters.append(Filter())
        newest = self.filters[-1]
        newest.add(run, ids)
        if len(newest.runs) == FILTER_RUNS:
            row = [run, msgspec.json.encode(newest.runs).decode(), HASHING, bytes(newest.bits)]
            self.connection.execute("INSERT OR REPLACE INTO filter VALUES (?, ?, ?, ?)", row)


# An id sets two bits of one byte. With four bytes an id, at most one new id in eighty is looked for in the filter's runs.
FILTER_RUNS, FILTER_BYTES = 16, 64 * RUN_IDS
PAIRS = [1 << high | 1 << low for high in range(8) for low in range(high)]
MASKS = PAIRS + PAIRS[:4]
HASH_MASK = FILTER_BYTES * len(MASKS) - 1


class Filter:
    """Knows of nearly every id that is not in its runs that it is not: a Bloom filter."""

    def __init__(self, bits: bytes = bytes(FILTER_BYTES), runs: Sequence[int] = ()) -> None:
        self.bits, self.runs = bytearray(bits), list(runs)

    def add(self, run: int, ids: Iterable[str]) -> None:
        """Cover one more run."""
        self.runs.append(run)
        bits = self.bits
        # Python's own hash: a sender cannot choose ids that meet, for the seed is secret, or drawn for each process.
        for hash_ in map(hash, ids):
            place = hash_ & HASH_MASK
            bits[place >> 5] |= MASKS[place & 31]

    def suspects(self, ids: Iterable[str]) -> list[str]:
        """Return the ids that may be in a run."""
        bits = self.bits
        return [id_ for id_ in ids if bits[(place := hash(id_) & HASH_MASK) >> 5] & (mask := MASKS[place & 31]) == mask]


def places_of(connection: sqlite3.Connection, message_id: str) -> list[int]:
    """Return where the events with an id are, of all sources; for readers, who have no memory of it."""
    mark = connection.execute(MARK).fetchone()[0]
    recent = [seq for seq, event in names_after(connection, mark) if event.message_id == message_id]
    return [*_places(connection, ROWS, message_id, {"first": 0, "last": mark}), *recent]


def _rows(run: int, source: str, places: dict[str, int]) -> Iterator[tuple[object, ...]]:
    ids = sorted(places)
    for start in range(0, len(ids), IDS_OF_A_ROW):
        some = ids[start : start + IDS_OF_A_ROW]
        seqs = list(map(places.__getitem__, some))
        yield run, source, some[0], msgspec.json.encode(some).decode(), msgspec.json.encode(seqs).decode()


def _places(connection: sqlite3.Connection, select: str, id_: str, where: dict[str, object]) -> Iterator[int]:
    quoted = msgspec.json.encode(id_).decode()
    for ids, seqs in connection.execute(select, {"id": id_, "quoted": quoted, **where}):
        # A quoted id may also stand inside of another.
        yield from (seq for each, seq in zip(ids_of(ids), seqs_of(seqs), strict=True) if each == id_)
