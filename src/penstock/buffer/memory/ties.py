"""The people e-mail addresses and visitors were last seen with, in memory; see buffer/rules/lanes.py."""

from collections.abc import Sequence

from penstock.buffer.memory.ledger import MemoryLedger
from penstock.buffer.rules.lanes import VISITOR, Tie, tie_after, ties_of
from penstock.buffer.rules.whose import belongs, kept_record
from penstock.event import Lane, Named


class MemoryTies:
    """The ties of one destination."""

    def __init__(self) -> None:
        self.held: dict[Lane, Tie] = {}
        #: What was tied before an event of this number noted something else.
        self.before: list[tuple[int, Lane, Tie | None]] = []

    def tied(self, lane: Lane) -> Tie | None:
        """Return what a lane is tied to."""
        return self.held.get(lane)

    def note(self, named: Named, seq: int, *, only_new: bool = False) -> list[Lane]:
        """Note what an event ties together; return the visitors who are known since just now."""
        woken = list[Lane]()
        for lane, person in ties_of(named):
            held = self.held.get(lane)
            tie = tie_after(held, person)
            if tie != held and not (held and only_new):
                self.held[lane] = tie
                self.before.append((seq, lane, held))
                woken += [lane] if lane.startswith(VISITOR) and not tie[1] else []
        return woken

    def undo(self, seq: int) -> None:
        """Forget what was noted last, back to the event of this number."""
        while self.before and self.before[-1][0] >= seq:
            _, lane, tie = self.before.pop()
            if tie is None:
                del self.held[lane]
            else:
                self.held[lane] = tie


class MemoryAcquaintances:
    """What one destination knows of people; see rules.Acquaintances."""

    def __init__(self, ties: MemoryTies, ledger: MemoryLedger) -> None:
        self.ties, self.ledger = ties, ledger

    def tied(self, lane: Lane) -> Tie | None:
        """Return the person that an e-mail address or a visitor was last seen with."""
        return self.ties.tied(lane)

    def tied_to(self, person: Lane) -> Sequence[tuple[Lane, bool]]:
        """Return what was last seen with a person, each with whether it was seen with others too."""
        return [(lane, several) for lane, (whose, several) in sorted(self.ties.held.items()) if whose == person]

    def record(self, subject: str) -> bytes | None:
        """Return what the ledger keeps of a subject."""
        return self.ledger.records.get(subject)

    def people_of(self, company: str) -> Sequence[str]:
        """Return the subjects of the people who belong to a company."""
        people = (subject for subject in sorted(self.ledger.records) if subject.startswith(("email:", "user:")))
        return [subject for subject in people if belongs(kept_record(self.ledger.records[subject]), company)]
