"""How rows of our tables become values, and the queries that several readers share."""

from penstock import causes
from penstock.buffer.port.outcomes import Attempt, Outcome
from penstock.buffer.port.selection import Selection
from penstock.buffer.port.shelf import Story
from penstock.buffer.rules.lanes import why_parked
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.event import Event, as_became

ATTEMPT = """
INSERT INTO attempt VALUES (?1, ?2, (
    SELECT coalesce(max(number), 0) + 1 FROM attempt WHERE destination = ?1 AND seq = ?2
), ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
"""
# How many events behind the cursor of a destination have an outcome, or stand in the file, and so count as received. Where the
# log is read again, for a source that was connected later, sources tell.
AHEAD = """
(SELECT count(*) FROM outcome WHERE destination = name AND seq > max(cursor, coalesce(destination.notes ->> 'read_to', 0)))
+ (SELECT count(*) FROM waiting WHERE destination = name AND seq > max(cursor, coalesce(destination.notes ->> 'read_to', 0)))
"""
REPLAY_TALLY = """
INSERT INTO replay_tally VALUES (?, ?, 1) ON CONFLICT (job, outcome) DO UPDATE SET count = count + 1
"""


def read_story(delivery: SqliteConnection | None, destination: str, seq: int, event: Event) -> Story:
    """Return how far an event has come."""
    if delivery is None:
        return Story(event=event, seq=seq, state="waiting", reason="", cause="", ended_at=None, attempts=())
    where = [destination, seq]
    ended = delivery.execute(
        "SELECT outcome, reason, cause, at, notes, became FROM outcome WHERE destination = ? AND seq = ?", where
    ).fetchone()
    state, reason, cause, at, notes, became = ended or _unended(delivery, destination, seq)
    return Story(
        event=as_became(event, became),
        seq=seq,
        state=state,
        reason=reason,
        cause=cause,
        ended_at=at,
        attempts=attempts_of(delivery, destination, seq),
        notes=notes,
    )


def read_standing(
    delivery: SqliteConnection | None, destination: str, seq: int, event: Event
) -> tuple[str, str, Event]:
    """Return how an event stands, what the ledger decided, and the event as what it became; no attempts are read."""
    if delivery is None:
        return "waiting", "", event
    select = "SELECT outcome, notes, became FROM outcome WHERE destination = ? AND seq = ?"
    row = delivery.execute(select, [destination, seq]).fetchone()
    if row is None:
        state, *_, notes, became = _unended(delivery, destination, seq)
        return state, notes, as_became(event, became)
    return row[0], row[1], as_became(event, row[2])


def state_of(delivery: SqliteConnection | None, destination: str, seq: int) -> str:
    """Return how an event stands."""
    if delivery is None:
        return "waiting"
    row = delivery.execute(
        "SELECT outcome FROM outcome WHERE destination = ? AND seq = ?", [destination, seq]
    ).fetchone()
    return row[0] if row else _unended(delivery, destination, seq)[0]


def _unended(delivery: SqliteConnection, destination: str, seq: int) -> tuple[str, str, str, None, str, str]:
    """Return how an event stands that has no outcome: state, reason, cause, no time, no notes, who a visitor became."""
    select = "SELECT attempt, blocked, became, position FROM waiting WHERE destination = ? AND seq = ?"
    attempt, blocked, became, position = delivery.execute(select, [destination, seq]).fetchone() or (1, 0, "", 0)
    if blocked == -1:
        select = "SELECT subject FROM parked WHERE destination = ? AND position = ?"
        subjects = delivery.execute(select, [destination, position]).fetchall()
        return "parked", *why_parked([subject for (subject,) in subjects]), None, "", became
    return "retrying" if attempt > 1 else "waiting", "", "", None, "", became


def selectable(
    connection: SqliteConnection, destination: str, selection: Selection, *, after_seq: int, limit: int
) -> list[tuple[int, str]]:
    """Return place and outcome of the next dead or rejected events that a selection may take."""
    # Written out as in port.is_replayable: only so does SQLite see that the partial indexes fit.
    where = "destination = :destination AND seq > :after_seq AND "
    if selection.cause == causes.SHADOW:
        where += "cause = 'mode.shadow'"
    else:
        where += "outcome IN ('dead', 'rejected')" + (" AND cause = :cause" if selection.cause else "")
    if selection.ended_before is not None:
        where += " AND at < :before"
    return connection.execute(
        f"SELECT seq, outcome FROM outcome WHERE {where} ORDER BY seq LIMIT :limit",  # noqa: S608 - our own text
        {
            "destination": destination,
            "after_seq": after_seq,
            "cause": selection.cause,
            "before": selection.ended_before,
            "limit": limit,
        },
    ).fetchall()


def attempts_of(delivery: SqliteConnection, destination: str, seq: int) -> tuple[Attempt, ...]:
    """Return every try of an event, in order."""
    tried = delivery.execute(
        "SELECT at, method, path, status, answer, duration_ms, reading, body_sum, body FROM attempt"
        " WHERE destination = ? AND seq = ? ORDER BY number",
        [destination, seq],
    )
    return tuple(
        Attempt(
            at=at,
            method=method,
            path=path,
            status=status,
            answer=answer,
            duration_ms=duration_ms,
            reading=reading,
            body_sum=body_sum,
            body=body,
        )
        for at, method, path, status, answer, duration_ms, reading, body_sum, body in tried
    )


def count_for_its_replay(connection: SqliteConnection, destination: str, position: int, outcome: Outcome) -> None:
    """Count an outcome of an event that a replay put back."""
    select = "SELECT job FROM waiting WHERE destination = ? AND position = ?"
    row = connection.execute(select, [destination, position]).fetchone()
    if row is not None and row[0]:
        connection.execute(REPLAY_TALLY, [row[0], outcome])
