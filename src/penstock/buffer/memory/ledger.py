"""The ledger in memory: the contract of port/ledger.py in its plainest form."""

from collections.abc import Callable, Collection, Mapping, Sequence

from penstock.buffer.port.backlog import CallCount, Learned
from penstock.buffer.port.ledger import CallFigures, NewerUpserts


class MemoryLedger:
    """One destination's records, and the figures about its calls."""

    def __init__(self, newer: Callable[[str, int, int], NewerUpserts]) -> None:
        self.newer_of = newer
        self.records: dict[str, bytes] = {}
        self.figures: dict[str, dict[str, int]] = {}

    async def known(self, subjects: Collection[str]) -> Mapping[str, bytes]:
        """Return the records there are of these subjects."""
        return {subject: self.records[subject] for subject in subjects if subject in self.records}

    async def subjects(self, prefix: str, *, limit: int) -> Sequence[str]:
        """Return up to `limit` subjects that begin with a text, in order."""
        return self.beginning(prefix, limit)

    async def forget(self, prefix: str, *, limit: int) -> int:
        """Remove up to `limit` records of subjects that begin with `prefix`; return how many."""
        found = self.beginning(prefix, limit)
        for subject in found:
            del self.records[subject]
        return len(found)

    async def newer(self, subject: str, *, after_seq: int, limit: int) -> NewerUpserts:
        """Return what came for a subject behind a place in the log and was taken."""
        return self.newer_of(subject, after_seq, limit)

    def learn(self, learned: Learned) -> list[str]:
        """Change records; return the subjects of which something is known now."""
        for subject, learn in learned.items():
            record = learn(self.records.get(subject))
            if record is None:
                self.records.pop(subject, None)
            else:
                self.records[subject] = record
        return [subject for subject in learned if subject in self.records]

    def count(self, calls: Sequence[CallCount]) -> None:
        """Add to the figures."""
        for each in calls:
            own = self.figures.setdefault(each.path, {"planned": 0, "sent": 0, "saved": 0})
            own[each.kind] += each.count

    def beginning(self, prefix: str, limit: int) -> Sequence[str]:
        """Return subjects that begin with a text, in order."""
        return sorted(subject for subject in self.records if subject.startswith(prefix))[:limit]

    def calls(self) -> Mapping[str, CallFigures]:
        """Return the figures by path."""
        return {path: CallFigures(**counts) for path, counts in sorted(self.figures.items())}
