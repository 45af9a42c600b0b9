"""How a value of an event can show in a call, and what to put in its place to see where it shows.

A reading is only ever claimed when two plans bear it out: the event's own, and that of the event with another value in
the same place. So these tables name what convert did; they cannot invent it.
"""

import enum
import re
from collections.abc import Callable, Iterator

import msgspec

from penstock.destinations.custify.convert import values
from penstock.destinations.custify.convert.dates import as_date, as_date_attribute, as_listed
from penstock.destinations.custify.convert.rudderstack_js import as_js_text, as_written
from penstock.json_paths import MISSING, Path, at
from penstock.timestamps import EPOCHS


class Reading(enum.StrEnum):
    """How a value came into its field."""

    SAME = "same"
    TRIMMED = "trimmed"
    TEXT = "text"
    EMAIL = "email"
    DATE = "date"
    NUMBER = "number"
    FLAG = "flag"
    PART = "part"
    JSON = "json"
    LETTER = "letter"


SENTENCES = {
    Reading.SAME: "sent as it is",
    Reading.TRIMMED: "sent without the spaces around it",
    Reading.TEXT: "a number, sent as text",
    Reading.EMAIL: "an e-mail address, sent as all of them are compared: in small letters, without spaces",
    Reading.DATE: "a moment, sent in the UTC form that Custify takes for a date",
    Reading.NUMBER: "read as a number",
    Reading.FLAG: "read as true or false",
    Reading.PART: "part of a text that is put together",
    Reading.JSON: "part of an object or array that is sent as JSON text",
    Reading.LETTER: "one letter of it: RudderStack takes a text apart here",
}
ORDER = {reading: number for number, reading in enumerate(Reading)}
# No text of a person has this letter, and no reading of a value changes it.
MARK = "\uf8ff"
MARK_LETTERS = 9
OTHER_NUMBERS = (7_310_942, 7_310_943)
# Not in the future of any event: such times are not believed.
OTHER_DATES = ("2003-02-03T04:05:06.789Z", "2004-03-04T05:06:07.891Z")
OTHER_EMAILS = (f"{MARK}@{MARK}.example", f"{MARK}{MARK}@{MARK}.example")


def _listed(value: object) -> object:
    return as_listed(value) if isinstance(value, str) else None


def _trimmed(value: object) -> object:
    return value.strip() if isinstance(value, str) else None


def _id(value: object) -> object:
    return values.as_id(value) if isinstance(value, str) else None


def _written(value: object) -> object:
    return as_written(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


#: A reading, and which of the forms of that name.
Conversion = tuple[Reading, int]
INDEX = re.compile(r"\d{1,7}", re.ASCII)
# In the order of what is most worth saying.
WHOLE: tuple[tuple[Reading, Callable[[object], object]], ...] = (
    (Reading.SAME, lambda value: value),
    (Reading.TRIMMED, _trimmed),
    (Reading.TRIMMED, _id),
    (Reading.TEXT, values.as_text),
    (Reading.EMAIL, values.as_email),
    (Reading.DATE, as_date),
    (Reading.DATE, _listed),
    (Reading.DATE, as_date_attribute),
    (Reading.NUMBER, values.as_number),
    (Reading.NUMBER, values.as_whole),
    (Reading.NUMBER, _written),
    (Reading.FLAG, values.as_flag),
)


class Readable:
    """A value at its place in the event, with all the forms it can take in a field."""

    def __init__(self, value: object, source: Path) -> None:
        self.value, self.source = value, source
        # What is nested too deep to be looked into is in no call, but in a JSON text.
        self.forms = [] if is_deep(value) else [(way, read(value)) for way, read in WHOLE]
        is_scalar = value is not None and not isinstance(value, dict | list)
        self.texts = {values.as_text(value), as_js_text(value)} - {None, ""} if is_scalar else set()

    def ways(self, shown: object, field: Path) -> set["Conversion"]:
        """Return the ways in which a field's value may show this one."""
        found = {(reading, n) for n, (reading, form) in enumerate(self.forms) if same(form, shown)}
        return found | set(self._inside(shown, field)) if isinstance(shown, str) else found

    def _is(self, found: object) -> bool:
        return type(found) is type(self.value) if is_deep(self.value) else same(self.value, found)

    def _inside(self, shown: str, field: Path) -> Iterator["Conversion"]:
        # Only fields of Custify's own are put together, never attributes.
        if len(field) == 1 and any(text and text in shown and text != shown for text in self.texts):
            yield Reading.PART, 0
        if shown[:1] in {"{", "["} and field[-1:] and field[-1] in self.source:
            inner = self.source[len(self.source) - self.source[::-1].index(field[-1]) :]
            if (inner or isinstance(self.value, dict | list)) and self._is(at(_decoded(shown), inner)):
                yield Reading.JSON, 0
        index = field[-1] if field else ""
        if isinstance(self.value, str) and isinstance(index, str) and INDEX.fullmatch(index):
            letter = self.value[int(index) :][:1]
            if letter and letter == shown:
                yield Reading.LETTER, 0


def is_deep(value: object) -> bool:
    """Return whether a leaf is more than a single value: nested too deep to be looked into."""
    return isinstance(value, dict | list) and bool(value)


def same(one: object, other: object) -> bool:
    """Return whether two leaves are equal; true is not 1, and 1 is not 1.0."""
    if isinstance(one, dict | list):
        return type(one) is type(other) and not one and not other
    return type(one) is type(other) and one == other


def _decoded(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return MISSING


def probes(value: object) -> Iterator[object]:
    """Yield other values for the same place: first of the same kind, then of every kind that a field may ask for."""
    if isinstance(value, bool) or values.as_flag(value) is not None:
        flag = values.as_flag(value)
        yield ("false" if flag else "true") if isinstance(value, str) else not flag
    if isinstance(value, int | float) and as_date(value):
        # A second of that year 2001, in the same unit.
        start, unit = next((low, unit) for low, high, unit in EPOCHS if low <= value < high)
        yield start + 1000 * unit if value != start + 1000 * unit else start + 2000 * unit
    if isinstance(value, str):
        yield MARK * max(MARK_LETTERS, len(value))
        yield str(OTHER_NUMBERS[value == str(OTHER_NUMBERS[0])])
    yield from asked_for(value).values()
    yield False
    if isinstance(value, dict | list):
        # As JSON text, an empty one shows only beside one that is not.
        yield {MARK: MARK} if isinstance(value, dict) else [MARK]


def asked_for(value: object) -> dict[str, object]:
    """Return a value of every kind that a field may ask for, none of them the given one."""
    return {
        "a text": MARK * (MARK_LETTERS + 1),
        "an email address": _other(OTHER_EMAILS, value),
        "a number": _other(OTHER_NUMBERS, value),
        "true or false": value is not True,
        "a date": _other(OTHER_DATES, value),
    }


def _other(choices: tuple[object, object], value: object) -> object:
    return choices[1] if same(choices[0], value) else choices[0]
