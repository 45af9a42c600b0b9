"""The settings table: name, type, default, meaning of everything an operator may choose.

docs/settings.md is generated from the metadata below.
"""

import dataclasses
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from penstock.destinations.kinds import KINDS, DestinationType
from penstock.placeholders import PLACEHOLDER_IDS
from penstock.settings.channel import AlertChannel
from penstock.settings.source import Source, Switch

EngineName = Literal["sqlite", "nats", "postgres"]
MappingName = Literal["custify/1", "rudderstack"]
Policy = Literal["always", "set_once", "never_null", "max", "min", "latest", "owner"]


def _setting(default: typing.Any, meaning: str) -> typing.Any:
    return dataclasses.field(default=default, metadata={"meaning": meaning})


def _of_each_kind(*names: str) -> str:
    """Return what each kind of destination says of itself, as sentences."""
    said = {kind.title: ": ".join(str(getattr(kind, name)) for name in names) for kind in KINDS.values()}
    return " ".join(f"{title}: {text.rstrip('.')}." for title, text in said.items())


def _mapping(meaning: str) -> typing.Any:
    return dataclasses.field(default_factory=dict, metadata={"meaning": meaning})


def _secret(meaning: str) -> typing.Any:
    return dataclasses.field(default="", repr=False, metadata={"meaning": meaning})


def _required(meaning: str) -> typing.Any:
    return dataclasses.field(metadata={"meaning": meaning})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where events go: one Custify workspace, or one address."""

    name: str
    type: DestinationType = _setting("custify", f"The kind of destination. {_of_each_kind('purpose')}")
    renamed_from: tuple[str, ...] = _setting(
        (),
        "Names it had before, the last first: it goes on with their backlog, history and ledger. `none`: it is a new one,"
        " though one with its key is gone. Two that exchange their names each have the other's here.",
    )
    moved_from: tuple[str, ...] = _setting(
        (),
        "Values that base_url had while it led to the same workspace: what is known of that one is kept. Of any other address,"
        " what was known before is forgotten once that address has accepted the key.",
    )
    api_key: str = dataclasses.field(
        repr=False,
        metadata={"meaning": f"What calls are made with. {_of_each_kind('credential', 'found')}"},
    )
    base_url: str = _setting(
        KINDS["custify"].base_url,
        "Of Custify the origin of its API; EU clusters: the origin shown beside the key. Of others their address, with its path.",
    )
    anonymous_fallback: bool = _setting(False, "Fall back to anonymousId if userId is not present.")
    mapping: MappingName = _setting(
        "custify/1",
        "`custify/1`, or `rudderstack`, which sends byte for byte what RudderStack would send, but for four things that are"
        " no loss: integers beyond 2^53 keep their digits; halves of surrogate pairs become U+FFFD, and letters beyond"
        " U+FFFF are not taken apart; numbers that JavaScript writes with an exponent are written `1e21`, not `1e+21`, and"
        " `1e-6`, not `0.000001`; and a type with spaces around it is that type.",
    )
    nested: Literal["drop", "flatten", "json"] = _setting(
        "drop", "Arrays and objects: drop, flatten to `a.b`, or send as JSON text."
    )
    page_views: bool = _setting(False, "Send page and screen views as events.")
    date_attributes: tuple[str, ...] = _setting(
        (),
        "Attributes that are dates at Custify: `renewal`, or `people.renewal`, `company.renewal`, `event.renewal` for one"
        " kind. What is no date there is left out, and seconds or milliseconds since 1970 become one (custify/1).",
    )
    consent_provider: Literal["none", "custom", "iubenda", "ketch", "oneTrust"] = _setting(
        "none", "Who manages consent; events of people who refused the categories are filtered."
    )
    consent_resolution: Literal["and", "or"] = _setting(
        "and", "With `and` one refused category filters an event, with `or` only all of them; for `custom`."
    )
    consent_categories: tuple[str, ...] = _setting(
        (),
        "The consent categories this destination needs, in any case. Segment's `consent.categoryPreferences` names no"
        " provider, and counts whenever there are some.",
    )
    deliver_from: str = _setting(
        "auto",
        "From when on a source that is connected gets through: `all` that is stored, `now`, or the last days, such as"
        " `7 days`. `auto` is all for the first destination of a source, now for later ones. Decided once, when the source"
        " is connected; a connection may say its own.",
    )
    enabled: bool = _setting(True, "A disabled destination keeps its backlog and sends nothing.")
    calls_in_flight_max: int = _setting(
        32, "How many calls may be under way at most; how many are, follows the destination's answers."
    )
    calls_per_s_max: float = _setting(
        0.0, "Fixed limit of calls per second; 0 means none but what the destination asks for."
    )
    replay_share: float = _setting(0.15, "Share of the pace for replays while live events are due.")
    backfill_share: float = _setting(0.05, "Share of the pace for backfills while other events are due.")
    skip_unchanged: Switch = _setting("auto", "Upserts that would change nothing at Custify are not sent.")
    coalesce: Switch = _setting("auto", "Upserts of one person or company that wait together become one call.")
    changes_only: bool = _setting(False, "Of an upsert, only the fields that differ are sent.")
    reassert_days: float = _setting(
        30.0, "After so many days, all that is known of a person or company is sent again in full."
    )
    policies: Mapping[str, Policy] = _mapping(
        'Who may overwrite a field, such as `"people.custom_attributes.plan" = "latest"`: `always`, `set_once`,'
        " `never_null`, `max`, `min`, `latest` (by event time), `owner` (never sent). `people.signed_up_at` is"
        " `set_once` unless said otherwise: the first date that an event states; a guess gives way to it."
    )
    unknown_people: Literal["auto", "park", "create", "send"] = _setting(
        "auto",
        "Events of people Custify does not know: `park` until an identify or group comes, `create` them first, or"
        " `send` all the same (Custify drops them). `auto` is park with custify/1, send with rudderstack.",
    )
    park_hours: float = _setting(24.0, "How long an event waits for its person before it is dead, and replayable.")
    anonymous_hours: float = _setting(
        24.0,
        "How long a visitor's event waits for them to sign in, and is then sent as theirs; 0: it is rejected at once"
        " (custify/1, without anonymous_fallback). Events that wait are not removed from the store.",
    )
    anonymous_events_max: int = _setting(100_000, "How many events wait for visitors to sign in; more are rejected.")
    null_clears: bool = _setting(
        False,
        "A trait of null takes the field back: Custify gets the null. Off, it says nothing: SDKs send nulls routinely"
        " (custify/1).",
    )
    infer_company: Switch = _setting(
        "auto", "An event that names no company gets its person's, where that is certain: they belong to one alone."
    )
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
    deliver_from: str = _setting("", "As `deliver_from` of the destination, for this source alone; none: as it says.")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything an operator may choose."""

    data_dir: Path = _setting(Path("./data"), "Folder of the SQLite files; a local disk, never NFS.")
    listen: str = _setting("127.0.0.1:8080", "Where SDKs send to (ingest).")
    admin_listen: str = _setting("127.0.0.1:8081", "Admin API, status and metrics.")
    sandbox_listen: str = _setting("127.0.0.1:8090", "Where `penstock sandbox` listens.")
    public_url: str = _setting(
        "", "Address of the dashboard as browsers see it, such as `https://penstock.example.com`; with TLS in front."
    )
    public_ingest_url: str = _setting(
        "", "Address of ingest as SDKs see it, such as `https://events.example.com`; for what is pasted into them."
    )
    admin_hosts: tuple[str, ...] = _setting(
        (),
        "Further host names the admin listener answers to, such as the one monitoring asks. Environment: with commas.",
    )
    admin_password_file: str = _setting("", "File with the administrator's password, 10 characters or more.")
    audit_days: float = _setting(365.0, "How long the audit log keeps what people changed.")
    erasure_days_max: float = _setting(
        30.0, "Days after which an erasure that is not done is late: status, the overview and the page Privacy say so."
    )
    erasure_needs_approval: bool = _setting(False, "An erasure begins only once a second administrator agrees to it.")
    suppress_erased: bool = _setting(
        True, "Events of people who were erased are dropped from then on; off: until the erasure is done."
    )
    audit_looks_days: float = _setting(
        90.0, "How long it keeps who came in, who looked at personal data, and who was refused."
    )
    masked_fields: str = _setting(
        "email, phone, name, firstName, lastName, address, birthday, ip, request_ip",
        "Fields that viewers see masked, wherever they stand and however they are spelt, `*` stands for anything; beside"
        " what looks personal by its name or itself. Empty masks nothing, ids neither.",
    )
    masked_fields_cs: str = _setting(
        "email, phone, address, birthday, ip, request_ip",
        "The same for the role cs, which sees names. The name of a company is shown to everybody, whatever stands here.",
    )
    shown_fields: str = _setting(
        "type, event, channel, category, action, feature, plan, tier, status, state, stage, role, currency, method,"
        " result, level, kind, source, medium, campaign, language, locale, timezone, platform, os, browser, model,"
        " manufacturer, version, build, namespace, industry, size, unit",
        "Fields whose texts viewers see, if nothing in them looks personal; all other texts are masked. `*` stands for"
        " anything; `userId` and `groupId` here show ids to those without the right to ids.",
    )
    shown_fields_cs: str = _setting(
        "name, first_name, last_name, middle_name, full_name, display_name, company_name, title, department",
        "Fields whose texts the role cs sees beside those.",
    )
    allowed_private_hosts: tuple[str, ...] = _setting(
        (),
        "Hosts of your own networks that a destination may be at, by name or address. All others must be addresses of"
        " the internet; this machine is reached over http, for the sandbox.",
    )
    engine: EngineName = _setting(
        "sqlite", "`sqlite` on one machine; `nats` or `postgres` for several, as docs/scale.md tells."
    )
    nats_url: str = _secret("Servers of engine `nats`, with commas: `tls://user:password@nats-1:4222,…`.")
    postgres_url: str = _secret("Hosts of `postgres`: `postgresql://user:password@pg-1,pg-2/penstock`.")
    node: str = _setting("", "What this machine is called among several; its host name by default.")
    secret_key_file: str = _setting(
        "",
        "File with the key that encrypts secrets at rest, and what encrypts the database files; best on another disk. A key a"
        " line: the first is in use, former ones below it still open what they sealed. Default: `secret.key` in `data_dir`.",
    )
    encryption: Literal["auto", "on", "off"] = _setting(
        "auto",
        "Whether the database files are encrypted: `auto`, in a new data folder whose `secret_key_file` lies elsewhere. A folder"
        " that has files is changed by `penstock encrypt` alone.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = _setting("info", "Lowest level that is logged.")
    log_format: Literal["auto", "json", "text"] = _setting(
        "auto", "`json`, `text`, or text on a terminal and JSON elsewhere."
    )
    path_prefix: str = _setting(
        "", "A second path under which ingest answers, such as `/in`, for sites with ad blockers."
    )
    trusted_proxies: tuple[str, ...] = _setting(
        ("127.0.0.0/8", "::1"),
        "Addresses and networks of reverse proxies whose `X-Forwarded-For`, `X-Forwarded-Host` and `X-Forwarded-Proto` are"
        " believed. Environment: with commas.",
    )
    body_bytes_max: int = _setting(4_096_000, "Largest request body, after inflating. RudderStack's own limit.")
    event_names_max: int = _setting(
        10_000, "Names among the traits and properties of one event, nested ones too; an event with more is rejected."
    )
    event_name_chars_max: int = _setting(
        1_000,
        "Longest name of a trait or property, written like `address.city`; an event with a longer one is rejected.",
    )
    placeholder_ids: tuple[str, ...] = _setting(
        PLACEHOLDER_IDS,
        "Ids that name no person, compared without case: such an id counts as absent, and an event that has no other is"
        " rejected. What ends with @ stands for all e-mail addresses that begin so, a * behind other marks for anything."
        " Replaces the list (custify/1).",
    )
    clock_ahead_s_max: float = _setting(
        86_400.0,
        "How far an event's time may be ahead of its arrival; one further ahead is taken for the time of arrival"
        " (custify/1).",
    )
    bodies_bytes_max: int = _setting(
        67_108_864,
        "All request bodies in memory at once; beyond it the slowest senders, then new ones, are answered with 503. At"
        " least twice `body_bytes_max`.",
    )
    request_events_max: int = _setting(
        10_000, "Events of one request, beyond which it is answered with 413. SDKs send 1 700 at most."
    )
    batch_all_or_nothing: bool = _setting(
        False,
        "One unusable event makes its whole batch answered with 400, as RudderStack does it, and SDKs drop the others;"
        " else that event alone ends as rejected.",
    )
    connections_max: int = _setting(4_096, "Connections of SDKs that are open at once; others wait.")
    waiting_events_max: int = _setting(50_000_000, "Stored events above which requests are answered with 503.")
    disk_free_bytes_min: int = _setting(268_435_456, "Free disk space below which requests are answered with 503.")
    retention_days: float = _setting(30.0, "Events with an outcome are kept this long.")
    payload_days: float = _setting(
        0.0,
        "Bodies of events with an outcome, and what was sent and answered for them, are kept this long, and the rest of them"
        " `retention_days`: that they came, whose they were, how they ended. 0: as long as the events.",
    )
    ledger_days: float = _setting(
        395.0,
        "People and companies of which the destination acknowledged nothing for so many days are forgotten by the ledger; 0 keeps"
        " them. Those who come back are looked up or sent in full.",
    )
    retention_bytes_max: int = _setting(10_737_418_240, "Settled events are removed, oldest first, above this size.")
    retry_hours: float = _setting(72.0, "How long a failing call is repeated before its event is dead.")
    call_timeout_s: float = _setting(10.0, "How long one call to a destination may take.")
    retry_after_s_max: float = _setting(
        3_600.0,
        "The longest wait that a destination may ask for with `Retry-After`, whatever it says; then one read finds out. 1 to"
        " 86400.",
    )
    alert_after_s: float = _setting(60.0, "How long a problem lasts before anybody is told.")
    alert_clear_s: float = _setting(
        300.0, "How long it must be gone before that is told; longer each time for one that comes and goes."
    )
    alert_waiting_minutes: float = _setting(
        30.0, "Told: the oldest event of a destination waits for longer, and its backlog does not shrink; 0: never."
    )
    alert_silent_hours: float = _setting(
        24.0, "Told: a source that sent events before sent none for so long; 0: never."
    )
    alert_bad_events: int = _setting(10, "Told: so many events died or were rejected within 15 minutes; 0: never.")
    alert_refused_requests: int = _setting(
        100, "Told: ingest refused so many requests of a source, or without one, within 15 minutes; 0: never."
    )
    alert_restarts: int = _setting(3, "Told: a role was started again so often within 15 minutes; 0: never.")
    alert_disk_free_bytes: int = _setting(
        1_073_741_824,
        "Told: the disk of the data folder has less room; at `disk_free_bytes_min` nothing is taken any more.",
    )
    sources: Mapping[str, Source] = dataclasses.field(default_factory=dict)
    destinations: Mapping[str, Destination] = dataclasses.field(default_factory=dict)
    connections: tuple[Connection, ...] = ()
    alerts: Mapping[str, AlertChannel] = dataclasses.field(default_factory=dict)

    def sources_of(self, destination: str) -> tuple[str, ...]:
        """Return the names of the sources that feed a destination, sorted."""
        return tuple(sorted({c.from_ for c in self.connections if c.to == destination}))

    def deliver_from(self, source: str, destination: str) -> str:
        """Return from when on a destination gets what a source sent, as it is written."""
        own = [c.deliver_from for c in self.connections if (c.from_, c.to) == (source, destination)]
        return next(filter(None, own), self.destinations[destination].deliver_from)

    def begins(self, source: str, destination: str) -> str:
        """Return the same for a destination that is served; of several new ones the first of the file is the first."""
        choice = self.deliver_from(source, destination)
        return "now" if choice == "auto" and self.is_later(source, destination) else choice

    def is_later(self, source: str, destination: str) -> bool:
        """Return whether another destination that is served gets the source, and stands before this one."""
        fed = {c.to for c in self.connections if c.from_ == source}
        for name, other in self.destinations.items():
            if name == destination:
                return False
            if other.enabled and name in fed:
                return True
        return False


#: What is set up by name or as a list, in tables of its own.
TABLES = ("sources", "destinations", "connections", "alerts")
SCALARS = tuple(f for f in dataclasses.fields(Settings) if f.name not in TABLES)
ENVIRONMENT = {f"PENSTOCK_{f.name.upper()}": f for f in SCALARS}
