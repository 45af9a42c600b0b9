"""From when on a destination gets what a source sent: what people choose, as text. Pure."""

import re

DAY_MS = 86_400_000
#: What a source's first destination gets is all that is stored; a later one begins with what comes from now on.
AUTO, NOW, ALL = "auto", "now", "all"
DAYS = re.compile(r"([1-9][0-9]{0,3}) ?(d|days?)")


def since_ms(choice: str, *, now_ms: int, is_first: bool) -> int | None:
    """Return the time from which on events are sent, in ms since 1970; None for what comes from now on."""
    if choice == AUTO:
        choice = ALL if is_first else NOW
    if days := DAYS.fullmatch(choice):
        return max(0, now_ms - int(days[1]) * DAY_MS)
    return 0 if choice == ALL else None
