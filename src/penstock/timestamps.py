"""Times as SDKs and programming languages write them, and as Custify reads them. The one reader of times. Pure.

`parsed` reads texts; `moment` reads what counts since 1970 too. A text is read as a whole or not at all: what only looks
like a date ("1780111512345" is no day of the year 1780), what can be meant in two ways (05/06/2024) and zones that
nobody can tell apart (IST: India, Israel or Ireland) are no times.
"""

import datetime as dt
import re

# The longest form is JavaScript's, with the name of a zone in parentheses.
CHARS_MIN, CHARS_MAX = 8, 120
DAY = r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}"
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH = rf"(?P<month>{'|'.join(MONTHS)})[a-z]{{0,6}}"
TIME = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,12}))?)?"
ZONE = r"(?P<zone>(?:UTC|GMT)?[+-]\d{2}(?::?\d{2}(?::?\d{2})?)?|[A-Z]{1,5})"
BASIC_TIME = r"T(?P<hour>\d{2})(?P<minute>\d{2})(?:(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,12}))?)?"
# Go writes the name of the zone after its offset, and at the end the reading of a clock that never goes back; Java and
# JavaScript put the name of the zone into brackets.
REST = r"(?: (?:[A-Z]{1,5}|[+-]\d{2,4}))?(?: m=[+-][\d.]+)?(?:\[[\w/+-]+\]| \([^()]*\))?"
FORMS = tuple(
    re.compile(form, re.ASCII | re.IGNORECASE)
    for form in (
        # ISO 8601 and what is near it: Ruby, Go, Python, Swift, SQL, .NET.
        rf"(?P<year>\d{{4}})-(?P<month>\d{{2}})-(?P<day>\d{{2}})(?:[T ]{TIME}(?: ?{ZONE}{REST})?)?",
        rf"(?P<year>\d{{4}})(?P<month>\d{{2}})(?P<day>\d{{2}})(?:{BASIC_TIME}{ZONE}?)?",
        # RFC 2822, RFC 850, HTTP.
        rf"(?:{DAY}, *)?(?P<day>\d{{1,2}})[ -]{MONTH}[ -](?P<year>\d{{4}}|\d{{2}}),? {TIME}(?: {ZONE})?{REST}",
        # JavaScript's toString.
        rf"{DAY},? {MONTH} (?P<day>\d{{1,2}}),? (?P<year>\d{{4}})(?: {TIME}(?: {ZONE})?{REST})?",
        # Java's Date, C's ctime, the command `date`.
        rf"{DAY} {MONTH}  ?(?P<day>\d{{1,2}}) {TIME}(?: {ZONE})? (?P<year>\d{{4}})",
    )
)
# What nearly all SDKs write, and Python reads by itself, in a tenth of the time.
USUAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:[0-5]\d(?:\.\d{3}(?:\d{3})?)?(?:Z|[+-]0\d:[0-5]\d)", re.ASCII)
# .NET's older JSON: milliseconds since 1970. The offset says where it was written, not when.
DOT_NET = re.compile(r"/Date\((?P<ms>-?\d{1,13})(?:[+-]\d{4})?\)/", re.ASCII)
# Hours from UTC: RFC 2822 §4.3, and names that have one meaning in practice.
ZONES = {
    "Z": 0, "UT": 0, "UTC": 0, "GMT": 0, "WET": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6,
    "PST": -8, "PDT": -7, "AKST": -9, "AKDT": -8, "HST": -10, "WEST": 1, "BST": 1, "CET": 1, "CEST": 2, "MET": 1,
    "MEST": 2, "EET": 2, "EEST": 3, "SAST": 2, "MSK": 3, "PKT": 5, "SGT": 8, "HKT": 8, "AWST": 8, "JST": 9, "KST": 9,
    "ACST": 9.5, "ACDT": 10.5, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13,
}  # fmt: skip
OFFSET_HOURS_MAX = 15
OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{2}):?(\d{2})?:?(\d{2})?", re.ASCII)
# RFC 2822 §4.3: years of two digits up to 49 are those of this century. Nobody prints others today.
CENTURY, PIVOT = 100, 50
# Units of a second that count since 1970, and the numbers that they are for the years 2001 to 2286: no two overlap, and
# a number in none of them is no moment. Python and PHP write seconds, JavaScript and Java thousandths, Go all four.
EPOCHS = tuple((10**9 * unit, 10**10 * unit, unit) for unit in (1, 10**3, 10**6, 10**9))
EPOCH_TEXT = re.compile(r"\d{10}(?:\.\d{1,9})?|\d{13}(?:\.\d{1,9})?|\d{16}|\d{19}", re.ASCII)

# The empty dates of Go, .NET and SQL are year 1; "never" and "for ever" are the last year that a date can have.
YEAR_MIN, YEAR_MAX = 1, 9999
# Nobody signed up to anything, and no event happened, before computers counted time: 1970 is a counter at zero, or
# seconds taken for milliseconds; 1900, 1753 and 1601 are the zeros of Excel, SQL Server and Windows.
EVENTS_SINCE = dt.datetime(1971, 1, 1, tzinfo=dt.UTC)
# Custify takes a text for a date only in these forms (its help page on the CSV importer); all else is a string.
LISTED = re.compile(
    r"\d{4}-\d{2}-\d{2}(?: \d{2}:\d{2}(?::\d{2})?|T\d{2}:\d{2}:\d{2}(?:\.\d{3}|Z|\.\d{3}Z|\.\d{6}Z)?)?", re.ASCII
)


def parsed(value: object) -> dt.datetime | None:
    """Read a text that is a date, or a date and a time, in any form of FORMS. Without a zone it is UTC."""
    if not isinstance(value, str) or not CHARS_MIN <= len(text := value.strip()) <= CHARS_MAX:
        return None
    if USUAL.fullmatch(text):
        return _usual(text)
    for form in FORMS:
        if found := form.fullmatch(text):
            return _moment_of(found.groupdict())
    return from_ms(int(found["ms"])) if (found := DOT_NET.fullmatch(text)) else None


def moment(value: object) -> dt.datetime | None:
    """Read a date text, or seconds, milliseconds, microseconds or nanoseconds since 1970, as a number or a text."""
    if isinstance(value, str):
        if USUAL.fullmatch(value):
            return _usual(value)
        text = value.strip()
        return _since_1970(float(text) if "." in text else int(text)) if EPOCH_TEXT.fullmatch(text) else parsed(text)
    return None if isinstance(value, bool) or not isinstance(value, int | float) else _since_1970(value)


def from_ms(epoch_ms: int) -> dt.datetime:
    """Return the moment of milliseconds since 1970."""
    return dt.datetime.fromtimestamp(epoch_ms / 1000, dt.UTC)


def date_of(value: object) -> dt.datetime | None:
    """Return the moment of a date text or of a number since 1970; None for what is no date, and for "no date"."""
    found = moment(value)
    return found if found is not None and YEAR_MIN < found.year < YEAR_MAX else None


def to_text(moment: dt.datetime) -> str:
    """Write a moment as Custify's documented UTC form, with milliseconds."""
    return f"{moment.isoformat(timespec='milliseconds')[:23]}Z"


def _usual(text: str) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(text).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None


def _since_1970(value: float) -> dt.datetime | None:
    for low, high, unit in EPOCHS:
        if low <= value < high:
            return dt.datetime.fromtimestamp(value / unit, dt.UTC)
    return None


def _moment_of(parts: dict[str, str | None]) -> dt.datetime | None:
    year, month = parts["year"] or "", parts["month"] or ""
    zone = _zone(parts.get("zone"))
    # A leap second is the last one of its minute.
    hour, minute, second = int(parts["hour"] or 0), int(parts["minute"] or 0), min(int(parts["second"] or 0), 59)
    try:
        written = dt.datetime(
            int(year) if len(year) > 2 else int(year) + CENTURY * (20 if int(year) < PIVOT else 19),
            int(month) if month.isdigit() else MONTHS.index(month.lower()) + 1,
            int(parts["day"] or 0),
            hour,
            minute,
            second,
            int((parts["fraction"] or "")[:6].ljust(6, "0")),
            tzinfo=dt.UTC,
        )
        return None if zone is None else written - zone
    except (ValueError, OverflowError):
        return None


def _zone(name: str | None) -> dt.timedelta | None:
    """Return what a zone is ahead of UTC; none named is UTC, None is one that cannot be told."""
    if name is None:
        return dt.timedelta()
    if found := OFFSET.fullmatch(name.upper()):
        sign, *parts = found.groups(default="0")
        hours, minutes, seconds = map(int, parts)
        if hours > OFFSET_HOURS_MAX:
            return None
        ahead = dt.timedelta(hours=hours, minutes=minutes, seconds=seconds)
        return -ahead if sign == "-" else ahead
    hours_ahead = ZONES.get(name.upper())
    return None if hours_ahead is None else dt.timedelta(hours=hours_ahead)
