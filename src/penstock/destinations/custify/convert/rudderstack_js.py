"""How JavaScript, and the look-up library RudderStack uses, read a value. For the mapping `rudderstack` alone."""

import decimal
import functools
import re
from collections.abc import Iterable, Sequence
from typing import Any

#: What JavaScript calls undefined.
MISSING: Any = object()
# Far deeper than any SDK's data, far from where Python gives up writing JSON.
DEPTH_MAX = 64
NUMBER_TEXT_MAX = 10**308
# From here on JavaScript writes numbers with an exponent.
EXPONENT_FROM = 1e21
# Keys that JavaScript takes for places in an array. They come first in every object, smallest first.
INDEX = re.compile(r"0|[1-9]\d{0,9}", re.ASCII)
INDEX_MAX, NO_PLACE = 2**32 - 2, ":"
# What is written otherwise than it is read; unions are put together anew each time that they are asked for.
CHANGED, NESTED, NUMBERS = (dict, list, float), (dict, list), (int, float)


def truthy(value: Any) -> bool:
    """Return whether JavaScript takes a value for true: empty objects and arrays are, 0, "" and NaN are not."""
    if value is MISSING:
        return False
    if isinstance(value, NESTED):
        return True
    return bool(value) and value == value  # noqa: PLR0124 - NaN differs from itself


def kept(value: Any) -> bool:
    """Return whether a value survives RudderStack's payload builder: what is true, and 0 and false."""
    return truthy(value) or (isinstance(value, NUMBERS) and value == 0)


def get(target: Any, path: str) -> Any:
    """Look a dotted path up. A key that is the whole path wins, then the shortest key at each step; no way back."""
    if isinstance(target, dict) and path in target:
        return target[path]
    return _inside_of(target, _split(path))


def _inside_of(target: Any, keys: Sequence[str]) -> Any:
    for at, key in enumerate(keys, 1):
        if isinstance(target, dict) and key in target:
            target = target[key]
        elif isinstance(target, list) and key.isdecimal() and int(key) < len(target):
            target = target[int(key)]
        else:
            return _by_longer_keys(target, keys[at - 1 :])
    return target


def _by_longer_keys(target: Any, keys: Sequence[str]) -> Any:
    """Go on with the shortest key of several names that is there."""
    for end in range(2, len(keys) + 1) if isinstance(target, dict) else ():
        if (key := ".".join(keys[:end])) in target:
            return _inside_of(target[key], keys[end:])
    return MISSING


def first(target: Any, paths: Iterable[str]) -> Any:
    """Return the first value worth keeping."""
    for path in paths:
        value = get(target, path)
        if value is not MISSING and kept(value):
            return value
    return MISSING


def entries(value: Any) -> dict[str, Any]:
    """Return what `Object.entries` sees: the keys of an object, the indices of an array or a text."""
    if isinstance(value, dict):
        return value
    return {str(at): item for at, item in enumerate(value)} if isinstance(value, str | list) else {}


def as_js_text(value: Any) -> str:
    """Return what JavaScript makes of a value in the middle of a text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number_text(value)
    if isinstance(value, list):
        return ",".join("" if item is None else as_js_text(item) for item in value)
    return "[object Object]" if isinstance(value, dict) else str(value)


def as_written(value: Any) -> Any:
    """Return a value as JavaScript would write it to JSON: 1.0 is 1, -0 is 0, and keys that are numbers come first."""
    if isinstance(value, dict):
        return {key: as_written(item) if isinstance(item, CHANGED) else item for key, item in own_order(value).items()}
    if isinstance(value, list):
        return [as_written(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < EXPONENT_FROM:
        return int(decimal.Decimal(repr(value)))
    return value


def own_order(table: dict[str, Any]) -> dict[str, Any]:
    """Return an object with its keys in the order in which JavaScript has them."""
    # Of nearly all objects the first look tells that no key begins with a digit.
    if min(table, default=NO_PLACE) >= NO_PLACE:
        return dict(table)
    places = [key for key in table if key[:1].isdigit() and INDEX.fullmatch(key) and int(key) <= INDEX_MAX]
    if not places:
        return dict(table)
    return {key: table[key] for key in sorted(places, key=int)} | table


def _number_text(value: float) -> str:
    if abs(value) >= NUMBER_TEXT_MAX:
        return "Infinity"  # no id and no name; Python would refuse to write the digits of the largest
    number = float(value)
    if abs(number) < EXPONENT_FROM and number.is_integer():
        return str(int(decimal.Decimal(repr(number))))
    digits = repr(number)
    mantissa, _, exponent = digits.partition("e")
    if not exponent or -7 < int(exponent) < 0:
        return f"{decimal.Decimal(digits):f}"
    return f"{mantissa}e{int(exponent):+d}"


def too_deep(value: object) -> bool:
    """Return whether a value is nested so deeply that it could not be written as JSON everywhere."""
    layer = [value]
    for _ in range(DEPTH_MAX):
        layer = [inner for item in layer if isinstance(item, NESTED) for inner in _inside(item)]
        if not layer:
            return False
    return True


def _inside(value: Any) -> Iterable[object]:
    return value.values() if isinstance(value, dict) else value


@functools.cache
def _split(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))
