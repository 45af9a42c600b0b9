"""Finding the texts of an event inside of others. Pure.

An event can have sixty thousand values, and each of the texts around it may repeat any of them: looking for one after the
other would cost the product. Here a text costs its length, times the few lengths that known texts with the same beginning
have.
"""

import collections
from collections.abc import Callable, Iterable

BEGINNING = 3
# Known texts are told apart by so many letters; of what goes on like a longer one, nothing is left.
COMPARED = 64
# A shorter one is found between other letters by chance: then it must stand alone.
ALONE_BELOW = 6

#: Given the names of the fields that a text stands in, returns what to put in its place; None leaves it.
StandsFor = Callable[[str, list[str]], str | None]


class KnownTexts:
    """The texts of an event by the fields they stand in; found in other texts however they are capitalised."""

    def __init__(self, texts: Iterable[tuple[str, str]], stands_for: StandsFor) -> None:
        self.stands_for = stands_for
        self.fields: dict[str, list[str]] = {}
        self.whole: dict[str, str] = {}
        lengths: dict[str, set[int]] = collections.defaultdict(set)
        for text, field in texts:
            known = _lower(text[: COMPARED + 1])
            key = known[:COMPARED]
            self.fields.setdefault(key, []).append(field)
            self.whole.setdefault(key, text)
            lengths[key[:BEGINNING]].add(len(known))
        self.lengths = {beginning: sorted(found, reverse=True) for beginning, found in lengths.items()}
        self.replacement: dict[str, str | None] = {}

    def replaced(self, text: str) -> str:
        """Return a text with every known one in it replaced, the longest first."""
        lower, parts, start, at = _lower(text), [], 0, 0
        while at < len(text) and self.fields:
            found = self._at(lower, at)
            if found is None:
                at += 1
                continue
            end, stands_for_it = found
            parts += [text[start:at], stands_for_it]
            start = at = end
        return "".join([*parts, text[start:]])

    def _at(self, text: str, at: int) -> tuple[int, str] | None:
        for size in range(min(BEGINNING, len(text) - at), 0, -1):
            for length in self.lengths.get(text[at : at + size], ()):
                compared = min(length, COMPARED)
                key = text[at : at + compared]
                if len(key) < compared or key not in self.fields or not _stands(text, at, compared):
                    continue
                if (stands_for_it := self._replacement(key)) is not None:
                    return (len(text) if length > COMPARED else at + length), stands_for_it
        return None

    def _replacement(self, key: str) -> str | None:
        if key not in self.replacement:
            self.replacement[key] = self.stands_for(self.whole[key], self.fields[key])
        return self.replacement[key]


def _stands(text: str, at: int, length: int) -> bool:
    if length >= ALONE_BELOW:
        return True
    return not (text[at - 1 : at].isalnum() if at else False) and not text[at + length : at + length + 1].isalnum()


def _lower(text: str) -> str:
    """Return a text in small letters, each at its place."""
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
