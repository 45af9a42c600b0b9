"""Which message ids are stored. An id that was stored is always known; what is new is found to be new without the disk.

Ids are random, so an index of them all would have a page of its own written for each event. Instead the last ones are
kept in memory, and written in runs that never change: sorted, 128 to a row, so that an id is found by one look-up in each.

*The states* of an id that is stored, in this order:

    recent       in memory, by source, with its place in the log
    unfinished   in memory still, and in rows of `message` for a run that has no row in `run` yet
    in a run     in rows of `message`, and the run in `run`: from then on it is looked for on disk alone
    gone         retention took all events of its run, and the run behind them

    recent ── 65 536 have come ──▶ unfinished ── its last row is written ──▶ in a run ── all events gone ──▶ gone

Beside it, each id is in the filter that was the newest when it came. A filter covers up to 16 runs, says "maybe" or "no", and
never forgets; the newest takes in ids before they are stored.

*What holds between two transactions:*

1. Runs cut the log: a run has the ids of the events up to its `last_seq`, from where the run before it ends; the unfinished
   one and the recent ones are what comes behind the last run. So what memory holds can be read again from the log.
2. A row of `message` is never changed. Rows of a run that `run` does not name do not count: a reader does not see them, and a
   start takes them away and begins that run anew.
3. A filter suspects every id of its runs, of the unfinished run if that is its own, and, the newest, all recent ones.
4. At most one run is unfinished: for each id that comes, two of it are written, so it is done long before the next begins.
5. Memory agrees with one state of the file, which SQLite names (`data_version`). After a failed write, or another's, it is
   read again before anything is asked (log.py); so nothing is known that was not stored.

*Why it is exact.* A stored id is known: by 3 its filter suspects it; by 1 it is recent, unfinished or in a run of that
filter, and all three are looked into. An id that is not stored is not known: a suspicion, which about one new id in a thousand
meets, is compared as text. Two equal ids in one request are found because the newest filter takes in the first before it is
asked for the second. Within a source, that is; sources may use the same ids.

*Why it is cheap.* A new id costs a word of memory in each filter, one filter for a million ids; a commit writes a few rows
at the end of the file's trees; a start reads the ids behind the last run, and the filters that were stored full, if this
process hashes as the one that wrote them did.
"""

import array
import collections
import functools
import hashlib
import itertools
import operator
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.log.segments import first_seq, insert, names_after

RUN_IDS, IDS_OF_A_ROW = 65_536, 128
# For each id that comes, so many of the run before are written: it is done long before the next one is begun.
HASTE = 2
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
# The number is the filters' own: those that set other bits are of no use either.
HASHING = hash("penstock 2")


ids_of = msgspec.json.Decoder(list[str]).decode
seqs_of = msgspec.json.Decoder(list[int]).decode


class MessageIds:
    """The ids of one events.db, for its one writer. `read` before use."""

    def __init__(self, connection: SqliteConnection, *, run_ids: int = RUN_IDS) -> None:
        self.connection, self.run_ids = connection, run_ids
        #: Each id that came is in one of them; new ones go into the last.
        self.filters = [Filter()]
        #: The ids behind the last run, and the run that is being written.
        self.recent, self.unfinished = Places(), UnfinishedRun.nothing()

    def read(self) -> None:
        """Learn from the file what is stored, and write the runs that it lacks."""
        self.recent, self.unfinished = Places(), UnfinishedRun.nothing()
        mark = self.connection.execute(MARK).fetchone()[0]
        # What was written of a run that was not finished.
        self.connection.execute("DELETE FROM message WHERE run > ?", [mark])
        self._read_runs()
        for seq, source, message_id in names_after(self.connection, mark):
            self.filters[-1].admit([message_id])
            self.recent.of[source][message_id] = seq
            self.write_runs(seq, came=1)

    def suspects(self, ids: Sequence[str]) -> "list[Suspect]":
        """Return the ids that may have come before, these here included; from now on, all of them have."""
        found = [(id_, filter_) for filter_ in self.filters[:-1] for id_ in filter_.suspects(ids)]
        newest = self.filters[-1]
        return [*found, *((id_, newest) for id_ in newest.admit(ids))]

    def known(self, source: str, suspects: "Iterable[Suspect]") -> set[str]:
        """Return which of these ids are stored."""
        return {id_ for id_, filter_ in suspects if self._is_stored(source, id_, filter_)}

    def add(self, source: str, ids: Iterable[str], *, first_seq: int) -> None:
        """Remember ids whose events are being stored."""
        self.recent.of[source].update(zip(ids, itertools.count(first_seq), strict=False))

    def write_runs(self, last_seq: int, *, came: int) -> None:
        """Go on with the run that is being written; begin one, up to the event `last_seq`, when enough ids are there.

        `came` says how many ids came since the last time.
        """
        if self.unfinished:
            self._go_on(rows_max=1 + HASTE * came // IDS_OF_A_ROW)
        if len(self.recent) < self.run_ids:
            return
        while self.unfinished:
            self._go_on(rows_max=RUN_IDS)
        self.recent, self.unfinished = Places(), UnfinishedRun(last_seq, self.recent, self.filters[-1])
        if len(self.filters[-1].runs) == FILTER_RUNS - 1:
            self.filters.append(Filter())

    def prune(self) -> None:
        """Remove the oldest run when retention took all its events."""
        oldest = first_seq(self.connection)
        [run] = self.connection.execute("SELECT min(last_seq) FROM run").fetchone()
        if run is not None and (oldest is None or run < oldest):
            self.connection.execute("DELETE FROM message WHERE run = ?", [run])
            self.connection.execute("DELETE FROM run WHERE last_seq = ?", [run])
            self.connection.execute("DELETE FROM filter WHERE last_run <= ?", [run])
            in_use = (self.filters[-1], self.unfinished.filter)
            self.filters = [each for each in self.filters if each in in_use or max(each.runs) > run]

    def _is_stored(self, source: str, id_: str, filter_: "Filter") -> bool:
        if self.recent.have(source, id_) or self.unfinished.places.have(source, id_):
            return True
        return any(places_in_runs(self.connection, source, id_, filter_))

    def _go_on(self, *, rows_max: int) -> None:
        """Write some rows of the run that is begun; after the last of them it counts."""
        run = self.unfinished.last_seq
        rows = list(itertools.islice(self.unfinished.rows, rows_max))
        insert(self.connection, "message", ((run, *row) for row in rows))
        if len(rows) < rows_max:
            insert(self.connection, "run", ((run, source) for source in self.unfinished.places.of))
            self._cover(self.unfinished.filter, run)
            self.unfinished = UnfinishedRun.nothing()

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
            newest = self._one_with_room()
            for row in self.connection.execute("SELECT ids FROM message WHERE run = ?", [run]):
                newest.admit(ids_of(row[0]))
            self._cover(newest, run)
        self._one_with_room()

    def _read_filters(self, runs: set[int]) -> None:
        """Take the stored filters, as far as their runs are there; these leave the set. Others are of no use."""
        self.connection.execute(
            "DELETE FROM filter WHERE hashing <> ? OR length(bits) <> ?", [HASHING, 8 * FILTER_WORDS]
        )
        for covered, bits in self.connection.execute("SELECT runs, bits FROM filter ORDER BY last_run"):
            present = [run for run in seqs_of(covered) if run in runs]
            if present:
                self.filters.append(Filter(bits, present))
                runs.difference_update(present)

    def _one_with_room(self) -> "Filter":
        if not self.filters or len(self.filters[-1].runs) >= FILTER_RUNS:
            self.filters.append(Filter())
        return self.filters[-1]

    def _cover(self, filter_: "Filter", run: int) -> None:
        """Let a filter answer for a run whose ids it has; store it when it is full."""
        filter_.runs.append(run)
        if len(filter_.runs) == FILTER_RUNS:
            row = [run, msgspec.json.encode(filter_.runs).decode(), HASHING, filter_.words.tobytes()]
            self.connection.execute("INSERT OR REPLACE INTO filter VALUES (?, ?, ?, ?)", row)


class Places:
    """Where the events with some ids are, by source and id."""

    def __init__(self) -> None:
        self.of: dict[str, dict[str, int]] = collections.defaultdict(dict)

    def __len__(self) -> int:
        return sum(map(len, self.of.values()))

    def have(self, source: str, id_: str) -> bool:
        """Return whether an id is here."""
        return id_ in self.of.get(source, ())

    def rows(self) -> Iterator[tuple[str, str, str, str]]:
        """Yield the rows of `message` that hold them, but for their first column."""
        encode = msgspec.json.encode
        for source, places in self.of.items():
            ids = sorted(places)
            for start in range(0, len(ids), IDS_OF_A_ROW):
                some = ids[start : start + IDS_OF_A_ROW]
                seqs = list(map(places.__getitem__, some))
                yield source, some[0], encode(some).decode(), encode(seqs).decode()


class UnfinishedRun:
    """A run that is being written."""

    def __init__(self, last_seq: int, places: Places, filter_: "Filter") -> None:
        self.last_seq, self.places, self.filter = last_seq, places, filter_
        #: What is not written yet.
        self.rows = places.rows()

    def __bool__(self) -> bool:
        return bool(self.last_seq)

    @classmethod
    def nothing(cls) -> "UnfinishedRun":
        """Return what stands for no run."""
        return cls(0, Places(), Filter(b""))


# An id sets some bits of one word. With 32 bits an id, one new id in a thousand is looked for in vain.
FILTER_RUNS, FILTER_WORDS = 16, 8 * RUN_IDS
# Which bits: sets of six, or fewer where two of them fall together.
MASKS = [
    functools.reduce(operator.or_, (1 << byte % 64 for byte in hashlib.blake2b(b"%d" % n, digest_size=6).digest()))
    for n in range(4096)
]
HASH_MASK = FILTER_WORDS * len(MASKS) - 1


class Filter:
    """Knows of nearly every id that did not come that it did not: a Bloom filter."""

    def __init__(self, bits: bytes = bytes(8 * FILTER_WORDS), runs: Sequence[int] = ()) -> None:
        self.words, self.runs = array.array("Q", bits), list(runs)

    def admit(self, ids: Iterable[str]) -> list[str]:
        """Return the ids that are suspected already; from now on, all of them are."""
        words, suspects = self.words, []
        # Python's own hash: a sender cannot choose ids that meet, for the seed is secret, or drawn for each process.
        for id_ in ids:
            hash_ = hash(id_) & HASH_MASK
            place, mask = hash_ >> 12, MASKS[hash_ & 4095]
            held = words[place]
            if held & mask == mask:
                suspects.append(id_)
            else:
                words[place] = held | mask
        return suspects

    def suspects(self, ids: Iterable[str]) -> list[str]:
        """Return the ids that may have come."""
        words = self.words
        return [
            id_ for id_ in ids if words[(hash_ := hash(id_) & HASH_MASK) >> 12] & (mask := MASKS[hash_ & 4095]) == mask
        ]


Suspect = tuple[str, Filter]


def places_of(connection: SqliteConnection, message_id: str) -> list[int]:
    """Return where the events with an id are, of all sources; for readers, who have no memory of it."""
    mark = connection.execute(MARK).fetchone()[0]
    # An id stands in its segment as it is, and nearly all segments have it nowhere.
    names = names_after(connection, mark, holding=message_id.encode(errors="surrogatepass"))
    recent = [seq for seq, _, own_id in names if own_id == message_id]
    return [*_places(connection, ROWS, message_id, {"first": 0, "last": mark}), *recent]


def places_in_runs(connection: SqliteConnection, source: str, id_: str, filter_: Filter) -> Iterator[int]:
    """Yield where the events of a source with an id are, in the runs that a filter covers."""
    where = {"first": min(filter_.runs, default=0), "last": max(filter_.runs, default=0), "source": source}
    return _places(connection, OF_SOURCE, id_, where)


def _places(connection: SqliteConnection, select: str, id_: str, where: dict[str, object]) -> Iterator[int]:
    quoted = msgspec.json.encode(id_).decode()
    for ids, seqs in connection.execute(select, {"id": id_, "quoted": quoted, **where}):
        # A quoted id may also stand inside of another.
        yield from (seq for each, seq in zip(ids_of(ids), seqs_of(seqs), strict=True) if each == id_)
