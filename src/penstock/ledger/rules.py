"""What a destination lets the ledger do. Part of its settings."""

import dataclasses
from collections.abc import Mapping
from typing import Literal

from penstock.destinations.every import PACKAGES, package_of
from penstock.ledger.guard import GuardMode
from penstock.ledger.policies import NEEDS_HELD
from penstock.settings import Destination, Policy, Switch

#: Paths of calls that write a record, whatever the destination.
RECORD_PATHS = frozenset(path for package in PACKAGES.values() for path in package.records)
#: What holds of fields where the settings of a destination say nothing else.
DEFAULTS: Mapping[str, Policy] = {
    field: policy
    for package in PACKAGES.values()
    for usual in package.ledger.values()
    for field, policy in usual.items()
}

UnknownPeople = Literal["park", "create", "send"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The switches of one destination; `OFF` sends every plan as it is."""

    #: Upserts that would change nothing are not sent.
    skip_unchanged: bool = True
    #: Upserts of one person or company that wait behind one another become one call.
    coalesce: bool = True
    #: Of an upsert, only the fields that differ are sent.
    changes_only: bool = False
    #: By field, as `KIND.NAME` or `KIND.GROUP.NAME`.
    policies: Mapping[str, Policy] = dataclasses.field(default_factory=lambda: dict(DEFAULTS))
    #: Seconds after which all that is known of a person or company is sent again in full.
    reassert_s: float = 30 * 86_400.0
    #: What becomes of an event of an unknown person.
    unknown: UnknownPeople = "park"
    #: How long such an event waits for its person, in seconds.
    park_s: float = 86_400.0
    #: An event that names no company gets that of its person, where there is no doubt.
    infer_company: bool = True
    #: What becomes of an event with a custom attribute that looks like a mistake.
    guard: GuardMode = "off"

    @property
    def is_off(self) -> bool:
        """Return whether the ledger has no part in anything."""
        return not (
            self.skip_unchanged or self.coalesce or self.changes_only or self.policies or self.infer_company
        ) and (self.unknown, self.guard) == ("send", "off")

    def policy(self, kind: str, name: str) -> Policy:
        """Return the policy of a field of one kind of record, as a call names its kind."""
        return self.policies.get(f"{kind}.{name}", "always")

    def needs_held(self, kind: str) -> bool:
        """Return whether a policy must know what is held at the destination before the first write."""
        return any(name.startswith(f"{kind}.") and policy in NEEDS_HELD for name, policy in self.policies.items())


OFF = Rules(
    skip_unchanged=False, coalesce=False, policies={}, unknown="send", infer_company=False, reassert_s=float("inf")
)


def rules_of(destination: Destination) -> Rules:
    """Return what the ledger may do; where the package expects none for a mapping nothing, unless it was asked for."""
    package = package_of(destination)
    if not package.records:
        return OFF
    ours = destination.mapping in package.ledger
    policies: dict[str, Policy] = {**package.ledger.get(destination.mapping, {}), **destination.policies}
    unknown: UnknownPeople = (
        ("park" if ours else "send") if destination.unknown_people == "auto" else destination.unknown_people
    )
    guard: GuardMode = (
        ("warn" if ours else "off") if destination.attribute_guard == "auto" else destination.attribute_guard
    )
    return Rules(
        skip_unchanged=_is_on(destination.skip_unchanged, auto=ours),
        coalesce=_is_on(destination.coalesce, auto=ours),
        changes_only=destination.changes_only,
        policies=policies,
        reassert_s=destination.reassert_days * 86_400,
        unknown=unknown,
        park_s=destination.park_hours * 3600,
        infer_company=_is_on(destination.infer_company, auto=ours),
        guard=guard,
    )


def _is_on(switch: Switch, *, auto: bool) -> bool:
    return auto if switch == "auto" else switch == "on"
