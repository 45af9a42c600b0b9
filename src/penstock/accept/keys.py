"""Where a request says which source it is of: HTTP Basic, the query, or Segment's body. Pure."""

import base64
import binascii
import functools
import re
import urllib.parse

import msgspec

from penstock.accept.lenient import without_mark

# No header of an SDK is longer. What is remembered is a bounded number of short texts, whatever strangers send.
REMEMBERED_CHARS_MAX = 512
# More than any SDK puts into an address.
FIELDS_MAX = 500
_KEY = re.compile(rb'"writeKey"\s{0,9}:\s{0,9}"([^"\\]{1,512})"')


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
        return msgspec.json.decode(body, type=_WithKey).key
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # What is broken may be mended once it is known whose it is.
        named = _KEY.search(without_mark(body))
        return named[1].decode(errors="replace") if named else ""


def query_of(query: str) -> dict[str, str]:
    """Return the fields of a query string; none of one that has too many."""
    try:
        return dict(urllib.parse.parse_qsl(query, max_num_fields=FIELDS_MAX))
    except ValueError:
        return {}


class _WithKey(msgspec.Struct):
    key: str = msgspec.field(default="", name="writeKey")
