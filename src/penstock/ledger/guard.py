"""The attribute guard: one typo makes a permanent column in every CSM's picker, so new attributes are looked at first. Pure.

Custify creates an attribute with the first value that names it, and gives it the type of that value.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import msgspec

from penstock.destinations.plan import AttributeType
from penstock.ledger.likeness import KnownNames
from penstock.timestamps import LISTED, moment, parsed

GuardMode = Literal["warn", "hold", "off"]
#: Where the ledger keeps what the guard said.
SUBJECT = "attribute:"
#: How many attributes one event is remarked on for, and how many remarks a destination keeps: the newest.
REMARKS_OF_AN_EVENT_MAX, REMARKS_MAX = 20, 200
# Attributes of ours that are remembered beside Custify's own list until it is read again.
OURS_MAX = 10_000
# What is quoted of another attribute's name.
QUOTED_CHARS_MAX = 100
TIME_NAMES = ("_at", "At", "_on", "date", "Date", "_time", "Time")


#: `people.NAME` or `company.NAME`, its type there, and its value.
New = tuple[str, AttributeType, object]


class Suspicion(msgspec.Struct, frozen=True, kw_only=True):
    """One attribute that should be looked at before it is sent."""

    #: `people.NAME` or `company.NAME`.
    attribute: str
    type: AttributeType
    why: str
    #: The event that would have created or changed it.
    message_id: str = ""

    @property
    def subject(self) -> str:
        """Return where the ledger keeps this."""
        return SUBJECT + self.attribute

    def learn(self, _: bytes | None) -> bytes:
        """Return the record of this."""
        return msgspec.json.encode(self)


class Displaced(msgspec.Struct, frozen=True):
    """A remark that is too many: a newer one took its place."""

    subject: str

    def learn(self, _: bytes | None) -> None:
        """Return that nothing is kept of it."""


class Attributes:
    """The attributes of people or companies at a destination, with their types; None where it did not say."""

    def __init__(self, types: Mapping[str, AttributeType | None]) -> None:
        self.types: dict[str, AttributeType | None] = {}
        self.names, self.ours = KnownNames(), 0
        for name, type_ in types.items():
            self.hold(name, type_)

    def hold(self, name: str, type_: AttributeType | None) -> None:
        """Note one that is there."""
        self.types[name] = type_
        self.names.add(name)

    def add(self, name: str, type_: AttributeType) -> None:
        """Note one that will exist from now on: the next that nearly repeats it is seen."""
        if name not in self.types and self.ours < OURS_MAX:
            self.ours += 1
            self.hold(name, type_)


def type_of(value: object) -> AttributeType:
    """Return the type that Custify gives a value."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "date" if LISTED.fullmatch(value) and parsed(value) else "string"
    return "number"


def not_cleared(
    attributes: Sequence[tuple[str, object]], cleared: Collection[tuple[str, str]], approved: Collection[str]
) -> list[New]:
    """Return those attributes, with their types, that were neither looked at before nor approved."""
    typed = [(name, type_of(value), value) for name, value in attributes if name not in approved]
    return [each for each in typed if each[:2] not in cleared]


def looked_at(new: Sequence[New], known: Attributes, message_id: str) -> list[Suspicion]:
    """Return what is strange about new attributes; each that is not is known from then on, to those after it too."""
    found = list[Suspicion]()
    for attribute, type_, value in new:
        name = attribute.partition(".")[2]
        why = _of_its_type(name, type_, known) if name in known.types else _of_its_name(name, known)
        why = why or _of_its_date(name, value, type_)
        if why:
            found.append(Suspicion(attribute=attribute, type=type_, why=why, message_id=message_id))
        else:
            known.add(name, type_)
    return found


def _of_its_type(name: str, type_: AttributeType, known: Attributes) -> str:
    held = known.types[name]
    return f"it is a {held} at Custify, and comes as a {type_}" if held not in {None, type_} else ""


def _of_its_name(name: str, known: Attributes) -> str:
    other = known.names.near(name)
    return f"it is new, and nearly repeats {other[:QUOTED_CHARS_MAX]}" if other else ""


def _of_its_date(name: str, value: object, type_: AttributeType) -> str:
    if not name.endswith(TIME_NAMES):
        return ""
    if type_ == "string" and parsed(value):
        return "it looks like a date, and Custify would read it as text"
    if type_ == "number" and moment(value):
        return "it looks like a moment since 1970, and Custify would read it as a number"
    return ""
