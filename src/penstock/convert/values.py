"""How single values become what Custify's manual types: text, numbers, flags, dates, flat attributes.

A value that cannot become its type is left out: sent as it is, Custify would refuse the whole call for it.
"""

import datetime as dt
import math
import re
from collections.abc import Iterator, Mapping

import msgspec

from penstock.timestamps import parsed, to_text

# Custify takes a text for a date only in these forms (its help page on the CSV importer); all else is a string.
LISTED_DATE = re.compile(
    r"\d{4}-\d{2}-\d{2}( \d{2}:\d{2}(:\d{2})?|T\d{2}:\d{2}:\d{2}(\.\d{3}|Z|\.\d{3}Z|\.\d{6}Z)?)?", re.ASCII
)
MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}", re.ASCII)
# Seconds since 1970 for the years 2001 to 2286, and the same in milliseconds: outside, a number is no date.
EPOCH_S, EPOCH_MS = (1_000_000_000, 10_000_000_000), (1_000_000_000_000, 10_000_000_000_000)
# Deeper than any attribute a person would look for.
FLATTEN_DEPTH_MAX = 8


def as_text(value: object) -> str | None:
    """Return a text, trimmed; numbers become their digits. Empty texts, flags, lists and objects are none."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return str(int(value)) if value.is_integer() else repr(value)
    return None


def as_number(value: object) -> int | float | None:
    """Return a number; a text that is one counts."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value if math.isfinite(value) else None
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,15}(\.\d{1,15})?", value.strip(), re.ASCII):
        text = value.strip()
        return float(text) if "." in text else int(text)
    return None


def as_whole(value: object) -> int | None:
    """Return a whole number."""
    number = as_number(value)
    if isinstance(number, float):
        return int(number) if number.is_integer() else None
    return number


def as_flag(value: object) -> bool | None:
    """Return true or false; the texts and 0 and 1 count."""
    if isinstance(value, str):
        return {"true": True, "false": False, "1": True, "0": False}.get(value.strip().lower())
    return {1: True, 0: False}.get(value) if isinstance(value, int) else None


def as_date(value: object) -> str | None:
    """Return a moment in Custify's UTC form; date texts and unambiguous epochs count."""
    if isinstance(value, str) and re.fullmatch(r"\d{10}|\d{13}", value.strip(), re.ASCII):
        value = int(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _from_epoch(value)
    moment = parsed(value)
    return to_text(moment) if moment else None


def as_attribute(value: object) -> str | int | float | bool | None:
    """Return a scalar for custom attributes and metadata, None for everything else.

    A date and time that Custify would take for plain text (an offset, nanoseconds) is brought to its UTC form.
    """
    if isinstance(value, str):
        if MOMENT.match(value) and not LISTED_DATE.fullmatch(value) and (moment := parsed(value)):
            return to_text(moment)
        return value
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, bool | int | float) else None


def attributes(fields: Mapping[str, object], *, nested: str) -> dict[str, object]:
    """Return the flat attributes of an object; arrays and objects as `nested` says: drop, flatten or json."""
    flat: dict[str, object] = {}
    for name, value in fields.items():
        if isinstance(value, dict | list):
            if nested == "json":
                flat[name] = msgspec.json.encode(value).decode()
            elif nested == "flatten":
                flat |= {key: leaf for key, leaf in _leaves(name, value, 1) if leaf is not None}
        elif name and (attribute := as_attribute(value)) is not None:
            flat[name] = attribute
    return flat


def _leaves(name: str, value: object, depth: int) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict | list) and depth <= FLATTEN_DEPTH_MAX:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from _leaves(f"{name}.{key}", inner, depth + 1)
    else:
        yield name, as_attribute(value)


def _from_epoch(value: float) -> str | None:
    for (low, high), per_s in ((EPOCH_S, 1), (EPOCH_MS, 1000)):
        if low <= value < high:
            return to_text(dt.datetime.fromtimestamp(value / per_s, dt.UTC))
    return None
