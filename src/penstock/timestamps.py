"""Times as SDKs and programming languages write them, and as Custify reads them. The one reader of times. Pure.

`parsed` reads texts; `moment` reads what counts since 1970 too. A text is read as a whole or not at all: what only looks
like a date ("1780111512345" is no day of the year 1780), what can be meant in two ways (05/06/2024) and zones that
cannot be told apart (IST: India, Israel or Ireland) are no times.
"""

import datetime as dt
import functools
import re
from collections.abc import Sequence

# The longest form is JavaScript's, with the name of a zone in parentheses.
CHARS_MIN, CHARS_MAX = 8, 120
DAY = r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}"
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
HALF = r"(?: ?(?P<half>[AP])\.?M\.?)?"
TIME = rf"(?P<hour>\d{{1,2}}):(?P<minute>\d{{2}})(?::(?P<second>\d{{2}})(?:[.,](?P<fraction>\d{{1,12}}))?)?{HALF}"
# Python's isoformat with a Z put behind it says UTC twice.
OFFSETS = r"(?:UTC|GMT)?[+-](?:00:?00Z|\d{2}(?::?\d{2}(?::?\d{2})?)?|\d(?::?\d{2})?)"
# Rails writes the name of the zone before its offset, which alone counts.
ZONE = rf"(?:[A-Z]{{1,5}} (?=[+-]))?(?P<zone>{OFFSETS}|(?:Etc/)?[A-Z]{{1,5}})"
BASIC_TIME = r"T?(?P<hour>\d{2})(?P<minute>\d{2})(?:(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,12}))?)?"
# Go writes the name of the zone after its offset, and at the end the reading of a clock that never goes back; Java and
# JavaScript put the name of the zone into brackets.
REST = r"(?: (?:[A-Z]{1,5}|[+-]\d{2,4}))?(?: m=[+-][\d.]+)?(?:\[[\w/+:-]+\]| \([^()]*\))?"
ZONED_TIME = rf"{TIME}(?: {ZONE})?{REST}"
FORMS = (
    # ISO 8601 and what is near it: Ruby, Go, Python, Swift, SQL, .NET; with slashes where the year comes first.
    rf"(?P<year>\d{{4}})(?P<mark>[-/])(?P<month>\d{{1,2}})(?P=mark)(?P<day>\d{{1,2}})(?:[T ]{TIME}(?: ?{ZONE}{REST})?)?",
    # The same out of an address, where a plus is read as a space.
    rf"(?P<year>\d{{4}})-(?P<month>\d{{2}})-(?P<day>\d{{2}})T{TIME} (?P<zone>\d{{2}}:\d{{2}})",
    rf"(?P<year>\d{{4}})(?P<month>\d{{2}})(?P<day>\d{{2}})(?:{BASIC_TIME}{ZONE}?)?",
    # RFC 2822, RFC 850, HTTP.
    rf"(?:{DAY},? *)?(?P<day>\d{{1,2}})[ -]{MONTH}[ -](?P<year>\d{{4}}|\d{{2}})(?:,?(?: at)? {ZONED_TIME})?",
    # JavaScript's toString; and how Americans write dates, as Java's Gson does.
    rf"(?:{DAY},? )?{MONTH}\.? (?P<day>\d{{1,2}}),? (?P<year>\d{{4}})(?:,?(?: at)? {ZONED_TIME})?",
    # Java's Date, C's ctime, the command `date`.
    rf"{DAY} {MONTH}  ?(?P<day>\d{{1,2}}) {TIME}(?: {ZONE})? (?P<year>\d{{4}})",
    rf"{DAY} (?P<day> ?\d{{1,2}}) {MONTH} {TIME}(?: {ZONE})? (?P<year>\d{{4}})",
)
# The days of a week, counted: ISO 8601, as Python reads them by itself.
WEEK = re.compile(r"\d{4}-?W\d{2}-?[1-7](?:T[\d:.]+(?:Z|[+-]\d{2}:\d{2})?)?", re.ASCII)
# Spaces that do not break, which ICU writes before AM and PM; a minus that is no hyphen; marks of order and of direction.
PLAIN = str.maketrans(
    {"\u00a0": " ", "\u202f": " ", "\u2212": "-"} | dict.fromkeys("\u200b\u200e\u200f\u202a\u202c\ufeff")
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
    "ACST": 9.5, "ACDT": 10.5, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13, "MEZ": 1, "MESZ": 2, "WAT": 1, "CAT": 2,
    "EAT": 3, "IDT": 3, "TRT": 3, "UZT": 5, "NPT": 5.75, "ICT": 7, "WIB": 7, "PHT": 8, "MYT": 8, "NST": -3.5, "NDT": -2.5,
    "BRT": -3, "ART": -3, "COT": -5, "PET": -5,
}  # fmt: skip
OFFSET_HOURS_MAX = 15
OFFSET = re.compile(r"(?:UTC|GMT)?([+-]?)(\d{1,2}):?(\d{2})?:?(\d{2})?", re.ASCII)
# RFC 2822 §4.3: years of two digits up to 49 are those of this century. Others are not printed today.
CENTURY, PIVOT = 100, 50
# Units of a second that count since 1970, and the numbers that they are for the years 2001 to 2286: no two overlap, and
# a number in none of them is no moment. Python and PHP write seconds, JavaScript and Java thousandths, Go all four.
EPOCHS = (
    *((10**9 * unit, 10**10 * unit, unit) for unit in (1, 10**3, 10**6, 10**9)),
    # Thousandths of 1973 to 2001, which nothing else is as long as: when older companies began, when people were born.
    (10**11, 10**12, 10**3),
)
# Java and spreadsheets write large numbers with an exponent.
EPOCH_TEXT = re.compile(
    r"\d{10}(?:\.\d{1,9})?|\d{12,13}(?:\.\d{1,9})?|\d{16}|\d{19}|\d(?:\.\d{1,18})?[eE]\+?(?:9|12|15|18)", re.ASCII
)
# A moment as an object: seconds since 1970, and nanoseconds beside them, by Firestore, protobuf and Java's Gson.
COUNTED = (("_seconds", "_nanoseconds"), ("seconds", "nanoseconds"), ("seconds", "nanos"))
NANOSECONDS = 10**9
# Java's Jackson writes a date, or a date and a time, as a list of its parts; a second and a fraction of zero are left out.
PARTS_MIN, PARTS_MAX = 3, 7

# The empty dates of Go, .NET and SQL are year 1; "never" and "for ever" are the last year that a date can have.
YEAR_MIN, YEAR_MAX = 1, 9999
# No person signed up to anything, and no event happened, before computers counted time: 1970 is a counter at zero, or
# seconds taken for milliseconds; 1900, 1753 and 1601 are the zeros of Excel, SQL Server and Windows.
EVENTS_SINCE = dt.datetime(1971, 1, 1, tzinfo=dt.UTC)
# Custify takes a text for a date only in these forms (its help page on the CSV importer); all else is a string.
LISTED = re.compile(
    r"\d{4}-\d{2}-\d{2}(?: \d{2}:\d{2}(?::\d{2})?|T\d{2}:\d{2}:\d{2}(?:\.\d{3}|Z|\.\d{3}Z|\.\d{6}Z)?)?", re.ASCII
)


@functools.cache
def forms() -> Sequence[re.Pattern[str]]:
    """Return FORMS to match with, made when the first text comes that is no usual one: no process waits for that at its start."""
    return [re.compile(form, re.ASCII | re.IGNORECASE) for form in FORMS]


def parsed(value: object) -> dt.datetime | None:
    """Read a text that is a date, or a date and a time, in any form of FORMS. Without a zone it is UTC."""
    if not isinstance(value, str) or not CHARS_MIN <= len(text := _bare(value)) <= CHARS_MAX:
        return None
    if USUAL.fullmatch(text) or WEEK.fullmatch(text):
        return _usual(text)
    for form in forms():
        if found := form.fullmatch(text):
            return _moment_of(found.groupdict())
    return from_ms(int(found["ms"])) if (found := DOT_NET.fullmatch(text)) else None


def moment(value: object) -> dt.datetime | None:
    """Read a date text, or seconds, milliseconds, microseconds or nanoseconds since 1970, as a number or a text.

    An object counts where it is what PHP, MongoDB, Firestore or Java's Gson write for a moment, a list where Jackson does.
    """
    if value is None:
        return None  # as most are that are asked for
    if isinstance(value, str):
        if USUAL.fullmatch(value):
            return _usual(value)
        text = _bare(value)
        return _since_1970(int(text) if text.isdigit() else float(text)) if EPOCH_TEXT.fullmatch(text) else parsed(text)
    if isinstance(value, dict):
        return _written_as_object(value)
    if isinstance(value, list):
        return _written_as_list(value)
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


def _bare(text: str) -> str:
    """Return a text as its form is looked for: without the quotation marks of a text that was made JSON twice."""
    return (text if text.isascii() else text.translate(PLAIN)).strip().strip("\"'")


# What events of one batch share is read once: when it came, and when it was sent.
@functools.lru_cache(maxsize=64)
def _usual(text: str) -> dt.datetime | None:
    try:
        found = dt.datetime.fromisoformat(text)
        return found.astimezone(dt.UTC) if found.tzinfo else found.replace(tzinfo=dt.UTC)
    except (ValueError, OverflowError):
        # The end of a day, and of a leap second, which Python does not read.
        found_by_form = forms()[0].fullmatch(text)
        return _moment_of(found_by_form.groupdict()) if found_by_form else None


def _written_as_object(value: dict[str, object]) -> dt.datetime | None:
    """Read {"$date": …} of MongoDB, {"date": …, "timezone": …} of PHP, {"seconds": …, "nanos": …} of protobuf."""
    if len(value) == 1 and "$date" in value:
        inner = value["$date"]
        counted = inner.get("$numberLong") if isinstance(inner, dict) else inner
        return None if isinstance(counted, dict) else moment(counted)
    if value.keys() == {"date", "timezone_type", "timezone"}:
        return parsed(f"{value['date']} {value['timezone']}")
    for seconds, nanos in COUNTED:
        whole, rest = value.get(seconds), value.get(nanos)
        # What JavaScript cannot count exactly, protobuf.js writes as text.
        whole = int(whole) if isinstance(whole, str) and EPOCH_TEXT.fullmatch(whole) and whole.isdigit() else whole
        if value.keys() == {seconds, nanos} and isinstance(whole, int) and isinstance(rest, int):
            return _since_1970(whole + rest / NANOSECONDS) if 0 <= rest < NANOSECONDS and whole < 10**10 else None
    return None


def _written_as_list(value: list[object]) -> dt.datetime | None:
    """Read [2024, 5, 6] and [2024, 5, 6, 7, 8, 9, 123000000] of Jackson: up to nanoseconds, in UTC as nothing else is said."""
    parts = [part for part in value if isinstance(part, int) and not isinstance(part, bool)]
    if len(parts) != len(value) or len(parts) == PARTS_MIN + 1 or not PARTS_MIN <= len(parts) <= PARTS_MAX:
        return None
    year, month, day, hour, minute, second, nanos = (*parts, *[0] * (PARTS_MAX - len(parts)))
    if not 0 <= nanos < NANOSECONDS:
        return None
    try:
        return dt.datetime(year, month, day, hour, minute, second, nanos // 1000, tzinfo=dt.UTC)
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
    is_end_of_day = (hour, minute, second) == (24, 0, 0)
    try:
        written = dt.datetime(
            int(year) if len(year) > 2 else int(year) + CENTURY * (20 if int(year) < PIVOT else 19),
            int(month) if month.isdigit() else MONTHS.index(month[:3].lower()) + 1,
            int(parts["day"] or 0),
            0 if is_end_of_day else _hour(hour, parts.get("half")),
            minute,
            second,
            int((parts["fraction"] or "")[:6].ljust(6, "0")),
            tzinfo=dt.UTC,
        ) + dt.timedelta(days=is_end_of_day)
        return None if zone is None else written - zone
    except (ValueError, OverflowError):
        return None


def _hour(hour: int, half: str | None) -> int:
    """Return the hour of the day; what has AM or PM beside it may be counted to 12 or to 24. Raises ValueError."""
    if half is None or (hour > 12 and half in "Pp"):
        return hour
    if hour > 12:
        raise ValueError("no hour of a morning")
    return hour % 12 + (12 if half in "Pp" else 0)


def _zone(name: str | None) -> dt.timedelta | None:
    """Return what a zone is ahead of UTC; none named is UTC, None is one that cannot be told."""
    if name is None:
        return dt.timedelta()
    name = name.upper().removeprefix("ETC/")
    if found := OFFSET.fullmatch(name if name == "Z" else name.removesuffix("Z")):
        sign, *parts = found.groups(default="0")
        hours, minutes, seconds = map(int, parts)
        if hours > OFFSET_HOURS_MAX:
            return None
        ahead = dt.timedelta(hours=hours, minutes=minutes, seconds=seconds)
        return -ahead if sign == "-" else ahead
    hours_ahead = ZONES.get(name)
    return None if hours_ahead is None else dt.timedelta(hours=hours_ahead)
