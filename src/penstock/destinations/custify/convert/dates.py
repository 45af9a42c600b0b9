"""Which texts Custify takes for dates, how all others of ours become such a text, and which dates are none."""

import functools
import re
from collections.abc import Sequence

from penstock.timestamps import EVENTS_SINCE, LISTED, date_of, moment, to_text

# How texts begin that may be a moment in one of the forms that languages print; all others are not looked into.
PRINTED = re.compile(
    r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6},? .*:|(?:\d{1,2}[ -])?[a-z]{3,9}\.?[ ,-].*\d:\d|/Date\(",
    re.ASCII | re.IGNORECASE,
)
YEAR, YEARS = re.compile(r"\d{4}", re.ASCII), range(1500, 2200)
KINDS = ("people", "company", "event")


def as_date(value: object) -> str | None:
    """Return a moment in Custify's UTC form; date texts and unambiguous epochs count."""
    found = date_of(value)
    return to_text(found) if found else None


def as_sign_up(value: object) -> str | None:
    """Return when a person signed up, in Custify's UTC form; see EVENTS_SINCE."""
    found = date_of(value)
    return to_text(found) if found and found >= EVENTS_SINCE else None


def is_no_date(value: object) -> bool:
    """Return whether a value is a date that is never meant: a zero of some calendar, or the end of all of them."""
    if isinstance(value, str) and value.strip().startswith(("0000-00-00", "0001-01-01")):
        return True
    is_zero = not isinstance(value, bool) and value in (0, "0")
    return is_zero or (moment(value) is not None and as_sign_up(value) is None)


def as_date_attribute(value: object) -> str | None:
    """Return the value of an attribute that is a date at Custify, in a form that it takes; a year is its first day.

    A day without a time stays one: it has no zone to be brought to.
    """
    if isinstance(value, str) and LISTED.fullmatch(text := value.strip()):
        return text if date_of(text) else None
    year = int(value) if isinstance(value, str) and YEAR.fullmatch(value.strip()) else value
    return f"{year}-01-01" if isinstance(year, int) and year in YEARS else as_date(value)


def as_listed(text: str) -> str:
    """Return a date and time that Custify would take for plain text (an offset, nanoseconds) in its UTC form.

    Every other text stays as it is, dates without a time among them: a day has no zone to be brought to.
    """
    # Of nearly all texts the first look tells that they are no moment.
    if ":" not in text and text[:1] != "/":
        return text
    if (text[4:5] not in {"-", "/"} or LISTED.fullmatch(text)) and not PRINTED.match(text):
        return text
    return as_date(text) or text


def dates_among(attributes: Sequence[str], kind: str) -> frozenset[str]:
    """Return which attributes of `people`, `company` or `event` are dates; a name without a kind is meant for all."""
    return _dates_among(tuple(attributes), kind) if attributes else frozenset()


@functools.lru_cache(maxsize=256)
def _dates_among(attributes: tuple[str, ...], kind: str) -> frozenset[str]:
    others = tuple(f"{other}." for other in KINDS if other != kind)
    return frozenset(name.removeprefix(f"{kind}.") for name in attributes if not name.startswith(others))
