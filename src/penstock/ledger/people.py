"""Events of people: does the destination know them, and which company is meant? Pure.

Custify answers 202 to an event of a person it does not know, and drops it; and it counts an event that names no company
for all companies of its person (both: Custify's help page on Segment).
"""

from collections.abc import Mapping, Sequence

from penstock.destinations.plan import Call, Value
from penstock.ledger.policies import NEEDS_HELD
from penstock.ledger.record import Record, memberships
from penstock.ledger.rules import Rules
from penstock.ledger.weigh import Note

#: Why an event got a company on its way out.
ONLY_COMPANY = "the only company the person is known to belong to"


def found(call: Call, text: str, rules: Rules, *, now: float) -> Record | None:
    """Return the person of a call in the answer to a look-up, with the fields that policies must know; None without one."""
    fields = call.found(text)
    return Record(fields=_held(call, fields, rules), asserted_at=now) if fields is not None else None


def with_company(call: Call, record: Record | None, rules: Rules) -> tuple[Call, Sequence[Note]]:
    """Return an event with the company of its person, and where it was taken from; a company it names stays."""
    if not rules.infer_company or record is None or call.company_field in call.body:
        return call, ()
    own = memberships(record)
    if len(own) > 1:
        return call, [Note(call.path, call.company_field, f"left out: the person belongs to {len(own)} companies")]
    if not own:
        return call, ()
    return call.of_company(own[0]), [Note(call.path, call.company_field, ONLY_COMPANY, own[0])]


def _held(call: Call, fields: Mapping[str, object], rules: Rules) -> dict[str, Value]:
    """Keep what the policies of people's fields must know. The rest was not acknowledged to us, and says nothing."""
    kind = call.introductions()[0].kind
    return {
        name: value
        for name, value in fields.items()
        if isinstance(value, Value) and rules.policy(kind, name) in NEEDS_HELD
    }
