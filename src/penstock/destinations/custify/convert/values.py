"""How single values become what Custify's manual types: text, numbers, flags, flat attributes.

A value that cannot become its type is left out: sent as it is, Custify would refuse the whole call for it.
"""

import math
import re
from collections.abc import Collection, Iterator, Mapping
from typing import TypeGuard

import msgspec

from penstock.destinations.custify.convert.dates import as_date_attribute, as_listed
from penstock.placeholders import plain_email, without_unseen

# As many bits as the largest double has. Beyond, no reader of JSON keeps the digits, and Python refuses to write them.
INT_BITS_MAX = 1024
# Java prints large and small ones with an exponent.
NUMBER = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,15})?(?:[eE][+-]?\d{1,2})?", re.ASCII)
FLAGS = {"true": True, "false": False, "1": True, "0": False}
# What an address has nowhere, unless it is in quotation marks: a second @, and what stands between addresses.
NO_ADDRESS = re.compile(r"@.*@|[<>,;:()\[\]\\]")
# A union is put together anew each time that it is asked for.
NESTED, NUMBERS = (dict, list), (int, float)
# What nearly every address is: there is nothing to mend.
USUAL_EMAIL = re.compile(r"[a-z0-9_+-][a-z0-9._+-]*@[a-z0-9-]+(?:\.[a-z0-9-]+)+", re.ASCII)
# Deeper than any attribute a person would look for.
FLATTEN_DEPTH_MAX = 8


def as_text(value: object) -> str | None:
    """Return a text, trimmed; numbers become their digits. Empty texts, flags, lists and objects are none."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, bool) or not is_number(value):
        return None
    return str(int(value)) if float(value).is_integer() else repr(value)


def as_id(value: object) -> str | None:
    """Return an id as text, without spaces and unseen marks around it."""
    text = as_text(value)
    return text if text is None else without_unseen(text) or None


def as_email(value: object) -> str | None:
    """Return an email as all of them are compared: in small letters, without spaces. A text such as "n/a" is none.

    Of "Ana <ana@example.com>" and "mailto:ana@example.com" it is the address, without the quotation marks of a text that
    was quoted twice, the dot of a sentence, and what addresses of the web write for an @; several addresses are none.
    """
    if not isinstance(value, str):
        return None
    if USUAL_EMAIL.fullmatch(value):
        return value
    text = plain_email(value)
    if text[-1:] == ">" or text[:7] == "mailto:":
        text = text.rpartition("<")[2].removesuffix(">").removeprefix("mailto:").partition("?")[0]
    if text[:1] in {'"', "'"} and text[-1:] == text[:1]:
        text = text[1:-1]
    text = text.rstrip(".")
    if "@" not in text:
        text = text.replace("%40", "@")
    return text if "@" in text[1:-1] and not NO_ADDRESS.search(text) else None


def as_number(value: object) -> int | float | None:
    """Return a number; a text that is one counts."""
    if isinstance(value, str):
        text = value.strip()
        if not NUMBER.fullmatch(text):
            return None
        return int(text) if text.lstrip("+-").isdigit() else float(text)
    return None if isinstance(value, bool) or not is_number(value) else value


def as_whole(value: object) -> int | None:
    """Return a whole number."""
    number = as_number(value)
    if isinstance(number, float):
        return int(number) if number.is_integer() else None
    return number


def as_flag(value: object) -> bool | None:
    """Return true or false; the texts and 0 and 1 count."""
    if isinstance(value, str):
        return FLAGS.get(value.strip().lower())
    return value == 1 if isinstance(value, int) and value in {0, 1} else None


def as_attribute(value: object, *, is_date: bool = False) -> str | int | float | bool | None:
    """Return a scalar for custom attributes and metadata, None for everything else; of a date, only what is one."""
    if is_date:
        return as_date_attribute(value)
    if isinstance(value, str):
        return as_listed(value)
    return value if isinstance(value, bool) or is_number(value) else None


def attributes(
    fields: Mapping[str, object], *, nested: str, dates: Collection[str] = frozenset(), nulls: bool = False
) -> dict[str, object]:
    """Return the flat attributes of an object; arrays and objects as `nested` says: drop, flatten or json.

    `dates` are the names of those that are dates at Custify: a value that is none is left out there. With `nulls`, a null
    takes an attribute back.
    """
    flat: dict[str, object] = {}
    for name, value in fields.items():
        if not name or not isinstance(name, str):
            continue  # Custify could not show a field without a name
        is_date = name in dates
        # Some languages write a moment as an object.
        if not isinstance(value, NESTED) or (
            is_date and isinstance(value, dict) and as_date_attribute(value) is not None
        ):
            attribute = as_attribute(value, is_date=is_date)
            if attribute is not None or (nulls and value is None):
                flat[name] = attribute
        elif nested == "flatten":
            flat.update(_leaves(name, value, 1, dates))
        elif nested == "json" and (text := _as_json(value)):
            flat[name] = text
    return flat


def is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a value is a number (or a flag) that JSON can carry."""
    if isinstance(value, int):
        return value.bit_length() < INT_BITS_MAX
    return isinstance(value, float) and math.isfinite(value)


def _leaves(name: str, value: object, depth: int, dates: Collection[str]) -> Iterator[tuple[str, object]]:
    if isinstance(value, NESTED):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items if depth <= FLATTEN_DEPTH_MAX else ():
            yield from _leaves(f"{name}.{key}", inner, depth + 1, dates)
    elif (attribute := as_attribute(value, is_date=name in dates)) is not None:
        yield name, attribute


def _as_json(value: object) -> str | None:
    try:
        return msgspec.json.encode(value).decode()
    except (ValueError, RecursionError):
        return None  # too deep, or half a surrogate pair: nothing that JSON could carry
