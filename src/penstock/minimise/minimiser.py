"""All that the rules of one source do to the text of an event: nothing to most, and what was done is told."""

import collections
import re
from collections.abc import Generator, Iterable, Sequence

from penstock.event import in_one_go
from penstock.minimise.addresses import CUT_ADDRESS, shortened_json
from penstock.minimise.cutting import Cutting, NotAnObject
from penstock.minimise.fates import Fate, Fates
from penstock.minimise.hashing import Hashing
from penstock.minimise.notes import UNREADABLE, Mark
from penstock.minimise.paths import Rule, parsed
from penstock.minimise.quick import InDoubt, Quick

#: What is kept of a body that cannot be taken apart: it says of itself that it is no event.
NOTHING = b'""'
# How the names of places for an address end.
IP_NEEDLE = b"ip"
# With it, letters of a name can be written so that no search finds them.
ESCAPE, BACKSLASH, QUOTE = b"\\u", b"\\", b'"'
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")

Tallied = collections.Counter[Mark]


class Minimiser:
    """The rules of one source."""

    def __init__(
        self,
        *,
        never_store: Sequence[str] = (),
        store_hashed: Sequence[str] = (),
        store_only: Sequence[str] = (),
        ip: str = "keep",
        key: bytes = b"",
    ) -> None:
        """`ip` is `keep`, `truncate` or `drop`; `key` is needed with `store_hashed`. Raises ValueError for what is no rule."""
        never, hashed, only = ([*map(parsed, texts)] for texts in (never_store, store_hashed, store_only))
        self.fates, self.ip = Fates(never=never, hashed=hashed, only=only, ip=ip), ip
        self.replacing = {Fate.HASH: Hashing(key).of_json, Fate.SHORTEN: shortened_json}
        #: One of these is in every text of which anything becomes; None: nothing can be told from a part of it.
        self.needles = None if only else _needles([*never, *hashed])
        self.ip_needle = IP_NEEDLE + QUOTE if ip != "keep" else b""

    def may_concern(self, text: bytes) -> bool:
        """Return whether a rule may mean something in a text; false only if none does."""
        if self.needles is None or (self.ip_needle and self.ip_needle in text):
            return True
        # A single byte is found in a fraction of the time that a word takes.
        has_escape = BACKSLASH in text
        if has_escape and (ESCAPE in text or (self.ip_needle and IP_NEEDLE + BACKSLASH in text)):
            return True
        if not self.needles:
            return False
        lower = text.lower()
        return any(n in lower or (has_escape and n.removesuffix(QUOTE) in lower) for n in self.needles)

    def steps(self, text: bytes, counts: Tallied) -> Generator[None, None, bytes]:
        """Return what may be stored of an event's text, or of what a batch shares, with pauses; counts what was done."""
        if not text or not self.may_concern(text):
            return text
        quick = Quick(self.fates, self.replacing)
        try:
            kept = quick.kept(text)
        except InDoubt:
            return (yield from self._cut(text, counts))
        counts.update(quick.counts)
        return kept

    def _cut(self, text: bytes, counts: Tallied) -> Generator[None, None, bytes]:
        cutting = Cutting(text, self.fates, self.replacing)
        try:
            kept = yield from cutting.steps()
        except NotAnObject:
            counts[Mark(UNREADABLE, "")] += 1
            return NOTHING
        counts.update(cutting.counts)
        return kept

    def kept(self, text: bytes) -> tuple[bytes, Tallied]:
        """Do what `steps` does, without a pause."""
        counts: Tallied = collections.Counter()
        return in_one_go(self.steps(text, counts)), counts

    def address(self, address: str) -> str:
        """Return what may be stored of who sent an event."""
        return CUT_ADDRESS[self.ip](address)


def _needles(rules: Iterable[Rule]) -> Sequence[bytes] | None:
    """Return what must stand in every text that a rule means something in: the end of its last name, or a part of it."""
    needles = set[bytes]()
    for rule in rules:
        last = rule.names[-1]
        plain = _PLAIN.findall(last)
        if not plain:
            return None
        longest = max(plain, key=len)
        needles.add(longest.lower().encode() + (QUOTE if last.endswith(longest) else b""))
    return sorted(needles)
