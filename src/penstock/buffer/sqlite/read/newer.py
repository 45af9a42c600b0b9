"""What came for a person or company behind a place in the log, and was taken, on SQLite: a replay must not overwrite it."""

from penstock.buffer.port.ledger import NewerUpserts, TakenUpsert
from penstock.buffer.port.outcomes import TAKEN, answered
from penstock.buffer.rules.whose import newer_of
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.log.segments import Neighbours
from penstock.buffer.sqlite.read.chosen import places_under
from penstock.buffer.sqlite.read.whose import SqliteAcquaintances
from penstock.buffer.sqlite.rows import attempts_of
from penstock.event import UPSERTS, as_became

# What is sent again has no outcome meanwhile; `was` is the one that it had.
ENDED = """
SELECT outcome, became FROM outcome WHERE destination = ?1 AND seq = ?2
UNION ALL SELECT was, became FROM waiting WHERE destination = ?1 AND seq = ?2
"""


def newer_upserts(
    delivery: SqliteConnection,
    events: SqliteConnection,
    destination: str,
    subject: str,
    *,
    after_seq: int,
    limit: int,
) -> NewerUpserts:
    """Return what came for a subject behind a place in the log; see port.Ledger."""
    sought = newer_of(subject, SqliteAcquaintances(delivery, destination))
    places = places_under(delivery, sought.keys, after=after_seq, limit=limit)
    neighbours, found = Neighbours(events), list[TakenUpsert]()
    for seq in places:
        outcome, became = delivery.execute(ENDED, [destination, seq]).fetchone() or ("", "")
        attempts = None if outcome in TAKEN else answered(attempts_of(delivery, destination, seq))
        stored = neighbours.at(seq) if attempts is None or attempts else None
        if stored is not None and stored.type in UPSERTS:
            event = as_became(stored, became)
            found += [TakenUpsert(seq=seq, event=event, attempts=attempts)] if sought.has(event) else []
    return NewerUpserts(events=found, seen_to=places[-1] if places else after_seq, is_all=len(places) < limit)
