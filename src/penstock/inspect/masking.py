"""What is not shown to those who may not see personal data, or ids, wherever it stands. Pure.

A text is shown only where the name of its field is on a list of harmless ones, and then without what looks
personal. Numbers, dates, true and false are shown unless the name says something of a person. What was hidden once is
hidden in other texts too, for destinations' answers and Explain's sentences repeat it. Ids have pseudonyms.
"""

import dataclasses
import functools
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from penstock.buffer.port.shelf import Story
from penstock.inspect.known_texts import KnownTexts
from penstock.inspect.sensitive import (
    LONG_CHARS,
    MASK,
    TEXT_CHARS_MAX,
    TOKEN,
    is_among,
    is_id,
    is_moment,
    is_number_of_somebody,
    is_personal,
    looks_personal,
    redacted,
)

# Shorter values are too common to be looked for inside of texts; ids are looked for whatever their length.
VALUE_CHARS_MIN = 3
DEPTH_MAX = 64
NAME_CHARS_MAX = 80
# A number of fewer digits is found by chance.
NUMBER_MIN, DIGITS_BITS_MAX = 100, 1_024
SEPARATOR, PATH_CHARS_MAX = "\x00", 400
MESSAGE_IDS = "messageId, deduplication_id"
#: What Custify calls its own sentences: they are read for what they repeat, and shown.
SENTENCES = "error, errors, message, messages, msg, reason, detail, details, code, status, statusText, type"
#: Objects whose `name` is that of a company; of a group call its traits are one, too.
COMPANIES = frozenset({"company", "organization", "organisation"})
TYPES = frozenset({"identify", "track", "group", "page", "screen", "alias"})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MaskRules:
    """What a viewer is shown."""

    #: Everything but ids.
    personal: bool = False
    #: What stands for an id; None: ids are shown.
    pseudonym: Callable[[str], str] | None = None
    #: Names of fields, with commas: never shown, and shown though they are texts.
    masked: str = ""
    shown: str = ""

    def hides(self, name: str) -> bool:
        """Return whether whatever is in a field of this name is hidden."""
        if self.personal:
            return False
        return is_among(name, self.masked) or (is_personal(name) and not is_among(name, self.shown))

    def takes_for_id(self, name: str) -> bool:
        """Return whether a field of this name holds an id that has to be replaced."""
        return self.pseudonym is not None and is_id(name) and not is_among(name, self.shown)


EVERYTHING = MaskRules(personal=True)


class Mask:
    """Hides what belongs to one event. With rules that show everything it does nothing."""

    def __init__(self, rules: MaskRules, document: object = None) -> None:
        self.rules = rules
        self.is_idle = rules.personal and rules.pseudonym is None
        self.document = document

    @functools.cached_property
    def known(self) -> KnownTexts:
        """The event's texts, to be found where they are repeated; hidden or not is asked of those that are found."""
        return KnownTexts(_texts(self.document), self._stands_for)

    @functools.cached_property
    def company_names(self) -> frozenset[str]:
        """What the event calls companies: shown wherever it stands, unless it says something of a person too."""
        named = {
            text for text, path in _texts(self.document) if len(text) <= NAME_CHARS_MAX and self._names_a_company(path)
        }
        if not named:
            return frozenset()
        hidden = {
            text
            for text, path in _texts(self.document)
            if text in named and not self._names_a_company(path) and any(map(self.rules.hides, path.split(SEPARATOR)))
        }
        return frozenset(named - hidden)

    def _names_a_company(self, path: str) -> bool:
        """Return whether a field, given its path, holds the name of a company."""
        # Asked of every text of an event, of which there may be thousands: most are told by their last letters.
        if path[-4:].lower() != "name":
            return False
        *_, parent, name = ["", *path.split(SEPARATOR)]
        if name.lower() != "name":
            return False
        is_group = isinstance(self.document, dict) and self.document.get("type") == "group"
        return parent.lower() in COMPANIES or (is_group and parent == "traits")

    def hides(self, field: str | None) -> bool:
        """Return whether a field, such as `traits.email` or `custom_attributes.phone`, is hidden as a whole."""
        return any(self.rules.hides(name) for name in names_of(field))

    def value(self, value: Any, field: str | None = None) -> Any:
        """Return a value of a field as it may be shown."""
        return value if self.is_idle else self._value(value, names_of(field), answer=False, depth=0)

    def text(self, text: str) -> str:
        """Return a sentence as it may be shown."""
        if self.is_idle:
            return text
        rest = MASK if len(text) > TEXT_CHARS_MAX else ""
        text = self.known.replaced(text[:TEXT_CHARS_MAX])
        return (text if self.rules.personal else redacted(text)) + rest

    def title(self, text: str) -> str:
        """Return a name that a stranger gave as it may be shown: an event's, a type's."""
        if self.is_idle or text in TYPES:
            return text
        return MASK if len(text) > NAME_CHARS_MAX and not self.rules.personal else self.text(text)

    def name(self, name: str) -> str:
        """Return the name of a field, or a path of names, as it may be shown: a long one is prose."""
        if self.is_idle or self.rules.personal:
            return name
        is_long = len(name) > PATH_CHARS_MAX or any(len(each) > LONG_CHARS for each in names_of(name))
        return MASK if is_long else redacted(name)

    def id(self, value: str) -> str:
        """Return an id as it may be shown."""
        return self.rules.pseudonym(value) if self.rules.pseudonym and value else value

    def message_id(self, value: str) -> str:
        """Return a message id as it may be shown: SDKs make them up, but for those that put something else there."""
        if self.is_idle or self.rules.pseudonym is None:
            return value
        is_made_up = TOKEN.fullmatch(value) and not looks_personal(value) and self.known.replaced(value) == value
        return value if is_made_up else self.rules.pseudonym(value)

    def lines(self, text: str) -> str:
        """Return a text with a `field = value` a line, as it may be shown."""
        if self.is_idle:
            return text
        return "\n".join(map(self._line, text.splitlines()))

    def json(self, text: str) -> str:
        """Return an answer, JSON or what may be JSON, as it may be shown."""
        if self.is_idle:
            return text
        try:
            document = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return self.text(text)
        return as_json(self._value(document, ["error"], answer=True, depth=0))

    def address(self, path: str) -> str:
        """Return the path of a call as it may be shown: a look-up names a person in its query."""
        if self.is_idle:
            return path
        path, mark, query = path.partition("?")
        pairs = [pair.partition("=") for pair in query.split("&")]
        shown = [
            f"{name}{sign}{MASK if value and not self.is_harmless(name) else value}" for name, sign, value in pairs
        ]
        return self.text(path) + mark + "&".join(shown)

    def is_harmless(self, name: str) -> bool:
        """Return whether what a look-up asks for by this name may be shown: how many, and from where."""
        if self.rules.takes_for_id(name) or self.rules.hides(name):
            return False
        return self.rules.personal or is_among(name, "limit, page, offset, cursor") or is_id(name)

    def story(self, story: Story) -> Story:
        """Return an event's story with what the destination said as it may be shown; the event itself stays as it is."""
        if self.is_idle:
            return story
        attempts = tuple(
            dataclasses.replace(each, path=self.address(each.path), answer=self.json(each.answer))
            for each in story.attempts
        )
        return dataclasses.replace(story, reason=self.text(story.reason), attempts=attempts)

    def _value(self, value: Any, names: list[str], *, answer: bool, depth: int) -> Any:
        if isinstance(value, str) and value.strip() in self.company_names:
            return redacted(value)
        if depth > DEPTH_MAX or any(self.rules.hides(name) for name in names[-2:]):
            return MASK
        if isinstance(value, dict):
            return {
                self.name(str(key)): self._value(inner, [str(key)], answer=answer, depth=depth + 1)
                for key, inner in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._value(inner, names, answer=answer, depth=depth + 1) for inner in value]
        return self._single(value, names[-1] if names else "", answer=answer)

    def _single(self, value: Any, name: str, *, answer: bool) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if is_id(name):
            return self._id(value, name)
        if not isinstance(value, str):
            return MASK if not self.rules.personal and is_number_of_somebody(value) else value
        if self.rules.personal or is_moment(value):
            return self.text(value)
        if answer and is_among(name, SENTENCES):
            return self.text(value)
        return self.text(value) if self._is_shown(value, name) else MASK

    def _is_shown(self, value: str, name: str) -> bool:
        return len(value) <= LONG_CHARS and is_among(name, self.rules.shown)

    def _id(self, value: Any, name: str) -> Any:
        if isinstance(value, str) and is_among(name, MESSAGE_IDS):
            return self.message_id(value)
        return self.id(str(value)) if self.rules.takes_for_id(name) else value

    def _line(self, line: str) -> str:
        field, sign, value = line.partition(" = ")
        if not sign:
            return self.text(line)
        try:
            shown = as_json(self.value(msgspec.json.decode(value), field.strip()))
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            shown = MASK
        return f"{self.name(field)}{sign}{shown}"

    def _stands_for(self, text: str, fields: list[str]) -> str | None:
        """Return what stands for a text of the event, given the paths of the fields it is in; None: it is shown."""
        if text in self.company_names:
            # Its own fields do not hide it; those of a person that say the same do.
            fields = [field for field in fields if not self._names_a_company(field)]
        paths = [field.split(SEPARATOR) for field in fields]
        if not paths:
            return None
        if len(text) >= VALUE_CHARS_MIN and any(self.rules.hides(name) for path in paths for name in path):
            return MASK
        names = {path[-1] for path in paths}
        if any(self.rules.takes_for_id(name) and not is_among(name, MESSAGE_IDS) for name in names):
            return self.id(text)
        if self.rules.personal or len(text) < VALUE_CHARS_MIN or is_moment(text):
            return None
        return None if all(is_id(name) or self._is_shown(text, name) for name in names) else MASK


NOTHING_HIDDEN = Mask(EVERYTHING)


def _texts(document: object) -> Iterator[tuple[str, str]]:
    """Yield every text and number of a document, trimmed, with the path of its field."""
    stack: list[tuple[object, str, int]] = [(document, "", 0)]
    while stack:
        value, path, depth = stack.pop()
        if isinstance(value, dict) and depth <= DEPTH_MAX:
            stack += [(inner, f"{path}{SEPARATOR}{key}"[-PATH_CHARS_MAX:], depth + 1) for key, inner in value.items()]
        elif isinstance(value, list) and depth <= DEPTH_MAX:
            stack += [(inner, path, depth + 1) for inner in value]
        elif isinstance(value, str) and (text := value.strip()):
            yield text, path
        elif isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= NUMBER_MIN:
            yield f"{value:.15g}" if isinstance(value, float) else _digits(value), path


def _digits(number: int) -> str:
    # Python refuses to write more digits than that.
    return str(number) if number.bit_length() < DIGITS_BITS_MAX else MASK


def names_of(field: str | None) -> list[str]:
    """Return the names in a path such as `traits.company["a.b"][0]`, the outermost first; indices are none."""
    names = []
    for quoted, bare in PART.findall(field or ""):
        names.append(json.loads(quoted) if quoted else bare)
    return names


PART = re.compile(r'\[("(?:[^"\\]|\\.)*")\]|([^.\[\]"]+)(?=[.\[]|$)')


def as_json(value: object) -> str:
    """Return a value as JSON."""
    return msgspec.json.encode(value).decode()
