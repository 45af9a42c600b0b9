"""Which events a destination does not want, though they could be sent: integrations, consent, event names. Pure.

The rules are those of RudderStack's processor, in its order, so that applications that rely on them need no change. Beyond
it, both spellings of the destination count, and a connection may allow or deny event names.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from penstock import causes
from penstock.convert.plan import Filtered

Provider = Literal["none", "custom", "iubenda", "ketch", "oneTrust"]
#: The name in RudderStack's dashboard, and the one its documentation page tells people to use.
NAMES = ("Custify", "CUSTIFY")
NAMED_TYPES = frozenset({"track", "page", "screen"})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EventNames:
    """Which named events a connection lets through; a `*` at the end stands for anything."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()

    def let_through(self, name: str) -> bool:
        """Return whether an event of this name passes."""
        if self.allow:
            return any(_fits(name, pattern) for pattern in self.allow)
        return not any(_fits(name, pattern) for pattern in self.deny)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What one destination wants."""

    consent_provider: Provider = "none"
    consent_resolution: Literal["and", "or"] = "and"
    consent_categories: tuple[str, ...] = ()
    #: By source, for connections that choose.
    event_names: Mapping[str, EventNames] = dataclasses.field(default_factory=dict)


def unwanted(event: Mapping[str, Any], *, source: str, wishes: Wishes) -> Filtered | None:
    """Return why an event is not wanted, or None. Never raises, whatever JSON the event is."""
    return _by_integrations(event) or _by_consent(event, wishes) or _by_name(event, wishes.event_names.get(source))


def _by_integrations(event: Mapping[str, Any]) -> Filtered | None:
    if "integrations" not in event:
        return None
    chosen = event["integrations"]
    if not isinstance(chosen, dict):
        return Filtered("`integrations` is no object, which means no destination", causes.INTEGRATIONS)
    everybody = chosen.get("All", True)
    if not isinstance(everybody, bool):
        return Filtered("`integrations.All` is neither true nor false, which means no destination", causes.INTEGRATIONS)
    own = next((chosen[name] for name in NAMES if name in chosen), None)
    wanted = own if isinstance(own, bool) else True if isinstance(own, dict) else everybody
    return None if wanted else Filtered("the application switched Custify off in `integrations`", causes.INTEGRATIONS)


def _by_consent(event: Mapping[str, Any], wishes: Wishes) -> Filtered | None:
    categories = [category for category in wishes.consent_categories if category]
    context = event.get("context")
    management = context.get("consentManagement") if isinstance(context, dict) else None
    if not categories or wishes.consent_provider == "none" or not isinstance(management, dict):
        return None
    denied = management.get("deniedConsentIds")
    if not isinstance(denied, list) or not all(isinstance(each, str) for each in denied):
        return None  # a shape that nobody can read filters nothing, as at RudderStack
    refused = [category for category in categories if category in denied]
    provider = management.get("provider")
    if provider not in {wishes.consent_provider, None, ""} or not refused:
        return None
    # A provider's own strategy comes with the event; only for `custom` is it the destination's.
    given = management.get("resolutionStrategy")
    resolution = wishes.consent_resolution if wishes.consent_provider == "custom" or not given else given
    if resolution == "or" and len(refused) < len(categories):
        return None
    return Filtered(f"the person did not consent to {', '.join(refused)}", causes.CONSENT)


def _by_name(event: Mapping[str, Any], names: EventNames | None) -> Filtered | None:
    kind = event.get("type")
    if names is None or not isinstance(kind, str) or kind.strip().lower() not in NAMED_TYPES:
        return None
    name = event.get("event") if kind.strip().lower() == "track" else event.get("name")
    text = name.strip() if isinstance(name, str) else ""
    if names.let_through(text):
        return None
    return Filtered(f"the connection does not let {text[:60] or 'events without a name'} through", causes.EVENT_NAME)


def _fits(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern
