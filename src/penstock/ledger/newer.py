"""What newer events said of a person or company, so that one that is sent again does not overwrite it. Pure.

Newer is what stands behind in the log, which is the order in which events of one person are sent.
"""

import dataclasses
from collections.abc import Collection, Mapping

from penstock.destinations.plan import Call, Plan
from penstock.ledger.record import NULL
from penstock.ledger.rules import Rules

#: Why a value of an event that is sent again is not sent.
SAID_SINCE = "an event that came later has said it since: a replay never overwrites what is newer"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Overtaken:
    """What newer events said of one subject."""

    fields: frozenset[str] = frozenset()
    companies: frozenset[str] = frozenset()
    #: There was a group call of the person since.
    has_group: bool = False


NOT_OVERTAKEN = Overtaken()


@dataclasses.dataclass(slots=True)
class Sayings:
    """Where in the log each field of a subject, and each of its companies, was said last."""

    fields: dict[str, int] = dataclasses.field(default_factory=dict)
    companies: dict[str, int] = dataclasses.field(default_factory=dict)
    group: int = 0

    def note(
        self,
        plan: Plan,
        subject: str,
        rules: Rules,
        *,
        seq: int,
        is_group: bool = False,
        paths: Collection[str] | None = None,
    ) -> None:
        """Note what an event that was taken says of the subject; `seq` is its place in the log.

        Of one that ended badly, only what its calls of some `paths` say: they were acknowledged.
        """
        for call in plan.calls:
            if not _is_about(call, subject) or (paths is not None and call.path not in paths):
                continue
            said = [name for name, value in call.fields().items() if _is_said(call, name, value, rules)]
            self.fields |= {name: max(seq, self.fields.get(name, 0)) for name in said}
            self.companies |= {company: max(seq, self.companies.get(company, 0)) for company in call.links()}
            if is_group and call.about == "person":
                self.group = max(seq, self.group)

    def since(self, seq: int) -> Overtaken:
        """Return what was said by events behind a place."""
        return Overtaken(
            fields=_behind(self.fields, seq), companies=_behind(self.companies, seq), has_group=self.group > seq
        )


def _is_about(call: Call, subject: str) -> bool:
    """Return whether a call, of an event that is found under the names of a subject, is about that very one."""
    if subject.startswith("company:") or call.about != "person":
        return call.about != "event" and call.subject == subject
    # By an e-mail address, or as the visitor they were: else it would not have been found.
    return call.subject == subject or not (call.subject.startswith("user:") and subject.startswith("user:"))


def _is_said(call: Call, name: str, value: object, rules: Rules) -> bool:
    """Return whether a value may have been sent: a guess gives way to what is stated, and some policies keep empty ones back."""
    is_empty = value in {None, "", NULL} and rules.policy(call.kind, name) == "never_null"
    return name not in call.guessed and not is_empty


def _behind(places: Mapping[str, int], seq: int) -> frozenset[str]:
    return frozenset(name for name, place in places.items() if place > seq)
