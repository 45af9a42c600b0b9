"""What has a say in what a replay would send: records, and what newer events said; read once, and what it would learn added."""

from collections.abc import Callable, Mapping, Sequence

from penstock.buffer.port.ledger import LedgerShelf, NewerUpserts, said_by
from penstock.buffer.port.shelf import Story
from penstock.destinations.answer import is_yes
from penstock.destinations.options import Options
from penstock.destinations.plan import Meaning, Plan
from penstock.destinations.reading import by_source, meaning_and_time, options_of, wishes_of
from penstock.destinations.subjects import company_subject
from penstock.destinations.wanted import Wishes
from penstock.event import Event
from penstock.explain.budget import within_budget
from penstock.inspect.ledger import shadow_of
from penstock.ledger.modes import mode_of
from penstock.ledger.newer import Overtaken, Sayings
from penstock.ledger.record import Alias, Delta, Record, decoded
from penstock.ledger.rules import rules_of
from penstock.ledger.weigh import Records, subjects_of, whose
from penstock.settings import Settings

# Events looked at for what is newer, for one question and at once.
NEWER_MAX, NEWER_AT_ONCE = 1_000, 200
# Those that are read of each person or company in one go with all others: few have more.
NEWER_FIRST = 20


class KnownNow:
    """What is known at one destination, for one question."""

    def __init__(self, shelf: LedgerShelf, name: str, settings: Settings) -> None:
        self.shelf, self.name = shelf, name
        self.destination = settings.destinations[name]
        self.rules, self.mode = rules_of(self.destination), mode_of(self.destination)
        self.read_as = by_source(options_of(self.destination, settings), settings)
        self.wishes = wishes_of(self.destination, settings)
        #: By subject: its record, as it would be by now; and what was said of it, from which place on.
        self.kept: dict[str, bytes | None] = {}
        self.said: dict[str, tuple[int, Sayings]] = {}
        #: By subject: the first newer events, and behind which place they stand.
        self.begun: dict[str, tuple[int, NewerUpserts]] = {}
        self.room = NEWER_MAX
        #: Of everybody asked for, all newer events were looked at.
        self.is_all = True

    def meanings(self, events: list[Event]) -> list[tuple[Meaning, int]]:
        """Return what events mean now, and when they happened, milliseconds since 1970. Raises TooCostly."""
        return within_budget(meanings_of, events, self.read_as, self.wishes) if events else []

    def prefix(self, plan: Plan) -> str:
        """Return what stands in front of the subjects of a plan."""
        return shadow_of(is_live=self.mode.is_live_for(plan))

    def prepare(self, plans: Sequence[tuple[int, Plan]]) -> None:
        """Read what is known of everybody in some plans at once, so that files are not opened for each; places are in order."""
        self._read({self.prefix(plan) + subject for _, plan in plans for subject in subjects_of(plan)})
        self._read({self.prefix(plan) + owner for _, plan in plans for owner in self._owners(plan)})
        after: dict[str, int] = {}
        for seq, plan in plans:
            for subject in self._owners(plan, upserts=True):
                after.setdefault(subject, seq)
        pages = self.shelf.newer(self.name, after, limit=NEWER_FIRST) if after else {}
        self.begun = {subject: (after[subject], page) for subject, page in pages.items()}

    def _owners(self, plan: Plan, *, upserts: bool = False) -> set[str]:
        """Return the subjects that calls of a plan are about, as far as the records read so far tell."""
        prefix = self.prefix(plan)
        records = {subject: decoded(self.kept.get(prefix + subject)) for subject in subjects_of(plan)}
        calls = (call for call in plan.calls if not upserts or call.about != "event")
        return {owner for call in calls if (owner := whose(call, records))}

    def _read(self, subjects: set[str]) -> None:
        if unread := subjects - self.kept.keys():
            self.kept |= self.shelf.records(self.name, unread)

    def records(self, plan: Plan) -> dict[str, Record | None]:
        """Return the records of everybody who has a say; of e-mails that are a user's also the user's."""
        prefix = self.prefix(plan)
        records = {subject: decoded(self._kept(prefix + subject)) for subject in subjects_of(plan)}
        for call in plan.calls:
            owner = whose(call, records)
            if owner and owner not in records:
                records[owner] = decoded(self._kept(prefix + owner))
        records.pop(company_subject(""), None)
        return records

    def overtaking(self, plan: Plan, records: Records, story: Story) -> dict[str, Overtaken]:
        """Return what newer events said, by subject. Raises TooCostly."""
        subjects = {whose(call, records) for call in plan.calls if call.about != "event"}
        return {subject: self._said(subject, story.seq).since(story.seq) for subject in subjects}

    def learn(self, plan: Plan, learned: Mapping[str, Delta | Alias]) -> None:
        """Take for known what would be, once the calls were acknowledged."""
        for subject, known in learned.items():
            own = self.prefix(plan) + subject
            self.kept[own] = known.learn(self._kept(own))

    def _kept(self, subject: str) -> bytes | None:
        if subject not in self.kept:
            self.kept[subject] = self.shelf.record(self.name, subject)
        return self.kept[subject]

    def _page(self, subject: str, place: int) -> tuple[NewerUpserts, int]:
        """Return the next newer events of a subject, those that were read for all at once or more, and how many were looked at."""
        after, page = self.begun.pop(subject, (place, None))
        limit = NEWER_FIRST
        if page is None or after != place:
            limit = NEWER_AT_ONCE
            page = self.shelf.newer(self.name, {subject: place}, limit=limit)[subject]
        return page, max(1, len(page.events)) if page.is_all else limit

    def _said(self, subject: str, seq: int) -> Sayings:
        after, said = self.said.get(subject, (seq, None))
        if said is not None and after <= seq:
            return said
        said, place, is_all = Sayings(), seq, False
        while not is_all and self.room > 0:
            page, looked_at = self._page(subject, place)
            self.room -= looked_at
            meanings = self.meanings([each.event for each in page.events])
            for each, (meaning, _) in zip(page.events, meanings, strict=True):
                if isinstance(meaning, Plan):
                    said.note(meaning, subject, self.rules, **said_by(each, is_yes))
            place, is_all = page.seen_to, page.is_all
        self.is_all &= is_all
        self.said[subject] = seq, said
        return said


def meanings_of(events: list[Event], read_as: Callable[[str], Options], wishes: Wishes) -> list[tuple[Meaning, int]]:
    """Return what events mean, and when they happened. Pure."""
    return [meaning_and_time(event, read_as(event.source), wishes) for event in events]
