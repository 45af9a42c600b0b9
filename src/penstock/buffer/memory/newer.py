"""What came for a person or company behind a place in the log, and was taken, in memory; see port.Ledger."""

import itertools
from typing import TYPE_CHECKING

from penstock.buffer.memory.ties import MemoryAcquaintances
from penstock.buffer.port.ledger import NewerUpserts, TakenUpsert
from penstock.buffer.port.outcomes import TAKEN, answered
from penstock.buffer.port.query import keys_of
from penstock.buffer.rules.whose import newer_of
from penstock.event import UPSERTS, as_became

if TYPE_CHECKING:
    from penstock.buffer.memory.backlog import MemoryBacklog


def newer_upserts(backlog: "MemoryBacklog", subject: str, after_seq: int, limit: int) -> NewerUpserts:
    """Return what came for a subject behind a place in the log."""
    sought = newer_of(subject, MemoryAcquaintances(backlog.ties, backlog.ledger))
    ended = {seq: (story.state, story.event.became) for seq, story in backlog.ended.items()}
    ended |= {each.seq: (each.was, each.became) for each in backlog.waiting.values() if each.was}
    newer = ((seq, *ended[seq]) for seq in sorted(ended) if seq > after_seq)
    looked_at = list(itertools.islice(newer, limit))
    found = list[TakenUpsert]()
    for seq, outcome, became in looked_at:
        event = as_became(backlog.events[seq - 1], became)
        attempts = None if outcome in TAKEN else answered(backlog.attempts[seq])
        is_of_subject = not sought.keys.isdisjoint(keys_of(event)) and sought.has(event)
        if attempts != [] and event.type in UPSERTS and is_of_subject:
            found.append(TakenUpsert(seq=seq, event=event, attempts=attempts))
    seen_to = looked_at[-1][0] if looked_at else after_seq
    return NewerUpserts(events=found, seen_to=seen_to, is_all=len(looked_at) < limit)
