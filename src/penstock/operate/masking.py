"""What viewers do not see: values of fields that name a person, wherever they are shown. Pure.

Fields are recognised by their names, however they are spelt; their values are then masked in other texts too, for
Custify's answers and Explain's sentences repeat them. Ids are not masked: without them no event could be found.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from penstock.buffer.port import Story
from penstock.event import Event, enriched
from penstock.settings import Settings

MASK = "(masked)"
# Shorter values are too common to be looked for inside of texts.
VALUE_CHARS_MIN = 3
DEPTH_MAX = 64


class Mask:
    """Masks what belongs to one event. Without fields it shows everything."""

    def __init__(self, fields: str, document: object = None) -> None:
        self.names = {_plain(name) for name in fields.split(",") if name.strip()}
        found = {text for text in self._named(document, 0) if len(text) >= VALUE_CHARS_MIN} if self.names else set()
        # The longest first: a name that is part of a longer one must not leave the rest of it.
        self.values = sorted(found, key=len, reverse=True)

    def hides(self, field: str | None) -> bool:
        """Return whether a field, such as `traits.email` or `custom_attributes.phone`, is masked."""
        return bool(self.names) and field is not None and _plain(field.rsplit(".", 1)[-1]) in self.names

    def value(self, value: Any, field: str | None = None, *, depth: int = 0) -> Any:
        """Return a value of a field as it may be shown."""
        if self.hides(field) or (depth > DEPTH_MAX and self.names):
            return MASK
        if not self.names:
            return value
        if isinstance(value, dict):
            return {key: self.value(inner, str(key), depth=depth + 1) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(inner, depth=depth + 1) for inner in value]
        return self.text(value) if isinstance(value, str) else value

    def text(self, text: str) -> str:
        """Return a text as it may be shown."""
        for value in self.values:
            text = text.replace(value, MASK)
        return text

    def lines(self, text: str) -> str:
        """Return a text with a `field = value` a line, as it may be shown."""
        if not self.names:
            return text
        lines = [line.partition(" = ") for line in text.splitlines()]
        shown = (
            f"{field}{sign}{MASK}" if sign and self.hides(field.strip()) else f"{field}{sign}{value}"
            for field, sign, value in lines
        )
        return self.text("\n".join(shown))

    def json(self, text: str) -> str:
        """Return JSON, or what may be JSON, as it may be shown."""
        if not self.names:
            return text
        try:
            document = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return self.text(text)
        return msgspec.json.encode(self.value(document)).decode()

    def address(self, path: str) -> str:
        """Return the path of a call as it may be shown: a look-up names a person in its query."""
        path, mark, query = path.partition("?")
        pairs = [pair.partition("=") for pair in query.split("&")]
        shown = [f"{name}={MASK}" if self.hides(name) else f"{name}{sign}{value}" for name, sign, value in pairs]
        return path + mark + "&".join(shown)

    def story(self, story: Story) -> Story:
        """Return an event's story with what Custify said as it may be shown; the event itself stays as it is."""
        attempts = tuple(
            dataclasses.replace(each, path=self.address(each.path), answer=self.json(each.answer))
            for each in story.attempts
        )
        return dataclasses.replace(story, reason=self.text(story.reason), attempts=attempts)

    def _named(self, document: object, depth: int) -> Iterator[str]:
        """Yield the texts of masked fields."""
        if depth > DEPTH_MAX:
            return
        if isinstance(document, Mapping):
            for key, value in document.items():
                if self.hides(str(key)):
                    yield from _texts(value, depth)
                else:
                    yield from self._named(value, depth + 1)
        elif isinstance(document, list):
            for value in document:
                yield from self._named(value, depth + 1)


def _texts(value: object, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield from {value, value.strip(), value.strip().lower()}
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, dict | list) and depth <= DEPTH_MAX:
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner, depth + 1)


def _plain(name: str) -> str:
    return "".join(char for char in name.lower() if char.isalnum())


def mask_of(event: Event, settings: Settings, *, personal: bool) -> Mask:
    """Return the mask for an event, for somebody who may, or may not, see what names a person."""
    return Mask("" if personal else settings.masked_fields, enriched(event) if not personal else None)
