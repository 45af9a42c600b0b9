"""One small World per backend: how to open it, crash it, and let time pass. Tests talk to a World and know no backend."""

import contextlib
import importlib.resources
import random
import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from penstock.buffer.memory.log import MemoryBuffer
from penstock.buffer.sqlite.connections import connect
from penstock.buffer.sqlite.file import EVENTS, SCHEMAS
from penstock.buffer.sqlite.log import older_packing
from penstock.buffer.sqlite.store import SqliteStore
from penstock.clock import Clock, ManualClock
from penstock.event import Batch, Event, MessageId, Naming

DESTINATION = "custify"
# Where a sync costs nothing, for tests that open thousands of stores and do not ask what a power cut leaves.
QUICK_DISK = Path("/dev/shm")


def event(name: str, user: str = "", *, anonymous: str = "", company: str = "", source: str = "web") -> Event:
    """Return an event of a person, a visitor or both."""
    return Event(
        source=source,
        message_id=MessageId(name),
        type="group" if company else "track",
        user_id=user,
        anonymous_id=anonymous,
        company_id=company,
        received_at_ms=1_700_000_000_000,
        request_ip="127.0.0.1",
        body=f'{{"messageId":"{name}"}}'.encode(),
    )


def file_of_schema(
    number: int,
    folder: Path,
    file: str,
    *statements: tuple[str, list],
    since: int | None = None,
    by_step: Mapping[int, Sequence[tuple[str, list]]] = MappingProxyType({}),
) -> None:
    """Write a file as an older Penstock did, with what that one wrote; or with what one of the schema `since` had written.

    `by_step` is what each schema's Penstock wrote beside that, as long as it was the newest.
    """
    with sqlite3.connect(folder / file) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.create_function("packed_columns", 4, older_packing.packed_columns)
        connection.create_function("repacked", 1, older_packing.repacked)
        for done, step in enumerate(SCHEMAS[file][:number], 1):
            script = importlib.resources.files("penstock.buffer.sqlite").joinpath("migrations", step)
            connection.executescript(script.read_text())
            written = [*(statements if done == (since or number) else ()), *by_step.get(done, ())]
            for statement, values in written:
                connection.execute(statement, values)
        connection.execute(f"PRAGMA user_version = {number}")
    connection.close()


def incompressible(number: int, *, size: int = 150) -> str:
    """Return a text that takes that many bytes of the disk, however it is packed."""
    return random.Random(number).randbytes(size).hex()


def quick_folder() -> tempfile.TemporaryDirectory:
    """Return a folder for one store."""
    return tempfile.TemporaryDirectory(prefix="penstock-", dir=QUICK_DISK if QUICK_DISK.is_dir() else None)


class World:
    """A log, one destination's backlog, the shelf, and the powers that be."""

    lease_s, long = 30.0, 60.0

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or ManualClock()
        self.sources = ["web", "server"]
        #: Whom an event is about; None: as accept read it.
        self.naming: Naming | None = None
        #: Of each source: its share of the store; and how many events the store may hold.
        self.store_shares, self.events_max = dict[str, float](), 10**9

    def share_of(self, source: str) -> float:
        return self.store_shares.get(source, 1.0)

    def named_by(self) -> Naming | None:
        return self.naming

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def counts(self):
        return self.shelf.counts(DESTINATION, self.sources)

    def stories(self):
        return self.shelf.stories(DESTINATION, limit=1_000_000)

    async def append(self, *events: Event) -> int:
        return await self.log.append([Batch.of(each) for each in events])

    async def lease(self, limit: int = 100):
        return await self.backlog.lease(limit=limit, lease_s=self.lease_s)

    async def leased_names(self, limit: int = 100) -> list[str]:
        return [lease.event.message_id for lease in await self.lease(limit)]


class MemoryWorld(World):
    """Models a perfect disk: a crash costs only the leases."""

    def __init__(self, folder: Path, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.buffer = MemoryBuffer(clock=self.clock, share_of=self.share_of)

    async def open(self) -> "MemoryWorld":
        self.buffer.shares.events_max = self.events_max
        self.log = self.shelf = self.dead = self.search = self.gauge = self.begun = self.buffer
        self.backlog = self.buffer.backlog(DESTINATION, lambda: self.sources, naming=self.named_by)
        return self

    def backlog_of(self, name, sources, begin):
        return self.buffer.backlog(name, sources, begin)

    async def crash_and_reopen(self) -> None:
        self.backlog.crash()

    def call_figures(self):
        return self.backlog.ledger.calls()

    async def close(self) -> None:
        pass


class SqliteWorld(World):
    """Real files."""

    def __init__(self, folder: Path, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.folder = folder

    async def open(self) -> "SqliteWorld":
        whole = SqliteStore(self.folder, clock=self.clock)
        self.log = whole.log(
            disk_free_bytes_min=0,
            waiting_events_max=self.events_max,
            share_of=self.share_of,
        )
        await self.log.open()
        self.store = whole.delivery()
        await self.store.open()
        self.backlog = self.store.backlog(DESTINATION, lambda: self.sources, naming=self.named_by)
        self.shelf, self.dead, self.search = whole.shelf, whole.dead, whole.search
        self.gauge, self.begun, self.ledger = whole.gauge, whole.begun, whole.ledger
        return self

    def backlog_of(self, name, sources, begin):
        return self.store.backlog(name, sources, begin)

    async def crash_and_reopen(self) -> None:
        """Drop everything without a goodbye: what was not committed is gone."""
        for part in (self.log, self.store):
            part.group.executor.shutdown()
            part.connection.close()
        self.store.log.close()
        await self.open()

    async def close(self) -> None:
        await self.log.close()
        await self.store.close()

    def call_figures(self):
        return self.ledger.calls(DESTINATION)

    def fill_the_disk(self) -> None:
        self._pages_max(self.log.connection.execute("PRAGMA page_count").fetchone()[0])

    def empty_the_disk(self) -> None:
        self._pages_max(10**9)

    def _pages_max(self, pages: int) -> None:
        self.log.connection.execute(f"PRAGMA max_page_count = {pages}")

    def break_the_schema(self, version: int) -> None:
        with contextlib.closing(connect(self.folder / EVENTS)) as connection:
            connection.execute(f"PRAGMA user_version = {version}")
