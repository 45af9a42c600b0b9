"""penstock.toml, the environment and the dashboard in, frozen Settings out."""

import contextlib
import dataclasses
import difflib
import os
import typing
from collections.abc import Collection, Mapping
from pathlib import Path

from penstock.errors import SettingsError
from penstock.settings.channel import AlertChannel
from penstock.settings.check import check
from penstock.settings.check_alerts import check_alerts
from penstock.settings.environment import from_environment, strangers
from penstock.settings.mistakes import Mistakes
from penstock.settings.source import Source
from penstock.settings.table import SCALARS, Connection, Destination, Settings
from penstock.settings.text import References, closest, parsed_toml, read_bytes, typed, unknown
from penstock.settings.thresholds import THRESHOLDS, with_thresholds

Table = Mapping[str, typing.Any]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """What penstock.toml says, with its references resolved. Two are equal when they say the same."""

    table: Table
    #: Variables of the environment that it names.
    variables: frozenset[str] = frozenset()
    #: References that lead nowhere; the texts they stand in are as they were written.
    mistakes: tuple[SettingsError, ...] = dataclasses.field(default=(), compare=False)


def load(path: Path | None, environ: Mapping[str, str] = os.environ, *, dashboard: Table | None = None) -> Settings:
    """Read penstock.toml (none is fine), the environment, and what was set up in the dashboard.

    Raises SettingsError, with all other mistakes in `others`.
    """
    return settings_of(read_file(path, environ), environ, dashboard=dashboard)


def read_file(path: Path | None, environ: Mapping[str, str] = os.environ, *, raw: bytes | None = None) -> File:
    """Return what a settings file says. Raises SettingsError when it cannot be read or is no TOML."""
    mistakes = Mistakes()
    references = References(environ=environ, base=path.parent if path else Path(), mistakes=mistakes)
    table = references.resolve(parsed_toml(read_bytes(path) if raw is None else raw, path))
    found = tuple(mistakes.found.values())
    return File(table=table, variables=frozenset(references.variables), mistakes=found)


def read_table(path: Path, environ: Mapping[str, str] = os.environ) -> dict[str, typing.Any]:
    """Return a TOML file as it is, with its references resolved. Raises SettingsError."""
    file, mistakes = read_file(path, environ), Mistakes()
    mistakes.add(file.mistakes)
    mistakes.end()
    return dict(file.table)


def data_dir_of(path: Path | None, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the data folder as far as it can be told while the settings cannot be used."""
    text: object = environ.get("PENSTOCK_DATA_DIR")
    if not text and path is not None and path.is_file():
        # Of a file that is no TOML, the one line may be.
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        for line in (line for line in lines if line.partition("=")[0].strip() == "data_dir"):
            with contextlib.suppress(SettingsError):
                text = read_file(path, environ, raw=line.encode()).table["data_dir"]
    return Path(text) if isinstance(text, str) and text else Settings().data_dir


def settings_of(file: File, environ: Mapping[str, str] = os.environ, *, dashboard: Table | None = None) -> Settings:
    """Return what a file, the environment and the dashboard say together. Raises SettingsError, with all others.

    Texts of the dashboard are taken as they are: `${file:…}` there would let every user read this machine's files.
    """
    mistakes = Mistakes()
    mistakes.add(file.mistakes)
    mistakes.add(strangers(environ, named=file.variables))
    table: Table = file.table
    with mistakes.kept():
        table = _with_dashboard(table, dashboard or {})
    scalars = _scalars(table, mistakes) | from_environment(environ, mistakes)
    sources = _things(Source, table, "sources", mistakes)
    destinations = _things(Destination, table, "destinations", mistakes)
    connections = _connections(table, mistakes)
    alerts = _things(AlertChannel, table, "alerts", mistakes)
    settings = Settings(sources=sources, destinations=destinations, connections=connections, alerts=alerts, **scalars)
    mistakes.add(check(settings))
    mistakes.add(check_alerts(settings))
    mistakes.end()
    return settings


def _with_dashboard(table: Table, dashboard: Table) -> Table:
    merged = dict(table)
    for key in ("sources", "destinations", "alerts"):
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
    return with_thresholds(merged, dashboard.get(THRESHOLDS, {}))


def _scalars(table: Table, mistakes: Mistakes) -> dict[str, typing.Any]:
    known = {f.name for f in dataclasses.fields(Settings)}
    hints = typing.get_type_hints(Settings)
    mistakes.add(unknown(key, key, known) for key in table if key not in known)
    values = {}
    for field in SCALARS:
        if field.name in table:
            with mistakes.kept():
                values[field.name] = typed(field.name, hints[field.name], table[field.name])
    return values


def _things(kind: type, table: Table, key: str, mistakes: Mistakes) -> dict[str, typing.Any]:
    """Return the sources, or the destinations, that can be used."""
    things = {}
    with mistakes.kept():
        for name, block in _blocks(table, key).items():
            with mistakes.kept():
                things[name] = _block(kind, f"{key}.{name}", block, mistakes)
    return things


def _block(kind: type, name: str, block: Mapping[str, object], mistakes: Mistakes) -> typing.Any:
    hints = typing.get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind) if f.name != "name"}
    strange = {key: unknown(f"{name}.{key}", key, fields) for key in block if key not in fields}
    mistakes.add(strange.values())
    misspelt = {closest(key, fields): error for key, error in strange.items()}
    values = {}
    for key in block.keys() & fields.keys():
        with mistakes.kept():
            values[key] = typed(f"{name}.{key}", hints[key], block[key])
    for key, field in fields.items():
        if field.default is field.default_factory is dataclasses.MISSING and key not in values:
            missing = SettingsError(f"{name}.{key}", expected="a value", got=None, hint=field.metadata["meaning"])
            # One that is only spelt wrongly is one mistake. What else is wrong here is told too: a value that is not used stands in.
            mistakes.add([misspelt.get(key, missing)])
            values[key] = f"{name}.{key}".encode("ascii", "replace").decode()
    return kind(name=name.partition(".")[2], **values)


def _connections(table: Table, mistakes: Mistakes) -> tuple[Connection, ...]:
    found = []
    with mistakes.kept():
        # What a connection names is looked for in the file: a source with a mistake of its own is there all the same.
        known = {"from": _names(table, "sources"), "to": _names(table, "destinations")}
        for index, block in enumerate(_list(table, "connections")):
            with mistakes.kept():
                found.append(_connection(f"connections[{index}]", block, known))
    return tuple(found)


def _connection(name: str, block: object, known: Mapping[str, Collection[str]]) -> Connection:
    needed, optional = ("from", "to"), ("events_allow", "events_deny")
    if not isinstance(block, dict):
        raise SettingsError(name, expected="from and to, perhaps events_allow, events_deny or deliver_from", got=block)
    for key in block:
        if key not in (fields := (*needed, *optional, "deliver_from")):
            raise unknown(f"{name}.{key}", key, fields)
    for key in needed:
        if key not in block:
            raise SettingsError(f"{name}.{key}", expected=f"one of {sorted(known[key])}", got=None)
    lists = {key: typed(f"{name}.{key}", tuple[str, ...], block[key]) for key in optional if key in block}
    if all(lists.get(key) for key in optional):
        raise SettingsError(
            name, expected="events_allow or events_deny", got="both", hint="what is not allowed is denied"
        )
    for key in needed:
        if not isinstance(block[key], str) or block[key] not in known[key]:
            close = difflib.get_close_matches(str(block[key]), known[key], n=1)
            hint = f"did you mean {close[0]}?" if close else ""
            raise SettingsError(f"{name}.{key}", expected=f"one of {sorted(known[key])}", got=block[key], hint=hint)
    begin = typed(f"{name}.deliver_from", str, block.get("deliver_from", ""))
    return Connection(from_=block["from"], to=block["to"], deliver_from=begin, **lists)


def _names(table: Table, key: str) -> Collection[str]:
    blocks = table.get(key, {})
    return blocks.keys() if isinstance(blocks, dict) else ()


def _blocks(table: Table, key: str) -> dict[str, dict[str, object]]:
    blocks = table.get(key, {})
    if not isinstance(blocks, dict) or not all(isinstance(b, dict) for b in blocks.values()):
        raise SettingsError(key, expected=f"tables such as [{key}.name]", got=blocks)
    return blocks


def _list(table: Table, key: str) -> list[object]:
    items = table.get(key, [])
    if not isinstance(items, list):
        raise SettingsError(key, expected=f"[[{key}]] tables", got=items)
    return items
