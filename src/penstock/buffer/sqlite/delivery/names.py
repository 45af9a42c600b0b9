"""Destinations and their names on SQLite: every table of delivery.db and control.db that names one."""

import json
from collections.abc import Mapping
from pathlib import Path

from penstock.buffer.port.names import Known
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.control.changing import behind_others, opened_to_change
from penstock.buffer.sqlite.delivery.feeds import begun_of
from penstock.buffer.sqlite.file import CONTROL, DELIVERY, snapshot, transaction

NAMING = """
SELECT tables.name FROM sqlite_master AS tables JOIN pragma_table_info(tables.name) AS columns
WHERE tables.type = 'table' AND columns.name = 'destination'
"""


def known(data_dir: Path) -> Mapping[str, Known]:
    """Return what was served under which name. Raises BufferUnavailable, StoreDamaged."""
    with snapshot(data_dir / DELIVERY) as delivery:
        rows = delivery.execute("SELECT name, notes FROM destination").fetchall() if delivery else []
    return {name: _known(notes) for name, notes in rows}


def rename(delivery: SqliteConnection, old: str, new: str) -> None:
    """Change a name wherever it stands, in a transaction. The new one must have nothing of its own."""
    delivery.execute("UPDATE destination SET name = ?, left_seq = NULL WHERE name = ?", [new, old])
    _rename_in_tables(delivery, old, new)


@behind_others
def rename_orders(data_dir: Path, old: str, new: str) -> None:
    """Let what people asked for under a name hold for another one; a second time changes nothing.

    Raises BufferUnavailable, StoreDamaged.
    """
    with snapshot(data_dir / CONTROL) as control:
        if control is None:
            return
    with opened_to_change(data_dir / CONTROL, checked=False) as control, transaction(control):
        # What waited was given up under the old name; nothing is, under the new one.
        control.execute("DELETE FROM pause WHERE destination = ? AND discard", [old])
        _rename_in_tables(control, old, new)


def _rename_in_tables(connection: SqliteConnection, old: str, new: str) -> None:
    for (table,) in connection.execute(NAMING).fetchall():
        update = f"UPDATE OR REPLACE {table} SET destination = ? WHERE destination = ?"  # noqa: S608 - our own names
        connection.execute(update, [new, old])


def _known(notes: str) -> Known:
    kept = json.loads(notes)
    return Known(
        origin=str(kept.get("origin", "")), account=str(kept.get("account", "")), sources=frozenset(begun_of(notes))
    )
