"""What a form says about a source or a destination, read by the table of settings. Pure.

A form that changes something says everything that it shows: what it leaves out is not taken for the default, or a form of
another page, or of a script, would switch off what it never named.
"""

import dataclasses
import typing
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from penstock.errors import SettingsError
from penstock.settings.channel import AlertChannel
from penstock.settings.source import Source
from penstock.settings.table import Destination
from penstock.settings.text import unknown

Block = type[Source] | type[Destination] | type[AlertChannel]
# A checkbox that is off sends nothing; a hidden field of its name in front of it does.
ON, OFF = "on", "off"
# Of an unknown field, or its value, no more is repeated.
NAME_CHARS = 100

SOURCE = (
    "allowed_origins", "trust", "trusted_traits", "quota", "events_per_s_max", "bytes_per_s_max", "burst_s",
    "store_share_max", "ip_addresses", "never_store", "store_hashed", "store_only",
)  # fmt: skip
#: What is set in the dashboard of a channel that alerts go to; beside them its secret, and a flag for each rule.
CHANNEL: Mapping[str, Sequence[str]] = {
    "email": ("to", "sender", "server", "security", "user", "quiet_hours", "timezone", "enabled"),
    "webhook": ("url", "quiet_hours", "timezone", "enabled"),
    "service": ("quiet_hours", "timezone", "enabled"),
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FormFields:
    """What a form says: fields that it must have, fields that it may have, and flags, which it has with `on` or not at all."""

    needed: Sequence[str] = ()
    optional: Sequence[str] = ()
    flags: Sequence[str] = ()


NO_FIELDS = FormFields()
# The revision that a page was made from; any form may say it.
BASE = "base"


def check(form: Mapping[str, str], fields: FormFields) -> None:
    """Refuse a form that says something unknown, or leaves out what it shows. Raises SettingsError that names it."""
    refuse_unknown(form, {BASE, *fields.needed, *fields.optional, *fields.flags})
    refuse_missing(form, fields.needed)
    for name in fields.flags:
        if form.get(name, ON) != ON:
            raise SettingsError(name, expected=f"{ON}, or no such field", got=form[name][:NAME_CHARS])


def read(kind: Block, form: Mapping[str, str], fields: Collection[str], *, is_whole: bool) -> dict[str, Any]:
    """Return what a form says of these fields, as a document keeps it; `is_whole`: it must say something of each.

    Raises SettingsError that names the field. Whether values can work together is checked with all settings.
    """
    hints = _hints(kind)
    if is_whole:
        refuse_missing(form, fields)
    return {name: _value(name, hints[name], form[name]) for name in fields if name in form}


def refuse_unknown(form: Mapping[str, str], known: Collection[str]) -> None:
    """Refuse a form with an unknown field. Raises SettingsError."""
    for name in form:
        if name not in known:
            raise unknown(name[:NAME_CHARS], name[:NAME_CHARS], known)


def refuse_missing(form: Mapping[str, str], needed: Collection[str]) -> None:
    """Refuse a form that leaves something out. Raises SettingsError."""
    for name in needed:
        if name not in form:
            raise SettingsError(name, expected="a value", got="none", hint="a form says all that it shows")


def of_each(names: Collection[str], *beginnings: str) -> list[str]:
    """Return the fields of a form that each source has, such as `mode:web`."""
    return [f"{beginning}:{name}" for name in names for beginning in beginnings]


def choices(kind: Block) -> dict[str, tuple[str, ...]]:
    """Return what may be chosen, by field: each stands in the table alone."""
    return {name: typing.get_args(hint) for name, hint in _hints(kind).items() if typing.get_origin(hint) is Literal}


def listed(text: str) -> list[str]:
    """Return the items of a text, separated by commas."""
    return [each.strip() for each in text.split(",") if each.strip()]


def _hints(kind: Block) -> Mapping[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _value(name: str, hint: Any, text: str) -> Any:
    if hint is bool:
        return _flag(name, text)
    if hint is float:
        return _number(name, text)
    if hint == tuple[str, ...]:
        return listed(text)
    if typing.get_origin(hint) is Mapping:
        return _table(name, text)
    if typing.get_origin(hint) is Literal and text not in typing.get_args(hint):
        raise SettingsError(name, expected=" or ".join(map(repr, typing.get_args(hint))), got=text)
    return text


def _flag(name: str, text: str) -> bool:
    if text not in {ON, OFF}:
        raise SettingsError(name, expected=f"{ON} or {OFF}", got=text)
    return text == ON


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise SettingsError(name, expected="a number", got=text) from error


def _table(name: str, text: str) -> dict[str, str]:
    """Return `field = value`, one a line."""
    table = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        field, equals, value = line.partition("=")
        if not equals:
            raise SettingsError(name, expected="field = value, one a line", got=line)
        table[field.strip()] = value.strip()
    return table
