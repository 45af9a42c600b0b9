"""What the pages with lists of events share: rows, filters out of the address, pages forwards and back."""

import dataclasses
from typing import Protocol

import msgspec

from penstock.buffer.port import Query, Story
from penstock.buffer.search_port import Found
from penstock.event import enriched
from penstock.operate.masking import mask_of
from penstock.operate.web import Visit
from penstock.settings import Settings

PAGE, DIGITS_MAX = 50, 18
NOTHING = Found(stories=(), next_seq=None)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An event in a list."""

    story: Story
    destination: str
    #: What it is called: the track's name, or its type.
    title: str
    reason: str


def row_of(story: Story, destination: str, reason: str | None = None) -> Row:
    """Return an event as a row."""
    body = enriched(story.event)
    name = body.get("event") if story.event.type == "track" else None
    title = name if isinstance(name, str) and name else story.event.type
    return Row(story=story, destination=destination, title=title, reason=story.reason if reason is None else reason)


def rows_of(found: Found, destination: str, *, visit: Visit, settings: Settings) -> list[Row]:
    """Return the events that were found and that this destination is sent."""
    sources = set(settings.sources_of(destination))
    personal = visit.may("personal")
    return [
        row_of(story, destination, mask_of(story.event, settings, personal=personal).text(story.reason))
        for story in found.stories
        if story.event.source in sources
    ]


def destination_of(visit: Visit, settings: Settings) -> str:
    """Return the destination that is asked for, else the first; empty when there is none."""
    names = list(settings.destinations)
    asked = visit.request.query_params.get("destination", "")
    return asked if asked in names else next(iter(names), "")


def query_of(visit: Visit) -> Query:
    """Return what a search form asks for."""
    given = {key: value.strip() for key, value in visit.request.query_params.items()}
    return msgspec.convert({key: given[key] for key in Query.__struct_fields__ if key in given}, Query)


def before_of(visit: Visit) -> int | None:
    """Return the place in the log before which the page begins."""
    text = visit.request.query_params.get("before", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < DIGITS_MAX else None


class HasNext(Protocol):
    """A page of something, that may have a next one."""

    @property
    def next_seq(self) -> int | None:
        """Return where the next page begins."""


def older_of(visit: Visit, found: HasNext) -> str:
    """Return the address of the next page; empty when there is none."""
    if found.next_seq is None:
        return ""
    address = visit.request.url.include_query_params(before=found.next_seq)
    return f"{address.path}?{address.query}"


def pretty(body: bytes) -> str:
    """Return JSON with line breaks; what is no JSON is shown as it came."""
    try:
        return msgspec.json.format(body, indent=2).decode(errors="replace")
    except (msgspec.DecodeError, RecursionError):
        return body.decode(errors="replace")
