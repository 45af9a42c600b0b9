"""The log on SQLite: accept's end. One writer, group commit, bounded by the disk."""

import asyncio
import collections
import contextlib
import functools
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import apsw

from penstock.buffer.port.log import SEQ_MAX
from penstock.buffer.port.traces import Removal
from penstock.buffer.rules.store_shares import StoreShares, whole
from penstock.buffer.sqlite import times
from penstock.buffer.sqlite.connections import SqliteConnection, is_busy
from penstock.buffer.sqlite.delivery.retention import scrub, settled_below
from penstock.buffer.sqlite.file import (
    DELIVERY,
    EVENTS,
    SqliteTransactions,
    as_store_errors,
    open_reader,
    open_writer,
    snapshot,
)
from penstock.buffer.sqlite.group_commit import GroupCommit
from penstock.buffer.sqlite.log import epochs, payloads, segments
from penstock.buffer.sqlite.log.ids import MessageIds
from penstock.buffer.sqlite.log.segments import SegmentPart
from penstock.buffer.sqlite.privacy import log_removal, slack
from penstock.buffer.sqlite.times import Times
from penstock.clock import Clock
from penstock.errors import BufferUnavailable, ShareUsedUp
from penstock.event import Batch
from penstock.timeline import Jump, Timeline

COUNT = """
INSERT INTO accepted VALUES (?, ?) ON CONFLICT (source) DO UPDATE SET count = count + excluded.count
"""
STORED = "SELECT source, events, bytes FROM stored"
# How often the disk and the size of the log are looked at; a disk does not fill faster than the reserve in this time.
LOOK_S = 1.0
# Later than any event: all of them are old.
ANY_TIME_MS = SEQ_MAX
# How often a file is read again at the start, while another process has it for a moment.
READ_TRIES, READ_REST_S = 100, 0.05
# What is removed in one transaction, so that retention never delays an append for long.
PRUNE_ROWS_MAX, PRUNE_PAGES_MAX = 500, 2_000


class SqliteLog:
    """events.db in a data folder. `open` before use."""

    def __init__(
        self,
        data_dir: Path,
        *,
        clock: Clock,
        disk_free_bytes_min: int,
        waiting_events_max: int,
        share_of: Callable[[str], float] = whole,
        timeline: Timeline | None = None,
    ) -> None:
        self.data_dir, self.clock, self.times = data_dir, clock, Times(timeline)
        self.disk_free_bytes_min, self.waiting_events_max = disk_free_bytes_min, waiting_events_max
        self.shares = StoreShares(share_of=share_of, events_max=waiting_events_max)
        self.looked_at, self.trouble = float("-inf"), ""
        #: Something was removed that the WAL may still hold.
        self.must_scrub = False
        #: Events in front of this place have no body any more; not known yet: 0.
        self.bodies_from = 0
        #: Why the file is not open; empty when it is.
        self.unopened = "events.db is not open yet"

    async def open(self) -> None:
        """Open the file, made new if it is not there. Raises BufferUnavailable, StoreDamaged, SettingsError.

        After BufferUnavailable nothing is stored, and `problem` says why, until it was opened after all.
        """
        try:
            await self._open()
        except BufferUnavailable as error:
            self.unopened = error.reason
            raise
        self.unopened = ""

    async def _open(self) -> None:
        self.connection = open_writer(self.data_dir / EVENTS)
        self.appends = Appends(self.connection, self.shares, begin_epoch=self._begin_epoch)
        self.group: GroupCommit[SqliteConnection] = GroupCommit(self.appends)
        # What is stored already is read now, and not while the first request waits. At a first start deliver gives the
        # file its identity meanwhile, and SQLite does not let a transaction that has begun to read write behind that.
        for _ in range(READ_TRIES):
            try:
                await self.group.run(self.times.recall)
            except BufferUnavailable as error:
                if not is_busy(error.__cause__):
                    raise
                await asyncio.sleep(READ_REST_S)
            else:
                return
        await self.group.run(self.times.recall)

    async def close(self) -> None:
        """Write what is pending and close."""
        if not self.unopened:
            if self.times.are_kept:
                with contextlib.suppress(BufferUnavailable):  # on a full disk too, it ends
                    await self.group.run(self.times.keep)
            await self.group.close()
            # A process that only reads leaves the write-ahead log as it is, also when it closes the file last.
            with contextlib.suppress(apsw.Error):
                scrub(self.connection)
            self.connection.close()

    async def append(self, batches: Sequence[Batch]) -> int:
        """Store all events of some batches, one at least, or none, and return how many were new; see port.Log."""
        if problem := self.problem():
            raise BufferUnavailable(problem)
        # Encoded while they are at hand: events that wait for a sync would only be in the way of those that come.
        parts: list[SegmentPart] = []
        for batch in batches:
            if problem := self.shares.used_up.get(batch.source, ""):
                raise ShareUsedUp(problem)
            if segments.fits(batch):
                parts.append(segments.part(batch))
            else:
                await cut(batch, parts)
        del batches, batch
        return await self.group.run(lambda _: self.appends.take(parts))

    def problem(self) -> str:
        """Return why nothing can be stored now; empty when it can."""
        if self.unopened:
            return self.unopened
        now = self.clock.steady()
        if now - self.looked_at >= LOOK_S:
            self.looked_at, self.trouble = now, self._look()
        return self.trouble

    async def prune(
        self,
        *,
        older_than_ms: int,
        bytes_max: int,
        destinations: Sequence[str],
        bodies_older_than_ms: int | None = None,
    ) -> int:
        """Remove events that have their outcomes: the old ones, and the oldest while the file is too large or room is short.

        Removes a bounded number; returns how many. Never one that waits for a destination, also for one that was removed
        and whose backlog was not discarded. `destinations` are those of the settings. Opens the file if it is not open yet.
        With `bodies_older_than_ms`, of those that came before it the bodies go first; such events count among what it returns.
        """
        if self.unopened:
            await self.open()
        if self.times.is_due:
            await self.group.run(self.times.keep)
        if self.must_scrub:
            await self._scrub()
        floor = self._settled_below(destinations)
        prune = functools.partial(
            _prune,
            floor=floor,
            older_than_ms=older_than_ms,
            bytes_max=0 if self.shares.is_pressed() else bytes_max,
            ids=self.appends.ids,
        )
        removed = await self.group.run(prune)
        if bodies_older_than_ms is not None:
            removed += await self._strip(bodies_older_than_ms, floor)
        return removed

    async def _strip(self, older_than_ms: int, floor: int | None) -> int:
        """Take the bodies out of the next events that are old enough and wait for nobody; return of how many."""

        def operation(connection: SqliteConnection) -> tuple[int, int]:
            before_ms, below = times.as_old(connection, older_than_ms=older_than_ms)
            return payloads.strip(
                connection,
                below_seq=below if floor is None else min(floor, below),
                older_than_ms=before_ms,
                from_seq=payloads.first_with_body(connection, self.bodies_from),
            )

        count, self.bodies_from = await self.group.run(operation)
        self.must_scrub = self.must_scrub or bool(count)
        return count

    async def remove(self, removal: Removal) -> bool:
        """Take people's events out, some in each transaction; see port/traces.py. Returns whether nothing is left to do.

        Raises BufferUnavailable, StoreDamaged.
        """
        if self.unopened:
            raise BufferUnavailable(self.unopened)
        for some in log_removal.in_steps(removal.seqs):
            is_renamed = await self.group.run(functools.partial(log_removal.erase, seqs=some, names=removal.names))
            if is_renamed:
                # What is remembered of message ids is read again.
                self.appends.version = None
        self.must_scrub = True
        await self._scrub()
        return await self._overwrite_left_overs() if removal.seqs else True

    async def _overwrite_left_overs(self) -> bool:
        """Overwrite the room between rows, a few pages between two appends; return whether that was possible."""
        run, path = asyncio.get_running_loop().run_in_executor, self.data_dir / EVENTS
        if slack.is_sealed(path):
            # It could only be written anew, and accept would stand still for as long as that takes.
            return not self.must_scrub
        for some in slack.in_steps(await run(None, slack.pages_with, path, slack.has_left_overs)):
            with as_store_errors(EVENTS):
                if not await run(self.group.executor, slack.overwrite, self.connection, path, some):
                    return False
        return not self.must_scrub

    async def _scrub(self) -> None:
        """Empty the WAL, which still has what was removed; while another process reads, the next round of `prune` tries again."""
        loop = asyncio.get_running_loop()
        self.must_scrub = not await loop.run_in_executor(self.group.executor, scrub, self.connection)

    async def note_jump(self, jump: Jump) -> None:
        """Write down that the wall's clock was set, so that nothing grows older or younger by it.

        Raises BufferUnavailable.
        """
        if self.unopened:
            raise BufferUnavailable(self.unopened)

        def operation(connection: SqliteConnection) -> None:
            times.note_jump(connection, jump)
            self.times.keep(connection)

        await self.group.run(operation)

    def _begin_epoch(self, connection: SqliteConnection) -> int:
        known = epochs.known_beside(self.data_dir)
        return epochs.begin(connection, known, at=self.clock.now())

    def _look(self) -> str:
        free = shutil.disk_usage(self.data_dir).free
        self._look_at_disk(free)
        if free < self.disk_free_bytes_min:
            return f"{free} bytes are free on the disk, {self.disk_free_bytes_min} are needed"
        with_reader = open_reader(self.data_dir / EVENTS)
        if with_reader is None:
            return ""
        try:
            first, last = segments.first_seq(with_reader), segments.last_seq(with_reader)
        except apsw.Error:
            return ""  # being written for the first time
        finally:
            with_reader.close()
        stored = last - first + 1 if first else 0
        return (
            f"{stored} events are stored, {self.waiting_events_max} are allowed"
            if stored >= self.waiting_events_max
            else ""
        )

    def _look_at_disk(self, free_bytes: int) -> None:
        path = self.data_dir / EVENTS
        self.shares.disk_bytes = path.stat().st_size if path.exists() else 0
        self.shares.disk_bytes_max = self.shares.disk_bytes + max(0, free_bytes - self.disk_free_bytes_min)
        self.shares.weigh()

    def _settled_below(self, destinations: Sequence[str]) -> int | None:
        """Return the place in the log below which nothing waits for anybody; None for no bound."""
        path = self.data_dir / DELIVERY
        with snapshot(path) as delivery:
            if delivery is None:
                # Being brought to its schema, or not made yet: what is settled is not known.
                return 0 if destinations or path.exists() else None
            return settled_below(delivery, destinations)


async def cut(batch: Batch, parts: list[SegmentPart]) -> None:
    """Make a large batch ready too, and let others be answered meanwhile: thousands of events take their time."""
    for part in segments.parts(batch):
        parts.append(part)
        await asyncio.sleep(0)


class Appends:
    """Stores the events of all appends of a group with one write; see group_commit.Transactions."""

    def __init__(
        self,
        connection: SqliteConnection,
        shares: StoreShares,
        *,
        begin_epoch: Callable[[SqliteConnection], int] = segments.last_seq,
    ) -> None:
        self.begin_epoch, self.has_epoch = begin_epoch, False
        self.connection, self.ids, self.shares = connection, MessageIds(connection), shares
        self.transactions = SqliteTransactions(connection, before_commit=self._finish)
        self.last_seq, self.fresh, self.fresh_count = 0, list[SegmentPart](), 0
        #: SQLite's word for the state that memory agrees with; None: it may not agree with any.
        self.version: int | None = None

    def commit(self, operations: Sequence[Callable[[SqliteConnection], Any]]) -> list[Any]:
        """Run all in one transaction, synced to disk."""
        try:
            return self._commit(operations)
        except BufferUnavailable as error:
            # At a first start deliver gives the file its identity, and for who has begun to read SQLite does not wait until
            # it may write. Nothing was kept: now it waits before it reads, and the first event need not come again.
            if not is_busy(error.__cause__):
                raise
            return self._commit(operations, begin="BEGIN IMMEDIATE")

    def _commit(self, operations: Sequence[Callable[[SqliteConnection], Any]], *, begin: str = "BEGIN") -> list[Any]:
        self.fresh.clear()
        self.fresh_count = 0
        try:
            return self.transactions.commit([self._agree, *operations], begin=begin)[1:]
        except BaseException:
            # What was remembered of this group is not stored.
            self.version, self.has_epoch = None, False
            raise

    def take(self, parts: Sequence[SegmentPart]) -> int:
        """Take those events that are not stored yet; return how many."""
        return sum(map(self._take, parts))

    def _take(self, part: SegmentPart) -> int:
        if not self.has_epoch:
            self.last_seq, self.has_epoch = self.begin_epoch(self.connection), True
        suspects = self.ids.suspects(part.ids)
        known = self.ids.known(part.source, suspects)
        is_new = not known and all(part.ids.count(id_) == 1 for id_, _ in suspects)
        fresh = [part] if is_new else part.without(known)
        before = self.fresh_count
        for each in fresh:
            self.ids.add(each.source, each.ids, first_seq=self.last_seq + self.fresh_count + 1)
            self.fresh_count += len(each.ids)
        self.fresh += fresh
        return self.fresh_count - before

    def _agree(self, connection: SqliteConnection) -> None:
        """Read the file again when memory does not agree with it: at first, after a failure, after another process wrote."""
        version = connection.execute("PRAGMA data_version").fetchone()[0]
        if version != self.version:
            self.last_seq = segments.last_seq(connection)
            self.ids.read()
            self.version = version

    def _finish(self) -> None:
        self._write()
        # Also when it is not committed: then the next group reads it again, and till then it is a little too much.
        self.shares.stored = {row[0]: (row[1], row[2]) for row in self.connection.execute(STORED)}
        self.shares.weigh()

    def _write(self) -> None:
        if not self.fresh:
            return
        self.last_seq = segments.write(self.connection, self.fresh, after_seq=self.last_seq)
        counts: collections.Counter[str] = collections.Counter()
        for part in self.fresh:
            counts[part.source] += len(part.ids)
        self.connection.executemany(COUNT, counts.items())
        self.ids.write_runs(self.last_seq, came=self.fresh_count)


def _prune(
    connection: SqliteConnection, *, floor: int | None, older_than_ms: int, bytes_max: int, ids: MessageIds
) -> int:
    pages, free, size = (
        connection.execute(f"PRAGMA {p}").fetchone()[0] for p in ("page_count", "freelist_count", "page_size")
    )
    too_large = (pages - free) * size > bytes_max
    bound = SEQ_MAX if floor is None else floor
    before_ms, below = times.as_old(connection, older_than_ms=older_than_ms)
    removed = segments.remove(
        connection,
        below_seq=bound if too_large else min(bound, below),
        older_than_ms=ANY_TIME_MS if too_large else before_ms,
        rows_max=PRUNE_ROWS_MAX,
    )
    if removed:
        ids.prune()
        connection.execute(f"PRAGMA incremental_vacuum({PRUNE_PAGES_MAX})").fetchall()
    return removed
