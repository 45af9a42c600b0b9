"""How much one event may name. Beyond it every later step would pay, so it is looked at before anything else. Pure.

What is counted: the keys of objects and the items of arrays, at every depth that anybody reads, among the traits and the
properties. A name is as long as flattening would make it (`address.city`); so a few long keys around many short ones
cannot become a flood of text either.
"""

from collections.abc import Iterable, Iterator

from penstock import causes
from penstock.destinations.custify.convert.values import FLATTEN_DEPTH_MAX
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
        for name, inner in _named(value):
            end = chars + len(name)
            if end > mapping.name_chars_max:
                reason = f"a trait or property has a name of more than {mapping.name_chars_max} characters"
                return Unmappable(reason, causes.NAME_TOO_LONG)
            if isinstance(inner, dict | list) and depth < DEPTH_MAX:
                # Deeper than flattening goes, names are no longer put together.
                within.append((inner, end + 1 if depth <= FLATTEN_DEPTH_MAX else 0, depth + 1))
    return None


def _places(event: object) -> Iterator[dict[str, object] | list[object]]:
    if not isinstance(event, dict):
        return
    context = event.get("context")
    found = [event.get(place) for place in PLACES] + [context.get("traits") if isinstance(context, dict) else None]
    yield from (each for each in found if isinstance(each, dict | list))


def _named(value: dict[str, object] | list[object]) -> Iterable[tuple[str, object]]:
    if isinstance(value, dict):
        return value.items()
    return ((str(index), item) for index, item in enumerate(value))
