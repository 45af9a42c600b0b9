"""What a destination lets the ledger do. Part of its settings."""

import dataclasses
from collections.abc import Mapping
from typing import Literal

from penstock.ledger.guard import GuardMode
from penstock.ledger.policies import DEFAULTS, NEEDS_HELD
from penstock.settings import Destination, Policy, Switch

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
    #: By field, as `people.NAME`, `company.NAME`, `people.custom_attributes.NAME`.
    policies: Mapping[str, Policy] = dataclasses.field(default_factory=lambda: dict(DEFAULTS))
    #: Seconds after which all that is known of somebody is sent again in full.
    reassert_s: float = 30 * 86_400.0
    #: What becomes of an event of somebody Custify does not know.
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

    def policy(self, path: str, name: str) -> Policy:
        """Return the policy of a field of `/people` or `/company`."""
        return self.policies.get(f"{path.removeprefix('/')}.{name}", "always")

    def needs_held(self, path: str) -> bool:
        """Return whether a policy must know what Custify holds before the first write."""
        kind = path.removeprefix("/") + "."
        return any(name.startswith(kind) and policy in NEEDS_HELD for name, policy in self.policies.items())


OFF = Rules(
    skip_unchanged=False, coalesce=False, policies={}, unknown="send", infer_company=False, reassert_s=float("inf")
)


def rules_of(destination: Destination) -> Rules:
    """Return what the ledger may do; with rudderstack nothing, unless it was asked for. Only Custify keeps records."""
    if destination.type != "custify":
        return OFF
    ours = destination.mapping == "custify/1"
    policies: dict[str, Policy] = {**(DEFAULTS if ours else {}), **destination.policies}
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
