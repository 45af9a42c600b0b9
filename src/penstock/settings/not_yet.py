"""Settings that nothing works with yet: they are refused until something does, or they would be relied on. Pure."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from penstock.errors import SettingsError

#: By its name in a file: the one value that says what is so anyway, and stops no upgrade.
NOT_YET: Mapping[str, str] = MappingProxyType({"engine": "sqlite", "nats_url": "", "postgres_url": ""})
PASSWORD = re.compile(r"//[^@/]*@")
VARIABLES: Mapping[str, str] = MappingProxyType({f"PENSTOCK_{name.upper()}": name for name in NOT_YET})


def refusal_of(written: str, name: str, value: object) -> SettingsError | None:
    """Return why such a setting stops the start; None where it says what is so anyway. `written`: as it stands there."""
    only = NOT_YET[name]
    if value == only:
        return None
    got = PASSWORD.sub("//…@", value) if isinstance(value, str) else value
    hint = "this version keeps events in SQLite, and has no other engine: take the line out"
    return SettingsError(written, expected=repr(only) if only else "nothing", got=got, hint=hint)
