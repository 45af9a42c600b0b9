"""Which upserts are needed, weighed against what the destination is known to hold. Pure.

In: one event's plan, or the plans of several that wait behind one another, in order. Out: the calls to make, what each
event comes to, and what may be written down when the calls were acknowledged.

Why a call that was made once and never answered does no harm: the event that made it is still the first of its lane, so
whatever it changes is weighed again against the same record and counts as changed, even if a later event of the run
changes it back.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import msgspec

from penstock.destinations.plan import Call, Plan, Value
from penstock.destinations.subjects import company_subject, email_subject, user_subject
from penstock.ledger.newer import NOT_OVERTAKEN, SAID_SINCE, Overtaken
from penstock.ledger.policies import BY_ORDER, withheld
from penstock.ledger.record import (
    LEFT,
    MEMBER,
    NULL,
    UNPROVEN,
    Alias,
    Delta,
    Record,
    is_digest,
    kept,
    same,
    sent,
)
from penstock.ledger.rules import Rules

#: How the reason of a coalesced event begins; the message id of the event that carried it follows.
CARRIED_BY = "sent with the call of "


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Weighable:
    """One event on its way, with its plan."""

    message_id: str
    #: When it happened, milliseconds since 1970.
    at_ms: int
    plan: Plan
    #: The company of a group call; empty for every other call.
    group: str = ""
    #: Of an event that is sent again: what newer events said of its subjects. It gives way to that.
    overtaken: Mapping[str, Overtaken] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Note:
    """Something the ledger decided about one field of one call, for Explain."""

    path: str
    field: str
    why: str
    #: What the ledger put there; empty where it put nothing.
    value: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """What a run comes to."""

    calls: tuple[Call, ...]
    #: One for each part: whether the calls carry anything of it.
    is_carried: tuple[bool, ...]
    notes: tuple[tuple[Note, ...], ...]
    #: By subject: what is known once all calls were acknowledged.
    learned: Mapping[str, Delta | Alias]


Records = Mapping[str, Record | None]


def subjects_of(plan: Plan) -> set[str]:
    """Return everybody whose record has a say in a plan, before e-mails are followed to their users."""
    named: set[str] = set()
    for call in plan.calls:
        named.add(call.subject)
        named |= {company_subject(company) for company in call.links()}
        if email := call.email:
            named.add(email_subject(str(email)))
    return named - {"", company_subject("")}


def whose(call: Call, records: Records) -> str:
    """Return whose record a call belongs to: an e-mail that is a user's is that user."""
    subject = call.subject
    alias = records.get(subject) if subject.startswith("email:") else None
    return user_subject(alias.user_id) if alias and alias.user_id else subject


def count_together(parts: Sequence[Weighable]) -> int:
    """Return how many of the parts, from the first, may become one plan: upserts of the same person and company."""
    subjects: dict[str, str] = {}
    emails: set[object] = set()
    for count, part in enumerate(parts):
        for call in part.plan.calls:
            about = call.about
            if about == "event" or subjects.setdefault(about, subject := call.subject) != subject:
                return count
            if about == "person" and (email := call.email) is not None:
                emails.add(email_subject(str(email)))
        if len(emails) > 1:
            return count  # a changed e-mail may change who is meant
    return len(parts)


def weigh(parts: Sequence[Weighable], records: Records, rules: Rules, *, now: float) -> Weighed:
    """Return what is left to send of a run; `records` holds every subject of its plans."""
    drafts: dict[str, Draft] = {}
    # A company that is about to be sent is known by the time the person is linked to it.
    sending = {call.subject for part in parts for call in part.plan.calls}
    known = {subject for subject, record in records.items() if record is not None} | sending
    notes: list[tuple[Note, ...]] = []
    touched: list[set[str]] = []
    for part in parts:
        said: list[Note] = []
        touched.append(set())
        for call in part.plan.calls:
            subject = whose(call, records)
            if subject not in drafts:
                drafts[subject] = Draft(call, records.get(subject), rules, known=known, now=now)
            says_something = drafts[subject].add(call, subject, part, said)
            if says_something or drafts[subject].is_stale or not rules.skip_unchanged:
                touched[-1].add(subject)
        notes.append(tuple(said))
    calls = {subject: made for subject, draft in drafts.items() if (made := draft.call()) is not None}
    learned: dict[str, Delta | Alias] = {}
    for subject, draft in drafts.items():
        learned |= draft.learned(subject, is_sent=subject in calls)
    return Weighed(
        # Companies before people: a link to a company that is not there yet may be ignored.
        calls=tuple(sorted(calls.values(), key=lambda call: call.about)),
        is_carried=tuple(not own.isdisjoint(calls) for own in touched),
        notes=tuple(notes),
        learned=learned,
    )


class Draft:
    """The upsert of one subject as it grows, event by event, beside what the destination will hold after it."""

    def __init__(self, call: Call, record: Record | None, rules: Rules, *, known: set[str], now: float) -> None:
        self.path, self.kind, self.about = call.path, call.kind, call.about
        self.rules, self.before, self.now = rules, record, now
        self.after = changeable(record) if record else Record()
        self.known = known
        #: The calls of the subject; the only one, as long as it can go out as it is.
        self.said: list[Call] = []
        self.plain: Call | None = None
        self.fields: dict[str, Value] = {}
        self.links: dict[str, bool] = {}
        self.changed: set[str] = set()
        self.relinked: set[str] = set()
        #: Values that are held as a guess of ours, and that are stated now.
        self.confirmed: dict[str, Value] = {}
        #: Newer events said some of it.
        self.is_overtaken = False
        self.old_email = self.after.fields.get("email")

    def add(self, call: Call, subject: str, part: Weighable, notes: list[Note]) -> bool:
        """Fold one event in; return whether it says anything that is not held yet."""
        self.plain = None if self.said else call
        self.said.append(call)
        newer = part.overtaken.get(subject, NOT_OVERTAKEN)
        fields = self._left(call.fields(), newer.fields, notes)
        says = [
            self._take(name, NULL if value is None else value, part=part, notes=notes, guessed=name in call.guessed)
            for name, value in fields.items()
        ]
        links = {company: wanted for company, wanted in call.links().items() if company not in newer.companies}
        if len(links) < len(call.links()):
            self.plain = None
        says += [self._link(company, wanted) for company, wanted in links.items()]
        if part.group and self.about == "person" and not newer.has_group:
            self.after.last_group = part.group
        return any(says) or self.before is None

    def call(self) -> Call | None:
        """Return the call to make; None when all of it is held."""
        stale = self.is_stale
        if self.is_overtaken and not (self.fields or self.links or stale):
            return None
        if self.rules.skip_unchanged and self.before is not None and not (self.changed or self.relinked or stale):
            return None
        if stale:
            self._assert_again()
        elif self.plain is not None and not self.rules.changes_only:
            return self.plain
        return self._rewritten(everything=stale or not self.rules.changes_only)

    def learned(self, subject: str, *, is_sent: bool) -> dict[str, Delta | Alias]:
        """Return what is known once the call was acknowledged; without a call, only when things happened is new."""
        group = self.after.last_group if self.before is None or self.after.last_group != self.before.last_group else ""
        if not is_sent:
            had = self.before.times if self.before is not None else {}
            news = {name: at for name, at in self.after.times.items() if had.get(name) != at}
            is_news = news or group or self.confirmed
            return {subject: Delta(fields=self.confirmed, times=news, last_group=group)} if is_news else {}
        delta = Delta(
            fields=self.fields,
            companies={company: self.after.companies[company] for company in self.links},
            times={name: self.after.times[name] for name in self.fields if name in self.after.times},
            last_group=group,
            asserted_at=self.now if self.before is None or self.is_stale else None,
            guessed=frozenset(self.after.guessed) & self.fields.keys(),
        )
        return {subject: delta} | self._aliases(subject, anew=delta.asserted_at is not None)

    def _take(self, name: str, value: Value, *, part: Weighable, notes: list[Note], guessed: bool) -> bool:
        policy, after = self.rules.policy(self.kind, name), self.after
        why = withheld(policy, value, name=name, record=after, at_ms=part.at_ms, guessed=guessed, now=self.now)
        if why:
            notes.append(Note(self.path, name, why))
            self.plain = None
            return False
        self.fields[name] = value
        if policy == "latest":
            after.times[name] = part.at_ms
        is_new = not same(after.fields.get(name), value)
        if is_new:
            self.changed.add(name)
            after.fields[name] = kept(value)
        self._note_who_says(name, value, guessed=guessed, is_new=is_new)
        return is_new

    def _note_who_says(self, name: str, value: Value, *, guessed: bool, is_new: bool) -> None:
        """Tell a guess of ours from what was stated, even if both are the same value."""
        if guessed:
            self.after.guessed.append(name)
        elif name in self.after.guessed:
            self.after.guessed.remove(name)
            if not is_new:
                self.confirmed[name] = value

    def _left(
        self, fields: Mapping[str, Value | None], newer: frozenset[str], notes: list[Note]
    ) -> Mapping[str, Value | None]:
        """Return the fields that no newer event said; those that go by value or by time decide for themselves."""
        gone = [name for name in fields if name in newer and self.rules.policy(self.kind, name) in BY_ORDER]
        if not gone:
            return fields
        self.plain, self.is_overtaken = None, True
        notes += [Note(self.path, name, SAID_SINCE) for name in gone]
        return {name: value for name, value in fields.items() if name not in gone}

    def _link(self, company: str, wanted: bool) -> bool:
        self.links[company] = wanted
        held = self.after.companies.get(company)
        state = LEFT if not wanted else MEMBER if company_subject(company) in self.known else UNPROVEN
        if held == state or (held == MEMBER and wanted):
            return False
        self.relinked.add(company)
        self.after.companies[company] = state
        return True

    @property
    def is_stale(self) -> bool:
        """Return whether all that is known is due to be said again."""
        # A clock that was set back does not put it off.
        return self.before is not None and abs(self.now - self.before.asserted_at) > self.rules.reassert_s

    def _assert_again(self) -> None:
        """Add what is known and was not said just now; not what others maintain or what is never said twice."""
        assert self.before is not None
        for name, value in self.before.fields.items():
            if self.rules.policy(self.kind, name) not in {"owner", "set_once"} and not is_digest(value):
                self.fields.setdefault(name, value)
        for company, state in self.before.companies.items():
            if state != LEFT:
                self.links.setdefault(company, True)

    def _rewritten(self, *, everything: bool) -> Call:
        names = self.fields if everything else [name for name in self.fields if name in self.changed]
        companies = self.links if everything else {company: self.links[company] for company in self.relinked}
        return self.said[0].rewritten(self.said, {name: sent(self.fields[name]) for name in names}, companies)

    def _aliases(self, subject: str, *, anew: bool) -> dict[str, Delta | Alias]:
        """Return whose e-mails are after this call; one that is said `anew` is as fresh as its person's record."""
        email = self.fields.get("email")
        if email is None or not subject.startswith("user:"):
            return {}
        is_same = same(self.old_email, email)
        if is_same and not anew:
            return {}
        aliases: dict[str, Delta | Alias] = {email_subject(str(email)): Alias(subject.removeprefix("user:"))}
        if self.old_email is not None and not is_same:
            aliases[email_subject(str(self.old_email))] = Alias("")
        return aliases


def changeable(record: Record) -> Record:
    """Return a record that can be changed without changing this one."""
    return msgspec.structs.replace(
        record,
        fields=dict(record.fields),
        companies=dict(record.companies),
        times=dict(record.times),
        guessed=list(record.guessed),
    )
