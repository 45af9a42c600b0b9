"""What the pages with lists of events share: rows, filters out of the address, pages forwards and back."""

import dataclasses
import re
import urllib.parse
from typing import Protocol

import msgspec

from penstock.admin.pages.web import Visit
from penstock.buffer.port.notes import company_given
from penstock.buffer.port.query import Query
from penstock.buffer.port.search import Found
from penstock.buffer.port.shelf import Story
from penstock.event import enriched
from penstock.inspect.eyes import Eyes
from penstock.inspect.free_text import sightings
from penstock.inspect.masking import Mask
from penstock.inspect.parts import DEPTH_MAX, LINE_CHARS, WORD_CHARS, cut
from penstock.inspect.stored_event import named
from penstock.inspect.words import sentence
from penstock.minimise.notes import is_body_gone
from penstock.settings import Settings

# Rows of one page: with all that stands around them, two screens.
PAGE, DIGITS_MAX = 20, 18
PEOPLE, ACCOUNTS = "/people", "/accounts"
BRACKETS = re.compile(rb"[\[\]{}]")
#: Of these nothing is kept that could be sent again.
GONE = frozenset({"suppressed", "erased"})
NOTHING = Found(stories=(), next_seq=None)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An event in a list, as the viewer may see it."""

    story: Story
    destination: str
    #: What it is called: the track's name, or its type.
    title: str
    type: str
    reason: str
    #: Who it is about: as it is shown, and as an address names it.
    person: str
    person_link: str
    person_href: str
    #: The account that it names, or was given to on its way out; empty for neither.
    account: str
    account_href: str
    message_id: str
    #: The page of the event.
    href: str
    #: Where it is asked to be sent again; empty for what has not ended, or is not kept.
    again_href: str = ""
    #: What looks personal in it where that is not expected, by kind.
    seen: str = ""


def row_of(story: Story, destination: str, eyes: Eyes, mask: Mask | None = None) -> Row:
    """Return an event as a row."""
    event = story.event
    mask = mask or eyes.mask(event)
    body = mask.document if isinstance(mask.document, dict) else enriched(event)
    name = body.get("event") if event.type == "track" else None
    title = name if isinstance(name, str) and name else event.type
    person = event.user_id or event.anonymous_id
    company = named(event)[1] or company_given(story.notes)
    message_id = mask.message_id(event.message_id)
    link = eyes.message_link(message_id, event.message_id)
    return Row(
        story=story,
        destination=destination,
        title=cut(mask.title(title), WORD_CHARS),
        type=cut(mask.title(event.type), WORD_CHARS),
        reason=cut(sentence(mask.text(story.reason)), LINE_CHARS),
        person=cut(eyes.person(person), WORD_CHARS),
        person_link=eyes.person_link(person),
        person_href=person_address(destination, eyes.person_link(person)) if person else "",
        account=cut(eyes.company(company), WORD_CHARS),
        account_href=account_address(destination, eyes.company_link(company)) if company else "",
        message_id=cut(message_id, WORD_CHARS),
        href=event_address(destination, link),
        again_href=_address("/replays/new", destination=destination, outcome="any", message_id=link)
        if story.ended_at and story.state not in GONE and not is_body_gone(event.minimised)
        else "",
        seen=", ".join(sorted({each.kind for each in sightings(body)})),
    )


def event_address(destination: str, message_link: str) -> str:
    """Return the address of an event's page."""
    return f"/events/{urllib.parse.quote(destination)}/{urllib.parse.quote(message_link)}"


def person_address(destination: str, link: str) -> str:
    """Return the address of a person's page."""
    return _address(PEOPLE, destination=destination, person=link)


def account_address(destination: str, link: str) -> str:
    """Return the address of an account's page."""
    return _address(ACCOUNTS, destination=destination, company=link)


def _address(page: str, **fields: str) -> str:
    return f"{page}?{urllib.parse.urlencode(fields, errors='surrogatepass')}"


def rows_of(found: Found, destination: str, *, visit: Visit, settings: Settings) -> list[Row]:
    """Return the events that were found and that this destination is sent."""
    sources = set(settings.sources_of(destination))
    return [row_of(story, destination, visit.eyes) for story in found.stories if story.event.source in sources]


def destination_of(visit: Visit, settings: Settings) -> str:
    """Return the destination that is asked for, else the first; empty when there is none."""
    names = list(settings.destinations)
    asked = visit.request.query_params.get("destination", "")
    return asked if asked in names else next(iter(names), "")


def query_of(visit: Visit) -> Query:
    """Return what a search form asks for."""
    given = {key: value.strip() for key, value in visit.request.query_params.items()}
    for key in ("person", "company", "message_id"):
        given[key] = visit.eyes.opened(given.get(key, ""))
    # Times are read by spans.py, where a page has them.
    texts = set(Query.__struct_fields__) - {"since", "until"}
    return msgspec.convert({key: given[key] for key in texts if key in given}, Query)


def asked_of(visit: Visit, query: Query) -> Query:
    """Return what a search form asks for as it stood in the address: a pseudonym stays one."""
    given = visit.request.query_params
    ids = {key: given.get(key, "").strip() for key in ("person", "company", "message_id")}
    return msgspec.structs.replace(query, **ids)


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
    """Return JSON with line breaks; what is no JSON, or nested so deep that it would be mostly space, as it came."""
    if _depth(body) > DEPTH_MAX:
        return body.decode(errors="replace")
    try:
        return msgspec.json.format(body, indent=2).decode(errors="replace")
    except (msgspec.DecodeError, RecursionError):
        return body.decode(errors="replace")


def _depth(body: bytes) -> int:
    """Return how deep JSON is nested at most; brackets in its texts count too."""
    deepest = depth = 0
    for bracket in BRACKETS.finditer(body):
        depth += 1 if bracket[0] in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest
