"""Which texts Custify takes for dates, and how all others of ours become such a text."""

import datetime as dt
import re

from penstock.timestamps import parsed, to_text

# Custify takes a text for a date only in these forms (its help page on the CSV importer); all else is a string.
LISTED = re.compile(
    r"\d{4}-\d{2}-\d{2}(?: \d{2}:\d{2}(?::\d{2})?|T\d{2}:\d{2}:\d{2}(?:\.\d{3}|Z|\.\d{3}Z|\.\d{6}Z)?)?", re.ASCII
)
# Of the listed forms the one that leaves nothing open: every moment is brought to it.
UTC_FORM = re.compile(r"\d{4}-\d{2}-\d{2}T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z", re.ASCII)
# A whole text that is an ISO 8601 date and time, with its fraction of a second and its zone.
ISO_MOMENT = re.compile(
    r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}([.,]\d+)?)?(Z|[+-]\d{2}(?::?\d{2}(?::?\d{2})?)?)?", re.ASCII
)
EPOCH = re.compile(r"\d{10}|\d{13}", re.ASCII)
# Seconds since 1970 for the years 2001 to 2286, and the same in milliseconds: outside, a number is no date.
EPOCH_S, EPOCH_MS = (1_000_000_000, 10_000_000_000), (1_000_000_000_000, 10_000_000_000_000)


def as_date(value: object) -> str | None:
    """Return a moment in Custify's UTC form; date texts and unambiguous epochs count."""
    if isinstance(value, str):
        if UTC_FORM.fullmatch(value):
            return value if parsed(value) else None
        if EPOCH.fullmatch(value.strip()):
            return _from_epoch(int(value))
        moment = parsed(value)
        return to_text(moment) if moment else None
    return None if isinstance(value, bool) or not isinstance(value, int | float) else _from_epoch(value)


def as_listed(text: str) -> str:
    """Return a date and time that Custify would take for plain text (an offset, nanoseconds) in its UTC form.

    Every other text stays as it is, dates without a time among them: a day has no zone to be brought to.
    """
    if text[4:5] != "-" or not (found := ISO_MOMENT.fullmatch(text)):
        return text
    fraction, zone = found.groups()
    if LISTED.fullmatch(text) or not (fraction or zone):
        return text
    moment = parsed(text)
    return to_text(moment) if moment else text


def _from_epoch(value: float) -> str | None:
    for (low, high), per_s in ((EPOCH_S, 1), (EPOCH_MS, 1000)):
        if low <= value < high:
            return to_text(dt.datetime.fromtimestamp(value / per_s, dt.UTC))
    return None
