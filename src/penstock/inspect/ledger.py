"""The read model of the ledger that pages, admin API and CLI share: what the destination acknowledged, and what was decided."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec
from starlette.datastructures import URL

from penstock.buffer.port import notes
from penstock.buffer.port.ledger import CallFigures, LedgerShelf
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.port.shelf import Story
from penstock.destinations.plan import Value
from penstock.destinations.subjects import company_subject, email_subject, user_subject
from penstock.inspect.eyes import Eyes
from penstock.inspect.masking import Mask
from penstock.inspect.parts import Part, part_of
from penstock.ledger.guard import REMARKS_MAX, SUBJECT, Suspicion
from penstock.ledger.record import (
    LEFT,
    MEMBER,
    NULL,
    UNPROVEN,
    attribute_of,
    decoded,
    is_digest,
)
from penstock.ledger.rules import RECORD_PATHS
from penstock.ledger.weigh import CARRIED_BY, Note
from penstock.timestamps import from_ms, to_text

MEMBERSHIP: Mapping[int, str] = {LEFT: "left", MEMBER: "member", UNPROVEN: "linked before the company was known"}
# Fields, and companies, of a record on one page.
FIELDS = 100
LONG_TEXT = "(a long text; only its digest is kept)"
TAKEN_BACK = "(taken back: null)"


#: As deliver names what a destination would hold if it were live.
SHADOW = "~"
#: How a person or company is named, each as one kind of subject.
WHO: Mapping[str, Callable[[str], str]] = {
    "person": user_subject,
    "email": email_subject,
    "company": company_subject,
}


class HeldRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the destination is known to hold of one person or company."""

    fields: Mapping[str, Value]
    companies: Mapping[str, str]
    last_group: str
    asserted_at: str
    #: Of an e-mail: whose it is, and nothing else.
    user_id: str


def shadow_of(*, is_live: bool) -> str:
    """Return what stands in front of subjects in the records that count: those of what would be held, while it is not live."""
    return "" if is_live else SHADOW


def subject_of(given: Mapping[str, str | None]) -> str:
    """Return the one subject that is named by `person`, `email` or `company`; empty when none is, or several."""
    named = [make(value) for kind, make in WHO.items() if (value := given.get(kind))]
    return named[0] if len(named) == 1 else ""


def saved_percent(calls: Mapping[str, CallFigures]) -> int | None:
    """Return how many of a hundred upserts were not needed; None before there was one."""
    upserts = [figures for path, figures in calls.items() if path in RECORD_PATHS]
    planned = sum(each.planned for each in upserts)
    return round(sum(each.saved for each in upserts) / planned * 100) if planned else None


def held(shelf: LedgerShelf, destination: str, subject: str) -> HeldRecord | None:
    """Return what is known of `user:…`, `email:…` or `company:…`; None when nothing is."""
    record = decoded(shelf.record(destination, subject))
    if record is None:
        return None
    return HeldRecord(
        fields={name: _shown(value) for name, value in record.fields.items()},
        companies={company: MEMBERSHIP.get(state, "unknown") for company, state in record.companies.items()},
        last_group=record.last_group,
        asserted_at=to_text(from_ms(round(record.asserted_at * 1000))),
        user_id=record.user_id,
    )


def shown(record: HeldRecord | None, eyes: Eyes, *, of_company: bool = False) -> HeldRecord | None:
    """Return a record as the viewer may see it; the name of a company is shown to everybody."""
    if record is None:
        return None
    mask = _mask_of(eyes, record.fields.items(), of_company=of_company)
    return msgspec.structs.replace(
        record,
        fields={mask.name(name): mask.value(value, name) for name, value in record.fields.items()},
        companies={eyes.company(company): state for company, state in record.companies.items()},
        last_group=eyes.company(record.last_group),
        user_id=eyes.person(record.user_id),
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RecordPart:
    """A record as a page shows it: a part of its fields and companies at a time."""

    fields: Part[tuple[str, Value]]
    companies: Part[tuple[str, str]]
    asserted_at: str
    user_id: str


def part_of_record(record: HeldRecord | None, eyes: Eyes, url: URL, *, of_company: bool = False) -> RecordPart | None:
    """Return the part of a record that an address asks for, as the viewer may see it."""
    if record is None:
        return None
    fields = part_of(list(record.fields.items()), url, "fields", FIELDS)
    companies = part_of(list(record.companies.items()), url, "companies", FIELDS)
    mask = _mask_of(eyes, fields.items, of_company=of_company)
    return RecordPart(
        fields=fields.made(lambda pair: (mask.name(pair[0]), mask.value(pair[1], pair[0]))),
        companies=companies.made(lambda pair: (eyes.company(pair[0]), _standing(record, *pair))),
        asserted_at=record.asserted_at,
        user_id=eyes.person(record.user_id),
    )


def _shown(value: Value) -> Value:
    return LONG_TEXT if is_digest(value) else TAKEN_BACK if value == NULL else value


def _mask_of(eyes: Eyes, fields: Iterable[tuple[str, Value]], *, of_company: bool) -> Mask:
    named = [{attribute_of(name): value} for name, value in fields]
    return Mask(eyes.rules, [{"company": each} for each in named] if of_company else named)


def _standing(record: HeldRecord, company: str, state: str) -> str:
    return f"{state}, last group call" if company == record.last_group else state


def shown_suspicion(suspicion: Suspicion, eyes: Eyes) -> Suspicion:
    """Return a suspicion as the viewer may see it."""
    return msgspec.structs.replace(
        suspicion,
        attribute=eyes.name(suspicion.attribute),
        why=eyes.text(suspicion.why),
        message_id=eyes.sentences.message_id(suspicion.message_id),
    )


def suspicions(shelf: LedgerShelf, destination: str) -> Sequence[Suspicion]:
    """Return the attributes that looked like mistakes, by name; there are REMARKS_MAX, and a few more for a moment."""
    found = []
    for subject in shelf.subjects(destination, SUBJECT, limit=REMARKS_MAX):
        raw = shelf.record(destination, subject)
        if raw is not None:
            found.append(msgspec.json.decode(raw, type=Suspicion))
    return found


def is_suspicious(shelf: LedgerShelf, destination: str, attribute: str) -> bool:
    """Return whether the guard named an attribute."""
    return shelf.record(destination, SUBJECT + attribute) is not None


def notes_of(story: Story) -> Sequence[Note]:
    """Return what the ledger decided about fields of an event."""
    return [Note(*note) for note in notes.read(story.notes)]


def carrier_of(story: Story) -> str:
    """Return the message id of the event whose call carried a coalesced one; empty for every other event."""
    return story.reason.removeprefix(CARRIED_BY) if story.state == Outcome.COALESCED else ""
