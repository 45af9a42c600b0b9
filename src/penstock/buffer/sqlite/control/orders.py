"""What people ask of deliver, on SQLite: control.db. Asked rarely, so each question opens the file anew."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from penstock.buffer.port.ledger import Asked, ForgetOrder
from penstock.buffer.port.orders import ReplayOrder
from penstock.buffer.port.selection import Selection
from penstock.buffer.sqlite.connections import SqliteConnection, rows_changed
from penstock.buffer.sqlite.control.changing import behind_others, opened_to_change, opened_to_scrub
from penstock.buffer.sqlite.delivery.control_seen import KnownOfControl, known_of_control
from penstock.buffer.sqlite.file import CONTROL, snapshot, transaction
from penstock.buffer.sqlite.remembered import Remembered
from penstock.buffer.sqlite.times import latest_told
from penstock.clock import Clock

# What stands in the place of the user who paused a destination, once it goes on.
GOES_ON = ""
# Stands beside the selection of an order.
FRESH_IDS = "fresh_ids"
PAUSE = """
INSERT INTO pause VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET discard = excluded.discard,
since = iif(asked_by <> '' AND excluded.asked_by <> '', since, excluded.since),
asked_by = iif(asked_by <> '' AND excluded.asked_by <> '', asked_by, excluded.asked_by)
"""
COLUMNS = "id, destination, selection, asked_at, asked_by, stopped, changed"


class SqliteOrders:
    """control.db in a data folder; see port.Orders."""

    def __init__(self, data_dir: Path, *, clock: Clock) -> None:
        self.path, self.clock = data_dir / CONTROL, clock
        self.remembered = Remembered(self.path, clock=clock)

    @behind_others
    def ask_replay(self, destination: str, selection: Selection, *, by: str, fresh_ids: bool = False) -> int:
        """Order a replay of what has ended so far; return its number."""
        now = self.clock.now()
        ended_before = latest_told(self.path.parent, now=now)
        selection = msgspec.structs.replace(selection, ended_before=ended_before)
        kept = msgspec.to_builtins(selection) | ({FRESH_IDS: True} if fresh_ids else {})
        row = [destination, msgspec.json.encode(kept).decode(), now, by]
        with self._changing() as (control, change, known):
            # A number that deliver knows from a newer control.db would be taken for the replay that had it.
            number = 1 + max(known.replay, _last_number(control, "replay_order"))
            insert = (
                "INSERT INTO replay_order (id, destination, selection, asked_at, asked_by, changed)"
                " VALUES (?, ?, ?, ?, ?, ?)"
            )
            control.execute(insert, [number, *row, change])
            return number

    @behind_others
    def stop_replay(self, job: int, *, stopped: bool) -> bool:
        """Stop a replay, or let it go on; return whether there is such a replay."""
        with self._changing() as (control, change, _):
            update = "UPDATE replay_order SET stopped = ?, changed = ? WHERE id = ?"
            return rows_changed(control, update, [stopped, change, job]) > 0

    def replays(self) -> Sequence[ReplayOrder]:
        """Return all replays, the newest first."""
        return self.remembered.read("replays", self._replays)

    def paused(self) -> Mapping[str, str]:
        """Return who paused what: person by destination."""
        return self.remembered.read("paused", self._paused)

    def discarded(self) -> Sequence[str]:
        """Return the destinations whose backlog was given up."""
        return self.remembered.read("discarded", self._discarded)

    def _replays(self) -> Sequence[ReplayOrder]:
        expired = known_of_control(self.path).expired
        with snapshot(self.path) as control:
            if control is None:
                return ()
            rows = control.execute(f"SELECT {COLUMNS} FROM replay_order ORDER BY id DESC")  # noqa: S608 - our own
            return [_order(row, expired=expired) for row in rows]

    @behind_others
    def pause(self, destination: str, *, paused: bool, by: str, discard: bool = False) -> None:
        """Let a destination rest, or go on."""
        with self._writing() as control:
            control.execute(PAUSE, [destination, self.clock.now(), by if paused else GOES_ON, paused and discard])

    def resumed(self) -> Mapping[str, float]:
        """Return by destination when a person said last that it may go on."""
        return self.remembered.read("resumed", self._resumed)

    def _paused(self) -> Mapping[str, str]:
        select = "SELECT destination, asked_by FROM pause WHERE asked_by <> ?"
        with snapshot(self.path) as control:
            return dict(control.execute(select, [GOES_ON])) if control else {}

    def _resumed(self) -> Mapping[str, float]:
        select = "SELECT destination, since FROM pause WHERE asked_by = ?"
        with snapshot(self.path) as control:
            return dict(control.execute(select, [GOES_ON])) if control else {}

    def _discarded(self) -> Sequence[str]:
        with snapshot(self.path) as control:
            rows = (
                control.execute("SELECT destination FROM pause WHERE discard ORDER BY 1").fetchall() if control else []
            )
        return [row[0] for row in rows]

    def _writing(self) -> contextlib.AbstractContextManager[SqliteConnection]:
        return opened_to_change(self.path)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[tuple[SqliteConnection, int, KnownOfControl]]:
        """Change replays in a transaction; yields also the number of the change, beyond all that deliver has seen."""
        known = known_of_control(self.path)
        with self._writing() as control, transaction(control):
            change = 1 + max(known.seen, control.execute("SELECT changes FROM folder").fetchone()[0])
            control.execute("UPDATE folder SET changes = ?", [change])
            yield control, change, known


class SqliteLedgerOrders:
    """control.db in a data folder; see ledger_port.LedgerOrders."""

    def __init__(self, data_dir: Path, *, clock: Clock) -> None:
        self.path, self.clock = data_dir / CONTROL, clock
        self.remembered = Remembered(self.path, clock=clock)

    @behind_others
    def ask_forget(self, destination: str, prefix: str, *, by: str) -> int:
        """Order that records are forgotten; return the order's number."""
        row = [destination, prefix, self.clock.now(), by]
        known = known_of_control(self.path)
        with opened_to_change(self.path) as control, transaction(control):
            # As with replays: deliver would take it for one that it has followed.
            number = 1 + max(known.forget, _last_number(control, "forget_order"))
            insert = "INSERT INTO forget_order (id, destination, prefix, asked_at, asked_by) VALUES (?, ?, ?, ?, ?)"
            control.execute(insert, [number, *row])
            return number

    @behind_others
    def approve(self, destination: str, attribute: str, *, by: str) -> None:
        """Let an attribute through that the guard holds."""
        with opened_to_change(self.path) as control:
            row = [destination, attribute, self.clock.now(), by]
            control.execute("INSERT OR IGNORE INTO attribute_approval VALUES (?, ?, ?, ?)", row)

    def asked(self, destination: str, *, after: int) -> Asked:
        """Return the orders to forget with a larger number, in order, and all approvals."""
        return self.remembered.read((destination, after), lambda: self._asked(destination, after))

    @behind_others
    def followed(self, destination: str, *, up_to: int) -> None:
        """Forget orders up to this number."""
        followed = "FROM forget_order WHERE destination = ? AND id <= ?"
        with snapshot(self.path) as control:
            if control is None or not control.execute(f"SELECT 1 {followed}", [destination, up_to]).fetchone():
                return
        with opened_to_change(self.path) as control:
            control.execute(f"DELETE {followed}", [destination, up_to])
        # The WAL still holds the order as it was; while another process reads, the next writer's checkpoint takes it.
        with opened_to_scrub(self.path):
            pass

    def _asked(self, destination: str, after: int) -> Asked:
        forgets = "SELECT id, prefix FROM forget_order WHERE destination = ? AND id > ? ORDER BY id"
        approved = "SELECT attribute FROM attribute_approval WHERE destination = ?"
        with snapshot(self.path) as control:
            if control is None:
                return Asked()
            orders = [
                ForgetOrder(id=number, prefix=prefix)
                for number, prefix in control.execute(forgets, [destination, after])
            ]
            return Asked(forgets=orders, approved=frozenset(row[0] for row in control.execute(approved, [destination])))


def _last_number(control: SqliteConnection, table: str) -> int:
    row = control.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", [table]).fetchone()
    return row[0] if row else 0


def _order(row: Sequence[Any], *, expired: int) -> ReplayOrder:
    job, destination, kept, asked_at, asked_by, stopped, changed = row
    selection = msgspec.json.decode(kept)
    fresh_ids = bool(selection.pop(FRESH_IDS, False))
    return ReplayOrder(
        id=job,
        destination=destination,
        selection=msgspec.convert(selection, Selection),
        asked_at=asked_at,
        asked_by=asked_by,
        # Whether it had been stopped is not known of an order that came back with an older file: a person decides again.
        stopped=bool(stopped) or changed <= expired,
        fresh_ids=fresh_ids,
    )
