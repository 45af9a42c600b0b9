"""How rows of our tables become values, and the queries that several readers share."""

import sqlite3

from penstock import causes
from penstock.buffer.port import PARKED, Attempt, Selection, Story
from penstock.event import Event


def read_story(delivery: sqlite3.Connection | None, destination: str, seq: int, event: Event) -> Story:
    """Return how far an event has come."""
    if delivery is None:
        return Story(event=event, seq=seq, state="waiting", reason="", cause="", ended_at=None, attempts=())
    where = [destination, seq]
    ended = delivery.execute(
        "SELECT outcome, reason, cause, at, notes FROM outcome WHERE destination = ? AND seq = ?", where
    ).fetchone()
    state, reason, cause, at, notes = ended or _unended(delivery, destination, seq)
    attempts = _attempts(delivery, destination, seq)
    return Story(
        event=event, seq=seq, state=state, reason=reason, cause=cause, ended_at=at, attempts=attempts, notes=notes
    )


def _unended(delivery: sqlite3.Connection, destination: str, seq: int) -> tuple[str, str, str, None, str]:
    """Return how an event stands that has no outcome: state, reason, cause, and what it has not yet."""
    select = "SELECT attempt, blocked FROM waiting WHERE destination = ? AND seq = ?"
    attempt, blocked = delivery.execute(select, [destination, seq]).fetchone() or (1, 0)
    if blocked == -1:
        return "parked", PARKED, causes.PERSON_UNKNOWN, None, ""
    return "retrying" if attempt > 1 else "waiting", "", "", None, ""


def selectable(
    connection: sqlite3.Connection, destination: str, selection: Selection, *, after_seq: int, limit: int
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


def _attempts(delivery: sqlite3.Connection, destination: str, seq: int) -> tuple[Attempt, ...]:
    tried = delivery.execute(
        "SELECT at, method, path, status, answer, duration_ms FROM attempt WHERE destination = ? AND seq = ?"
        " ORDER BY rowid",
        [destination, seq],
    )
    return tuple(
        Attempt(at=at, method=method, path=path, status=status, answer=answer, duration_ms=duration_ms)
        for at, method, path, status, answer, duration_ms in tried
    )
