"""The people e-mail addresses and visitors were last seen with, in memory; see buffer/rules/lanes.py."""

from penstock.buffer.rules.lanes import VISITOR, Tie, tie_after, ties_of
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
