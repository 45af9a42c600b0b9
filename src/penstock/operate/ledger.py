"""The read model of the ledger that pages, admin API and CLI share: what Custify acknowledged, and what was decided."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from penstock.buffer.ledger_port import CallFigures, LedgerShelf
from penstock.buffer.port import Outcome, Story
from penstock.ledger.guard import REMARKS_MAX, SUBJECT, Suspicion
from penstock.ledger.record import LEFT, MEMBER, UNPROVEN, Value, company_subject, decoded, email_subject, is_digest
from penstock.ledger.weigh import CARRIED_BY, Note
from penstock.operate.masking import Mask
from penstock.settings import Settings
from penstock.timestamps import from_ms, to_text

MEMBERSHIP: Mapping[int, str] = {LEFT: "left", MEMBER: "member", UNPROVEN: "linked before the company was known"}
LONG_TEXT = "(a long text; only its digest is kept)"


#: How somebody is named, each as one kind of subject.
WHO: Mapping[str, Callable[[str], str]] = {
    "person": "user:{}".format,
    "email": email_subject,
    "company": company_subject,
}


class HeldRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What Custify is known to hold of one person or company."""

    fields: Mapping[str, Value]
    companies: Mapping[str, str]
    last_group: str
    asserted_at: str
    #: Of an e-mail: whose it is, and nothing else.
    user_id: str


def subject_of(given: Mapping[str, str | None]) -> str:
    """Return the one subject that is named by `person`, `email` or `company`; empty when none is, or several."""
    named = [make(value) for kind, make in WHO.items() if (value := given.get(kind))]
    return named[0] if len(named) == 1 else ""


def saved_percent(calls: Mapping[str, CallFigures]) -> int | None:
    """Return how many of a hundred upserts were not needed; None before there was one."""
    upserts = [figures for path, figures in calls.items() if path != "/event"]
    planned = sum(each.planned for each in upserts)
    return round(sum(each.saved for each in upserts) / planned * 100) if planned else None


def held(shelf: LedgerShelf, destination: str, subject: str) -> HeldRecord | None:
    """Return what is known of `user:…`, `email:…` or `company:…`; None when nothing is."""
    record = decoded(shelf.record(destination, subject))
    if record is None:
        return None
    return HeldRecord(
        fields={name: LONG_TEXT if is_digest(value) else value for name, value in record.fields.items()},
        companies={company: MEMBERSHIP.get(state, "unknown") for company, state in record.companies.items()},
        last_group=record.last_group,
        asserted_at=to_text(from_ms(round(record.asserted_at * 1000))),
        user_id=record.user_id,
    )


def shown(record: HeldRecord | None, settings: Settings, *, personal: bool) -> HeldRecord | None:
    """Return a record as somebody may see it who may, or may not, see what names a person."""
    if record is None or personal:
        return record
    mask = Mask(settings.masked_fields)
    fields = {name: mask.value(value, name) for name, value in record.fields.items()}
    return msgspec.structs.replace(record, fields=fields)


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
    if not story.notes:
        return ()
    try:
        return [
            Note(path, field, why)
            for path, field, why in msgspec.json.decode(story.notes, type=list[tuple[str, str, str]])
        ]
    except msgspec.DecodeError:
        return ()


def carrier_of(story: Story) -> str:
    """Return the message id of the event whose call carried a coalesced one; empty for every other event."""
    return story.reason.removeprefix(CARRIED_BY) if story.state == Outcome.COALESCED else ""
