"""The table of a source's settings: name, type, default, meaning; see table.py."""

import dataclasses
import typing
from typing import Literal

Trust = Literal["trusted", "traits", "events"]
SourceType = Literal["web", "mobile", "server"]
#: `auto` is on or off by what else is set: with custify/1 on, with rudderstack, which sends what RudderStack would send and
#: nothing less, off; a quota by the type of the source.
Switch = Literal["auto", "on", "off"]


def _setting(default: typing.Any, meaning: str) -> typing.Any:
    return dataclasses.field(default=default, metadata={"meaning": meaning})


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
    allowed_origins: tuple[str, ...] = _setting(
        (),
        "Pages whose browsers may send: `https://app.example.com`, `https://*.example.com` for every subdomain, `*` for all."
        " None named: all for web and mobile, none for server.",
    )
    trust: Trust = _setting(
        "trusted",
        "What events of this source may write about people they name: `trusted` all; `traits` the traits named in"
        " `trusted_traits`, and events; `events` events alone. See decisions/0016-what-strangers-may-do.md.",
    )
    trusted_traits: tuple[str, ...] = _setting(
        (), "With trust `traits`: these custom attributes, and of the fields `name`, `phone`, `session_count`."
    )
    quota: Switch = _setting(
        "auto", "Whether the limits a second hold: `on`, `off`; `auto` is on for web and mobile, off for server."
    )
    events_per_s_max: float = _setting(1_000.0, "Events a second, beyond the burst; more are answered with 429.")
    bytes_per_s_max: float = _setting(5_000_000.0, "The same for bytes, as they are after inflating.")
    burst_s: float = _setting(
        300.0, "Seconds' worth of quota that may be used at once, 60 at least: some SDKs give up after seconds of 429."
    )
    store_share_max: float = _setting(
        0.0,
        "Share of `waiting_events_max` and of the disk that its events may take; 0: half for web and mobile, else all.",
    )

    never_store: tuple[str, ...] = _setting(
        (),
        "Traits and properties that are removed before an event is stored: `traits.phone`, `properties.card_*`, `**.password`."
        " See docs/minimise.md.",
    )
    store_hashed: tuple[str, ...] = _setting(
        (), "The same of what is stored, and sent, as a keyed hash: equal values stay equal, and can be counted."
    )
    store_only: tuple[str, ...] = _setting(
        (), "If any are named: the only traits and properties that are stored; the others are removed."
    )
    ip_addresses: Literal["auto", "keep", "truncate", "drop"] = _setting(
        "auto",
        "Of the sender's IP address, `truncate` keeps the network (IPv4 /24, IPv6 /48), `drop` nothing; `auto` truncates for web"
        " and mobile, and keeps for server.",
    )

    @property
    def ip_kept(self) -> Literal["keep", "truncate", "drop"]:
        """Return what is kept of the sender's IP address."""
        if self.ip_addresses == "auto":
            return "keep" if self.type == "server" else "truncate"
        return self.ip_addresses

    @property
    def has_rules(self) -> bool:
        """Return whether anything may be removed of an event before it is stored."""
        return bool(self.never_store or self.store_hashed or self.store_only) or self.ip_kept != "keep"

    @property
    def has_quota(self) -> bool:
        """Return whether the limits a second hold."""
        return self.type != "server" if self.quota == "auto" else self.quota == "on"

    @property
    def store_share(self) -> float:
        """Return the share of the store that events of this source may take, above 0 and at most 1."""
        return self.store_share_max or (1.0 if self.type == "server" else 0.5)

    @property
    def origins(self) -> tuple[str, ...]:
        """Return the patterns of origins that may send."""
        return self.allowed_origins or (() if self.type == "server" else ("*",))
