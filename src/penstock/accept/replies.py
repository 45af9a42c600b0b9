"""Answers as RudderStack's gateway gives them: the texts are part of the contract, mobile SDKs read them."""

import dataclasses
from collections.abc import Mapping

HeaderPairs = list[tuple[str, str]]
TEXT, JSON = "text/plain; charset=utf-8", "application/json; charset=utf-8"
# RudderStack's own: how long a browser may remember a preflight, in seconds.
PREFLIGHT_S = "900"


@dataclasses.dataclass(frozen=True, slots=True)
class Reply:
    """A status, a body and the headers that are not CORS's."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


OK = Reply(200, b"ok", (("content-type", TEXT),))
SEGMENT_OK = Reply(200, b'{"success": true}', (("content-type", JSON),))
NOT_FOUND_TEXT = "404 page not found"


def refusal(status: int, text: str, *headers: tuple[str, str]) -> Reply:
    """Return an error: the text and a line end, never sniffed."""
    fixed = (("content-type", TEXT), ("x-content-type-options", "nosniff"))
    return Reply(status, f"{text}\n".encode(), (*fixed, *headers))


def json_reply(body: bytes, status: int = 200) -> Reply:
    """Return JSON."""
    return Reply(status, body, (("content-type", JSON),))


def not_allowed(allowed: str, text: str = "") -> Reply:
    """Return 405: what would be allowed, and no body but what helps."""
    if not text:
        return Reply(405, b"", (("allow", allowed),))
    return refusal(405, text, ("allow", allowed))


def cors_headers(origin: str | None) -> HeaderPairs:
    """Return what every answer carries, errors too: a page must be able to read why it was refused."""
    if not origin:
        return [("vary", "Origin")]
    return [
        ("vary", "Origin"),
        ("access-control-allow-origin", origin),
        ("access-control-allow-credentials", "true"),
    ]


def preflight(headers: Mapping[str, str]) -> HeaderPairs:
    """Return the answer to OPTIONS, which a browser asks without credentials."""
    vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
    answer: HeaderPairs = [("vary", vary), ("access-control-max-age", PREFLIGHT_S)]
    for asked, granted in (
        ("origin", "access-control-allow-origin"),
        ("access-control-request-method", "access-control-allow-methods"),
        ("access-control-request-headers", "access-control-allow-headers"),
    ):
        if value := headers.get(asked):
            answer.append((granted, value))
    return [*answer, ("access-control-allow-credentials", "true")]
