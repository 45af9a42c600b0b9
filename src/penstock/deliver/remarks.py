"""The guard's remarks in the ledger: the newest few of a destination, however many strange names are sent."""

from collections.abc import Sequence

from penstock.buffer.ledger_port import Ledger
from penstock.ledger.guard import REMARKS_MAX, SUBJECT, Displaced, Suspicion

# An older Penstock kept all of them; what is beyond goes a little at a time.
LISTED_MAX, DISPLACED_MAX = 10 * REMARKS_MAX, 2 * REMARKS_MAX


class Remarks:
    """Which remarks one destination's ledger keeps."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        #: Subjects, the oldest first as far as is known; None before the ledger was asked.
        self.kept: dict[str, None] | None = None

    async def with_room(self, found: Sequence[Suspicion]) -> Sequence[Suspicion | Displaced]:
        """Return what to write for these: themselves, and that the oldest are gone where they are too many."""
        if self.kept is None:
            self.kept = dict.fromkeys(await self.ledger.subjects(SUBJECT, limit=LISTED_MAX))
        for remark in found:
            self.kept.pop(remark.subject, None)
            self.kept[remark.subject] = None
        oldest = list(self.kept)[: min(DISPLACED_MAX, max(0, len(self.kept) - REMARKS_MAX))]
        for subject in oldest:
            del self.kept[subject]
        return [*(Displaced(subject) for subject in oldest), *found]

    def ask_again(self) -> None:
        """Look again what there is: the ledger forgot something."""
        self.kept = None
