"""What the hostile Custify holds: the part of Custify's behaviour that the ledger relies on, in its plainest form."""

import collections
import dataclasses

import msgspec

from penstock.convert.plan import Call


@dataclasses.dataclass(slots=True)
class Held:
    """People, companies and events, as writes left them."""

    people: dict[str, dict[str, object]] = dataclasses.field(default_factory=dict)
    companies: dict[str, dict[str, object]] = dataclasses.field(default_factory=dict)
    members: dict[str, set[str]] = dataclasses.field(default_factory=lambda: collections.defaultdict(set))
    #: Marks of events in the order they were kept, once each; and of those dropped, for nobody knew the person.
    kept: list[int] = dataclasses.field(default_factory=list)
    dropped: list[int] = dataclasses.field(default_factory=list)

    def apply(self, call: Call, mark: int) -> None:
        """Change what a write changes."""
        if call.path == "/event":
            known = str(call.body.get("user_id")) in self.people
            if mark not in self.kept:
                (self.kept if known else self.dropped).append(mark)
            return
        id_ = str(call.body.get("company_id") if call.path == "/company" else call.body.get("user_id"))
        subject = (self.companies if call.path == "/company" else self.people).setdefault(id_, {})
        attributes = call.body.get("custom_attributes") or {}
        subject.update({key: value for key, value in call.body.items() if isinstance(value, str | int | float)})
        subject.update(attributes)
        for link in call.body.get("companies") or []:
            if link["company_id"] in self.companies:
                (self.members[id_].discard if link.get("remove") else self.members[id_].add)(link["company_id"])

    def look_up(self, path: str) -> str:
        """Answer `/people?user_id=…` as Custify does: a list in a list."""
        id_ = path.rpartition("=")[2]
        found = [{"user_id": id_, **self.people[id_]}] if id_ in self.people else []
        return msgspec.json.encode([{"people": found, "total": len(found)}]).decode()
