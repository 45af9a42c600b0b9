"""What cutting.py does, for JSON as SDKs write it, at a tenth of the cost: msgspec goes over what no rule speaks of.

An object is taken apart into its names and unread values. If what is made of those again is the very same text, nothing is hidden:
there are no spaces, no names that repeat, no letters written otherwise. Wherever it is not, or anything is odd, cutting.py decides.
"""

import collections
from collections.abc import Mapping

import msgspec

from penstock.minimise.cutting import Replace
from penstock.minimise.fates import Fate, Fates, Spot
from penstock.minimise.notes import Mark

# More than any SDK nests; and in one go, for what it takes is a millisecond.
DEPTH_MAX, BYTES_MAX = 32, 32_768
_members_of = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_items_of = msgspec.json.Decoder(list[msgspec.Raw]).decode
_encoded = msgspec.json.Encoder().encode
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class InDoubt(Exception):
    """A text that is not written as SDKs write."""


class Quick:
    """Goes through one text."""

    def __init__(self, fates: Fates, replacing: Mapping[Fate, Replace]) -> None:
        self.fates, self.replacing = fates, replacing
        self.counts: collections.Counter[Mark] = collections.Counter()

    def kept(self, text: bytes) -> bytes:
        """Return what stays of an object. Raises InDoubt when cutting.py has to say that."""
        if len(text) > BYTES_MAX or text[:1] != b"{":
            raise InDoubt
        try:
            return self._inside(text, self.fates.root, 0)
        except UNREADABLE as error:
            raise InDoubt from error

    def _inside(self, text: bytes, spot: Spot, depth: int) -> bytes:
        if depth > DEPTH_MAX:
            raise InDoubt
        return self._object(text, spot, depth) if text[:1] == b"{" else self._array(text, spot, depth)

    def _object(self, text: bytes, spot: Spot, depth: int) -> bytes:
        members, named, others = _members_of(text), spot.named, dict[str, msgspec.Raw | None]()
        if _encoded(members) != text:
            raise InDoubt
        for name, raw in members.items():
            inner = named.get(name) or self.fates.named(spot, name)
            if inner.matters:
                value = self._value(raw, inner, depth)
                if value is not raw:
                    others[name] = value
        if not others:
            return text
        both = members | others
        return _encoded({name: value for name, value in both.items() if value is not None})

    def _array(self, text: bytes, spot: Spot, depth: int) -> bytes:
        items, inner = _items_of(text), self.fates.item(spot)
        if _encoded(items) != text:
            raise InDoubt
        others = [self._value(raw, inner, depth) for raw in items]
        if all(other is raw for other, raw in zip(others, items, strict=True)):
            return text
        return _encoded([other for other in others if other is not None])

    def _value(self, raw: msgspec.Raw, spot: Spot, depth: int) -> msgspec.Raw | None:
        """Return what stays of a value: the very same one, another one, or None for nothing."""
        text = bytes(raw)
        if spot.fate is Fate.CUT:
            return self._count(spot, None)
        if text[:1] in {b"{", b"["}:
            inside = self._inside(text, spot, depth + 1) if spot.is_open else text
            return raw if inside is text else msgspec.Raw(inside)
        if spot.fate is Fate.HOLD:
            return self._count(spot, None)
        replace = self.replacing.get(spot.fate)
        if replace is None or text == b"null":
            return raw
        other = replace(text)
        return raw if other == text else self._count(spot, None if other is None else msgspec.Raw(other))

    def _count(self, spot: Spot, value: msgspec.Raw | None) -> msgspec.Raw | None:
        assert spot.mark is not None, "nothing becomes of what no rule speaks of"
        self.counts[spot.mark] += 1
        return value
