"""Where a request says which source it is of: HTTP Basic, the query, or Segment's body. Pure."""

import base64
import binascii
import functools
import urllib.parse

import msgspec

# No header of an SDK is longer. What is remembered is a bounded number of short texts, whatever strangers send.
REMEMBERED_CHARS_MAX = 512
# More than any SDK puts into an address.
FIELDS_MAX = 500


def basic_user(header: str) -> str:
    """Return the user of a Basic header; empty when there is none."""
    return _basic_user(header) if len(header) <= REMEMBERED_CHARS_MAX else _basic_user.__wrapped__(header)


# Few keys send many requests, so the last ones are remembered.
@functools.lru_cache(maxsize=1024)
def _basic_user(header: str) -> str:
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
    """Return the fields of a query string; none of one that has too many."""
    try:
        return dict(urllib.parse.parse_qsl(query, max_num_fields=FIELDS_MAX))
    except ValueError:
        return {}


class _WithKey(msgspec.Struct):
    key: str = msgspec.field(default="", name="writeKey")
