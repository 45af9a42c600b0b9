"""When something was, as people write it: a date, an age such as 24h, or seconds since 1970."""

import re

from penstock.errors import SettingsError
from penstock.timestamps import parsed

UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
AGE, SECONDS = re.compile(r"(\d{1,9})([smhd])"), re.compile(r"\d{9,11}(\.\d{1,9})?")


def moment_of(name: str, text: str, *, now: float) -> float | None:
    """Return seconds since 1970; None for an empty text. Raises SettingsError that names the field."""
    text = text.strip()
    if not text:
        return None
    if age := AGE.fullmatch(text):
        return now - int(age[1]) * UNITS_S[age[2]]
    if SECONDS.fullmatch(text):
        return float(text)
    moment = parsed(text)
    if moment is None:
        raise SettingsError(name, expected="a date such as 2026-11-30, or an age such as 24h", got=text[:100])
    return moment.timestamp()
