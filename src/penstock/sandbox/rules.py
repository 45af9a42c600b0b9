"""What Custify accepts, rule by rule, each with how sure we are of it.

Evidence: H = read in Custify's own client or help pages, M = one other source, L = inferred, ours = the manual is
silent and we decided, always so that a careless sender notices. The page of the sandbox prints these tables.
"""

import dataclasses
import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

Evidence = Literal["H", "M", "L", "ours"]
AttributeType = Literal["date", "number", "boolean", "string"]
#: Looks at a value that is not null; says what was expected instead, or nothing.
Check = Callable[[Any], str | None]


class Refused(Exception):
    """An answer of 4xx. `params` names what was wrong, field by field."""

    def __init__(self, status: int, text: str, params: Mapping[str, str] | None = None) -> None:
        self.status, self.text, self.params = status, text, params
        super().__init__(f"{status} {text}")


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """One field of a body."""

    check: Check
    evidence: Evidence
    meaning: str


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """One thing Custify does, or that we decided it does."""

    evidence: Evidence
    sentence: str


# Help page "How does the CSV data importer work": a value is a date only in these forms, "otherwise they'll be
# treated as strings". Offsets such as +02:00 and epochs are not among them.
_LISTED_DATE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?: [0-9]{2}:[0-9]{2}(?::[0-9]{2})?|T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{3}|Z|\.[0-9]{3}Z|\.[0-9]{6}Z)?)?"
)


def is_date(text: str) -> bool:
    """Say whether Custify takes the text for a date."""
    return _LISTED_DATE.fullmatch(text) is not None and _moment(text)


def type_of(value: str | float | bool) -> AttributeType:
    """Return the attribute type Custify gives a value."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "date" if is_date(value) else "string"
    return "number"


def _moment(text: str) -> bool:
    try:
        dt.datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) else "a text"


def _id(value: Any) -> str | None:
    return None if _text(value) is None or _number(value) is None else "a text or a number"


def id_text(value: Any) -> Any:
    """Return an id as the text it is kept as: a number as JavaScript writes it; anything else unchanged."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, bool) or _number(value) is not None else str(value)


def _date(value: Any) -> str | None:
    return None if isinstance(value, str) and _moment(value) else "an ISO 8601 date as text"


def _number(value: Any) -> str | None:
    return None if isinstance(value, int | float) and not isinstance(value, bool) else "a number"


def _whole(value: Any) -> str | None:
    return None if isinstance(value, int) and not isinstance(value, bool) else "a whole number"


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "true or false"


def _flat(value: Any) -> str | None:
    if not isinstance(value, dict):
        return "an object"
    nested = next((key for key, item in value.items() if isinstance(item, dict | list)), None)
    return None if nested is None else f"a flat object, but {nested!r} holds an array or object"


def _links(value: Any) -> str | None:
    return None if isinstance(value, list) and all(map(_is_link, value)) else "a list of {company_id, remove?}"


def _is_link(link: Any) -> bool:
    if not isinstance(link, dict) or not link.keys() <= {"company_id", "remove"}:
        return False
    company_id, remove = link.get("company_id"), link.get("remove", False)
    return company_id != "" and _id(company_id) is None and isinstance(remove, bool)


def _parents(value: Any) -> str | None:
    good = isinstance(value, list) and all(map(_is_parent, value))
    return None if good else "a list of {id}, each id of 24 hexadecimal digits"


def _is_parent(parent: Any) -> bool:
    if not isinstance(parent, dict) or parent.keys() != {"id"}:
        return False
    return isinstance(parent["id"], str) and re.fullmatch("[0-9a-fA-F]{24}", parent["id"]) is not None


PERSON: Mapping[str, Rule] = {
    "user_id": Rule(_id, "H", "the sender's id of the person; found by it first"),
    "email": Rule(_text, "H", "found by it when there is no user_id, or when no person has that user_id yet"),
    "name": Rule(_text, "H", "full name"),
    "phone": Rule(_text, "H", "phone number"),
    "signed_up_at": Rule(_date, "H", "ISO date"),
    "session_count": Rule(_number, "H", "number of sessions"),
    "unsubscribed_from_emails": Rule(_flag, "H", "wants no e-mails"),
    "unsubscribed_from_calls": Rule(_flag, "H", "wants no calls"),
    "companies": Rule(_links, "H", "companies the person belongs to; remove=true unlinks"),
    "custom_attributes": Rule(_flat, "H", "merged name by name; new names create new attributes"),
}

COMPANY: Mapping[str, Rule] = {
    "company_id": Rule(_id, "H", "the sender's id of the company"),
    "id": Rule(_text, "H", "Custify's own id, instead of company_id"),
    "name": Rule(_text, "H", "name"),
    "website": Rule(_text, "H", "website"),
    "industry": Rule(_text, "H", "industry"),
    "size": Rule(_whole, "H", "number of employees"),
    "plan": Rule(_text, "H", "plan"),
    "monthly_revenue": Rule(_number, "H", "monthly revenue"),
    "churned": Rule(_flag, "H", "has left"),
    "signed_up_at": Rule(_date, "H", "sign-up date, or date the contract started"),
    "owners_csm": Rule(_text, "H", "e-mail of the customer success manager"),
    "owners_account": Rule(_text, "H", "e-mail of the account manager"),
    "parent_companies": Rule(_parents, "H", "parents, by Custify's own ids"),
    "custom_attributes": Rule(_flat, "H", "merged name by name; new names create new attributes"),
}

EVENT: Mapping[str, Rule] = {
    "name": Rule(_text, "H", "what happened; required"),
    "created_at": Rule(_date, "H", "ISO date; the time of arrival if absent (ours)"),
    "user_id": Rule(_id, "H", "whose event it is"),
    "email": Rule(_text, "H", "whose event it is, if there is no user_id"),
    "company_id": Rule(_id, "H", "alone: an event of the company; beside a person: the company meant"),
    "deduplication_id": Rule(_id, "H", "a later event with the same identifier is ignored"),
    "metadata": Rule(_flat, "H", "facts about the event; only numbers serve calculated metrics"),
}

READINGS = (
    Reading("H", "A key comes as `Authorization: Bearer …`; a wrong or missing one is answered with 401."),
    Reading("M", "Events of an unknown person are answered with 202 and silently dropped."),
    Reading("ours", "So are company-only events of an unknown company."),
    Reading("M", "An event that names no company belongs to all companies of its person."),
    Reading("ours", "An event that names an unknown company beside a known person is kept for the person alone."),
    Reading(
        "ours", "deduplication_id has no window and one scope, the workspace. A dropped event does not use its id up."
    ),
    Reading("ours", "A link to an unknown company_id is ignored: the company must be written first."),
    Reading("ours", "A user_id that is new, with the e-mail of a person without user_id, becomes that person's."),
    Reading("ours", "If user_id and e-mail name two people, user_id wins, and the e-mail is theirs both."),
    Reading("M", "An id that is a number is taken, and kept as text: Custify's PHP client sends numbers."),
    Reading("M", "A person is answered with `user_id` and `email` also where there is none: null then."),
    Reading("ours", "Ids and e-mails are compared exactly, capitals included."),
    Reading("H", "An attribute is a date, number, boolean or string; a text is a date only in the listed forms."),
    Reading(
        "ours", "An attribute keeps the type it was first written with; a value of another type is kept, and noted."
    ),
    Reading("ours", "null clears a field or attribute, but no id or e-mail. An empty text is no id."),
    Reading("ours", "An event with an unknown user_id is dropped, even if its e-mail is known."),
    Reading("ours", "A field of the wrong type, also a number in quotes, is answered with 422; nothing is applied."),
    Reading("ours", "Unknown fields beside the documented ones are ignored, and noted."),
    Reading(
        "M", "400 for what cannot be read, 404 for what is not there, 422 for what breaks a rule; with a JSON body."
    ),
    Reading("H", "429 carries Retry-After in seconds. How many calls Custify allows is not known; here: all."),
    Reading("H", "A company that is not there is an empty list, not 404. Lists of people come wrapped in an array."),
    Reading("ours", "itemsPerPage is 10 unless told, 100 at most."),
    Reading(
        "H", "`filters` all have to hold, `sorting` is by one field; their forms are those of Custify's MCP client."
    ),
    Reading("ours", "Filters compare texts whatever their case, days in UTC; no record here has tags or segments."),
    Reading("ours", "A deleted person's events go with them; of a deleted company, those that were of no person."),
    Reading("ours", "The shape of /company/usage and of error bodies is made up."),
)

_CUSTOMER: Mapping[str, Rule] = {"id": Rule(_text, "H", "Custify's own id"), **PERSON}
_EVERYTHING: Mapping[str, Mapping[str, Rule]] = {
    "person": PERSON,
    "customer": _CUSTOMER,
    "company": COMPANY,
    "event": EVENT,
}


def check(kind: Literal["person", "company", "event"], body: object) -> tuple[dict[str, Any], list[str]]:
    """Return the documented fields of a body, and notes on what was left out. Raises Refused."""
    if not isinstance(body, dict):
        raise Refused(422, "the body must be a JSON object")
    rules = _EVERYTHING[kind]
    fields = documented(kind, body)
    wrong = {name: complaint for name, value in fields.items() if (complaint := _complaint(rules[name], value))}
    if wrong:
        raise Refused(422, "; ".join(f"{name}: {text}" for name, text in wrong.items()), wrong)
    notes = [f"ignored unknown field {name!r}" for name in body if name not in rules]
    fields = {name: id_text(value) if rules[name].check is _id else value for name, value in fields.items()}
    if fields.get("companies"):
        fields["companies"] = [{**link, "company_id": id_text(link["company_id"])} for link in fields["companies"]]
    return fields, notes + [
        f"{n}: not in a listed date form" for n in ("signed_up_at", "created_at") if _odd(fields, n)
    ]


def documented(kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a body that this kind of write has; all of them for another kind."""
    rules = _EVERYTHING.get(kind, body)
    return {name: value for name, value in body.items() if name in rules}


def require_one_of(fields: Mapping[str, Any], *names: str) -> None:
    """Refuse a body that has none of the fields, or only empty ones."""
    if not any(fields.get(name) for name in names):
        raise Refused(422, f"{' or '.join(names)} is required", dict.fromkeys(names, "required"))


def _complaint(rule: Rule, value: object) -> str | None:
    expected = None if value is None else rule.check(value)
    return expected and f"expected {expected}"


def _odd(fields: Mapping[str, Any], name: str) -> bool:
    return bool(fields.get(name)) and not is_date(fields[name])
