"""What questions are asked with: writes of what this run made, and nothing else, and reads until something is seen."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

from penstock.destinations.custify.probe.asking import Asking, Reaction, Unclear
from penstock.destinations.custify.probe.names import RunNames

# A write may be seen later by reads: looked again after so many seconds, which are a small part of all patience.
LOOKS_S = (0.0, 1.0, 2.0, 4.0)
LOOKS_OF_PATIENCE = 40
Facts = dict[str, Any]
Seen = TypeVar("Seen")


class Workbench:
    """Questions work here."""

    def __init__(self, asking: Asking, names: RunNames, *, patience_s: float = 180.0) -> None:
        self.asking, self.names, self.patience_s = asking, names, patience_s
        #: Under which ids and e-mails something may be there: noted before it is written.
        self.people_made: dict[tuple[str, str], None] = {}
        self.companies_made: dict[str, None] = {}

    async def write_person(self, **fields: object) -> Reaction:
        """POST /people; who is written wants no e-mails from anybody's playbooks."""
        self._note_person(fields)
        return await self.asking.ask("POST", "/people", {"unsubscribed_from_emails": True, **fields})

    async def write_company(self, **fields: object) -> Reaction:
        """POST /company."""
        self._note_company(fields["company_id"])
        return await self.asking.ask("POST", "/company", fields)

    async def write_event(self, label: str, **fields: object) -> Reaction:
        """POST /event; never tried again, as an event that went unanswered may be there."""
        self._require_ours([fields[name] for name in ("user_id", "email", "company_id") if name in fields])
        return await self.asking.ask("POST", "/event", {"name": self.names.event(label), **fields}, again=False)

    async def people(self, *, user_id: object = "", email: str = "") -> list[Facts]:
        """Return who is found by an id or an e-mail."""
        query = f"user_id={quote(str(user_id), safe='')}" if user_id else f"email={quote(email, safe='')}"
        return _listed(await self.asking.ask("GET", f"/people?{query}"), "people")

    async def companies(self, company_id: object) -> list[Facts]:
        """Return the companies that are found by an id."""
        return _listed(
            await self.asking.ask("GET", f"/company?company_id={quote(str(company_id), safe='')}"), "companies"
        )

    async def person(self, user_id: object) -> Facts:
        """Return the one person who was just written. Raises Unclear when none is found."""
        return await self._first(lambda: self.people(user_id=user_id), f"no person is found by user_id {user_id}")

    async def company(self, company_id: object) -> Facts:
        """Return the company that was just written. Raises Unclear when none is found."""
        return await self._first(lambda: self.companies(company_id), f"no company is found by company_id {company_id}")

    async def look(self, read: Callable[[], Awaitable[Seen]], until: Callable[[Seen], bool]) -> Seen:
        """Read until something holds, a few times; return what was read last."""
        for pause_s in LOOKS_S[:-1]:
            await self._pause(pause_s)
            if until(seen := await read()):
                return seen
        await self._pause(LOOKS_S[-1])
        return await read()

    async def _pause(self, pause_s: float) -> None:
        await self.asking.sleep(min(pause_s, self.patience_s / LOOKS_OF_PATIENCE))

    async def _first(self, read: Callable[[], Awaitable[Sequence[Facts]]], otherwise: str) -> Facts:
        # An API that does not know a parameter may answer with everybody.
        ours = [record for record in await self.look(read, bool) if self.names.owns_record(record)]
        if not ours:
            raise Unclear(otherwise)
        return ours[0]

    def _note_person(self, fields: dict[str, Any]) -> None:
        ids = [(name, str(fields[name])) for name in ("user_id", "email") if fields.get(name)]
        self._require_ours([id_ for _, id_ in ids])
        self.people_made |= dict.fromkeys(ids)
        for link in fields.get("companies", ()):
            self._note_company(link["company_id"])

    def _note_company(self, company_id: object) -> None:
        self._require_ours([company_id])
        self.companies_made[str(company_id)] = None

    def _require_ours(self, ids: Sequence[object]) -> None:
        # What is written must be this run's alone: a question that names anybody else is a mistake of ours.
        assert ids
        assert all(map(self.names.owns, ids)), ids


def listed_fields(record: Facts) -> Facts:
    """Return the fields of a record, which some reads put into `details`."""
    details = record.get("details")
    return {**details, "id": record.get("id")} if isinstance(details, dict) else record


def attributes(record: Facts) -> Facts:
    """Return the custom attributes of a record."""
    found = record.get("custom_attributes")
    return found if isinstance(found, dict) else {}


def _listed(reply: Reaction, name: str) -> list[Facts]:
    """Read a list, wrapped in an array or not; 404 means that there is none, as an empty list does."""
    if reply.status == 404:
        return []
    page = reply.json
    page = page[0] if isinstance(page, list) and page else page
    found = page.get(name, page.get("data", [])) if isinstance(page, dict) else page
    if not reply.ok or not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise Unclear(f"the answer is no list ({reply.status}): {reply.text[:200]}")
    return [listed_fields(each) for each in found]
