"""Every kind of destination there is. This is the one list: the rest of a new one is its own folder.

Settings know of kinds what is here, so neither this nor a kind's own `kind.py` knows settings.
"""

import dataclasses
import importlib
import typing
from collections.abc import Mapping
from typing import Literal

from penstock.causes import OWN, UNKNOWN, Cause
from penstock.destinations.kind import DestinationKind

DestinationType = Literal["custify", "webhook"]

KINDS: Mapping[str, DestinationKind] = {
    name: importlib.import_module(f"penstock.destinations.{name}.kind").KIND
    for name in typing.get_args(DestinationType)
}
#: What every kind has: where calls go and how many, which events are wanted, and what is tried out.
WANTED = ("mode", "canary_companies", "canary_percent", "consent_provider", "consent_resolution", "consent_categories")
OF_EVERY_KIND = ("base_url", "calls_per_s_max", *WANTED)

CAUSES: Mapping[str, Cause] = OWN | {cause.code: cause for kind in KINDS.values() for cause in kind.causes}


def settings_of_kind(name: str) -> tuple[str, ...]:
    """Return what people set for a kind of destination."""
    return (*OF_EVERY_KIND, *KINDS[name].settings)


def in_a_sentence(name: str) -> str:
    """Return how people call what is at the far side of a kind, within a sentence."""
    return KINDS[name].who.replace("The ", "the ", 1)


def explained(code: str) -> Cause:
    """Return what a code means; a refusal with a rare status is explained as a refusal."""
    if code in CAUSES:
        return CAUSES[code]
    kind, _, rest = code.partition(".refused.")
    return dataclasses.replace(CAUSES.get(f"{kind}.refused" if rest else UNKNOWN, CAUSES[UNKNOWN]), code=code)
