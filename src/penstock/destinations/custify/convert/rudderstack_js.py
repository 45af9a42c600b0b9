"""How JavaScript, and the look-up library RudderStack uses, read a value. For the mapping `rudderstack` alone."""

import decimal
import functools
import re
from collections.abc import Iterable
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
INDEX_MAX = 2**32 - 2


def truthy(value: Any) -> bool:
    """Return whether JavaScript takes a value for true: empty objects and arrays are, 0, "" and NaN are not."""
    if value is MISSING:
        return False
    if isinstance(value, dict | list):
        return True
    return bool(value) and value == value  # noqa: PLR0124 - NaN differs from itself


def kept(value: Any) -> bool:
    """Return whether a value survives RudderStack's payload builder: what is true, and 0 and false."""
    return truthy(value) or (isinstance(value, int | float) and value == 0)


def get(target: Any, path: str) -> Any:
    """Look a dotted path up. A key that is the whole path wins, then the shortest key at each step; no way back."""
    if isinstance(target, dict) and path in target:
        return target[path]
    keys = _split(path)
    at = 0
    while at < len(keys):
        for end in range(at + 1, len(keys) + 1):
            found = _child(target, keys[at] if end == at + 1 else ".".join(keys[at:end]))
            if found is not MISSING:
                break
        else:
            return MISSING
        target, at = found, end
    return target


def first(target: Any, paths: Iterable[str]) -> Any:
    """Return the first value worth keeping."""
    for path in paths:
        value = get(target, path)
        if kept(value):
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
        return {key: as_written(item) for key, item in own_order(value).items()}
    if isinstance(value, list):
        return [as_written(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < EXPONENT_FROM:
        return int(decimal.Decimal(repr(value)))
    return value


def own_order(table: dict[str, Any]) -> dict[str, Any]:
    """Return an object with its keys in the order in which JavaScript has them."""
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
        layer = [inner for item in layer if isinstance(item, dict | list) for inner in _inside(item)]
        if not layer:
            return False
    return True


def _inside(value: Any) -> Iterable[object]:
    return value.values() if isinstance(value, dict) else value


def _child(target: Any, key: str) -> Any:
    if isinstance(target, dict):
        return target.get(key, MISSING)
    if isinstance(target, list) and key.isdecimal() and int(key) < len(target):
        return target[int(key)]
    return MISSING


@functools.cache
def _split(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))
