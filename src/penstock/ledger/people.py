"""Events of people: does Custify know them, and which company is meant? Pure.

Custify answers 202 to an event of somebody it does not know, and drops it; and it counts an event that names no company
for all companies of its person (both: Custify's help page on Segment).
"""

import urllib.parse
from collections.abc import Mapping, Sequence

import msgspec

from penstock.destinations.plan import Call
from penstock.ledger.record import CUSTOM, Record, Value, memberships
from penstock.ledger.rules import Rules
from penstock.ledger.weigh import Note

# Where Custify's own client looks people up, by the sender's ids.
BY_USER_ID, BY_EMAIL = "/people?user_id=", "/people?email="


def look_ups(call: Call) -> Sequence[str]:
    """Return the reads that tell whether Custify knows the person of a call, in this order."""
    user_id, email = call.body.get("user_id"), call.body.get("email")
    by_user = [BY_USER_ID + urllib.parse.quote(str(user_id), safe="")] if user_id else []
    return by_user + ([BY_EMAIL + urllib.parse.quote(str(email), safe="")] if email else [])


def found(text: str, rules: Rules, *, now: float) -> Record | None:
    """Return the person in Custify's answer to a look-up, with the fields that policies must know; None when there is none.

    Lists of people come wrapped in an array of one element, and details may be nested (reference: CustifyOfficial/custify-mcp).
    """
    try:
        answer = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    wrapped = answer[0] if isinstance(answer, list) and answer else answer
    people = wrapped.get("people") if isinstance(wrapped, dict) else None
    if not isinstance(people, list) or not people or not isinstance(people[0], dict):
        return None
    details = people[0].get("details")
    person = {**people[0], **(details if isinstance(details, dict) else {})}
    attributes = person.get("custom_attributes")
    fields: dict[str, object] = dict(person)
    fields |= {CUSTOM + k: v for k, v in attributes.items()} if isinstance(attributes, dict) else {}
    return Record(fields=_held(fields, rules), asserted_at=now)


def minimal(call: Call) -> Call:
    """Return the upsert that makes the person of an event known, and says nothing else."""
    ids: dict[str, object] = {name: call.body[name] for name in ("user_id", "email") if name in call.body}
    return Call("/people", ids)


def with_company(call: Call, record: Record | None, rules: Rules) -> tuple[Call, Sequence[Note]]:
    """Return an event with the company of its person, and where it was taken from; a company it names stays."""
    if not rules.infer_company or record is None or "company_id" in call.body:
        return call, ()
    own = memberships(record)
    if len(own) > 1:
        return call, [Note(call.path, "company_id", f"left out: the person belongs to {len(own)} companies")]
    if not own:
        return call, ()
    company, why = own[0], "the only company the person is known to belong to"
    # Ids stand before the rest, as in a call that named its company itself.
    ids: dict[str, object] = {name: call.body[name] for name in ("user_id", "email") if name in call.body}
    return Call(call.path, {**ids, "company_id": company, **call.body}), [Note(call.path, "company_id", why)]


def _held(fields: Mapping[str, object], rules: Rules) -> dict[str, Value]:
    """Keep what the policies of people's fields must know. The rest was not acknowledged to us, and says nothing."""
    return {
        name: value
        for name, value in fields.items()
        if isinstance(value, Value) and rules.policy("/people", name) in {"set_once", "max", "min"}
    }
