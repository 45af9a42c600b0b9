"""Values that are of the right type and still cannot work."""

import re

from penstock.errors import SettingsError
from penstock.settings.table import Destination, Settings

POSITIVE = (
    "body_bytes_max",
    "request_events_max",
    "connections_max",
    "waiting_events_max",
    "retention_days",
    "retry_hours",
    "call_timeout_s",
)
BODIES_AT_ONCE_MIN = 2


def check(settings: Settings) -> None:
    """Refuse values that are of the right type and still cannot work. Raises SettingsError."""
    for name in ("listen", "admin_listen", "sandbox_listen"):
        host_and_port(name, getattr(settings, name))
    for name in POSITIVE:
        if getattr(settings, name) <= 0:
            raise SettingsError(name, expected="a number above 0", got=getattr(settings, name))
    if settings.bodies_bytes_max < BODIES_AT_ONCE_MIN * settings.body_bytes_max:
        raise SettingsError(
            "bodies_bytes_max",
            expected=f"{BODIES_AT_ONCE_MIN} times body_bytes_max, or more",
            got=settings.bodies_bytes_max,
            hint="a quarter of it is for those whose key is in the body",
        )
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
