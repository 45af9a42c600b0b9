"""What a replay of a stored event would send now: what the mapping makes of it, and what the ledger leaves of that."""

import dataclasses
from collections.abc import Mapping, Sequence

from penstock.buffer.port.ledger import LedgerShelf
from penstock.buffer.port.shelf import Story
from penstock.destinations.plan import Call, Meaning, Plan
from penstock.explain.known import KnownNow
from penstock.ledger.newer import SAID_SINCE
from penstock.ledger.people import with_company
from penstock.ledger.record import Alias, Delta
from penstock.ledger.weigh import Note, Records, Weighable, weigh, whose
from penstock.settings import Settings


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WouldSend:
    """What is left to send of an event, by what is known of its person and company."""

    calls: Sequence[Call]
    #: Calls that the mapping asks for, and that would not be made: all of them is known already.
    saved: Sequence[Call] = ()
    notes: Sequence[Note] = ()
    #: Why none would be made before something is known; empty where nothing hinders.
    waits: str = ""
    #: What would be known once the calls were acknowledged.
    learned: Mapping[str, Delta | Alias] = dataclasses.field(default_factory=dict)

    @property
    def is_overtaken(self) -> bool:
        """Return whether newer events said some of it since."""
        return any(note.why == SAID_SINCE for note in self.notes)


def would_send(
    story: Story, meaning: Meaning, name: str, settings: Settings, shelf: LedgerShelf, *, at_ms: int, now: float
) -> WouldSend:
    """Return what a replay would send; `at_ms` is when the event happened, milliseconds since 1970. Raises TooCostly."""
    return left_of(story, meaning, KnownNow(shelf, name, settings), at_ms=at_ms, now=now)


def left_of(story: Story, meaning: Meaning, known: KnownNow, *, at_ms: int, now: float) -> WouldSend:
    """Return what is left of an event, of those asked about before taking for known what they would teach."""
    if not isinstance(meaning, Plan):
        return WouldSend(calls=(), waits=meaning.reason)
    plan, rules = meaning, known.rules
    records = known.records(plan)
    if any(call.about == "event" for call in plan.calls):
        return WouldSend(calls=plan.calls) if rules.is_off else _of_event(plan.calls[0], records, known)
    part = Weighable(
        message_id=story.event.message_id,
        at_ms=at_ms,
        plan=plan,
        overtaken=known.overtaking(plan, records, story),
    )
    left = weigh([part], records, rules, now=now)
    if rules.is_off and not any(note.why == SAID_SINCE for note in left.notes[0]):
        return WouldSend(calls=plan.calls)
    made = {(call.about, whose(call, records)) for call in left.calls}
    saved = [call for call in plan.calls if (call.about, whose(call, records)) not in made]
    return WouldSend(calls=left.calls, saved=saved, notes=left.notes[0], learned={} if rules.is_off else left.learned)


def _of_event(call: Call, records: Records, known: KnownNow) -> WouldSend:
    subject, rules = whose(call, records), known.rules
    record = records.get(subject)
    if subject and record is None and rules.unknown == "park":
        return WouldSend(calls=(), waits="the person is not known at the destination: it would wait for them")
    full, notes = with_company(call, record, rules)
    is_new = bool(subject) and record is None and rules.unknown == "create"
    return WouldSend(calls=[*call.introductions(), full] if is_new else [full], notes=notes)
