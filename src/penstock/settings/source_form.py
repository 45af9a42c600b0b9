"""What a form says about a source, and what a source should be warned about. Pure."""

from collections.abc import Mapping
from typing import Any

from penstock.errors import SettingsError
from penstock.settings import Source

TRUSTS, SWITCHES = ("trusted", "traits", "events"), ("auto", "on", "off")
NUMBERS = {"events_per_s_max": 1_000.0, "bytes_per_s_max": 5_000_000.0, "burst_s": 300.0, "store_share_max": 0.0}


def source_fields(form: Mapping[str, str]) -> dict[str, Any]:
    """Return a source's settings of a form. Raises SettingsError; whether they can work is checked with all settings."""
    return {
        "allowed_origins": [each.rstrip("/").lower() for each in listed(form.get("allowed_origins", ""))],
        "trust": _choice(form, "trust", TRUSTS),
        "trusted_traits": listed(form.get("trusted_traits", "")),
        "quota": _choice(form, "quota", SWITCHES),
        **{key: number(key, form.get(key, ""), default) for key, default in NUMBERS.items()},
    }


def warnings_of(source: Source) -> list[str]:
    """Return what an operator should know about who may send, as sentences."""
    if source.type == "web" and "*" in source.origins:
        return ["every page may send with its key; name the pages in allowed_origins"]
    return []


def listed(text: str) -> list[str]:
    """Return the items of a text, separated by commas."""
    return [each.strip() for each in text.split(",") if each.strip()]


def number(key: str, text: str, default: float) -> float:
    """Return a number of a form. Raises SettingsError."""
    try:
        return float(text) if text else default
    except ValueError as error:
        raise SettingsError(key, expected="a number", got=text) from error


def _choice(form: Mapping[str, str], key: str, choices: tuple[str, ...]) -> str:
    return form[key] if form.get(key) in choices else choices[0]
