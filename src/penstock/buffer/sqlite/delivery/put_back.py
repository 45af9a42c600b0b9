"""One step of a replay on SQLite: events that have ended stand in their lanes again, behind the live ones."""

from collections.abc import Sequence
from typing import Any

from penstock.buffer.port.backlog import Priority, ReplayStep
from penstock.buffer.port.selection import Selection
from penstock.buffer.rules.lanes import place
from penstock.buffer.rules.whose import Chosen
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.delivery.intake import Intake
from penstock.buffer.sqlite.log.segments import event_at
from penstock.buffer.sqlite.read.chosen import Looked, look
from penstock.buffer.sqlite.read.whose import SqliteAcquaintances

WAS = "UPDATE waiting SET was = ?, is_anew = ? WHERE destination = ? AND position = ?"
UNCOUNTED = "UPDATE tally SET count = count - 1 WHERE destination = ? AND outcome = ?"


def put_back(
    connection: SqliteConnection,
    intake: Intake,
    selection: Selection,
    *,
    job: int,
    limit: int,
    fresh_ids: bool = False,
) -> ReplayStep:
    """Put the next events of a selection back; see port.Return. Inside a transaction that wrote all outcomes there are."""
    connection.execute("INSERT OR IGNORE INTO replay (job, destination) VALUES (?, ?)", [job, intake.name])
    cursor, is_read = connection.execute("SELECT cursor, is_read FROM replay WHERE job = ?", [job]).fetchone()
    chosen = Chosen(selection, SqliteAcquaintances(connection, intake.name))
    rows, next_seq = Looked((), None)
    if not is_read:
        rows, next_seq = look(connection, connection, intake.name, chosen, after_seq=cursor, limit=limit, file="log")
    if rows:
        # What an event ties is written in the order of the log: that of those that are held first.
        intake.write_all_down(connection)
    replayed = sum(_put_back(connection, intake, row, chosen=chosen, job=job, anew=fresh_ids) for row in rows)
    step = ReplayStep(
        replayed=replayed,
        waiting=connection.execute("SELECT count(*) FROM waiting WHERE job = ?", [job]).fetchone()[0],
        is_read=next_seq is None,
    )
    connection.execute(
        "UPDATE replay SET cursor = ?, replayed = replayed + ?, is_read = ? WHERE job = ?",
        [next_seq or (rows[-1][0] if rows else cursor), replayed, step.is_read, job],
    )
    return step


def _put_back(
    connection: SqliteConnection, intake: Intake, row: Sequence[Any], *, chosen: Chosen, job: int, anew: bool
) -> bool:
    seq, outcome = row
    event = event_at(connection, seq)
    if event is None or not chosen.takes(event):
        return False
    connection.execute("DELETE FROM outcome WHERE destination = ? AND seq = ?", [intake.name, seq])
    connection.execute(UNCOUNTED, [intake.name, outcome])
    select = "SELECT next_position FROM destination WHERE name = ?"
    number = connection.execute(select, [intake.name]).fetchone()[0]
    connection.execute("UPDATE destination SET next_position = ? WHERE name = ?", [number + 1, intake.name])
    named, due = intake.names.reader()(event), intake.clock.steady()
    position = place(Priority.REPLAY, number)
    intake.lanes.enter(connection, event, named, seq=seq, position=position, due=due, job=job)
    connection.execute(WAS, [outcome, anew, intake.name, position])
    return True
