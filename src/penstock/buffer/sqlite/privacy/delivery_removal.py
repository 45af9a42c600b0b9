"""People taken out of delivery.db: what waits of theirs ends as erased, of what has ended the outcome alone stays.

Runs inside transactions of the one writer. Nothing is taken from under a call: while an event of theirs is under way, it stays,
and the next try finds it ended.
"""

import json
from collections.abc import Collection, Sequence

from penstock import causes
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.port.traces import Removal
from penstock.buffer.rules.lanes import POSITIONS_OF_A_PRIORITY
from penstock.buffer.rules.needles import GONE, Needles
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.delivery.intake import Intake
from penstock.buffer.sqlite.log.segments import Neighbours
from penstock.buffer.sqlite.privacy import delivery_search
from penstock.buffer.sqlite.rows import count_for_its_replay

REASON = "its person or company was erased: nothing of it is left"
WAITING = "SELECT position, seq FROM waiting WHERE destination = ? AND seq IN ({}) ORDER BY position"
BLANK = "UPDATE outcome SET reason = '', notes = '', became = '' WHERE destination = ? AND seq IN ({})"
UNDONE = """
SELECT seq, outcome FROM outcome
WHERE destination = ? AND (outcome IN ('dead', 'rejected') OR cause = 'mode.shadow') AND seq IN ({})
"""
TALLY = """
INSERT INTO tally VALUES (?, ?, ?) ON CONFLICT (destination, outcome) DO UPDATE SET count = count + excluded.count
"""
END = "UPDATE outcome SET outcome = ?, reason = ?, cause = ?, notes = '', became = '' WHERE destination = ? AND seq = ?"


def end_events(connection: SqliteConnection, intake: Intake, seqs: Sequence[int], *, at: float) -> bool:
    """End what waits of some events at one destination, and empty what has ended; return whether none is under way.

    `at` is the time, seconds since 1970.
    """
    marks = ", ".join("?" * len(seqs))
    # Some may have ended in this very transaction.
    intake.endings.write(connection)
    rows = connection.execute(WAITING.format(marks), [intake.name, *seqs]).fetchall()
    under_way = tuple(intake.lanes.under_way)
    free = {position: seq for position, seq in rows if position not in under_way}
    neighbours = Neighbours(connection)
    for position, seq in free.items():
        left = neighbours.at(seq)
        source = left.source if left else ""
        intake.endings.end_as_erased(seq, source=source, reason=REASON, cause=causes.ERASED, at=at)
        if position >= POSITIONS_OF_A_PRIORITY:
            count_for_its_replay(connection, intake.name, position, Outcome.ERASED)
    delete = "DELETE FROM parked WHERE destination = ? AND position = ?"
    connection.executemany(delete, [(intake.name, position) for position in free])
    intake.lanes.leave(connection, intake.lanes.waiting(connection, free))
    _empty(connection, intake.name, seqs, marks)
    return len(free) == len(rows)


def _empty(connection: SqliteConnection, destination: str, seqs: Sequence[int], marks: str) -> None:
    connection.execute(BLANK.format(marks), [destination, *seqs])
    # What is not there cannot be replayed.
    for seq, outcome in connection.execute(UNDONE.format(marks), [destination, *seqs]).fetchall():
        connection.execute(END, [Outcome.ERASED, REASON, causes.ERASED, destination, seq])
        connection.executemany(TALLY, [(destination, outcome, -1), (destination, Outcome.ERASED, 1)])
    delete = "DELETE FROM attempt WHERE destination = ? AND seq IN ({})"
    connection.execute(delete.format(marks), [destination, *seqs])


def forget_names(connection: SqliteConnection, removal: Removal) -> None:
    """Forget what is known of people, at every destination: records, and who they were taken for."""
    lanes = sorted(Needles(removal.names).lanes)
    marks = ", ".join("?" * len(lanes))
    connection.execute(f"DELETE FROM ledger WHERE ltrim(subject, '~') IN ({marks})", lanes)  # noqa: S608
    connection.execute(f"DELETE FROM tie WHERE lane IN ({marks}) OR person IN ({marks})", lanes * 2)  # noqa: S608
    connection.execute(f"DELETE FROM parked WHERE ltrim(subject, '~') IN ({marks})", lanes)  # noqa: S608


def place_others_anew(connection: SqliteConnection, intake: Intake, names: Collection[str]) -> bool:
    """Name the lanes anew of others' events that waited in one of theirs; return whether none of those is under way."""
    needles = Needles(names)
    quoted, under_way = [json.dumps(lane) for lane in needles.lanes], tuple(intake.lanes.under_way)
    rows = connection.execute("SELECT position, seq, lanes, became FROM waiting WHERE destination = ?", [intake.name])
    theirs = [r[:2] for r in rows if r[3] in needles.lanes or any(each in r[2] for each in quoted)]
    neighbours, read = Neighbours(connection), intake.names.reader()
    for position, seq in theirs:
        if position not in under_way and (event := neighbours.at(seq)) is not None:
            intake.lanes.enter_again(connection, read(event), position=position, seq=seq)
    return not any(position in under_way for position, _ in theirs)


def forget_texts(connection: SqliteConnection, removal: Removal) -> None:
    """Take search keys away, and their names out of what was written down about others' events."""
    connection.executemany("DELETE FROM found WHERE key = ? AND seq = ?", removal.found)
    needles = Needles(removal.names)
    notes = [(needles.without(text), name) for text, name in delivery_search.notes_of(connection, needles)]
    connection.executemany("UPDATE destination SET notes = ? WHERE name = ?", notes)
    remarks = [(_without_event(record), *key) for record, *key in delivery_search.remarks_of(connection, needles)]
    connection.executemany("UPDATE ledger SET record = ? WHERE destination = ? AND subject = ?", remarks)
    for name, seq in removal.outcomes:
        _rewrite(connection, needles, "outcome", ("reason", "notes", "became"), {"destination": name, "seq": seq})
    for name, seq, number in removal.attempts:
        where = {"destination": name, "seq": seq, "number": number}
        _rewrite(connection, needles, "attempt", ("path", "answer"), where)


def _without_event(remark: bytes) -> bytes:
    """Return a remark without the message id of the event that it was made of."""
    return json.dumps({key: text for key, text in json.loads(remark).items() if key != "message_id"}).encode()


def _rewrite(
    connection: SqliteConnection, needles: Needles, table: str, columns: Sequence[str], where: dict[str, object]
) -> None:
    condition = " AND ".join(f"{key} = ?" for key in where)
    select = f"SELECT {', '.join(columns)} FROM {table} WHERE {condition}"  # noqa: S608 - our own names
    for row in connection.execute(select, [*where.values()]).fetchall():
        update = f"UPDATE {table} SET {', '.join(f'{c} = ?' for c in columns)} WHERE {condition}"  # noqa: S608
        connection.execute(update, [*(_without(needles, text) for text in row), *where.values()])


def _without(needles: Needles, text: str) -> str:
    return GONE if text in needles.lanes else needles.without(text)
