"""How much one event may name. Beyond it every later step would pay, so it is looked at before anything else. Pure.

What is counted: the keys of objects and the items of arrays, at every depth that anybody reads, among the traits and the
properties. A name is as long as flattening would make it (`address.city`); so a few long keys around many short ones
cannot become a flood of text either.
"""

from penstock import causes
from penstock.destinations.custify.convert.values import FLATTEN_DEPTH_MAX, NESTED
from penstock.destinations.custify.options import Mapping
from penstock.destinations.plan import Unmappable
from penstock.json_paths import DEPTH_MAX

#: Where names stand that Custify would get to see; the last is how RudderStack's own look-ups are misspelt.
PLACES = ("traits", "properties", "context.traits")


def beyond_limits(event: object, mapping: Mapping) -> Unmappable | None:
    """Return why an event has too many names, or one that is too long; None for every other. Stops at the limit."""
    names = 0
    within = [(place, 0, 1) for place in _places(event)]
    while within:
        value, chars, depth = within.pop()
        names += len(value)
        if names > mapping.names_max:
            reason = f"the event has more than {mapping.names_max} names among its traits and properties"
            return Unmappable(reason, causes.TOO_MANY_NAMES)
        if chars + _longest(value) > mapping.name_chars_max:
            reason = f"a trait or property has a name of more than {mapping.name_chars_max} characters"
            return Unmappable(reason, causes.NAME_TOO_LONG)
        if depth < DEPTH_MAX:
            # Deeper than flattening goes, names are no longer put together.
            before = chars + 1 if depth <= FLATTEN_DEPTH_MAX else None
            for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
                if isinstance(inner, NESTED):
                    within.append((inner, 0 if before is None else before + len(str(name)), depth + 1))
    return None


def _places(event: object) -> list[dict[str, object] | list[object]]:
    if not isinstance(event, dict):
        return []
    context = event.get("context")
    found = [event.get(place) for place in PLACES]
    found.append(context.get("traits") if isinstance(context, dict) else None)
    return [each for each in found if isinstance(each, NESTED)]


def _longest(value: dict[str, object] | list[object]) -> int:
    """Return how long the longest name is; of an array it is the last place."""
    if not value:
        return 0
    return max(map(len, value)) if isinstance(value, dict) else len(str(len(value) - 1))
