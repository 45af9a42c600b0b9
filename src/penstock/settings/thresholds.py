"""When the rules of alerts speak: numbers of the one table that people may set in the dashboard too. Pure.

What penstock.toml or the environment sets counts, whatever was chosen in the dashboard.
"""

import dataclasses
import typing
from collections.abc import Collection, Mapping

from penstock.errors import SettingsError
from penstock.settings.table import SCALARS, Settings
from penstock.settings.text import unknown

#: In documents of the dashboard.
THRESHOLDS = "thresholds"
#: By rule, those that have a number; the empty one: for all rules.
BY_RULE: Mapping[str, tuple[str, ...]] = {
    "": ("alert_after_s", "alert_clear_s"),
    "bad_events": ("alert_bad_events",),
    "waiting": ("alert_waiting_minutes",),
    "silent_source": ("alert_silent_hours",),
    "refused": ("alert_refused_requests",),
    "disk": ("alert_disk_free_bytes",),
    "role": ("alert_restarts",),
}
NAMES = tuple(name for names in BY_RULE.values() for name in names)
MEANINGS: Mapping[str, str] = {field.name: field.metadata["meaning"] for field in SCALARS if field.name in NAMES}
DEFAULTS: Mapping[str, float | int] = {name: getattr(Settings(), name) for name in NAMES}


def with_thresholds(table: Mapping[str, object], chosen: object) -> dict[str, object]:
    """Return a table of settings with what was chosen, where it says nothing itself. Raises SettingsError."""
    if not isinstance(chosen, Mapping):
        raise SettingsError(THRESHOLDS, expected="a number for each name", got=chosen)
    for name in chosen:
        if name not in NAMES:
            raise unknown(f"{THRESHOLDS}.{name}", name, NAMES)
    return {**chosen, **table}


def threshold(name: str, text: str) -> float | int:
    """Return what a form says of one. Raises SettingsError."""
    hint = typing.get_type_hints(Settings)[name]
    try:
        number = float(text)
        return int(text) if hint is int else number
    except ValueError as error:
        expected = "a whole number" if hint is int else "a number"
        raise SettingsError(name, expected=expected, got=text[:50]) from error


def chosen(settings: Settings, *, names: Collection[str] = NAMES) -> dict[str, float | int]:
    """Return those that are not as by default."""
    return {name: getattr(settings, name) for name in names if getattr(settings, name) != DEFAULTS[name]}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdShown:
    """One of them, as a page shows it."""

    name: str
    value: float
    default: float
    means: str


def shown(settings: Settings) -> Mapping[str, list[ThresholdShown]]:
    """Return all of them by rule."""
    return {
        rule: [
            ThresholdShown(
                name=name,
                value=getattr(settings, name),
                default=DEFAULTS[name],
                means=MEANINGS[name],
            )
            for name in names
        ]
        for rule, names in BY_RULE.items()
    }
