"""How a destination read its events, as it is kept beside what it sent: so that the same bytes can be made again later.

Kept is what differs from the usual; what a later Penstock takes for usual may differ, and then the bytes do, which their sum
tells.
"""

import dataclasses
import functools
import hashlib
from typing import Any

import msgspec

from penstock.destinations.every import READINGS
from penstock.destinations.options import Options

TYPE = "type"


@functools.lru_cache(maxsize=256)
def kept_options(options: Options) -> tuple[str, dict[str, object]]:
    """Return the key under which options are kept, and what is kept of them, as JSON values."""
    usual = {field.name: field.default for field in dataclasses.fields(options)}
    said = {name: getattr(options, name) for name in usual if getattr(options, name) != usual[name]}
    kept: dict[str, object] = msgspec.to_builtins({TYPE: options.type, **said})
    return hashlib.blake2b(msgspec.json.encode(kept), digest_size=6).hexdigest(), kept


def read_options(kept: object) -> Options | None:
    """Return options that were kept; None for those that this Penstock cannot read."""
    if not isinstance(kept, dict) or kept.get(TYPE) not in READINGS:
        return None
    said: dict[str, Any] = {name: value for name, value in kept.items() if name != TYPE}
    try:
        return msgspec.convert(said, READINGS[kept[TYPE]])
    except (msgspec.ValidationError, TypeError):
        return None
