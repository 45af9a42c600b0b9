"""One event in, its meaning out: the way into both mappings."""

from collections.abc import Mapping as Object

from penstock import causes
from penstock.destinations.custify.convert.group import plan_group
from penstock.destinations.custify.convert.identify import plan_identify
from penstock.destinations.custify.convert.limits import beyond_limits
from penstock.destinations.custify.convert.rudderstack import convert_as_rudderstack
from penstock.destinations.custify.convert.track import plan_track, plan_view
from penstock.destinations.custify.convert.trust import believed
from penstock.destinations.custify.options import Mapping
from penstock.destinations.plan import Filtered, Meaning, Unmappable


def convert(event: object, mapping: Mapping) -> Meaning:
    """Return what an event means. Never raises, whatever JSON the event is, and never changes it."""
    if too_much := beyond_limits(event, mapping):
        return too_much
    meaning = convert_as_rudderstack(event, mapping) if mapping.name == "rudderstack" else _custify_1(event, mapping)
    return believed(meaning, mapping)


def _custify_1(event: object, mapping: Mapping) -> Meaning:
    if not isinstance(event, dict):
        return Unmappable("the event is not a JSON object", causes.NOT_AN_OBJECT)
    kind = event.get("type")
    match kind.strip().lower() if isinstance(kind, str) else "":
        case "identify":
            return plan_identify(event, mapping)
        case "track":
            return plan_track(event, mapping)
        case "group":
            return plan_group(event, mapping)
        case "page" | "screen" as view:
            return _view(event, view, mapping)
        case "":
            return Unmappable("the event has no type: it cannot be known which call it was", causes.NO_TYPE)
        case "alias":
            return Filtered("alias is not sent: Custify has no call that joins two people")
        case other:
            return Filtered(f"{other[:40]} is not sent: it has no meaning for Custify")


def _view(event: Object[str, object], view: str, mapping: Mapping) -> Meaning:
    if not mapping.page_views:
        return Filtered(f"{view} is not sent: page_views is off")
    return plan_view(event, view, mapping)
