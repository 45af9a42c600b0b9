"""penstock.toml, the environment and the dashboard in, frozen Settings out."""

import dataclasses
import difflib
import os
import typing
from collections.abc import Mapping
from pathlib import Path

from penstock.errors import SettingsError
from penstock.settings.check import check
from penstock.settings.table import ENVIRONMENT, SCALARS, Connection, Destination, Settings, Source
from penstock.settings.text import read_toml, resolved, typed, unknown


def load(
    path: Path | None, environ: Mapping[str, str] = os.environ, *, dashboard: Mapping[str, typing.Any] | None = None
) -> Settings:
    """Read penstock.toml (none is fine), the environment, and what was set up in the dashboard. Raises SettingsError.

    Texts of the dashboard are taken as they are: `${file:…}` there would let whoever signs in read this machine's files.
    """
    table = resolved(read_toml(path), environ=environ, base=path.parent if path else Path(), name="")
    table = _with_dashboard(table, dashboard or {})
    scalars = _scalars(table) | _from_environment(environ)
    sources = {name: _block(Source, f"sources.{name}", block) for name, block in _blocks(table, "sources").items()}
    destinations = {n: _block(Destination, f"destinations.{n}", b) for n, b in _blocks(table, "destinations").items()}
    connections = tuple(_connection(i, c, sources, destinations) for i, c in enumerate(_list(table, "connections")))
    settings = Settings(sources=sources, destinations=destinations, connections=connections, **scalars)
    check(settings)
    return settings


def read_table(path: Path, environ: Mapping[str, str] = os.environ) -> dict[str, typing.Any]:
    """Return a TOML file as it is, with its references resolved. Raises SettingsError."""
    table: dict[str, typing.Any] = resolved(read_toml(path), environ=environ, base=path.parent, name="")
    return table


def _with_dashboard(table: dict[str, typing.Any], dashboard: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
    merged = dict(table)
    for key in ("sources", "destinations"):
        own, theirs = _blocks(table, key), dashboard.get(key, {})
        if both := own.keys() & theirs.keys():
            name = min(both)
            raise SettingsError(
                f"{key}.{name}",
                expected="one place",
                got="penstock.toml and the dashboard",
                hint="remove one of the two, or give one another name",
            )
        if theirs:
            merged[key] = own | theirs
    if connections := dashboard.get("connections"):
        merged["connections"] = [*_list(table, "connections"), *connections]
    return merged


def _scalars(table: Mapping[str, object]) -> dict[str, typing.Any]:
    known = {f.name: f for f in dataclasses.fields(Settings)}
    hints = typing.get_type_hints(Settings)
    for key in table:
        if key not in known:
            raise unknown(key, key, known)
    return {f.name: typed(f.name, hints[f.name], table[f.name]) for f in SCALARS if f.name in table}


def _from_environment(environ: Mapping[str, str]) -> dict[str, typing.Any]:
    hints = typing.get_type_hints(Settings)
    values: dict[str, typing.Any] = {}
    for key, text in environ.items():
        if key in ENVIRONMENT:
            values[ENVIRONMENT[key].name] = typed(key, hints[ENVIRONMENT[key].name], text, from_text=True)
    return values


def _block(kind: type, name: str, block: Mapping[str, object]) -> typing.Any:
    hints = typing.get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind) if f.name != "name"}
    for key in block:
        if key not in fields:
            raise unknown(f"{name}.{key}", key, fields)
    for key, field in fields.items():
        if field.default is field.default_factory is dataclasses.MISSING and key not in block:
            raise SettingsError(f"{name}.{key}", expected="a value", got=None, hint=field.metadata["meaning"])
    values = {key: typed(f"{name}.{key}", hints[key], value) for key, value in block.items()}
    return kind(name=name.partition(".")[2], **values)


def _connection(
    index: int, block: object, sources: Mapping[str, Source], destinations: Mapping[str, Destination]
) -> Connection:
    name = f"connections[{index}]"
    optional = ("events_allow", "events_deny")
    if not isinstance(block, dict) or set(block) - {"from", "to", *optional} or not {"from", "to"} <= set(block):
        raise SettingsError(name, expected="from and to, perhaps events_allow or events_deny", got=block)
    lists = {key: typed(f"{name}.{key}", tuple[str, ...], block[key]) for key in optional if key in block}
    if all(lists.get(key) for key in optional):
        raise SettingsError(
            name, expected="events_allow or events_deny", got="both", hint="what is not allowed is denied"
        )
    for key, known in (("from", sources), ("to", destinations)):
        if not isinstance(block[key], str) or block[key] not in known:
            close = difflib.get_close_matches(str(block[key]), known, n=1)
            hint = f"did you mean {close[0]}?" if close else ""
            raise SettingsError(f"{name}.{key}", expected=f"one of {sorted(known)}", got=block[key], hint=hint)
    return Connection(from_=block["from"], to=block["to"], **lists)


def _blocks(table: Mapping[str, object], key: str) -> dict[str, dict[str, object]]:
    blocks = table.get(key, {})
    if not isinstance(blocks, dict) or not all(isinstance(b, dict) for b in blocks.values()):
        raise SettingsError(key, expected=f"tables such as [{key}.name]", got=blocks)
    return blocks


def _list(table: Mapping[str, object], key: str) -> list[object]:
    items = table.get(key, [])
    if not isinstance(items, list):
        raise SettingsError(key, expected=f"[[{key}]] tables", got=items)
    return items
