"""Says yes in the words a client understands: Segment's SDKs for Java and Ruby read JSON, RudderStack's mobile ones `ok`. Pure.

On Segment's own paths the answer is Segment's. Others are shared: there the client decides, first by its User-Agent, then
by `context.library.name` in what it sent; an unknown one gets `ok`, as RudderStack answers. docs/sdks.md says who reads what.
"""

import functools
import re
from collections.abc import Mapping
from typing import Literal

from penstock.accept.replies import OK, SEGMENT_OK, Reply
from penstock.accept.routes import Kind, Route

Maker = Literal["segment", "rudderstack", "unknown"]
# Java's and Ruby's put it before or behind all events; the others into each of them.
LIBRARY_BYTES_MAX = 4_096
AGENT_CHARS_MAX = 200
# Segment's names; RudderStack's forks are named otherwise, or read the status alone.
_SEGMENT = re.compile(
    r"(?:@segment/)?analytics[-._]?(?:java|ruby|python|node|node-next|go|php|net|rust|swift|kotlin|android|ios|flutter"
    r"|react-native|csharp|js|next|browser)\b",
    re.IGNORECASE,
)
_RUDDER = re.compile(r"rudder", re.IGNORECASE)
_LIBRARY = re.compile(rb'"library"\s*:\s*\{[^{}]{0,200}?"name"\s*:\s*"([^"\\]{1,100})"')


def accepted(route: Route, headers: Mapping[str, str], body: bytes) -> Reply:
    """Return the answer to a request whose events are stored."""
    if route.is_segments:
        return SEGMENT_OK
    maker = _maker_of((headers.get("user-agent") or "")[:AGENT_CHARS_MAX])
    if maker == "unknown" and (place := _place_of_library(body)) >= 0:
        library = _LIBRARY.match(body, place)
        maker = _maker_of(library[1].decode(errors="replace")) if library else maker
    return SEGMENT_OK if maker == "segment" else OK


def not_allowed_text(route: Route, method: str, headers: Mapping[str, str]) -> str:
    """Return what helps whoever sent events to the bare address; empty for every other wrong method."""
    if route.kind is not Kind.HEALTH or method != "POST":
        return ""
    host = headers.get("host") or "HOST"
    return (
        f"events are not taken here: this SDK wants the whole path in its URL, such as https://{host}/v1/batch"
        " (RudderStack's Node SDK before 2.0 does); see docs/sdks.md"
    )


def _place_of_library(body: bytes) -> int:
    place = body.find(b'"library"', 0, LIBRARY_BYTES_MAX)
    return place if place >= 0 else body.find(b'"library"', max(0, len(body) - LIBRARY_BYTES_MAX))


# Few programs send many requests.
@functools.lru_cache(maxsize=256)
def _maker_of(name: str) -> Maker:
    if _RUDDER.search(name):
        return "rudderstack"
    if _SEGMENT.search(name):
        return "segment"
    # A browser sends to Segment's own paths when it means Segment.
    return "rudderstack" if name.startswith("Mozilla/") else "unknown"
