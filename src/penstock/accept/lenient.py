"""Reads JSON that is broken where its meaning is certain: Python's NaN, a byte order mark, commas too many, padding. Pure.

What cannot be read with certainty is not guessed. Work is done in slices, as everything that strangers may make large.
"""

import codecs
import re
from collections.abc import Iterable, Iterator
from typing import AnyStr

from penstock.accept.slices import PLAIN_BYTES_MAX, Slices

# So many tokens are looked at in one go: less than a millisecond. A long one counts as several.
TOKENS_OF_A_SLICE, CHARS_OF_A_TOKEN = 1_000, 32
# No reader follows brackets as deep as this; there is nothing to mend.
DEPTH_MAX = 10_000
# Such an event costs the others of its batch nothing, if it could be one that an SDK sent.
CUT_DEPTH_MAX = PLAIN_BYTES_MAX
#: What may follow a whole JSON text, or stand between the items of a list, and says nothing.
BLANK = b" \t\r\n\0,;"
# The groups never give back what they took, so that a text without an end costs no more than its length.
_TEXT = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?'
# What says nothing is matched too, in pieces, so that no search goes through megabytes in one go.
_TOKEN = re.compile(rf'{_TEXT}|[\[{{\]}},:]|([^"\[{{\]}},:]{{1,32768}})'.encode(), re.DOTALL)
_ODD = re.compile(
    rf'({_TEXT})|(-?\b(?:NaN|nan|Infinity|inf|undefined)\b)|(,(?=[ \t\r\n]*[\]}}]))|\w{{1,32768}}|[^"\w,-]{{1,32768}}|[,-]',
    re.DOTALL,
)
# No JSON begins with one of these bytes.
_MARKS = codecs.BOM_UTF8 + b" \t\r\n"
_CONTROL = re.compile(r"[\x00-\x1f]")
# With its mark, or without: every second byte of JSON's first characters is zero then.
_UTF_16 = {
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16", b"{\0": "utf-16-le", b"\0{": "utf-16-be"
}  # fmt: skip
_OPENS, _CLOSES = b"[{", b"]}"


def without_mark(body: bytes) -> bytes:
    """Return a body without the byte order marks that some editors and libraries of Windows write, as UTF-8."""
    if encoding := _UTF_16.get(body[:2]):
        return body.decode(encoding, errors="replace").encode()
    return body.lstrip(_MARKS)


def readable(text: bytes) -> Slices[bytes]:
    """Return JSON without what JavaScript would have left out, and up to its end.

    Python and others write NaN and Infinity, C and Lua nan and inf, which JavaScript writes as null; templates put undefined
    where a value was to be; hand-written clients put a comma behind the last item, and line breaks into texts.
    """
    end = yield from _end_of(text)
    if end is None:
        return text
    text = text[:end]
    pieces, end, decoded = list[str](), 0, text.decode(errors="replace")
    for odd in _with_pauses(_ODD.finditer(decoded)):
        if odd is None:
            yield
        elif odd.lastindex and (mended := _as_json(odd)) != odd[0]:
            pieces += [decoded[end : odd.start()], mended]
            end = odd.end()
    return "".join([*pieces, decoded[end:]]).encode()


class Cut(Exception):
    """A request whose parts cannot be told apart."""


def cut(text: bytes, *, items_max: int) -> Slices[tuple[bytes, list[bytes]]]:
    """Return a request without what its list `batch` holds, and the text of each item of it, whatever that is.

    One item more than `items_max` is enough; the rest is not looked at then. Raises Cut when there is no such list, or
    brackets do not belong together or are too deep, or something follows.
    """
    walk = _Walk(text)
    for token in _with_pauses(_TOKEN.finditer(text)):
        if token is None:
            yield
            continue
        if token.lastindex:
            continue
        if walk.is_over(token):
            if _says_more(text[token.end() :]):
                raise Cut
            return text[: walk.begin] + text[walk.end : token.end()], walk.items
        if len(walk.items) > items_max:
            return b"{}", walk.items
    raise Cut


class _Walk:
    """Goes from token to token, and knows which brackets are open, and where the list begins and ends."""

    def __init__(self, text: bytes) -> None:
        self.text, self.items = text, list[bytes]()
        self.open, self.before = bytearray(), (b"", b"")
        self.begin = self.start = self.end = 0

    def is_over(self, token: re.Match[bytes]) -> bool:
        """Look at the next token; return whether it ends the request. Raises Cut."""
        kind = self.text[token.start()]
        if self.open == b"{[" and self.begin and not self.end and kind in b",]":
            self._end_item(token, is_last=kind in _CLOSES)
        if kind in _OPENS:
            if self.open == b"{" and self.before == (b'"batch"', b":") and not self.begin:
                if kind != _OPENS[0]:
                    raise Cut
                self.begin = self.start = token.end()
            self.open.append(kind)
            if len(self.open) > CUT_DEPTH_MAX:
                raise Cut
        elif kind in _CLOSES and (not self.open or _CLOSES[_OPENS.index(self.open.pop())] != kind):
            raise Cut
        self.before = self.before[1], token[0]
        return bool(self.end) and not self.open

    def _end_item(self, token: re.Match[bytes], *, is_last: bool) -> None:
        if item := self.text[self.start : token.start()].strip(BLANK):
            self.items.append(item)
        self.start, self.end = token.end(), token.start() if is_last else 0


def _end_of(text: bytes) -> Slices[int | None]:
    """Return where the first JSON value ends; what follows may not be another one. None when it is too deep to be read."""
    depth = 0
    for token in _with_pauses(_TOKEN.finditer(text)):
        if token is None:
            yield
            continue
        kind = text[token.start()]
        depth += (kind in _OPENS) - (kind in _CLOSES)
        if depth > DEPTH_MAX:
            return None
        if not depth and kind in _CLOSES:
            return len(text) if _says_more(text[token.end() :]) else token.end()
    return len(text)


def _with_pauses(found: Iterable[re.Match[AnyStr]]) -> Iterator[re.Match[AnyStr] | None]:
    """Yield what is found, and None where a pause is due."""
    looked_at = 0
    for match in found:
        yield match
        looked_at += 1 + (match.end() - match.start()) // CHARS_OF_A_TOKEN
        if looked_at >= TOKENS_OF_A_SLICE:
            looked_at = 0
            yield None


def _says_more(behind: bytes) -> bool:
    """Return whether another value follows: it cannot be known which of them was meant."""
    return any(mark in behind for mark in (b"{", b"[", b'"'))


def _as_json(odd: re.Match[str]) -> str:
    if odd[1]:
        return _CONTROL.sub(lambda control: f"\\u{ord(control[0]):04x}", odd[1])
    return "null" if odd[2] else ""
