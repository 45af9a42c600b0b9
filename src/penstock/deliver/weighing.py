"""From what was gathered to what is done: one dispatch for a run of events, or why there is none.

Pure: what decides is a step that is told all it knows, and is done under watch.
"""

import dataclasses
from collections.abc import Mapping, Sequence

from penstock.buffer.port.backlog import Lease
from penstock.deliver.dispatch import Dispatch, Read, dispatch_of, planned
from penstock.deliver.steps import Steps
from penstock.destinations.answer import Answer, Recognised, Unknown
from penstock.destinations.plan import Call, Plan
from penstock.destinations.subjects import email_subject
from penstock.ledger.people import with_company
from penstock.ledger.record import Alias, Delta, Record
from penstock.ledger.rules import Rules
from penstock.ledger.weigh import Records, Weighable, count_together, subjects_of, weigh, whose


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """All that has a say in what is sent for a run of events."""

    #: The first, and those that go along with it.
    run: Sequence[Read]
    #: The same as the ledger weighs them; empty where it has no say.
    parts: Sequence[Weighable] = ()
    #: Of all people and companies the run is about, with those look-ups found.
    records: Records = dataclasses.field(default_factory=dict)
    #: Who look-ups found, by subject: of them there was no record.
    found: Mapping[str, Record] = dataclasses.field(default_factory=dict)
    #: Why a look-up says nothing.
    unanswered: Answer | None = None
    #: Nothing is written; what would be is counted.
    is_shadow: bool = False
    #: There is nothing to weigh: no plan, a ledger that is off, or a look-up that says nothing.
    is_plain: bool = False

    @property
    def leases(self) -> list[Lease]:
        """Return whose events are in it."""
        return [read.lease for read in self.run]

    def up_to(self, count: int) -> "Gathered":
        """Return the same for the first of its events."""
        return dataclasses.replace(self, run=self.run[:count], parts=self.parts[:count])


async def weighed(known: Gathered, rules: Rules, steps: Steps, *, now: float) -> Dispatch:
    """Return what is left to do for a run of events. Raises Unfinished, and StepSpent for several events."""
    return plain(known) if known.is_plain else await steps.run(known.leases, weighed_at, known, rules, now)


def surveyed(parts: Sequence[Weighable]) -> tuple[int, set[str]]:
    """Return how many of the parts, from the first, become one dispatch, and all people and companies they are about."""
    count = max(1, count_together(parts))
    return count, {subject for part in parts[:count] for subject in subjects_of(part.plan)}


def weighed_at(known: Gathered, rules: Rules, now: float) -> Dispatch:
    """Return what is left to do for a run of events that have plans."""
    seen = {subject: Delta(fields=r.fields, asserted_at=r.asserted_at) for subject, r in known.found.items()}
    if any(call.about == "event" for call in known.parts[0].plan.calls):
        return _event(known, rules, seen, now)
    made = weigh(known.parts, known.records, rules, now=now)
    dispatch = dispatch_of(known.run, made, seen=seen, is_shadow=known.is_shadow)
    return dataclasses.replace(dispatch, learned={}) if rules.is_off else dispatch


def plain(known: Gathered) -> Dispatch:
    """Return the dispatch of an event that is not weighed: its plan as it is, or why nothing is sent."""
    first = known.run[0]
    if known.unanswered is not None:
        return Dispatch(leases=[first.lease], instead=known.unanswered)
    if not isinstance(first.meaning, Plan):
        return Dispatch(leases=[first.lease], instead=first.meaning)
    calls, counts = first.meaning.calls, planned([first])
    return Dispatch(leases=[first.lease], calls=calls, planned=counts, is_shadow=known.is_shadow, own=calls)


def needs_known(call: Call, rules: Rules) -> bool:
    """Return whether it must be known whether the destination holds the person of a call."""
    if call.about == "event":
        return rules.unknown != "send" and bool(call.person)
    return call.about == "person" and rules.needs_held(call.kind)


def _event(known: Gathered, rules: Rules, seen: Mapping[str, Delta], now: float) -> Dispatch:
    """An event goes to a person the destination knows, with the company that is meant; or it waits."""
    [read], [call] = known.run, known.parts[0].plan.calls
    subject, leases, is_shadow = whose(call, known.records), [read.lease], known.is_shadow
    record = known.records.get(subject)
    if seen:
        return Dispatch(leases=leases, instead=Recognised(), learned=seen, is_shadow=is_shadow)
    is_unknown = bool(subject) and record is None
    if is_unknown and rules.unknown == "park":
        return Dispatch(leases=leases, instead=Unknown(_names(call)), is_shadow=is_shadow)
    full, notes = with_company(call, record, rules)
    is_new = is_unknown and rules.unknown == "create"
    calls, learned = [*call.introductions(), full] if is_new else [full], dict[str, Delta | Alias]()
    if is_new:
        learned[subject] = Delta(asserted_at=now)
    counts = planned([read])
    return Dispatch(
        leases=leases, calls=calls, planned=counts, notes=[notes], learned=learned, is_shadow=is_shadow, own=[call]
    )


def _names(call: Call) -> tuple[str, ...]:
    """Return every name under which the person of a call may become known."""
    email = call.email
    return tuple(sorted({call.person, *([email_subject(str(email))] if email else ())}))
