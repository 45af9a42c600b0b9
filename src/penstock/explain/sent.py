"""What each attempt sent, byte for byte: as it was kept, or made again from the event and how it was read then.

That it is the same, the sum tells that was taken when it was sent.
"""

import dataclasses
import zlib
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from penstock.buffer.port.outcomes import GIVEN, Attempt, Outcome
from penstock.buffer.port.shelf import Story
from penstock.destinations.every import convert
from penstock.destinations.kept_options import read_options
from penstock.destinations.options import Options
from penstock.destinations.plan import Call, Meaning, Plan
from penstock.destinations.reading import by_source, call_of, options_of
from penstock.errors import TooCostly
from penstock.event import Event
from penstock.explain.budget import within_budget
from penstock.inspect.ledger import carrier_of
from penstock.inspect.masking import NOTHING_HIDDEN, Mask
from penstock.ledger.people import ONLY_COMPANY
from penstock.settings import Settings

OLDER = "it was sent by an older Penstock, which did not note what it sent"
CHANGED = "it cannot be made again: how events are read has changed since, in this Penstock or in the settings"
ALONG = "sent along by the ledger: from events that went with this one, or known and due to be said again"
WHOLE = "the call is that of an event that went with this one"
HELD_ALREADY = "all of it is held there already"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SentBody:
    """What one attempt sent."""

    #: Which attempt of the event it is, from 1.
    number: int
    attempt: Attempt
    #: The bytes; None when they are not known any more.
    body: bytes | None
    #: Why they are not known; empty when they are.
    why: str = ""
    #: What the ledger put in: fields, each with its value and why.
    added: Sequence[tuple[str, object, str]] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Unmade:
    """A call that the event means, and that was not made."""

    call: Call
    why: str
    #: The message id of the event whose call carried it; empty for every other.
    carrier: str = ""


def sent_bodies(story: Story, destination: str, settings: Settings) -> list[SentBody]:
    """Return what each attempt of an event sent, in order; look-ups send nothing. Raises TooCostly."""
    again = Again(story, destination, settings)
    numbered = [(number, each) for number, each in enumerate(story.attempts, 1) if each.method != "GET"]
    return [again.of(number, attempt) for number, attempt in numbered]


class Again:
    """Makes the calls of an event again as they were read when they were sent."""

    def __init__(self, story: Story, destination: str, settings: Settings) -> None:
        self.story = story
        now = by_source(options_of(settings.destinations[destination], settings), settings)(story.event.source)
        #: For what was sent before the readings of a destination were kept.
        self.now: Options = now
        self.read: dict[str, Sequence[Call]] = {}

    def of(self, number: int, attempt: Attempt) -> SentBody:
        """Return what an attempt sent."""
        if attempt.body_sum is None:
            return SentBody(number=number, attempt=attempt, body=None, why=OLDER)
        own = [
            call for call in self._calls(attempt.reading) if (call.method, call.path) == (attempt.method, attempt.path)
        ]
        made = own[0] if own else None
        if attempt.body is None or attempt.body.startswith(GIVEN):
            body = _encoded(made, attempt.body)
            is_same = body is not None and zlib.crc32(body) == attempt.body_sum
            body, why = (body, "") if is_same else (None, CHANGED)
        else:
            body, why = attempt.body, ""
        why_added = {made.company_field: ONLY_COMPANY} if made and attempt.body else {}
        added = list(_added(body, made, why_added)) if body is not None else []
        return SentBody(number=number, attempt=attempt, body=body, why=why, added=added)

    def _calls(self, reading: str) -> Sequence[Call]:
        if reading not in self.read:
            options = read_options(self.story.readings.get(reading)) or self.now
            self.read[reading] = _calls_of(within_budget(meant, self.story.event, options))
        return self.read[reading]


def sent_as_json(sent: SentBody, destination: str, mask: Mask = NOTHING_HIDDEN) -> dict[str, object]:
    """Return what an attempt sent as plain JSON, for programs; `body` is the text as it was sent."""
    body = sent.body
    if body is not None and not mask.is_idle:
        body = msgspec.json.encode(mask.value(msgspec.json.decode(body)))
    return {
        "destination": destination,
        "attempt": sent.number,
        "method": sent.attempt.method,
        "path": sent.attempt.path,
        "status": sent.attempt.status,
        "body": None if body is None else body.decode(),
        "why": sent.why,
        "added": [
            {"field": mask.name(field), "value": mask.value(value, field), "why": mask.text(why)}
            for field, value, why in sent.added
        ],
    }


def unmade(story: Story, meaning: Meaning) -> list[Unmade]:
    """Return the calls of an event that were not made once it had ended well, and why."""
    if story.state not in {Outcome.DELIVERED, Outcome.NO_OP, Outcome.COALESCED}:
        return []
    carrier, made = carrier_of(story), {(each.method, each.path) for each in story.attempts}
    why = "its call carried it along" if carrier else HELD_ALREADY
    left = [call for call in _calls_of(meaning) if (call.method, call.path) not in made]
    return [Unmade(call=call, why=why, carrier=carrier) for call in left]


def meant(event: Event, options: Options) -> Meaning:
    """Return what an event means, wanted or not: it was sent. Pure."""
    return convert(call_of(event, options), options)


def _calls_of(meaning: Meaning) -> Sequence[Call]:
    return meaning.calls if isinstance(meaning, Plan) else ()


def _encoded(call: Call | None, given: bytes | None) -> bytes | None:
    if call is None:
        return None
    call = call.of_company(given.removeprefix(GIVEN).decode()) if given else call
    return msgspec.json.encode(call.body)


def _added(body: bytes, made: Call | None, why: Mapping[str, str]) -> Iterator[tuple[str, object, str]]:
    """Yield what stands in a body that the event itself does not mean."""
    said = dict(_flat(made.body)) if made else {}
    other = ALONG if made else WHOLE
    for field, value in _flat(msgspec.json.decode(body)):
        if field not in said or msgspec.json.encode(said[field]) != msgspec.json.encode(value):
            yield field, value, why.get(field, other)


def _flat(body: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for name, value in body.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", each) for inner, each in value.items())
        else:
            yield name, value


def bodies_or_why(story: Story, destination: str, settings: Settings) -> tuple[list[SentBody], str]:
    """Return what each attempt sent, or why that cannot be said."""
    try:
        return sent_bodies(story, destination, settings), ""
    except TooCostly as error:
        return [], str(error)
