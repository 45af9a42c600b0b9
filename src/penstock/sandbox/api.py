"""Custify's endpoints: one call in, one answer out. Everything here is synchronous, so calls are applied one by one."""

import dataclasses
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from penstock.sandbox import rules, search, view
from penstock.sandbox.journal import Journal, JournalError, Op, Write
from penstock.sandbox.rules import Refused
from penstock.sandbox.store import Entity, Event, Store

PAGE_ITEMS_MAX = 100
PAGE_ITEMS = 10
USAGE_TYPES = ("eventFrequency", "eventCount", "eventLastOccurrence")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request for Custify, read."""

    method: str
    path: str
    query: Mapping[str, str]
    #: The body as JSON; None if there was none.
    body: Any
    #: Seconds since 1970.
    at: float
    #: The last segment of paths such as /people/{id}.
    id: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is sent back, and what a person should know about it."""

    status: int
    body: object
    notes: tuple[str, ...] = ()
    retry_after_s: int | None = None


def refusal(status: int, text: str, params: Mapping[str, str] | None = None) -> Answer:
    """Answer with an error, in the shape Custify's deletions answer in (L: error bodies are not documented)."""
    code = {400: "BadRequest", 401: "Unauthorized", 404: "NotFound", 422: "ValidationError", 429: "TooManyRequests"}
    return Answer(status=status, body={"msg": text, "code": code.get(status, "Error"), "params": params}, notes=(text,))


class Api:
    """Custify's API over one store, with what was applied kept in a journal. Raises JournalError at the start."""

    def __init__(self, store: Store, journal: Journal) -> None:
        self.store, self.journal = store, journal
        for number, write in enumerate(journal.writes(), 1):
            try:
                self._apply(write)
            except (Refused, KeyError) as error:
                raise JournalError(f"line {number} of the data file cannot be applied: {error}") from error

    def answer(self, call: Call) -> Answer:
        """Do what the call asks for, or say why not."""
        handler, id_ = _handler(call.method, call.path)
        try:
            return handler(self, dataclasses.replace(call, id=id_) if id_ else call)
        except Refused as error:
            return refusal(error.status, error.text, error.params)
        except JournalError as error:
            return refusal(503, f"applied, but not kept in the data file: {error}")

    def reset(self) -> None:
        """Forget everything."""
        self.journal.clear()
        self.store = Store()

    def post_people(self, call: Call) -> Answer:
        """POST /people (H)."""
        person, notes = self._write("person", call)
        return Answer(status=200, body=view.person(person), notes=tuple(notes))

    def post_customer(self, call: Call) -> Answer:
        """POST /customer: change a person by Custify's own id (H)."""
        if not isinstance(call.body, dict) or not isinstance(call.body.get("id"), str):
            raise Refused(422, "id is required", {"id": "required"})
        self._person(call.body["id"])
        person, notes = self._write("customer", call)
        return Answer(status=200, body=view.person(person), notes=tuple(notes))

    def post_company(self, call: Call) -> Answer:
        """POST /company (H)."""
        company, notes = self._write("company", call)
        return Answer(status=200, body=view.company(company), notes=tuple(notes))

    def post_event(self, call: Call) -> Answer:
        """POST /event: 202 and an empty array, whatever became of the event (M)."""
        _, notes = self._write("event", call)
        return Answer(status=202, body=[], notes=tuple(notes))

    def get_people(self, call: Call) -> Answer:
        """GET /people?user_id= or ?email= (H); an empty list means not found."""
        user_id, email = call.query.get("user_id", ""), call.query.get("email", "")
        if not user_id and not email:
            raise Refused(400, "user_id or email is required")
        return _people(self.store.people_by(user_id=user_id, email=email))

    def all_people(self, call: Call) -> Answer:
        """GET /people/all, page by page (H)."""
        taken = search.found(self.store.people.values(), call.query, now=call.at)
        return _people(_page(taken, call.query), total=len(taken))

    def get_person(self, call: Call) -> Answer:
        """GET /people/{id} and /customer/{id}: one person by Custify's own id (H)."""
        return Answer(status=200, body=view.person(self._person(call.id)))

    def get_company(self, call: Call) -> Answer:
        """GET /company?company_id= (H); an empty list means not found."""
        if not call.query.get("company_id"):
            raise Refused(400, "company_id is required")
        return _companies(self.store.company_by(call.query["company_id"]))

    def all_companies(self, call: Call) -> Answer:
        """GET /company/all, page by page (H)."""
        taken = search.found(self.store.companies.values(), call.query, now=call.at)
        page = [view.company(company) for company in _page(taken, call.query)]
        return Answer(status=200, body={"companies": page, "total": len(taken)})

    def company_by_id(self, call: Call) -> Answer:
        """GET /company/{id} by Custify's own id (H); an empty list means not found."""
        return _companies(self.store.companies.get(call.id))

    def company_people(self, call: Call) -> Answer:
        """GET /company/people/{id}: the nested shape (H)."""
        members = self.store.members(call.id)
        page = [view.member(person) for person in _page(members, call.query)]
        return Answer(status=200, body=[{"people": page, "total": len(members)}])

    def company_usage(self, call: Call) -> Answer:
        """GET /company/usage/{id}: that it exists is H, the shape of its answer is ours."""
        type_, name = call.query.get("type", ""), call.query.get("eventName", "")
        if type_ not in USAGE_TYPES:
            raise Refused(400, f"type: expected one of {', '.join(USAGE_TYPES)}")
        if call.id not in self.store.companies:
            raise Refused(404, "no company has this id")
        span = call.query.get("startDate", ""), call.query.get("endDate", "")
        if any(text and not rules.is_date(text) for text in span):
            raise Refused(400, "startDate, endDate: expected dates in a listed form")
        events = (e for e in self.store.events if call.id in e.companies and name in ("", e.fields["name"]))
        return Answer(status=200, body={"type": type_, "data": _usage(type_, events, span)})

    def company_attributes(self, _call: Call) -> Answer:
        """GET /company/attributes: names and types (H)."""
        return Answer(status=200, body=view.attributes(rules.COMPANY, self.store.company_attributes))

    def customer_attributes(self, _call: Call) -> Answer:
        """GET /customer/attributes: names and types (H)."""
        return Answer(status=200, body=view.attributes(rules.PERSON, self.store.person_attributes))

    def delete_people(self, call: Call) -> Answer:
        """DELETE /people?user_id= (M)."""
        user_id = call.query.get("user_id", "")
        if not user_id:
            raise Refused(400, "user_id is required")
        found = self.store.people_by(user_id=user_id)
        if not found:
            raise Refused(404, f"no person has the user_id {user_id!r}")
        self._delete("delete_person", found[0], call.at)
        text = f"All users associated with {user_id} were successfully deleted"
        return Answer(status=200, body={"msg": text, "code": "Success", "params": None})

    def delete_person(self, call: Call) -> Answer:
        """DELETE /people/{id} by Custify's own id (M)."""
        self._delete("delete_person", self._person(call.id), call.at)
        return Answer(status=200, body={"deleted": True})

    def delete_company(self, call: Call) -> Answer:
        """DELETE /company?company_id= and /company/{id} (M)."""
        company_id = call.query.get("company_id", "")
        if not call.id and not company_id:
            raise Refused(400, "company_id is required")
        company = self.store.companies.get(call.id) if call.id else self.store.company_by(company_id)
        if company is None:
            raise Refused(404, "there is no such company")
        self._delete("delete_company", company, call.at)
        return Answer(status=200, body={"deleted": True})

    def _person(self, id_: str) -> Entity:
        if id_ not in self.store.people:
            raise Refused(404, "no person has this id")
        return self.store.people[id_]

    def _write(self, op: Op, call: Call) -> Any:
        if not isinstance(call.body, dict):
            raise Refused(422, "the body must be a JSON object")
        write = Write(at=call.at, op=op, body=call.body)
        # Applied first: only what is not refused belongs in the journal.
        applied = self._apply(write)
        self.journal.append(Write(at=call.at, op=op, body=rules.documented(op, call.body)))
        return applied

    def _delete(self, op: Op, entity: Entity, at: float) -> None:
        write = Write(at=at, op=op, body={"id": entity.id})
        self._apply(write)
        self.journal.append(write)

    def _apply(self, write: Write) -> Any:
        match write.op:
            case "person":
                return self.store.upsert_person(write.body, at=write.at)
            case "customer":
                return self.store.change_person(write.body, at=write.at)
            case "company":
                return self.store.upsert_company(write.body, at=write.at)
            case "event":
                return None, self.store.add_event(write.body, at=write.at)
            case "delete_person":
                return self.store.delete_person(write.body["id"])
            case "delete_company":
                return self.store.delete_company(write.body["id"])


_ENDPOINTS: Mapping[tuple[str, str], Callable[[Api, Call], Answer]] = {
    ("POST", "/people"): Api.post_people,
    ("POST", "/customer"): Api.post_customer,
    ("POST", "/company"): Api.post_company,
    ("POST", "/event"): Api.post_event,
    ("GET", "/people"): Api.get_people,
    ("GET", "/people/all"): Api.all_people,
    ("GET", "/people/{id}"): Api.get_person,
    ("GET", "/customer/attributes"): Api.customer_attributes,
    ("GET", "/customer/{id}"): Api.get_person,
    ("GET", "/company"): Api.get_company,
    ("GET", "/company/all"): Api.all_companies,
    ("GET", "/company/attributes"): Api.company_attributes,
    ("GET", "/company/{id}"): Api.company_by_id,
    ("GET", "/company/people/{id}"): Api.company_people,
    ("GET", "/company/usage/{id}"): Api.company_usage,
    ("DELETE", "/people"): Api.delete_people,
    ("DELETE", "/people/{id}"): Api.delete_person,
    ("DELETE", "/company"): Api.delete_company,
    ("DELETE", "/company/{id}"): Api.delete_company,
}


def _handler(method: str, path: str) -> tuple[Callable[[Api, Call], Answer], str]:
    """Find the endpoint; a path that is spelled out goes before one with an id."""
    if (method, path) in _ENDPOINTS:
        return _ENDPOINTS[method, path], ""
    head, _, id_ = path.rpartition("/")
    if id_ and (method, f"{head}/{{id}}") in _ENDPOINTS:
        return _ENDPOINTS[method, f"{head}/{{id}}"], id_
    known = {path, f"{head}/{{id}}" if id_ else path} & {known for _, known in _ENDPOINTS}
    status, text = (405, f"{path} does not take {method}") if known else (404, f"no such endpoint: {path}")
    return lambda _api, _call: refusal(status, text), ""


def _people(people: Iterable[Entity], *, total: int | None = None) -> Answer:
    page = [view.person(person) for person in people]
    return Answer(status=200, body=[{"people": page, "total": len(page) if total is None else total}])


def _companies(company: Entity | None) -> Answer:
    found = [] if company is None else [view.company(company)]
    return Answer(status=200, body={"companies": found, "total": len(found)})


def _page(entities: Iterable[Entity], query: Mapping[str, str]) -> list[Entity]:
    items = _number(query, "itemsPerPage", default=PAGE_ITEMS, largest=PAGE_ITEMS_MAX)
    start = (_number(query, "page", default=1, largest=10**9) - 1) * items
    return list(itertools.islice(entities, start, start + items))


def _number(query: Mapping[str, str], name: str, *, default: int, largest: int) -> int:
    text = query.get(name, str(default))
    if not re.fullmatch("[0-9]{1,10}", text) or not 1 <= int(text) <= largest:
        raise Refused(400, f"{name}: expected a whole number from 1 to {largest}, got {text[:50]!r}")
    return int(text)


def _usage(type_: str, events: Iterable[Event], span: tuple[str, str]) -> list[dict[str, object]]:
    """Count by name, by name and day, or find the last; days as UTC dates."""
    first, last = span[0][:10], span[1][:10]
    timed = ((e.fields["name"], view.happened_at(e)) for e in events)
    within = [(name, at) for name, at in timed if (not first or at[:10] >= first) and (not last or at[:10] <= last)]
    if type_ == "eventLastOccurrence":
        latest: dict[str, str] = {}
        for name, at in within:
            latest[name] = max(at, latest.get(name, ""))
        return [{"name": name, "value": at} for name, at in latest.items()]
    if type_ == "eventCount":
        return [{"name": name, "value": n} for name, n in Counter(name for name, _ in within).items()]
    days = Counter((name, at[:10]) for name, at in within)
    return [{"name": name, "date": day, "value": n} for (name, day), n in days.items()]
