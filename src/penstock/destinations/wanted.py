"""Which events a destination does not want, though they could be sent: integrations, consent, event names. Pure.

The rules are those of RudderStack's processor, in its order, so that applications that rely on them need no change. Beyond
it, names and categories count however they are spelt, a destination is also meant by its own name here, Segment's form of
consent counts, and a connection may allow or deny event names. Where two of them say different things, no is said: an
opt-out that is not heard cannot be taken back.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, Literal

from penstock import causes
from penstock.destinations.plan import Filtered

Provider = Literal["none", "custom", "iubenda", "ketch", "oneTrust"]
EVERYBODY = "all"
#: How forms and templates write false.
NO = frozenset({"false", "no", "n", "off", "0", "disabled"})
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

    #: How applications may name it in `integrations`: by its name here, which is its id too, and by that of the product in
    #: RudderStack's and Segment's dashboards; in any case.
    name: str = ""
    product: str = "custify"
    consent_provider: Provider = "none"
    consent_resolution: Literal["and", "or"] = "and"
    consent_categories: tuple[str, ...] = ()
    #: By source, for connections that choose.
    event_names: Mapping[str, EventNames] = dataclasses.field(default_factory=dict)


def unwanted(event: Mapping[str, Any], *, source: str, wishes: Wishes) -> Filtered | None:
    """Return why an event is not wanted, or None. Never raises, whatever JSON the event is."""
    context = event.get("context")
    said = context if isinstance(context, dict) else {}
    by_consent = (_by_consent(said, wishes) or _by_preferences(said, wishes)) if wishes.consent_categories else None
    return _by_integrations(event, wishes) or by_consent or _by_name(event, wishes.event_names.get(source))


def _by_integrations(event: Mapping[str, Any], wishes: Wishes) -> Filtered | None:
    if "integrations" not in event:
        return None
    chosen = event["integrations"]
    if not isinstance(chosen, dict):
        return Filtered("`integrations` is no object, which means no destination", causes.INTEGRATIONS)
    everybody = _said_of((EVERYBODY,), chosen)
    if not all(isinstance(each, bool) for each in everybody):
        return Filtered("`integrations.All` is neither true nor false, which means no destination", causes.INTEGRATIONS)
    # What is neither yes, no nor options says nothing, as at RudderStack.
    said = _said_of((wishes.product, _bare(wishes.name)), chosen)
    own = [not _is_no(each) for each in said if isinstance(each, bool | dict) or _is_no(each)]
    wanted = all(own) if own else all(everybody)
    if wanted:
        return None
    return Filtered(
        f"the application switched {wishes.product.capitalize()} off in `integrations`", causes.INTEGRATIONS
    )


def _said_of(names: tuple[str, ...], chosen: Mapping[str, object]) -> list[object]:
    """Return what is said of some names, however they are spelt; nothing of any is nothing, not no."""
    return [value for key, value in chosen.items() if _bare(key) in names]


def _bare(name: str) -> str:
    """Return a name without its case, and without what stands between its words: "Custify EU" is custify_eu."""
    return "".join(filter(str.isalnum, name.casefold()))


def _is_no(value: object) -> bool:
    """Return whether something was switched off, in whatever form their language writes it."""
    if isinstance(value, dict):
        return "enabled" in value and _is_no(value["enabled"])
    text = value.strip().casefold() if isinstance(value, str) else None
    return value is False or (isinstance(value, int) and value == 0) or text in NO


def _by_consent(context: Mapping[str, Any], wishes: Wishes) -> Filtered | None:
    categories = [category for category in wishes.consent_categories if category]
    management = context.get("consentManagement")
    if not categories or wishes.consent_provider == "none" or not isinstance(management, dict):
        return None
    denied = management.get("deniedConsentIds")
    # One text stands for a list of them, also as a pixel's address writes it. Any other shape filters nothing, as at RudderStack.
    listed = re.split(r"[\[\]\"',]+", denied) if isinstance(denied, str) else denied if isinstance(denied, list) else ()
    ids = {_spelt(each) for each in listed} - {""}
    refused = [category for category in categories if _spelt(category) in ids]
    provider = management.get("provider")
    if (provider and _spelt(provider) != _spelt(wishes.consent_provider)) or not refused:
        return None
    # A provider's own strategy comes with the event; only for `custom` is it the destination's.
    given = management.get("resolutionStrategy")
    resolution = wishes.consent_resolution if wishes.consent_provider == "custom" or not given else given
    return _without_consent(refused, categories, resolution)


def _by_preferences(context: Mapping[str, Any], wishes: Wishes) -> Filtered | None:
    """Look at Segment's form, which names no provider and lists what was agreed to: what is not true there was not."""
    categories = [category for category in wishes.consent_categories if category]
    consent = context.get("consent")
    preferences = consent.get("categoryPreferences") if isinstance(consent, dict) else None
    if not categories or not isinstance(preferences, dict):
        return None
    agreed: dict[str, bool] = {}
    for name, value in preferences.items():
        agreed[_spelt(name)] = agreed.get(_spelt(name), True) and value is True
    refused = [category for category in categories if not agreed.get(_spelt(category))]
    return _without_consent(refused, categories, wishes.consent_resolution) if refused else None


def _without_consent(refused: list[str], categories: list[str], resolution: object) -> Filtered | None:
    if _spelt(resolution) == "or" and len(refused) < len(categories):
        return None
    return Filtered(f"the person did not consent to {', '.join(refused)}", causes.CONSENT)


def _spelt(name: object) -> str:
    return name.strip().casefold() if isinstance(name, str) else ""


def _by_name(event: Mapping[str, Any], names: EventNames | None) -> Filtered | None:
    kind = event.get("type")
    if names is None or not (names.allow or names.deny):
        return None
    if not isinstance(kind, str) or kind.strip().lower() not in NAMED_TYPES:
        return None
    name = event.get("event") if kind.strip().lower() == "track" else event.get("name")
    text = name.strip() if isinstance(name, str) else ""
    if names.let_through(text):
        return None
    return Filtered(f"the connection does not let {text[:60] or 'events without a name'} through", causes.EVENT_NAME)


def _fits(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern
