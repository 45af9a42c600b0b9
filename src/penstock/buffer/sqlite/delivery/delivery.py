"""delivery.db: what deliver writes, with the backlogs and ledgers of all destinations; events.db is attached and read."""

import asyncio
import contextlib
import functools
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.buffer.port.names import Known
from penstock.buffer.port.traces import Removal
from penstock.buffer.rules.begin import ALL
from penstock.buffer.rules.needles import Needles
from penstock.buffer.sqlite.connections import SqliteConnection, attach, connect_to_read, read_only
from penstock.buffer.sqlite.delivery import control_seen, names, retention
from penstock.buffer.sqlite.delivery.backlog import SqliteBacklog
from penstock.buffer.sqlite.delivery.control_seen import changes_of
from penstock.buffer.sqlite.delivery.endings import Endings
from penstock.buffer.sqlite.delivery.found import write_anew
from penstock.buffer.sqlite.delivery.intake import Intake
from penstock.buffer.sqlite.delivery.ledger import SqliteLedger
from penstock.buffer.sqlite.delivery.quiet import Quiet
from penstock.buffer.sqlite.delivery.retention import BEGINNING, DAY_S
from penstock.buffer.sqlite.file import (
    DELIVERY,
    EVENTS,
    SqliteTransactions,
    as_store_errors,
    open_writer,
    snapshot,
    transaction,
)
from penstock.buffer.sqlite.group_commit import GroupCommit
from penstock.buffer.sqlite.log import epochs
from penstock.buffer.sqlite.log.epochs import LogGap, gaps_of
from penstock.buffer.sqlite.privacy import delivery_removal, slack
from penstock.buffer.sqlite.privacy.delivery_search import destinations_of, in_parts
from penstock.buffer.sqlite.times import Times
from penstock.clock import Clock
from penstock.errors import BufferUnavailable, LogForked
from penstock.event import Naming
from penstock.timeline import Timeline

if TYPE_CHECKING:
    from penstock.buffer.sqlite.replica.recorder import Recorder


class DeliveryStore:
    """delivery.db in a data folder, with the backlogs of all destinations. `open` before use."""

    def __init__(
        self,
        data_dir: Path,
        *,
        clock: Clock,
        timeline: Timeline | None = None,
        recorder: "Recorder | None" = None,
    ) -> None:
        self.data_dir, self.clock, self.times = data_dir, clock, Times(timeline)
        #: Beyond one machine: what puts each transaction into a stream.
        self.recorder = recorder

    async def open(self) -> None:
        """Open both files, made new if they are not there. Raises BufferUnavailable, StoreDamaged, SettingsError."""
        events = self.data_dir / EVENTS
        with snapshot(events) as log:
            has_schema = log is not None
        if not has_schema:
            # accept may not have started yet; its file gets its schema here then, and no rows.
            open_writer(events, checked=False).close()
        #: Only asked whether the log has changed.
        self.log = connect_to_read(events)
        self.connection = open_writer(self.data_dir / DELIVERY)
        attach(self.connection, events, read_only(events), "log")
        if (seq := epochs.forked_at(self.connection)) is not None:
            raise LogForked(seq)
        make = SqliteTransactions if self.recorder is None else self.recorder.transactions
        transactions = make(self.connection, before_commit=self._complete, after_failure=self._doubt)
        self.group: GroupCommit[SqliteConnection] = GroupCommit(transactions, recorder=self.recorder)
        self.ledgers: dict[str, SqliteLedger] = {}
        #: By destination: one of each, however often it is served, for they know by heart what is in the file.
        self.intakes: dict[str, Intake] = {}
        self.endings: dict[str, Endings] = {}
        #: What each backlog remembers of looks that found nothing.
        self.quiets: weakref.WeakSet[Quiet] = weakref.WeakSet()
        #: How far the walk through all ledgers came; and something was forgotten that the WAL may still hold.
        self.swept: Sequence[str] = BEGINNING
        self.must_scrub = False
        #: What was sent and answered for events in front of this place is forgotten, if their bodies are gone.
        self.payloads_from = 0
        if self.recorder is None:
            with as_store_errors(DELIVERY), transaction(self.connection):
                self._recall(self.connection)
        else:
            await self.group.run(self._recall)

    def _recall(self, connection: SqliteConnection) -> None:
        self.times.recall(connection)
        #: An older copy of control.db came back since deliver ran last: its replays wait for a person.
        self.replays_expired = control_seen.look(connection, changes_of(self.data_dir))

    def gaps(self) -> Sequence[LogGap]:
        """Return which events the log lacks. Raises BufferUnavailable, StoreDamaged."""
        return gaps_of(self.data_dir)

    async def close(self) -> None:
        """Write what is pending and close."""
        if self.times.are_kept:
            with contextlib.suppress(BufferUnavailable):  # on a full disk too, it ends
                await self.group.run(self.times.keep)
        if self.intakes:
            with contextlib.suppress(BufferUnavailable):  # what is not written down is read from the log again
                await self.group.run(self._write_all_down)
            self.intakes.clear()
        await self.group.close()
        self.log.close()
        self.connection.close()

    async def abandon(self) -> None:
        """Close without another word: another node writes the file by now, or may. What is pending raises SteppedDown."""
        if self.recorder is not None:
            self.recorder.stepped_down = self.recorder.stepped_down or "this node steps down"
        await self.group.close()
        self.log.close()
        self.connection.close()

    def backlog(
        self,
        destination: str,
        sources: Callable[[], Sequence[str]],
        begin: Callable[[str], str] = lambda _: ALL,
        naming: Callable[[], Naming | None] = lambda: None,
    ) -> SqliteBacklog:
        """Return the backlog of a destination that the named sources are connected to.

        `begin` says for a source that is new there from when on its events are sent (see begin.py); unless it says
        otherwise, from the oldest event still in the log. `naming` says who an event is about; without, what accept read.
        """
        self.quiets.add(quiet := Quiet(self.log, clock=self.clock))
        return SqliteBacklog(
            destination,
            sources,
            group=self.group,
            intake=self.intake(destination),
            endings=self.endings[destination],
            ledger=self.ledger(destination),
            quiet=quiet,
            clock=self.clock,
            begin=begin,
            naming=naming,
        )

    def ledger(self, destination: str) -> SqliteLedger:
        """Return the ledger of a destination; there is one, for it knows by heart what it wrote."""
        if destination not in self.ledgers:
            forgetting = self.intake(destination).write_all_down
            self.ledgers[destination] = SqliteLedger(
                destination, self.group, clock=self.clock, before_forgetting=forgetting
            )
        return self.ledgers[destination]

    def intake(self, destination: str) -> Intake:
        """Return what a destination has of the log."""
        if destination not in self.intakes:
            self.endings[destination] = Endings(destination)
            self.intakes[destination] = Intake(destination, endings=self.endings[destination], clock=self.clock)
        return self.intakes[destination]

    def known(self) -> Mapping[str, Known]:
        """Return what was served under which name; see names_port.Names."""
        return names.known(self.data_dir)

    async def rename(self, old: str, new: str) -> None:
        """Let what is kept under a name be kept under another one; see names_port.Names."""
        # What people asked for first: a paused destination must not send under its new name.
        names.rename_orders(self.data_dir, old, new)
        await self.group.run(functools.partial(names.rename, old=old, new=new))
        for kept in (self.ledgers, self.intakes, self.endings):
            kept.pop(old, None)

    async def prune(self, *, ledger_days: float = 0.0, destinations: Sequence[str] | None = None) -> int:
        """Remove what retention took from the log, and a slice of the people and companies nothing was learned of for so many days.

        0 days keep everybody. `destinations` are those of the settings; what waits for others is kept. Also brings the next
        events of an older file up to the present keys. Returns how many rows were removed, or looked at for that.
        """
        changes = changes_of(self.data_dir)
        await self.group.run(lambda connection: control_seen.note(connection, changes))
        if self.times.is_due:
            await self.group.run(self.times.keep)
        if destinations is not None:
            await self.group.run(functools.partial(self._note_left, destinations=destinations))
        removed = await self.group.run(functools.partial(retention.prune, minute=int(self.clock.now() // 60)))
        removed += await self._forget_payloads()
        if ledger_days:
            removed += await self._expire(int(self.clock.steady() // DAY_S), max(1, int(ledger_days)))
        removed += await self.group.run(write_anew)
        if self.must_scrub or any(ledger.has_forgotten for ledger in self.ledgers.values()):
            await self._scrub()
        return removed

    async def remove(self, removal: Removal) -> bool:
        """Take people out, some in each transaction; see port/traces.py. Returns whether nothing of theirs is under way.

        Raises BufferUnavailable, StoreDamaged.
        """
        if self.recorder is None:
            return await self._remove(removal)
        self.recorder.is_erasing = True
        try:
            return await self._remove(removal)
        finally:
            self.recorder.is_erasing = False

    async def _remove(self, removal: Removal) -> bool:
        for destination in await self.group.run(destinations_of):
            self.intake(destination)
        # What is held of the log was read before their events were taken out of it.
        await self.group.run(self._write_all_down)
        is_done = await self._end_events(removal)
        await self.group.run(functools.partial(delivery_removal.forget_names, removal=removal))
        for intake in list(self.intakes.values()):
            again = functools.partial(delivery_removal.place_others_anew, intake=intake, names=removal.names)
            is_done &= await self.group.run(again)
        await self.group.run(functools.partial(delivery_removal.forget_texts, removal=removal))
        for ledger in self.ledgers.values():
            ledger.cache.clear()
            ledger.cached_bytes = 0
        for quiet in self.quiets:
            quiet.end()
        return await self._scrub_with(Needles(removal.names)) and is_done

    async def _forget_payloads(self) -> int:
        forget = functools.partial(retention.forget_payloads, from_seq=self.payloads_from)
        forgotten, self.payloads_from = await self.group.run(forget)
        self.must_scrub = self.must_scrub or bool(forgotten)
        return forgotten

    async def _scrub_with(self, needles: Needles) -> bool:
        """Empty the WAL, and overwrite the room between rows where names still stand, a few pages between two transactions.

        Returns whether that was possible.
        """
        self.must_scrub = True
        await self._scrub()
        run, path = asyncio.get_running_loop().run_in_executor, self.data_dir / DELIVERY
        for some in slack.in_steps(await run(None, slack.pages_with, path, slack.names_a_page(needles))):
            with as_store_errors(DELIVERY):
                if not await run(self.group.executor, slack.overwrite, self.connection, path, some):
                    return False
        return not self.must_scrub

    async def _end_events(self, removal: Removal) -> bool:
        is_done = True
        for intake in list(self.intakes.values()):
            for some in in_parts(removal.seqs):
                end = functools.partial(delivery_removal.end_events, intake=intake, seqs=some, at=self.clock.now())
                is_done &= await self.group.run(end)
        return is_done

    def _complete(self) -> None:
        """Write what was gathered over a transaction."""
        for endings in self.endings.values():
            endings.write(self.connection)
        for intake in self.intakes.values():
            intake.note(self.connection)

    def _doubt(self) -> None:
        """Forget what a transaction that failed has changed."""
        for endings in self.endings.values():
            endings.forget()
        for intake in self.intakes.values():
            intake.doubt()

    def _note_left(self, connection: SqliteConnection, destinations: Sequence[str]) -> None:
        for name in self.intakes.keys() - set(destinations):
            self.intakes[name].write_all_down(connection)
        retention.note_left(connection, destinations)

    def _write_all_down(self, connection: SqliteConnection) -> None:
        for intake in self.intakes.values():
            intake.write_all_down(connection)

    async def _expire(self, today: int, days: int) -> int:
        expire = functools.partial(retention.expire, after=self.swept, today=today, days=days)
        forgotten, self.swept = await self.group.run(expire)
        for destination, subjects in forgotten.items():
            self.ledger(destination).drop(subjects)
        self.must_scrub = self.must_scrub or bool(forgotten)
        return sum(map(len, forgotten.values()))

    async def _scrub(self) -> None:
        """Empty the WAL; while another process reads, the next round tries again."""
        ledgers = [ledger for ledger in self.ledgers.values() if ledger.has_forgotten]
        # The writer's own thread: between two transactions, never inside one.
        done = await asyncio.get_running_loop().run_in_executor(self.group.executor, retention.scrub, self.connection)
        if done:
            self.must_scrub = False
            for ledger in ledgers:
                ledger.has_forgotten = False
