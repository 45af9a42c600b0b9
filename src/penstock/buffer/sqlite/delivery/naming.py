"""Events that wait when a destination reads in another way who they are about: their lanes are named anew.

That is so once after an upgrade that reads more forms of an id, and whenever a setting changes which person is meant. Until all
of them stand in their lanes nothing is handed out: what comes later could overtake them.
"""

import json
from collections.abc import Callable

from penstock.buffer.port.log import SEQ_MAX
from penstock.buffer.rules.lanes import by_head
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.delivery.feeds import NAMED, notes_of
from penstock.buffer.sqlite.delivery.lanes import SqliteLanes
from penstock.buffer.sqlite.log.segments import Neighbours
from penstock.event import Event, Named, Naming

# Events in one transaction: few enough not to delay a verdict for long.
NAMED_AT_ONCE = 500
NEXT = "SELECT position, seq FROM waiting WHERE destination = ? AND position > ? ORDER BY position LIMIT ?"


class LaneNames:
    """How one destination reads its events, and whether all that waits there stands in lanes that are named so."""

    def __init__(self, destination: str, naming: Callable[[], Naming | None]) -> None:
        self.destination, self.naming = destination, naming
        self.named_by = ""

    def reader(self) -> Callable[[Event], Named]:
        """Return what reads who an event is about."""
        return self.naming() or by_head

    def is_other(self) -> bool:
        """Return whether events may be read in another way than what waits was."""
        naming = self.naming()
        return naming is not None and naming.key != self.named_by

    def are_new(self, connection: SqliteConnection, lanes: SqliteLanes) -> bool:
        """Return whether all that waits is named as it is read now; name some of it, if not."""
        naming = self.naming()
        if naming is None or naming.key == self.named_by:
            return True
        is_done = _name_some(connection, self.destination, lanes, naming)
        self.named_by = naming.key if is_done else ""
        return is_done


def name_anew(connection: SqliteConnection, destination: str) -> None:
    """Have all that waits named anew when the destination is served next, for its settings are not known here."""
    notes = notes_of(connection, destination)
    if notes.pop(NAMED, None):
        connection.execute("UPDATE destination SET notes = ? WHERE name = ?", [json.dumps(notes), destination])


def _name_some(connection: SqliteConnection, destination: str, lanes: SqliteLanes, naming: Naming) -> bool:
    """Name the lanes of the next events that wait; return whether that was all. Goes on where it was after a crash."""
    notes = notes_of(connection, destination)
    key, done, is_done = notes.get(NAMED) or ("", -1, False)
    if key == naming.key and is_done:
        return True
    done = done if key == naming.key else -1
    rows = connection.execute(NEXT, [destination, done, NAMED_AT_ONCE]).fetchall()
    neighbours = Neighbours(connection)
    for position, seq in rows:
        # One that the log has lost is buried when it is the first of its lane.
        if (event := neighbours.at(seq)) is not None:
            lanes.enter_again(connection, naming(event), position=position, seq=seq)
    lanes.ties.write(connection, up_to=SEQ_MAX)
    is_done = len(rows) < NAMED_AT_ONCE
    notes[NAMED] = [naming.key, rows[-1][0] if rows else done, is_done]
    connection.execute("INSERT OR IGNORE INTO destination (name) VALUES (?)", [destination])
    connection.execute("UPDATE destination SET notes = ? WHERE name = ?", [json.dumps(notes), destination])
    return is_done
