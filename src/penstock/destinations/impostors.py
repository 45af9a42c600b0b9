"""What is no answer of an API though its status is friendly: a web page, or a JSON object that says it is an error. Pure.

Login pages, maintenance pages and captive portals come with 200; some gateways put `{"error": …}` into a 200. Either
would count as delivered, and the event would be gone.
"""

import html
import json
import re
from collections.abc import Iterator

WHITE = " \t\r\n\ufeff"
# What a page is full of, where its type says HTML and it does not begin with a tag. `OK` as text/html is none.
TAG = re.compile(r"<(!doctype|html|head|body|title|meta|script|form|div|p|h1|center)\b", re.IGNORECASE)
HEADLINE = re.compile(r"<(title|h1)\b[^>]*>(.*?)</\1", re.IGNORECASE | re.DOTALL)
HEADLINE_CHARS_MAX, BRIEF_CHARS_MAX = 80, 500
# Names under which APIs, and gateways in front of them, put what went wrong (AWS Lambda: errorMessage; Apigee: fault).
ERRORS = frozenset({"error", "errors", "errormessage", "error_message", "fault", "exception"})
# And under which they say that something did, or as which status the answer was meant.
YES, MEANT = frozenset({"success", "ok"}), frozenset({"statuscode", "status_code", "status", "code"})
MEANT_ERRORS = range(400, 600)
# The quotation mark in front keeps most answers from being looked into.
MARK = re.compile(
    rf'"(?:(?:{"|".join(sorted(ERRORS))})"|(?:{"|".join(sorted(YES))})"\s*:\s*false|(?:{"|".join(sorted(MEANT))})"\s*:\s*[45]\d\d\b)',
    re.IGNORECASE,
)

_decoder = json.JSONDecoder()


def is_page(text: str, content_type: str = "") -> bool:
    """Return whether an answer's body is HTML or XML; Custify speaks JSON alone. A part of the body is enough."""
    if text.lstrip(WHITE).startswith("<"):
        return True
    return (
        "html" in content_type.lower() and not text.lstrip(WHITE).startswith(("{", "[", '"')) and bool(TAG.search(text))
    )


def error_in(text: str) -> str:
    """Return what an answer says went wrong, as text; empty when it says nothing of the kind.

    That is a truthy `error` or `errors` at the top of a JSON object, `"success": false`, or a status of an error that
    was meant. The answer may be cut off anywhere: what stands before the cut is looked at. Attributes of such a name
    inside a person are none.
    """
    if not MARK.search(text):
        return ""
    top = [(str(name).lower(), value) for name, value in _top_of(text)]
    said = next((_as_text(value) for name, value in top if name in ERRORS and value), "")
    return said or (text if any(_says_no(name, value) for name, value in top) else "")


def brief(text: str) -> str:
    """Return what an answer says as far as a sentence has room for it: of a page its headline."""
    if is_page(text):
        headline = headline_of(text)
        return f"a web page, “{headline}”" if headline else "a web page"
    return text if len(text) <= BRIEF_CHARS_MAX else text[:BRIEF_CHARS_MAX] + "…"


def headline_of(page: str) -> str:
    """Return a page's title, or its first heading."""
    found = HEADLINE.search(page)
    words = re.sub(r"<[^>]*>", " ", html.unescape(found[2])) if found else ""
    return " ".join("".join(c for c in words if c.isprintable() or c.isspace()).split())[:HEADLINE_CHARS_MAX]


def _top_of(text: str) -> Iterator[tuple[str, object]]:
    """Yield names and values at the top of a JSON object, up to where it is cut off."""
    at = _behind_white(text, 0)
    if text[at : at + 1] != "{":
        return
    while text[at : at + 1] in {"{", ","}:
        try:
            name, at = _decoder.raw_decode(text, _behind_white(text, at + 1))
        except (ValueError, RecursionError):
            return
        at = _behind_white(text, at)
        if text[at : at + 1] != ":":
            return
        at = _behind_white(text, at + 1)
        try:
            value, at = _decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            # Cut off in the middle, or nested beyond reason: something stands there.
            yield name, text[at:]
            return
        yield name, value
        at = _behind_white(text, at)


def _says_no(name: str, value: object) -> bool:
    if name in YES:
        return value is False
    return name in MEANT and isinstance(value, int) and value in MEANT_ERRORS


def _behind_white(text: str, at: int) -> int:
    while at < len(text) and text[at] in WHITE:
        at += 1
    return at


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
