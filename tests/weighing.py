"""Events, records and what comes of weighing them, in few words."""

import dataclasses

from penstock.destinations.custify.calls import CustifyCall as Call
from penstock.destinations.plan import Plan
from penstock.ledger.record import Record, decoded, encoded
from penstock.ledger.rules import Rules
from penstock.ledger.weigh import Weighable, subjects_of, weigh

NOW = 1_700_000_000.0
DAY = 86_400.0


def person(user_id: str = "ana", *, companies: dict[str, bool] | None = None, attributes: dict | None = None, **fields):
    body = {"user_id": user_id, **fields}
    if companies is not None:
        body["companies"] = [{"company_id": company, "remove": not wanted} for company, wanted in companies.items()]
    return Call("/people", body | {"custom_attributes": attributes or {}})


def company(company_id: str = "acme", **fields) -> Call:
    return Call("/company", {"company_id": company_id, **fields, "custom_attributes": {}})


def part(name: str, *calls: Call, at_ms: int = 0) -> Weighable:
    group = next((str(call.body["company_id"]) for call in calls if call.path == "/company"), "")
    return Weighable(message_id=name, at_ms=at_ms, plan=Plan(calls), group=group)


def weighed(*parts: Weighable, rules: Rules | None = None, now: float = NOW, **records: Record):
    named = {subject for each in parts for subject in subjects_of(each.plan)}
    known = {subject: records.get(subject.replace(":", "_")) for subject in named}
    return weigh(parts, known, rules or Rules(), now=now)


def held(companies: dict[str, int] | None = None, *, at: float = NOW, **fields) -> Record:
    named = {name.replace("__", "."): value for name, value in fields.items()}
    return Record(fields=named, companies=companies or {}, asserted_at=at)


def learned(result, subject: str, before: Record | None = None) -> Record:
    return decoded(result.learned[subject].learn(encoded(before) if before else None))


def changed(record: Record, **changes) -> Record:
    for name, value in changes.items():
        setattr(record, name, value)
    return record


def guess(at: str, **fields) -> Call:
    """Return an upsert whose sign-up date nobody stated."""
    return dataclasses.replace(person(signed_up_at=at, **fields), guessed=("signed_up_at",))
