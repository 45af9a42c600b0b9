"""Cuts values out of the JSON of an event by what becomes of each place, and leaves every other byte as it came.

JSON is not read and written anew: a number keeps its digits, a text its escapes, an object its order and its repeated names. A
value goes with its name and one comma. The text is gone through once, whatever it is like: depth is a list, not a stack.
"""

import collections
import re
from collections.abc import Callable, Generator, Mapping

from penstock.minimise.fates import Fate, Fates, Spot
from penstock.minimise.notes import Mark

_BLANK = rb"[ \t\n\r]*+"
_TEXT = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_VALUE = _BLANK + rb"(?:(" + _TEXT + rb"|[^ \t\n\r,:\[\]{}\"]++)" + _BLANK + rb"([,\]}])|([\[{])|([\]}]))"
_MEMBER = re.compile(_BLANK + rb"(?:(" + _TEXT + rb")" + _BLANK + rb":)?+" + _VALUE, re.DOTALL)
_ITEM = re.compile(rb"()" + _VALUE, re.DOTALL)
_BEHIND = re.compile(_BLANK + rb"([,\]}])")
# Up to the next bracket, or over some texts if there are many.
_BRACKET = re.compile(rb'[^"\[\]{}]*+(?:' + _TEXT + rb'[^"\[\]{}]*+){0,256}+(?:([\[{])|([\]}]))?+', re.DOTALL)
_BEGIN = re.compile(_BLANK + rb"\{")
NAME, SCALAR, BEHIND, OPENED, CLOSED = 1, 2, 3, 4, 5
# So many values are looked at in one go: a few milliseconds.
VALUES_OF_A_SLICE = 1_000

#: What stands in the place of a scalar, as JSON; None for nothing.
Replace = Callable[[bytes], bytes | None]


class NotAnObject(Exception):
    """A text that cannot be taken apart as one JSON object."""


class _Inside:
    """An object or array that is open, and what was seen of it."""

    __slots__ = ("comma", "has_kept", "is_object", "place")

    def __init__(self, place: Spot, *, is_object: bool) -> None:
        self.place, self.is_object = place, is_object
        #: Where the last comma stands; and whether something in front of it stays.
        self.comma, self.has_kept = -1, False


class Cutting:
    """Goes through one text; `steps` does the work."""

    def __init__(self, text: bytes, fates: Fates, replacing: Mapping[Fate, Replace]) -> None:
        self.text, self.fates, self.replacing = text, fates, replacing
        self.counts: collections.Counter[Mark] = collections.Counter()
        self.pieces, self.end = list[bytes](), 0

    def steps(self) -> Generator[None, None, bytes]:
        """Return what stays of the text, with a pause after every thousand values. Raises NotAnObject."""
        text, stack, at, looked_at = self.text, list[_Inside](), self._begin(), 0
        inside = _Inside(self.fates.root, is_object=True)
        while True:
            looked_at += 1
            if not looked_at % VALUES_OF_A_SLICE:
                yield
            found = (_MEMBER if inside.is_object else _ITEM).match(text, at)
            if found is None:
                raise NotAnObject
            at, kind = found.end(), found.lastindex
            if kind != CLOSED:
                place = inside.place.next.get(found[NAME]) or self._learn(inside, found[NAME])
                if kind == BEHIND:
                    if place.matters:
                        self._scalar(inside, place, found)
                    else:
                        inside.has_kept = True
                    behind = found[BEHIND]
                elif place.is_open and place.fate is not Fate.CUT:
                    inside.has_kept = True
                    stack.append(inside)
                    inside = _Inside(place, is_object=found[OPENED] == b"{")
                    continue
                else:
                    at, behind = yield from self._whole(inside, place, found)
                if behind == b",":
                    inside.comma = at - 1
                    continue
            if (at := self._out(stack, at)) < 0:
                return self._rest(-at)
            inside = stack.pop()

    def _begin(self) -> int:
        begin = _BEGIN.match(self.text)
        if begin is None:
            raise NotAnObject
        return begin.end()

    def _out(self, stack: list[_Inside], at: int) -> int:
        """Go out of what has ended, to behind the comma of the next value; less than 0, and the end, when all has ended.

        What that value is in stays on the stack. Raises NotAnObject.
        """
        while stack:
            at, behind = self._behind(at)
            if behind == b",":
                stack[-1].comma = at - 1
                return at
            stack.pop()
        return -at

    def _learn(self, inside: _Inside, name: bytes | None) -> Spot:
        if not inside.is_object:
            return self.fates.item(inside.place)
        if name is None:
            raise NotAnObject
        return self.fates.after(inside.place, name)

    def _scalar(self, inside: _Inside, place: Spot, found: re.Match[bytes]) -> None:
        """Cut a scalar, put another one in its place, or let it stand."""
        start, end = found.span(SCALAR)
        replace, raw = self.replacing.get(place.fate), found[SCALAR]
        other = raw if raw == b"null" or replace is None else replace(raw)
        if other is None or (replace is None and place.fate is not Fate.KEEP):
            self._cut(inside, place, found.start(NAME) if inside.is_object else start, end)
            return
        inside.has_kept = True
        if other != raw:
            self._replace(start, end, other)
            self._count(place)

    def _whole(self, inside: _Inside, place: Spot, found: re.Match[bytes]) -> Generator[None, None, tuple[int, bytes]]:
        """Go over an object or array, and cut it or let it stand; return where to go on, and what stands in front of that."""
        end = yield from self._over(found.end())
        if place.fate is Fate.CUT:
            self._cut(inside, place, found.start(NAME if inside.is_object else OPENED), end)
        else:
            inside.has_kept = True
        return self._behind(end)

    def _cut(self, inside: _Inside, place: Spot, start: int, end: int) -> None:
        if inside.has_kept:
            start = inside.comma
        else:
            after, behind = self._behind(end)
            end = after if behind == b"," else end
        self._replace(start, end, b"")
        self._count(place)

    def _behind(self, at: int) -> tuple[int, bytes]:
        """Return where to go on behind a value, and the comma or bracket in front of that. Raises NotAnObject."""
        behind = _BEHIND.match(self.text, at)
        if behind is None:
            raise NotAnObject
        return behind.end(), behind[1]

    def _over(self, at: int) -> Generator[None, None, int]:
        """Return where what was opened in front of a place ends. Raises NotAnObject."""
        depth, looked_at = 1, 0
        while depth:
            found = _BRACKET.match(self.text, at)
            if found is None or found.end() == at:
                raise NotAnObject
            at, looked_at = found.end(), looked_at + 1
            depth += {None: 0, 1: 1, 2: -1}[found.lastindex]
            if not looked_at % VALUES_OF_A_SLICE:
                yield
        return at

    def _replace(self, start: int, end: int, other: bytes) -> None:
        # What was cut last may have taken the comma along.
        self.pieces += [self.text[self.end : start], other]
        self.end = end

    def _count(self, place: Spot) -> None:
        assert place.mark is not None, "nothing becomes of what no rule speaks of"
        self.counts[place.mark] += 1

    def _rest(self, at: int) -> bytes:
        if self.text[at:].strip(b" \t\n\r"):
            raise NotAnObject
        return b"".join([*self.pieces, self.text[self.end :]]) if self.pieces else self.text
