"""Values that are of the right type and still cannot work."""

import re
from collections.abc import Iterator

from penstock.destinations.kinds import KINDS
from penstock.errors import SettingsError
from penstock.forwarded import networks_of
from penstock.origin import Origin, host_of, is_forbidden_name, is_open_to, literal, origin_of, without_user
from penstock.settings.check_engine import check_engine
from penstock.settings.check_minimise import check_minimise
from penstock.settings.source import Source
from penstock.settings.table import Destination, Settings

# Scheme, host and port as browsers send them in `Origin`; `null` is what a page without an origin of its own sends.
PAGE = re.compile(r"\*|null|[a-z][a-z0-9+.-]*://(\*\.)?([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(:\d{1,5})?")
# Several SDKs repeat a refused batch for less than a minute, and then drop it.
BURST_S_MIN = 60

POSITIVE = (
    "body_bytes_max",
    "request_events_max",
    "connections_max",
    "event_names_max",
    "event_name_chars_max",
    "clock_ahead_s_max",
    "waiting_events_max",
    "retention_days",
    "retry_hours",
    "call_timeout_s",
    "audit_days",
    "audit_looks_days",
    "erasure_days_max",
)
BODIES_AT_ONCE_MIN = 2
DAY_S = 86_400


Mistaken = Iterator[SettingsError]


def check(settings: Settings) -> Mistaken:
    """Yield what is wrong with values that are of the right type and still cannot work."""
    yield from check_engine(settings)
    for name in ("listen", "admin_listen", "sandbox_listen"):
        try:
            host_and_port(name, getattr(settings, name))
        except SettingsError as error:
            yield error
    for name in POSITIVE:
        if getattr(settings, name) <= 0:
            yield SettingsError(name, expected="a number above 0", got=getattr(settings, name))
    if settings.bodies_bytes_max < BODIES_AT_ONCE_MIN * settings.body_bytes_max:
        yield SettingsError(
            "bodies_bytes_max",
            expected=f"{BODIES_AT_ONCE_MIN} times body_bytes_max, or more",
            got=settings.bodies_bytes_max,
            hint="a quarter of it is for those whose key is in the body",
        )
    for name in ("ledger_days", "payload_days"):
        if not getattr(settings, name) >= 0:
            yield SettingsError(name, expected="0 or more", got=getattr(settings, name))
    if settings.path_prefix and not re.fullmatch(r"(/[A-Za-z0-9_.~-]+)+", settings.path_prefix):
        yield SettingsError(
            "path_prefix", expected="a path such as /in", got=settings.path_prefix, hint="no slash at the end"
        )
    yield from _check_waits(settings)
    yield from _check_proxies(settings.trusted_proxies)
    yield from _check_address("public_url", settings.public_url, path=False)
    yield from _check_address("public_ingest_url", settings.public_ingest_url, path=True)
    yield from _check_sources(settings)
    yield from _check_destinations(settings)


def host_and_port(name: str, value: str) -> tuple[str, int]:
    """Split `host:port`; IPv6 hosts are written in brackets. Raises SettingsError."""
    host, colon, port = value.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        raise SettingsError(name, expected="host:port", got=value, hint="for example 127.0.0.1:8080")
    return host.strip("[]"), int(port)


def _check_address(name: str, text: str, *, path: bool) -> Mistaken:
    """Refuse what is no plain address of a web server; ingest may lie under a path."""
    host = r"([a-z0-9]([a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])"
    plain = rf"https?://{host}(:[0-9]{{1,5}})?{'(/[A-Za-z0-9_.~-]+)*' if path else ''}"
    if text and not re.fullmatch(plain, text):
        hint = "http or https and a host in small letters, no slash at the end" + ("" if path else ", no path")
        yield SettingsError(name, expected="an address such as https://penstock.example.com", got=text, hint=hint)


def _check_proxies(trusted: tuple[str, ...]) -> Mistaken:
    for text in trusted:
        try:
            networks_of([text])
        except ValueError as error:
            yield SettingsError(
                "trusted_proxies", expected="addresses and networks, such as 10.0.0.0/8", got=text, hint=str(error)
            )


def _check_waits(settings: Settings) -> Mistaken:
    if not 1 <= settings.retry_after_s_max <= DAY_S:
        yield SettingsError(
            "retry_after_s_max", expected="1 to 86400", got=settings.retry_after_s_max, hint="it is in seconds"
        )


def _check_sources(settings: Settings) -> Mistaken:
    owner: dict[str, str] = {}
    for name, source in settings.sources.items():
        if not source.write_key:
            yield SettingsError(f"sources.{name}.write_key", expected="a key", got="")
        for key in filter(None, (source.write_key, source.old_write_key)):
            if key in owner:
                yield SettingsError(
                    f"sources.{name}.write_key",
                    expected="a key of its own",
                    got=f"the key of sources.{owner[key]}",
                    hint="the write key says which source an event belongs to",
                )
            owner[key] = name
        yield from _check_strangers(f"sources.{name}", source)
        yield from check_minimise(f"sources.{name}", source)


def _check_strangers(name: str, source: Source) -> Mistaken:
    """Refuse what cannot bound the holder of the source's key."""
    for origin in source.allowed_origins:
        if not PAGE.fullmatch(origin):
            hint = "scheme and host in small letters, a port if it is not the scheme's own, no path"
            yield SettingsError(f"{name}.allowed_origins", expected="https://app.example.com", got=origin, hint=hint)
    if source.trust == "traits" and not source.trusted_traits:
        yield SettingsError(
            f"{name}.trusted_traits", expected="the traits it may write", got=[], hint="or trust = events"
        )
    for key in ("events_per_s_max", "bytes_per_s_max"):
        if getattr(source, key) <= 0:
            yield SettingsError(f"{name}.{key}", expected="above 0", got=getattr(source, key), hint="or quota = off")
    if not source.burst_s >= BURST_S_MIN:
        yield SettingsError(
            f"{name}.burst_s", expected=f"{BURST_S_MIN} or more", got=source.burst_s, hint="else SDKs lose events"
        )
    if not 0 <= source.store_share_max <= 1:
        yield SettingsError(f"{name}.store_share_max", expected="0 to 1", got=source.store_share_max)


def _check_destinations(settings: Settings) -> Mistaken:
    try:
        allowed = frozenset(map(host_of, settings.allowed_private_hosts))
    except ValueError as error:
        allowed, got = frozenset(), list(settings.allowed_private_hosts)
        yield SettingsError("allowed_private_hosts", expected=str(error), got=got)
    for index, connection in enumerate(settings.connections):
        yield from _check_begin(f"connections[{index}].deliver_from", connection.deliver_from or "auto")
    for name, destination in settings.destinations.items():
        yield from _check_begin(f"destinations.{name}.deliver_from", destination.deliver_from)
        yield from _check_destination(f"destinations.{name}", destination)
        yield from _check_way(f"destinations.{name}", destination, allowed)


def _check_begin(name: str, text: str) -> Mistaken:
    if not re.fullmatch(r"auto|all|now|[1-9][0-9]{0,3} ?(d|days?)", text):
        yield SettingsError(name, expected="auto, all, now or a number of days, such as 7 days", got=text)


def _check_destination(name: str, destination: Destination) -> Mistaken:
    if name.removeprefix("destinations.") in destination.renamed_from:
        got = list(destination.renamed_from)
        yield SettingsError(f"{name}.renamed_from", expected="names that it had before", got=got)
    if not destination.api_key.isascii() or not destination.api_key.isprintable():
        yield SettingsError(f"{name}.api_key", expected="printable ASCII", got="(hidden)", hint="a stray line end?")
    if destination.calls_in_flight_max < 1:
        yield SettingsError(f"{name}.calls_in_flight_max", expected="1 or more", got=destination.calls_in_flight_max)
    for share in ("replay_share", "backfill_share"):
        if not 0.01 <= getattr(destination, share) <= 0.4:
            yield SettingsError(
                f"{name}.{share}",
                expected="0.01 to 0.4",
                got=getattr(destination, share),
                hint="live events keep the rest; neither starves",
            )
    if destination.calls_per_s_max < 0:
        yield SettingsError(f"{name}.calls_per_s_max", expected="0 or more", got=destination.calls_per_s_max)
    yield from _check_ledger(name, destination)


def _check_way(name: str, destination: Destination, allowed: frozenset[str]) -> Mistaken:
    """Refuse where no call can be made to, and a credential that cannot be one."""
    kind, address = KINDS[destination.type], destination.base_url
    mistakes = list(kind.mistakes(f"{name}.", address, destination.api_key))
    if not kind.base_url and address in {other.base_url for other in KINDS.values()}:
        # Left out, it would be where destinations of another kind are.
        mistakes = [SettingsError(f"{name}.base_url", expected=f"the address of a {kind.title.lower()}", got=address)]
    yield from mistakes
    if not any(mistake.name == f"{name}.base_url" for mistake in mistakes):
        yield from check_origin(f"{name}.base_url", kind.origin(address), allowed)


def check_origin(name: str, text: str, allowed: frozenset[str]) -> Mistaken:
    """Refuse what is no origin, and what can be told from it alone; where a name leads is judged at each connection."""
    try:
        origin = origin_of(text)
    except ValueError as error:
        hint = "no path, no user, no question mark"
        yield SettingsError(name, expected=str(error), got=without_user(text), hint=hint)
        return
    if origin.scheme == "http" and not origin.is_this_machine:
        yield SettingsError(name, expected="https://…", got=text, hint="http only to loopback")
    if not _may_be_meant(origin, allowed):
        hint = "allowed_private_hosts names hosts of your own networks"
        yield SettingsError(name, expected="a host of the internet", got=text, hint=hint)


def _may_be_meant(origin: Origin, allowed: frozenset[str]) -> bool:
    address = literal(origin.host)
    if is_forbidden_name(origin, allowed=allowed) or (origin.host == "localhost" and not origin.is_this_machine):
        return origin.host in allowed
    return address is None or is_open_to(origin, address, allowed=allowed)


def _check_ledger(name: str, destination: Destination) -> Mistaken:
    for key in ("reassert_days", "park_hours"):
        if getattr(destination, key) <= 0:
            yield SettingsError(f"{name}.{key}", expected="a number above 0", got=getattr(destination, key))
    for key in ("anonymous_hours", "anonymous_events_max"):
        if getattr(destination, key) < 0:
            yield SettingsError(f"{name}.{key}", expected="0 or more", got=getattr(destination, key))
    if not 0 <= destination.canary_percent <= 100:
        yield SettingsError(f"{name}.canary_percent", expected="0 to 100", got=destination.canary_percent)
    for field in destination.policies:
        if not re.fullmatch(r"(people|company)\..+", field):
            yield SettingsError(
                f"{name}.policies.{field}",
                expected="people.FIELD or company.FIELD",
                got=field,
                hint='for example "people.custom_attributes.plan"',
            )
