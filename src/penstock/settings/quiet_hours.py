"""When no message about problems is sent: hours of a day, by the clock of a place. Pure."""

import datetime as dt
import re
import zoneinfo

HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")


def zone_of(name: str) -> dt.tzinfo:
    """Return a time zone by its name in IANA's list. Raises ValueError with what was expected."""
    if name == "UTC":  # known without the machine's list
        return dt.UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("a time zone that this machine knows, such as Europe/Berlin") from error


def hours_of(text: str) -> tuple[int, int] | None:
    """Return the minutes of a day at which quiet begins and ends; None for no text. Raises ValueError."""
    if not text:
        return None
    found = HOURS.fullmatch(text)
    if found is None:
        raise ValueError("hours such as 22:00-07:00")
    begin, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
    if begin == end:
        raise ValueError("hours that end at another time than they begin")
    return begin, end


def is_quiet(hours: str, zone: str, now: float) -> bool:
    """Return whether an instant, in seconds since 1970, lies within quiet hours. Raises ValueError for what is none."""
    span = hours_of(hours)
    if span is None:
        return False
    there = dt.datetime.fromtimestamp(now, zone_of(zone))
    minute, (begin, end) = there.hour * 60 + there.minute, span
    return begin <= minute < end if begin < end else not end <= minute < begin
