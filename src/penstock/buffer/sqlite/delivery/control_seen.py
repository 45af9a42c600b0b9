"""What deliver remembers of control.db, so that an older copy of it runs no replay again and gives no number twice."""

import dataclasses
from pathlib import Path

from penstock.buffer.sqlite.connections import SqliteConnection, rows_changed
from penstock.buffer.sqlite.file import CONTROL, DELIVERY, snapshot

# The ledger's wishes keep the number of the last order to forget in their destination's notes.
KNOWN = """
SELECT control_seen, control_expired, (SELECT coalesce(max(job), 0) FROM replay),
    (SELECT coalesce(max(json_extract(notes, '$.forgotten')), 0) FROM destination) FROM main.folder
"""


@dataclasses.dataclass(frozen=True, slots=True)
class KnownOfControl:
    """The changes of replays that deliver has seen, those that an older copy brought back, and the numbers it has met."""

    seen: int = 0
    #: Orders that were changed last by one of the changes up to this are not followed by themselves; -1: all are.
    expired: int = -1
    replay: int = 0
    forget: int = 0


def known_of_control(control: Path) -> KnownOfControl:
    """Return what the delivery.db beside a control.db remembers. Raises BufferUnavailable, StoreDamaged."""
    with snapshot(control.with_name(DELIVERY)) as delivery:
        row = delivery.execute(KNOWN).fetchone() if delivery else None
    return KnownOfControl(*row) if row else KnownOfControl()


def changes_of(data_dir: Path) -> int | None:
    """Return how often replays were asked for, stopped or resumed; None when there is no control.db."""
    with snapshot(data_dir / CONTROL) as control:
        return control.execute("SELECT changes FROM folder").fetchone()[0] if control else None


def look(delivery: SqliteConnection, changes: int | None) -> bool:
    """Note how far control.db has come, at a start, in a transaction; return whether an older copy of it came back."""
    note(delivery, changes)
    if changes is None:
        return False
    # All orders that it has: one that is changed from now on gets a number beyond what was seen.
    expire = "UPDATE main.folder SET control_expired = control_seen WHERE control_seen > max(?, control_expired)"
    return rows_changed(delivery, expire, [changes]) > 0


def note(delivery: SqliteConnection, changes: int | None) -> None:
    """Remember how far control.db has come; writes nothing while it has not."""
    delivery.execute("UPDATE main.folder SET control_seen = ?1 WHERE control_seen < ?1", [changes or 0])
