"""Personal data where nobody looks for it: an address in a comment, a card number in a search. Looked for when an event is shown. Pure.

Said is where, and of which kind; never the value. A field whose name says that it holds an address or a number is no surprise, and
ids are often addresses. No pattern is complete, and some numbers only look like others: it is a hint.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from penstock.inspect.sensitive import is_among, is_id
from penstock.json_paths import Path, as_text, leaves

# What is looked at of an event, and told of it.
VALUES_MAX, TEXT_CHARS_MAX, FOUND_MAX = 2_000, 4_000, 10
# Numbers of cards have so many digits (ISO/IEC 7812), and begin with one of these.
CARD_DIGITS, CARD_BEGINS = range(13, 20), "23456"
TEN = 10
_EMAIL = re.compile(r"[\w.+-]{1,64}(?:@|%40)[\w-]{1,63}(?:\.[\w-]{1,63}){0,5}\.[A-Za-z]{2,24}(?![\w-])")
_CARD = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w.-]?\d)")
_PHONE = re.compile(
    r"(?<![\w.+-])(?:\+\d[\d ()./-]{6,18}\d|\(?0\d{1,4}\)?[ /-]\d[\d -]{4,12}\d|\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4})(?!\w)"
)
#: What fields are called that hold such a value; there it is what it should be.
EXPECTED = {
    "e-mail address": "*mail*",
    "phone number": "*phone*, *mobile*, *telefon*, *fax*, *whatsapp*, *number*",
    "card number": "",
}
# Ids, and what SDKs write themselves.
_PASSED_OVER = frozenset({"messageId", "anonymousId", "userId", "groupId", "previousId", "writeKey"})


class Sighting(NamedTuple):
    """What was seen, and where."""

    kind: str
    path: str


def sightings(document: object) -> list[Sighting]:
    """Return what stands in the texts of an event that looks personal, a place and kind once, the first ones."""
    if not isinstance(document, Mapping):
        return []
    return list(itertools.islice(dict.fromkeys(_seen(document)), FOUND_MAX))


def _seen(document: object) -> Iterator[Sighting]:
    for path, value in itertools.islice(leaves(document), VALUES_MAX):
        if isinstance(value, bool) or not isinstance(value, str | int) or not path or path[0] in _PASSED_OVER:
            continue
        for kind in kinds_in(value):
            if not _is_expected(path, kind):
                yield Sighting(kind, as_text(path))


def kinds_in(value: str | int) -> list[str]:
    """Return what kinds of personal data a text or number seems to hold."""
    if isinstance(value, int):
        # Of larger ones no card has the number.
        return ["card number"] if 10**12 <= value < 10**19 and _is_card(str(value)) else []
    text = value[:TEXT_CHARS_MAX]
    found = []
    if ("@" in text or "%40" in text) and _EMAIL.search(text):
        found.append("e-mail address")
    if any(_is_card(card[0]) for card in _CARD.finditer(text)):
        return [*found, "card number"]
    return [*found, "phone number"] if _PHONE.search(text) else found


def _is_card(text: str) -> bool:
    digits = [int(char) for char in text if char.isdigit()]
    if len(digits) not in CARD_DIGITS or str(digits[0]) not in CARD_BEGINS or len(set(digits)) == 1:
        return False
    # Luhn: every second digit from the right counts twice, as the sum of its digits.
    doubled = sum(digit * 2 - 9 * (digit * 2 >= TEN) for digit in digits[-2::-2])
    return not (doubled + sum(digits[::-2])) % TEN


def _is_expected(path: Path, kind: str) -> bool:
    name = next((key for key in reversed(path) if isinstance(key, str)), "")
    return is_among(name, EXPECTED[kind]) or (kind != "card number" and is_id(name))
