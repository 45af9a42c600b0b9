"""The configuration that browser and mobile SDKs fetch before they send anything. Pure.

RudderStack's JS SDK accepts it if `source` is an object with an id, a `config` object and a `destinations` list; early v3
releases throw without `statsCollection`, and a `dataplanes` entry would override the URL given to `load`.
"""

import urllib.parse
from collections.abc import Mapping

import msgspec

from penstock.settings import Source

# It did not change since ever, as far as an SDK needs to know.
UPDATED_AT = "2024-01-01T00:00:00.000Z"
# What only proxies send.
FORWARDING = ("x-forwarded-for", "forwarded", "via", "x-real-ip", "x-forwarded-host")


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


def ingest_address(scheme: str, headers: Mapping[str, str], *, public_url: str) -> tuple[str, str]:
    """Return the protocol and the host (with path) that SDKs reach this listener by, as far as can be told.

    A browser blocks http on a page that came by https, so http is said only of a request that certainly came so: straight,
    or through a proxy that says so. Whoever lies here is lied to alone.
    """
    if public_url:
        parts = urllib.parse.urlsplit(public_url)
        return parts.scheme, f"{parts.netloc}{parts.path.rstrip('/')}"
    host = headers.get("host") or ""
    said = (headers.get("x-forwarded-proto") or "").partition(",")[0].strip().lower()
    if said in {"http", "https"}:
        return said, host
    is_straight = not any(headers.get(name) for name in FORWARDING)
    return ("http" if scheme == "http" and is_straight else "https"), host
