"""Where a request says which source it is of: HTTP Basic, the query, or Segment's body. Pure."""

import base64
import binascii
import functools
import urllib.parse

import msgspec


@functools.lru_cache(maxsize=1024)
def basic_user(header: str) -> str:
    """Return the user of a Basic header. Few keys send many requests, so the last ones are remembered."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(encoded.strip(), validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def body_key(body: bytes) -> str:
    """Return Segment's `writeKey` from the body; browsers send it there to spare the preflight."""
    try:
        facts = msgspec.json.decode(body, type=_WithKey)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return facts.key


def query_of(query: str) -> dict[str, str]:
    """Return the fields of a query string."""
    return dict(urllib.parse.parse_qsl(query))


class _WithKey(msgspec.Struct):
    key: str = msgspec.field(default="", name="writeKey")
