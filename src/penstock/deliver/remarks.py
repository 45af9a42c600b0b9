"""The guard's remarks in the ledger: the newest few of a destination, however many strange names are sent."""

from collections.abc import Collection, Sequence

from penstock.buffer.port.ledger import Ledger
from penstock.ledger.guard import REMARKS_MAX, SUBJECT, Displaced, Suspicion

# Looked at, and taken away, at once: more there are only where an older Penstock kept them all.
LISTED_MAX = 10 * REMARKS_MAX


class Remarks:
    """Which remarks one destination's ledger keeps."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        #: The subjects of the last remarks, the oldest first. What is not among them is older still.
        self.newest: dict[str, None] = {}

    async def with_room(
        self, found: Sequence[Suspicion], *, approved: Collection[str], is_held: bool
    ) -> Sequence[Suspicion | Displaced]:
        """Return what to write for these: themselves, and that the oldest are gone where they are too many.

        What holds a lane is listed until a person approved it, and comes again every few seconds: it is written once, and
        pushes out no other that waits for approval. What other events are about to write does not count yet; the next
        remark sees it.
        """
        kept = await self.ledger.subjects(SUBJECT, limit=LISTED_MAX)
        wanted = [remark for remark in found if not (is_held and remark.subject in kept)]
        new = {remark.subject for remark in wanted}
        others = [subject for subject in kept if subject not in new]
        displaced = self._displaced(others, approved, count=len(others) + len(new) - REMARKS_MAX, is_held=is_held)
        written = wanted[: max(0, REMARKS_MAX - len(others) + len(displaced))]
        self._note([remark.subject for remark in written])
        return [*(Displaced(subject) for subject in displaced), *written]

    def _displaced(self, others: Sequence[str], approved: Collection[str], *, count: int, is_held: bool) -> list[str]:
        age = {subject: number for number, subject in enumerate(self.newest)}
        done = [subject for subject in others if subject.removeprefix(SUBJECT) in approved]
        waiting = sorted((subject for subject in others if subject not in done), key=lambda each: age.get(each, -1))
        return [*done, *(() if is_held else waiting)][: max(0, count)]

    def _note(self, subjects: Sequence[str]) -> None:
        for subject in subjects:
            self.newest.pop(subject, None)
            self.newest[subject] = None
        for subject in list(self.newest)[: max(0, len(self.newest) - REMARKS_MAX)]:
            del self.newest[subject]
