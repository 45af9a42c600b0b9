"""What the hostile Custify holds: the part of Custify's behaviour that the ledger relies on, in its plainest form."""

import collections
import dataclasses
import urllib.parse

import msgspec

from penstock.destinations.plan import Call


@dataclasses.dataclass(slots=True)
class Held:
    """People, companies and events, as writes left them."""

    people: dict[str, dict[str, object]] = dataclasses.field(default_factory=dict)
    #: By what each of them is found: ids and e-mail addresses, without case and spaces; one name each.
    names: dict[str, str] = dataclasses.field(default_factory=dict)
    companies: dict[str, dict[str, object]] = dataclasses.field(default_factory=dict)
    members: dict[str, set[str]] = dataclasses.field(default_factory=lambda: collections.defaultdict(set))
    #: Marks of events in the order they were kept, once each; and of those dropped, for nobody knew the person.
    kept: list[int] = dataclasses.field(default_factory=list)
    dropped: list[int] = dataclasses.field(default_factory=list)

    def apply(self, call: Call, mark: int) -> None:
        """Change what a write changes."""
        if call.path == "/event":
            known = self.found(call) is not None
            if mark not in self.kept:
                (self.kept if known else self.dropped).append(mark)
            return
        id_ = str(call.body.get("company_id")) if call.path == "/company" else self._person(call)
        subject = (self.companies if call.path == "/company" else self.people).setdefault(id_, {})
        attributes = call.body.get("custom_attributes") or {}
        subject.update({key: value for key, value in call.body.items() if isinstance(value, str | int | float)})
        subject.update(attributes)
        for link in call.body.get("companies") or []:
            if link["company_id"] in self.companies:
                (self.members[id_].discard if link.get("remove") else self.members[id_].add)(link["company_id"])

    def found(self, call: Call) -> str | None:
        """Return the name of whom a call means: who has the id, else who has the e-mail address."""
        return next((self.names[name] for name in _names(call) if name in self.names), None)

    def _person(self, call: Call) -> str:
        names = _names(call)
        person = self.found(call) or names[0]
        self.names |= {name: self.names.get(name, person) for name in names}
        return person

    def look_up(self, path: str) -> str:
        """Answer `/people?user_id=…` and `/people?email=…` as Custify does: a list in a list."""
        id_ = self.names.get(urllib.parse.unquote(path.rpartition("=")[2]), "")
        found = [self.people[id_]] if id_ in self.people else []
        return msgspec.json.encode([{"people": found, "total": len(found)}]).decode()


def _names(call: Call) -> list[str]:
    given = (call.body.get("user_id"), call.body.get("email"))
    return ["".join(str(name).split()).lower() for name in given if name]
