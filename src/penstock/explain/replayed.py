"""What a replay of a stored event would send now: what the mapping makes of it, and what the ledger leaves of that."""

import dataclasses
from collections.abc import Sequence

from penstock.buffer.port.ledger import LedgerShelf
from penstock.destinations.plan import Call, Meaning, Plan
from penstock.destinations.subjects import company_subject
from penstock.inspect.ledger import shadow_of
from penstock.ledger.modes import mode_of
from penstock.ledger.people import with_company
from penstock.ledger.record import Record, decoded
from penstock.ledger.rules import Rules, rules_of
from penstock.ledger.weigh import Note, Weighable, subjects_of, weigh, whose
from penstock.settings import Destination


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WouldSend:
    """What is left to send of an event, by what is known of its person and company."""

    calls: Sequence[Call]
    #: Calls that the mapping asks for, and that would not be made: all of them is known already.
    saved: Sequence[Call] = ()
    notes: Sequence[Note] = ()
    #: Why none would be made before something is known; empty where nothing hinders.
    waits: str = ""


def would_send(
    meaning: Meaning, destination: Destination, shelf: LedgerShelf, *, message_id: str, at_ms: int, now: float
) -> WouldSend:
    """Return what a replay would send; `at_ms` is when the event happened, milliseconds since 1970."""
    if not isinstance(meaning, Plan):
        return WouldSend(calls=(), waits=meaning.reason)
    rules, plan = rules_of(destination), meaning
    if rules.is_off or not plan.calls:
        return WouldSend(calls=plan.calls)
    prefix = shadow_of(is_live=mode_of(destination).is_live_for(plan))
    records = _records(plan, shelf, destination.name, prefix)
    if any(call.about == "event" for call in plan.calls):
        return _of_event(plan.calls[0], records, rules)
    part = Weighable(message_id=message_id, at_ms=at_ms, plan=plan)
    left = weigh([part], records, rules, now=now)
    made = {(call.about, whose(call, records)) for call in left.calls}
    saved = [call for call in plan.calls if (call.about, whose(call, records)) not in made]
    return WouldSend(calls=left.calls, saved=saved, notes=left.notes[0])


def _of_event(call: Call, records: dict[str, Record | None], rules: Rules) -> WouldSend:
    subject = whose(call, records)
    record = records.get(subject)
    if subject and record is None and rules.unknown == "park":
        return WouldSend(calls=(), waits="the person is not known at the destination: it would wait for them")
    full, notes = with_company(call, record, rules)
    is_new = bool(subject) and record is None and rules.unknown == "create"
    return WouldSend(calls=[*call.introductions(), full] if is_new else [full], notes=notes)


def _records(plan: Plan, shelf: LedgerShelf, name: str, prefix: str) -> dict[str, Record | None]:
    """Return the records of everybody who has a say; of e-mails that are a user's also the user's."""
    records = {subject: decoded(shelf.record(name, prefix + subject)) for subject in subjects_of(plan)}
    for call in plan.calls:
        owner = whose(call, records)
        if owner and owner not in records:
            records[owner] = decoded(shelf.record(name, prefix + owner))
    records.pop(company_subject(""), None)
    return records
