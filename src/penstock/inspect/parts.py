"""Long lists and long texts, a part at a time: no page grows with what strangers have stored. Pure."""

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from starlette.datastructures import URL

Item = TypeVar("Item")
Made = TypeVar("Made")
# Letters of an id, a name or a value in a line; of a text that stands alone; of a whole document.
WORD_CHARS, LINE_CHARS, LONG_CHARS, TEXT_CHARS = 80, 300, 2_000, 20_000
#: Values of a document that a page shows; the rest is a download.
LEAVES_MAX = 1_000
DIGITS_MAX = 9
INT_BITS_MAX, BITS_OF_A_DIGIT = 1_024, 3
TOO_DEEP = "(nested too deep to be shown here)"
DEPTH_MAX = 30


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Part(Generic[Item]):
    """Some items of a list, and the addresses of those before and behind them."""

    items: Sequence[Item]
    first: int
    total: int
    earlier: str = ""
    later: str = ""

    def made(self, make: Callable[[Item], Made]) -> "Part[Made]":
        """Return the same part, made into something else: only what is shown is worked on."""
        items = [make(item) for item in self.items]
        return Part(items=items, first=self.first, total=self.total, earlier=self.earlier, later=self.later)


def part_of(items: Sequence[Item], url: URL, name: str, size: int) -> Part[Item]:
    """Return the part of a list that an address asks for by a parameter: `size` items from there on."""
    first = min(place_of(url, name), max(0, len(items) - 1) // size * size)
    end = first + size
    return Part(
        items=items[first:end],
        first=first,
        total=len(items),
        earlier=address_of(url, name, max(0, first - size)) if first else "",
        later=address_of(url, name, end) if end < len(items) else "",
    )


def part_from(items: Sequence[Item], url: URL, name: str, size: int) -> Part[Item]:
    """Return the part of a list that was read from the asked place on; one item more than `size` means there is a rest."""
    first = place_of(url, name)
    return Part(
        items=items[:size],
        first=first,
        total=first + len(items),
        earlier=address_of(url, name, max(0, first - size)) if first else "",
        later=address_of(url, name, first + size) if len(items) > size else "",
    )


def place_of(url: URL, name: str) -> int:
    """Return a place in a list out of an address; 0 where it is none."""
    given = dict(pair.partition("=")[::2] for pair in url.query.split("&")).get(name, "")
    return int(given) if given.isascii() and given.isdigit() and len(given) <= DIGITS_MAX else 0


def address_of(url: URL, name: str, place: int) -> str:
    """Return the address of the same page with another place in one of its lists."""
    address = url.include_query_params(**{name: place})
    return f"{address.path}?{address.query}"


def cut(value: object, chars: int = LINE_CHARS) -> str:
    """Return a value as a text for a line: cut before it is written, for it may be megabytes."""
    if isinstance(value, str):
        text = value
    elif isinstance(value, dict | list | tuple):
        text = json.dumps(cut_document(value, leaves_max=chars)[0], ensure_ascii=False)
    elif isinstance(value, int) and value.bit_length() > INT_BITS_MAX:
        text = "a number of very many digits"
    else:
        text = str(value)
    return text if len(text) <= chars else f"{text[: chars - 1]}…"


def short(value: object) -> object:
    """Return a value for a line as it is, if it is short; else as a text that is cut."""
    if (
        value is None
        or isinstance(value, bool | float)
        or (isinstance(value, int) and value.bit_length() < INT_BITS_MAX)
    ):
        return value
    return cut(value)


def cut_document(document: object, *, leaves_max: int = LEAVES_MAX, chars_max: int = TEXT_CHARS) -> tuple[Any, bool]:
    """Return the first values of a document, with its long texts cut, and whether anything is missing."""
    scissors = _Scissors(leaves_max, chars_max)
    return scissors.cut(document, 0), scissors.has_cut


@dataclasses.dataclass(slots=True)
class _Scissors:
    leaves_left: int
    chars_left: int
    has_cut: bool = False

    def cut(self, value: object, depth: int) -> Any:
        if isinstance(value, dict | list | tuple) and depth == DEPTH_MAX:
            self.has_cut = True
            return TOO_DEEP
        if isinstance(value, dict):
            return {
                self._text(str(key), WORD_CHARS): self.cut(inner, depth + 1) for key, inner in self._few(value.items())
            }
        if isinstance(value, list | tuple):
            return [self.cut(inner, depth + 1) for inner in self._few(value)]
        if isinstance(value, int):
            self.chars_left -= value.bit_length() // BITS_OF_A_DIGIT
        return self._text(value, LONG_CHARS) if isinstance(value, str) else value

    def _few(self, items: Iterable[Item]) -> Iterator[Item]:
        for item in items:
            if self.leaves_left <= 0 or self.chars_left <= 0:
                self.has_cut = True
                return
            self.leaves_left -= 1
            yield item

    def _text(self, text: str, chars: int) -> str:
        chars = min(chars, max(self.chars_left, 1))
        self.chars_left -= min(len(text), chars)
        if len(text) <= chars:
            return text
        self.has_cut = True
        return f"{text[: chars - 1]}…"
