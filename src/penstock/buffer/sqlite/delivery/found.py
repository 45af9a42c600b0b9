"""Keys of events that were stored before there was such a key, written a slice at a time, the newest events first.

An upgrade does not wait for that: how far it came stands in the file, and who looks for events reads those before that place.
"""

import itertools

from penstock.buffer.port.query import keys_of
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.log.segments import events_before

KEEP = "INSERT OR IGNORE INTO found VALUES (?, ?)"
# Events in one transaction: few enough not to delay a verdict for long.
WRITTEN_AT_ONCE = 500


def write_anew(connection: SqliteConnection) -> int:
    """Write the keys of the next events that may lack some; return how many events that were, 0 once all have theirs."""
    from_seq = connection.execute("SELECT from_seq FROM found_anew").fetchone()[0]
    if not from_seq:
        return 0
    rows = list(itertools.islice(events_before(connection, from_seq), WRITTEN_AT_ONCE))
    connection.executemany(KEEP, sorted((key, seq) for seq, event in rows for key in keys_of(event)))
    is_done = len(rows) < WRITTEN_AT_ONCE
    connection.execute("UPDATE found_anew SET from_seq = ?", [0 if is_done else rows[-1][0]])
    return len(rows)
