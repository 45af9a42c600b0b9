"""The configuration that browser and mobile SDKs fetch before they send anything. Pure.

RudderStack's JS SDK accepts it if `source` is an object with an id, a `config` object and a `destinations` list; early v3
releases throw without `statsCollection`, and a `dataplanes` entry would override the URL given to `load`.
"""

import re
import urllib.parse
from collections.abc import Mapping

import msgspec

from penstock.settings import Source

# It did not change since ever, as far as an SDK needs to know.
UPDATED_AT = "2024-01-01T00:00:00.000Z"
# What only proxies send.
FORWARDING = ("x-forwarded-for", "forwarded", "via", "x-real-ip", "x-forwarded-host")
# What may be passed on of what a proxy says.
HOST, PATH = (
    re.compile(r"[\w.-]{1,253}(?::\d{1,5})?|\[[0-9a-fA-F:.]{2,45}\](?::\d{1,5})?", re.ASCII),
    re.compile(r"(?:/[\w.~-]{1,100})*", re.ASCII),
)


def rudder_source_config(source: Source) -> bytes:
    """Return RudderStack's /sourceConfig for a source: cloud mode only, no statistics."""
    off = {"enabled": False}
    config = {"statsCollection": {"errors": off, "metrics": off}}
    return msgspec.json.encode(
        {
            "source": {
                "id": source.name,
                "name": source.name,
                "writeKey": source.write_key,
                "workspaceId": "penstock",
                "enabled": source.enabled,
                "updatedAt": UPDATED_AT,
                "dataplanes": {},
                "destinations": [],
                "config": config,
            },
            "updatedAt": UPDATED_AT,
        }
    )


def segment_settings(source: Source, *, protocol: str, host: str) -> bytes:
    """Return Segment's /v1/projects/<key>/settings: its own destination alone, sent to this host; no metrics.

    Without `metrics`, Segment's SDKs send counts of their own work to their maker. Without `protocol`, its browser SDK
    sends to https, whatever the address was that it got this from; its mobile SDKs do so in any case.
    """
    segment = {
        "apiKey": source.write_key,
        "unbundledIntegrations": [],
        "addBundledMetadata": True,
        "apiHost": f"{host}/v1",
        "protocol": protocol,
    }
    return msgspec.json.encode(
        {
            "integrations": {"Segment.io": segment},
            "plan": {"track": {"__default": {"enabled": True}}},
            "edgeFunction": {},
            "metrics": {"sampleRate": 0, "host": f"{host}/v1"},
        }
    )


def ingest_address(
    scheme: str, headers: Mapping[str, str], *, public_url: str, is_proxy: bool, prefix: str = ""
) -> tuple[str, str]:
    """Return the protocol and the host (with path) that SDKs reach this listener by, as far as can be told.

    A browser blocks http on a page that came by https, so http is said only of a request that certainly came so: straight,
    or through a proxy that says so. A client that lies here misleads itself alone. Some proxies call us by a name of their own, and
    say what they were called in X-Forwarded-Host; that is believed only of one that is trusted. `prefix` is the path under
    which this was asked: a client that needs it here needs it for events, too.
    """
    if public_url:
        parts = urllib.parse.urlsplit(public_url)
        path = parts.path.rstrip("/")
        return parts.scheme, f"{parts.netloc}{path}{'' if path.endswith(prefix) else prefix}"
    before = (_said(headers, "x-forwarded-prefix").rstrip("/") if is_proxy else "") + prefix
    outside = (_said(headers, "x-forwarded-host") or _of_forwarded(headers, "host")) if is_proxy else ""
    host = (outside if HOST.fullmatch(outside) else headers.get("host") or "") + (
        before if PATH.fullmatch(before) else ""
    )
    protocol = (_said(headers, "x-forwarded-proto") or _of_forwarded(headers, "proto")).lower()
    if protocol in {"http", "https"}:
        return protocol, host
    is_straight = not any(headers.get(name) for name in FORWARDING)
    return ("http" if scheme == "http" and is_straight else "https"), host


def _said(headers: Mapping[str, str], name: str) -> str:
    """Return the first of what proxies wrote, which is what the one furthest out saw."""
    return (headers.get(name) or "").partition(",")[0].strip()


def _of_forwarded(headers: Mapping[str, str], name: str) -> str:
    """Return the same of RFC 7239's header, which has it all in one."""
    found = re.search(rf'(?:^|[;,\s]){name}="?([^",;\s]+)', _said(headers, "forwarded"), re.IGNORECASE)
    return found[1] if found else ""
