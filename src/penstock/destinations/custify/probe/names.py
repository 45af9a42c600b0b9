"""What a run makes has names that are like no other, so that it can be told from all that was there. Pure."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

#: Where a workspace lists its people and its companies.
LISTS = ("/people/all", "/company/all")
MARK = "penstock-probe"
#: Reserved for examples (RFC 2606): no mail to it reaches anybody.
DOMAIN = "example.com"
# Every person and company of a run: the next one, which clears up after a run that was killed, knows them too.
PEOPLE = (
    "asked", "nulls", "empty", "mail-first", "mail-shared-1", "mail-shared-2", "conflict-a", "conflict-b", "linked",
    "types", "wrong", "offset", "epoch", "nested", "unknown-field", "deleted", "large", "counted", "in-both", "unknown",
)  # fmt: skip
COMPANIES = ("nulls", "linked", "counted", "second", "unknown")
#: Attributes are not removed with the person or company, so there are few, and they are the same in each run.
ATTRIBUTES = ("penstock_probe_text", "penstock_probe_number", "penstock_probe_date", "penstock_probe_nested")
RUN = re.compile("[0-9a-f]{8}")
# Above the ids that applications count, below 2^53.
NUMBER_BASE = 990_000_000_000_000


@dataclasses.dataclass(frozen=True, slots=True)
class RunNames:
    """The names of one run, which is eight hexadecimal digits."""

    run: str

    @property
    def number(self) -> int:
        """Return the id that is a number: of a person, and of a company."""
        return NUMBER_BASE + int(self.run, 16)

    def user(self, label: str) -> str:
        """Return the user id of a person."""
        assert label in PEOPLE, label
        return f"{MARK}-{self.run}-{label}"

    def email(self, label: str) -> str:
        """Return the e-mail of a person."""
        return f"{self.user(label)}@{DOMAIN}"

    def company(self, label: str) -> str:
        """Return the id of a company."""
        assert label in COMPANIES, label
        return f"{MARK}-{self.run}-{label}"

    def event(self, label: str) -> str:
        """Return the name of an event."""
        return f"{MARK} {self.run} {label}"

    def owns(self, id_: object) -> bool:
        """Return whether this run made what has this id or e-mail."""
        text = str(id_).casefold()
        return text.startswith(f"{MARK}-{self.run}-") or text == str(self.number)

    def owns_record(self, record: Mapping[str, Any]) -> bool:
        """Return whether a person or company is one of this run: all its ids are, and there is one."""
        found = [record[name] for name in ("user_id", "email", "company_id") if record.get(name)]
        return bool(found) and all(map(self.owns, found))
