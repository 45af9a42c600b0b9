"""How names are looked for in what is stored: quickly where they may be, exactly where they are. Pure.

An id of a few letters is part of very much that is not about its person: in free texts it is looked for with a word in front
of it that says what it is, an address or a long id as it stands.
"""

import functools
import json
import re
import urllib.parse
from collections.abc import Iterable, Iterator

import msgspec

from penstock.identity import EMAIL, USER, VISITOR

# Shorter ids are not looked for in free texts as they stand.
DISTINCTIVE_CHARS = 8
# Shorter parts of a message id say nothing about whose it is.
TELLING_CHARS = 4
GONE = "[erased]"
WORDS = r"(?:user|anon|email|company|person|visitor|userId|user_id|anonymousId|company_id)"


class Needles:
    """The names of one person or company, to be looked for."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = frozenset(names)
        self.values = {name.partition(":")[2] for name in self.names}
        #: How they are named in lanes and records: a visitor may be a destination's person.
        self.lanes = self.names | {USER + name.removeprefix(VISITOR) for name in self.names if name.startswith(VISITOR)}
        self._exact, self._lower = _forms(self.names)

    def may_be_in(self, data: bytes) -> bool:
        """Return whether events, as they are stored, may name one of them; what is escaped may."""
        if any(form in data for form in self._exact) or b"\\u" in data:
            return True
        lower = data.lower() if self._lower else b""
        return any(form in lower for form in self._lower)

    def is_in(self, text: str) -> bool:
        """Return whether a free text names one of them."""
        # Most texts name none of them: to see that costs a tenth of what the pattern does, in letters that have one small form each.
        if text.isascii() and not self._may_be_said(text.lower()):
            return False
        return self._pattern.search(text) is not None

    def without(self, text: str) -> str:
        """Return a text with their names taken out."""
        return self._pattern.sub(GONE, text)

    def tells(self, message_id: str) -> bool:
        """Return whether a message id has one of them in it, as some applications make theirs."""
        return any(len(value) >= TELLING_CHARS and value in message_id for value in self.values)

    def is_said(self, sentence: str) -> bool:
        """Return whether a sentence names one of them, or has a word, such as a message id, with a long one in it."""
        return self.is_in(sentence) or any(map(self._is_part, sentence.split()))

    def unsaid(self, sentence: str) -> str:
        """Return a sentence without those words."""
        words = self.without(sentence).split(" ")
        return " ".join(GONE if self._is_part(word) else word for word in words)

    def _is_part(self, word: str) -> bool:
        return any(len(value) >= DISTINCTIVE_CHARS and value in word for value in self.values)

    def is_lane(self, lane: str) -> bool:
        """Return whether a lane, or a record's subject, also one in shadow, is of one of them."""
        return lane.removeprefix("~") in self.lanes

    def _may_be_said(self, lower: str) -> bool:
        return any(form in lower for form in self._spelled)

    @functools.cached_property
    def _spelled(self) -> frozenset[str]:
        return frozenset(form.lower() for value in self.values for form in _spellings(value))

    @functools.cached_property
    def _pattern(self) -> re.Pattern[str]:
        forms = sorted({form for name in self.names for form in _in_texts(name)}, key=len, reverse=True)
        return re.compile("|".join(forms) if forms else r"(?!)", re.IGNORECASE)


def _forms(names: frozenset[str]) -> tuple[set[bytes], set[bytes]]:
    """Return how names stand in stored events: as they are, and those compared in small letters."""
    exact, lower = set[bytes](), set[bytes]()
    for name in names:
        kind, _, value = name.partition(":")
        text = value.encode(errors="surrogatepass")
        if f"{kind}:" == EMAIL:
            lower.add(text)
            # A slash may be escaped; of other letters accept's own copy tells.
            lower.add(text.replace(b"/", rb"\/"))
        elif len(value) >= DISTINCTIVE_CHARS:
            exact |= {text, text.replace(b"/", rb"\/")}
        else:
            exact |= {msgspec.msgpack.encode(value), b'"%b"' % text, b":%b" % text, b": %b" % text}
    return exact, lower


def _spellings(value: str) -> set[str]:
    return {
        value,
        urllib.parse.quote(value, safe="", errors="surrogatepass"),
        json.dumps(value)[1:-1],
        value.replace("/", r"\/"),
    }


def _in_texts(name: str) -> Iterator[str]:
    kind, _, value = name.partition(":")
    for form in map(re.escape, _spellings(value)):
        if f"{kind}:" == EMAIL or len(value) >= DISTINCTIVE_CHARS:
            yield rf"(?<![\w.+-]){form}(?![\w-]|\.\w)"
        else:
            yield rf"(?<!\w){WORDS}[\"']?[ :=]+[\"']?{form}(?!\w)"
