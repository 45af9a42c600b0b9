"""Times as SDKs write them, and as Custify reads them. Pure."""

import datetime as dt
import email.utils


def parsed(value: object) -> dt.datetime | None:
    """Read a date text leniently: ISO 8601 in its common forms, or RFC 2822. Without a zone it is UTC.

    Numbers are no dates: RudderStack treats epochs as missing, and so do we.
    """
    if not isinstance(value, str) or not 8 <= len(text := value.strip()) <= 64:
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        try:
            moment = email.utils.parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    try:
        return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None


def from_ms(epoch_ms: int) -> dt.datetime:
    """Return the moment of milliseconds since 1970."""
    return dt.datetime.fromtimestamp(epoch_ms / 1000, dt.UTC)


def to_text(moment: dt.datetime) -> str:
    """Write a moment as Custify's documented UTC form, with milliseconds."""
    return f"{moment.isoformat(timespec='milliseconds')[:23]}Z"
