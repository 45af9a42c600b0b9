"""Says yes in the words a client understands: Segment's SDKs for Java and Ruby read JSON, RudderStack's mobile ones `ok`. Pure.

On Segment's own paths the answer is Segment's. Others are shared: there the client decides, first by its User-Agent, then
by `context.library.name` in what it sent; an unknown one gets `ok`, as RudderStack answers. docs/sdks.md says who reads what.
"""

import functools
import re
from collections.abc import Mapping

from penstock.accept.replies import OK, SEGMENT_OK, Reply
from penstock.accept.routes import Route, RouteKind

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
LIBRARY = b'"library"'
_NAME = re.compile(rb'"library"\s*:\s*\{[^{}]{0,200}?"name"\s*:\s*"([^"\\]{1,100})"')


def accepted(route: Route, headers: Mapping[str, str], body: bytes) -> Reply:
    """Return the answer to a request whose events are stored."""
    if route.is_segments:
        return SEGMENT_OK
    agent = headers.get("user-agent")
    answer = _answer_to(agent) if agent and len(agent) <= AGENT_CHARS_MAX else None
    return answer or _answer_to_library(body)


def not_allowed_text(route: Route, method: str, headers: Mapping[str, str]) -> str:
    """Return what helps a client that sent events to the bare address; empty for every other wrong method."""
    if route.kind is not RouteKind.HEALTH or method != "POST":
        return ""
    host = headers.get("host") or "HOST"
    return (
        f"events are not taken here: this SDK wants the whole path in its URL, such as https://{host}/v1/batch"
        " (RudderStack's Node SDK before 2.0 does); see docs/sdks.md"
    )


def _answer_to_library(body: bytes) -> Reply:
    place = body.find(LIBRARY, 0, LIBRARY_BYTES_MAX)
    if place < 0 < len(body) - LIBRARY_BYTES_MAX:
        place = body.find(LIBRARY, len(body) - LIBRARY_BYTES_MAX)
    named = _NAME.match(body, place) if place >= 0 else None
    return _answer_to(named[1].decode(errors="replace")) or OK if named else OK


# Few programs send many requests.
@functools.lru_cache(maxsize=256)
def _answer_to(name: str) -> Reply | None:
    """Return what a client or a library of this name reads; None when it is not known."""
    if _RUDDER.search(name):
        return OK
    if _SEGMENT.search(name):
        return SEGMENT_OK
    # A browser sends to Segment's own paths when it means Segment.
    return OK if name.startswith("Mozilla/") else None
