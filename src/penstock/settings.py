"""The settings table: name, type, default, meaning. penstock.toml and the environment in, frozen Settings out.

Every scalar setting has exactly one environment twin, PENSTOCK_ and its name in capitals; the environment wins.
`${VAR}` and `${file:path}` in any text are resolved. Unknown keys are errors, with a suggestion.
docs/settings.md is generated from the metadata below.
"""

import dataclasses
import difflib
import os
import re
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from penstock.errors import SettingsError
from penstock.settings_text import read_toml, resolved, typed, unknown

SourceType = Literal["web", "mobile", "server"]
MappingName = Literal["custify/1", "rudderstack"]
#: `auto` is on with custify/1 and off with rudderstack, which sends what RudderStack would send and nothing less.
Switch = Literal["auto", "on", "off"]
Policy = Literal["always", "set_once", "never_null", "max", "min", "latest", "owner"]


def _setting(default: typing.Any, meaning: str) -> typing.Any:
    return dataclasses.field(default=default, metadata={"meaning": meaning})


def _mapping(meaning: str) -> typing.Any:
    return dataclasses.field(default_factory=dict, metadata={"meaning": meaning})


def _required(meaning: str) -> typing.Any:
    return dataclasses.field(metadata={"meaning": meaning})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where events come from."""

    name: str
    type: SourceType = _setting("server", "Kind of SDK: `web`, `mobile` or `server`.")
    write_key: str = dataclasses.field(repr=False, metadata={"meaning": "The key the SDK is set up with."})
    old_write_key: str = dataclasses.field(
        default="",
        repr=False,
        metadata={"meaning": "A second key that is still taken, while applications change over."},
    )
    enabled: bool = _setting(True, "A disabled source is answered with 404 `source is disabled`.")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """One Custify workspace."""

    name: str
    type: Literal["custify"] = _setting("custify", "The kind of destination.")
    api_key: str = dataclasses.field(
        repr=False, metadata={"meaning": "Custify API key (Settings, Developer, API Key)."}
    )
    base_url: str = _setting(
        "https://api.custify.com", "Origin of the API; EU clusters: the origin shown beside the key."
    )
    anonymous_fallback: bool = _setting(False, "Fall back to anonymousId if userId is not present.")
    mapping: MappingName = _setting("custify/1", "`custify/1`, or `rudderstack` for byte-for-byte compatibility.")
    nested: Literal["drop", "flatten", "json"] = _setting(
        "drop", "Arrays and objects: drop, flatten to `a.b`, or send as JSON text."
    )
    page_views: bool = _setting(False, "Send page and screen views as events.")
    consent_provider: Literal["none", "custom", "iubenda", "ketch", "oneTrust"] = _setting(
        "none", "Who manages consent; events of people who refused the categories are filtered."
    )
    consent_resolution: Literal["and", "or"] = _setting(
        "and", "With `and` one refused category filters an event, with `or` only all of them; for `custom`."
    )
    consent_categories: tuple[str, ...] = _setting((), "The consent categories this destination needs.")
    enabled: bool = _setting(True, "A disabled destination keeps its backlog and sends nothing.")
    calls_in_flight_max: int = _setting(
        32, "How many calls may be under way at most; how many are, follows Custify's answers."
    )
    calls_per_s_max: float = _setting(0.0, "Fixed limit of calls per second; 0 means none but what Custify asks for.")
    replay_share: float = _setting(0.15, "Share of the pace for replays while live events are due.")
    backfill_share: float = _setting(0.05, "Share of the pace for backfills while other events are due.")
    skip_unchanged: Switch = _setting("auto", "Upserts that would change nothing at Custify are not sent.")
    coalesce: Switch = _setting("auto", "Upserts of one person or company that wait together become one call.")
    changes_only: bool = _setting(False, "Of an upsert, only the fields that differ are sent.")
    reassert_days: float = _setting(30.0, "After so many days, all that is known of somebody is sent again in full.")
    policies: Mapping[str, Policy] = _mapping(
        'Who may overwrite a field, such as `"people.custom_attributes.plan" = "latest"`: `always`, `set_once`,'
        " `never_null`, `max`, `min`, `latest` (by event time), `owner` (never sent). `people.signed_up_at` is"
        " `set_once` unless said otherwise."
    )
    unknown_people: Literal["auto", "park", "create", "send"] = _setting(
        "auto",
        "Events of people Custify does not know: `park` until an identify or group comes, `create` them first, or"
        " `send` all the same (Custify drops them). `auto` is park with custify/1, send with rudderstack.",
    )
    park_hours: float = _setting(24.0, "How long an event waits for its person before it is dead, and replayable.")
    infer_company: Switch = _setting("auto", "An event that names no company gets its person's, where that is certain.")
    attribute_guard: Literal["auto", "warn", "hold", "off"] = _setting(
        "auto",
        "A new custom attribute that looks like a mistake (a near repeat, another type, a date as text): `warn`, `hold`"
        " its lane until a person approves it, or `off`. `auto` is warn with custify/1, off with rudderstack.",
    )
    mode: Literal["live", "shadow", "canary"] = _setting(
        "live", "`shadow` writes nothing and counts what it would; `canary` writes for some."
    )
    canary_companies: tuple[str, ...] = _setting((), "With `canary`: whatever concerns these companies is sent.")
    canary_percent: float = _setting(0.0, "With `canary`: this share of people too, always the same ones.")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Which source feeds which destination."""

    from_: str = _required("Name of the source.")
    to: str = _required("Name of the destination.")
    events_allow: tuple[str, ...] = _setting(
        (), "Only these track events and views pass; `*` at the end stands for any."
    )
    events_deny: tuple[str, ...] = _setting(
        (), "These track events and views do not pass; `*` at the end stands for any."
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything an operator may choose."""

    data_dir: Path = _setting(Path("./data"), "Folder of the SQLite files; a local disk, never NFS.")
    listen: str = _setting("127.0.0.1:8080", "Where SDKs send to (ingest).")
    admin_listen: str = _setting("127.0.0.1:8081", "Admin API, status and metrics.")
    sandbox_listen: str = _setting("127.0.0.1:8090", "Where `penstock sandbox` listens.")
    admin_password_file: str = _setting("", "File with the administrator's password.")
    masked_fields: str = _setting(
        "email, phone, name, firstName, lastName, address, birthday, ip, request_ip",
        "Fields that viewers see masked, wherever they stand and however they are spelt; empty masks none.",
    )
    secret_key_file: str = _setting("", "File with the key that encrypts secrets at rest.")
    engine: Literal["sqlite", "nats"] = _setting("sqlite", "Where events wait.")
    nats_url: str = _setting("", "NATS server, with engine `nats`.")
    log_level: Literal["debug", "info", "warning", "error"] = _setting("info", "Lowest level that is logged.")
    log_format: Literal["auto", "json", "text"] = _setting(
        "auto", "`json`, `text`, or text on a terminal and JSON elsewhere."
    )
    path_prefix: str = _setting(
        "", "A second path under which ingest answers, such as `/in`, for sites with ad blockers."
    )
    body_bytes_max: int = _setting(4_096_000, "Largest request body, after inflating. RudderStack's own limit.")
    waiting_events_max: int = _setting(50_000_000, "Stored events above which requests are answered with 503.")
    disk_free_bytes_min: int = _setting(268_435_456, "Free disk space below which requests are answered with 503.")
    retention_days: float = _setting(30.0, "Events with an outcome are kept this long.")
    retention_bytes_max: int = _setting(10_737_418_240, "Settled events are removed, oldest first, above this size.")
    retry_hours: float = _setting(72.0, "How long a failing call is repeated before its event is dead.")
    call_timeout_s: float = _setting(10.0, "How long one call to Custify may take.")
    sources: Mapping[str, Source] = dataclasses.field(default_factory=dict)
    destinations: Mapping[str, Destination] = dataclasses.field(default_factory=dict)
    connections: tuple[Connection, ...] = ()

    def sources_of(self, destination: str) -> tuple[str, ...]:
        """Return the names of the sources that feed a destination, sorted."""
        return tuple(sorted({c.from_ for c in self.connections if c.to == destination}))


SCALARS = tuple(f for f in dataclasses.fields(Settings) if f.name not in {"sources", "destinations", "connections"})
ENVIRONMENT = {f"PENSTOCK_{f.name.upper()}": f for f in SCALARS}


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


def check(settings: Settings) -> None:
    """Refuse values that are of the right type and still cannot work. Raises SettingsError."""
    for name in ("listen", "admin_listen", "sandbox_listen"):
        host_and_port(name, getattr(settings, name))
    for name in ("body_bytes_max", "waiting_events_max", "retention_days", "retry_hours", "call_timeout_s"):
        if getattr(settings, name) <= 0:
            raise SettingsError(name, expected="a number above 0", got=getattr(settings, name))
    if settings.path_prefix and not re.fullmatch(r"(/[A-Za-z0-9_.~-]+)+", settings.path_prefix):
        raise SettingsError(
            "path_prefix", expected="a path such as /in", got=settings.path_prefix, hint="no slash at the end"
        )
    _check_sources(settings)
    for name, destination in settings.destinations.items():
        _check_destination(f"destinations.{name}", destination)


def host_and_port(name: str, value: str) -> tuple[str, int]:
    """Split `host:port`; IPv6 hosts are written in brackets. Raises SettingsError."""
    host, colon, port = value.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        raise SettingsError(name, expected="host:port", got=value, hint="for example 127.0.0.1:8080")
    return host.strip("[]"), int(port)


def _check_sources(settings: Settings) -> None:
    owner: dict[str, str] = {}
    for name, source in settings.sources.items():
        if not source.write_key:
            raise SettingsError(f"sources.{name}.write_key", expected="a key", got="")
        for key in filter(None, (source.write_key, source.old_write_key)):
            if key in owner:
                raise SettingsError(
                    f"sources.{name}.write_key",
                    expected="a key of its own",
                    got=f"the key of sources.{owner[key]}",
                    hint="the write key says which source an event belongs to",
                )
            owner[key] = name


def _check_destination(name: str, destination: Destination) -> None:
    if not destination.api_key:
        raise SettingsError(
            f"{name}.api_key", expected="Custify's API key", got="", hint="Settings, Developer, API Key"
        )
    if not destination.api_key.isascii() or not destination.api_key.isprintable():
        raise SettingsError(f"{name}.api_key", expected="printable ASCII", got="(hidden)", hint="a stray line end?")
    loopback = re.match(r"http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(/|$)", destination.base_url)
    if not destination.base_url.startswith("https://") and not loopback:
        raise SettingsError(
            f"{name}.base_url", expected="https://…", got=destination.base_url, hint="http only to loopback"
        )
    if destination.calls_in_flight_max < 1:
        raise SettingsError(f"{name}.calls_in_flight_max", expected="1 or more", got=destination.calls_in_flight_max)
    for share in ("replay_share", "backfill_share"):
        if not 0.01 <= getattr(destination, share) <= 0.4:
            raise SettingsError(
                f"{name}.{share}",
                expected="0.01 to 0.4",
                got=getattr(destination, share),
                hint="live events keep the rest; nobody starves",
            )
    if destination.calls_per_s_max < 0:
        raise SettingsError(f"{name}.calls_per_s_max", expected="0 or more", got=destination.calls_per_s_max)
    _check_ledger(name, destination)


def _check_ledger(name: str, destination: Destination) -> None:
    for key in ("reassert_days", "park_hours"):
        if getattr(destination, key) <= 0:
            raise SettingsError(f"{name}.{key}", expected="a number above 0", got=getattr(destination, key))
    if not 0 <= destination.canary_percent <= 100:
        raise SettingsError(f"{name}.canary_percent", expected="0 to 100", got=destination.canary_percent)
    for field in destination.policies:
        if not re.fullmatch(r"(people|company)\..+", field):
            raise SettingsError(
                f"{name}.policies.{field}",
                expected="people.FIELD or company.FIELD",
                got=field,
                hint='for example "people.custom_attributes.plan"',
            )


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
