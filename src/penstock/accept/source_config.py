"""The configuration that browser and mobile SDKs fetch before they send anything. Pure.

RudderStack's JS SDK accepts it if `source` is an object with an id, a `config` object and a `destinations` list; early v3
releases throw without `statsCollection`, and a `dataplanes` entry would override the URL given to `load`.
"""

import msgspec

from penstock.settings import Source

# It did not change since ever, as far as an SDK needs to know.
UPDATED_AT = "2024-01-01T00:00:00.000Z"


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


def segment_settings(source: Source, *, host: str) -> bytes:
    """Return Segment's /v1/projects/<key>/settings: its own destination alone, sent to this host."""
    segment = {
        "apiKey": source.write_key,
        "unbundledIntegrations": [],
        "addBundledMetadata": True,
        "apiHost": f"{host}/v1",
    }
    return msgspec.json.encode(
        {
            "integrations": {"Segment.io": segment},
            "plan": {"track": {"__default": {"enabled": True}}},
            "edgeFunction": {},
        }
    )
