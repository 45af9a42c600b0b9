"""Questions about stored events: what became of one, and which one last set a field of a person."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from penstock import causes
from penstock.buffer.port import Outcome, Shelf, Story
from penstock.convert import convert
from penstock.convert.explain import Explanation, Line, explain
from penstock.convert.explain import as_json as explanation_as_json
from penstock.convert.explain_leaves import as_text
from penstock.convert.plan import Call, Meaning, Plan, Unmappable
from penstock.convert.plan import Mapping as Options
from penstock.convert.wanted import Wishes, unwanted
from penstock.errors import TooCostly
from penstock.event import Event, enriched, mended
from penstock.ledger.record import CUSTOM
from penstock.ledger.weigh import Note
from penstock.operate.budget import within_budget
from penstock.operate.ledger import notes_of
from penstock.operate.masking import Mask
from penstock.reading import by_source, mapping_of, wishes_of
from penstock.settings import Settings
from penstock.timestamps import from_ms, to_text

#: Outcomes after which Custify holds what the event's calls say.
HELD = frozenset({Outcome.DELIVERED, Outcome.NO_OP, Outcome.COALESCED})
PAGE = 500
# What did not (yet) arrive is named, but not without end.
NOT_HELD_MAX = 20


@dataclasses.dataclass(frozen=True, slots=True)
class Account:
    """One stored event at one destination: what it means there, and how it stands."""

    destination: str
    story: Story
    explanation: Explanation
    #: What accept knew and the body did not say, or said otherwise: `receivedAt`, a corrected `timestamp`, …
    set_when_accepted: tuple[str, ...] = ()
    #: What the ledger decided about fields: kept back by a policy, a company taken from elsewhere.
    ledger: tuple[Note, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class FieldHistory:
    """Which event last set a field of a person, as far as was looked."""

    looked_at: int
    #: The event that Custify's value comes from, and the lines of its explanation about this field.
    setter: Story | None = None
    lines: tuple[Line, ...] = ()
    #: Newer events that would set the field too, and have not: they wait, or were refused.
    not_held: tuple[Story, ...] = ()


def accounts_of(shelf: Shelf, settings: Settings, message_id: str, destinations: Sequence[str]) -> list[Account]:
    """Return an event's account at each of these destinations that its source feeds."""
    accounts = []
    for name in destinations:
        story = shelf.story(name, message_id)
        if story and story.event.source in settings.sources_of(name):
            destination = settings.destinations[name]
            meant, added = _explained(story, _mapping_for(story, name, settings), wishes_of(destination, settings))
            accounts.append(Account(name, story, meant, added, tuple(notes_of(story))))
    return accounts


def explained(event: Event, mapping: Options, wishes: Wishes) -> tuple[Explanation, tuple[str, ...]]:
    """Return an event's explanation, and what was set when it was accepted. Pure."""
    call = enriched(event)
    refusal = unwanted(call, source=event.source, wishes=wishes)
    return explain(call, mapping, unwanted=refusal), _set_when_accepted(event, call)


def meant(event: Event, mapping: Options, wishes: Wishes) -> Meaning:
    """Return what an event means. Pure."""
    call = enriched(event)
    return unwanted(call, source=event.source, wishes=wishes) or convert(call, mapping)


def _explained(story: Story, mapping: Options, wishes: Wishes) -> tuple[Explanation, tuple[str, ...]]:
    # It was judged to cost more than any event may: that need not be found out again for each look at it.
    why = "it was given up because reading it does not end"
    if story.cause != causes.STUCK:
        try:
            return within_budget(explained, story.event, mapping, wishes)
        except TooCostly as error:
            why = str(error)
    return Explanation(mapping.name, Unmappable(f"not explained: {why}", causes.STUCK), ()), ()


def meaning_of(story: Story, destination: str, settings: Settings) -> Meaning:
    """Return what an event means for a destination with these settings.

    Raises KeyError for one they do not have, and TooCostly.
    """
    wishes = wishes_of(settings.destinations[destination], settings)
    return within_budget(meant, story.event, _mapping_for(story, destination, settings), wishes)


def masked(account: Account, mask: Mask) -> Account:
    """Return an account as it may be shown."""
    meaning = account.explanation.meaning
    if isinstance(meaning, Plan):
        meaning = Plan(tuple(dataclasses.replace(call, body=mask.value(call.body)) for call in meaning.calls))
    else:
        meaning = dataclasses.replace(meaning, reason=mask.text(meaning.reason))
    return dataclasses.replace(
        account,
        story=mask.story(account.story),
        explanation=dataclasses.replace(
            account.explanation, lines=_lines_masked(account.explanation.lines, mask), meaning=meaning
        ),
    )


def masked_history(history: FieldHistory, mask_of: Callable[[Event], Mask]) -> FieldHistory:
    """Return a field's history as it may be shown; each event has a mask of its own."""
    not_held = tuple(mask_of(story.event).story(story) for story in history.not_held)
    if history.setter is None:
        return dataclasses.replace(history, not_held=not_held)
    mask = mask_of(history.setter.event)
    lines = _lines_masked(history.lines, mask)
    return dataclasses.replace(history, setter=mask.story(history.setter), lines=lines, not_held=not_held)


def _lines_masked(lines: Iterable[Line], mask: Mask) -> tuple[Line, ...]:
    return tuple(
        dataclasses.replace(
            line,
            value=mask.value(line.value, line.source),
            sent=mask.value(line.sent, line.field),
            why=mask.text(line.why),
        )
        for line in lines
    )


def last_set(
    shelf: Shelf, settings: Settings, destination: str, *, person: str, field: str, look_at: int
) -> FieldHistory:
    """Walk the stored events, newest first, up to the one whose calls set this field of this person.

    Raises TooCostly.
    """
    looked_at, not_held = 0, tuple[Story, ...]()
    for page in _newest_first(shelf, destination, look_at):
        found = last_set_among(page, settings, destination, person=person, field=field)
        looked_at, not_held = looked_at + found.looked_at, (*not_held, *found.not_held)[:NOT_HELD_MAX]
        if found.setter is not None:
            return dataclasses.replace(found, looked_at=looked_at, not_held=not_held)
    return FieldHistory(looked_at, not_held=not_held)


def last_set_among(
    newest_first: Sequence[Story], settings: Settings, destination: str, *, person: str, field: str
) -> FieldHistory:
    """Walk these events up to the one whose calls set this field of this person. Raises TooCostly."""
    read_as = by_source(mapping_of(settings.destinations[destination], settings), settings)
    name = field.removeprefix("custom_attributes.")
    return within_budget(history_of, newest_first, read_as, settings.sources_of(destination), person, name)


def history_of(
    newest_first: Sequence[Story], read_as: Callable[[str], Options], sources: Sequence[str], person: str, field: str
) -> FieldHistory:
    """Walk these events up to the one whose calls set this field of this person. Pure."""
    not_held: list[Story] = []
    looked_at = 0
    for looked_at, story in enumerate(newest_first, 1):
        mapping = read_as(story.event.source)
        is_unread = story.event.source not in sources or story.cause == causes.STUCK
        if is_unread or not _sets(story, mapping, person, field):
            continue
        if story.state in HELD:
            lines = _lines_about(story, mapping, person, field)
            return FieldHistory(looked_at, story, lines, tuple(not_held))
        not_held.append(story)
        del not_held[NOT_HELD_MAX:]
    return FieldHistory(looked_at, not_held=tuple(not_held))


def account_as_json(account: Account) -> dict[str, object]:
    """Return an account as plain JSON, for programs."""
    story = account.story
    return {
        "destination": account.destination,
        **story_as_json(story),
        "set_when_accepted": account.set_when_accepted,
        "attempts": [dataclasses.asdict(attempt) for attempt in story.attempts],
        "ledger": [dataclasses.asdict(note) for note in account.ledger],
        "explanation": explanation_as_json(account.explanation),
    }


def history_as_json(history: FieldHistory) -> dict[str, object]:
    """Return a field's history as plain JSON, for programs."""
    return {
        "set_by": story_as_json(history.setter) if history.setter else None,
        "lines": [dataclasses.asdict(line) for line in history.lines],
        "not_held": [story_as_json(story) for story in history.not_held],
        "looked_at": history.looked_at,
    }


def story_as_json(story: Story) -> dict[str, object]:
    """Return what names a stored event, and how it stands."""
    return {
        "message_id": story.event.message_id,
        "seq": story.seq,
        "type": story.event.type,
        "source": story.event.source,
        "received_at": to_text(from_ms(story.event.received_at_ms)),
        "state": story.state,
        "reason": story.reason,
        "cause": story.cause,
        "ended_at": None if story.ended_at is None else to_text(from_ms(round(story.ended_at * 1000))),
    }


def _mapping_for(story: Story, destination: str, settings: Settings) -> Options:
    return by_source(mapping_of(settings.destinations[destination], settings), settings)(story.event.source)


def _set_when_accepted(event: Event, call: Mapping[str, object]) -> tuple[str, ...]:
    try:
        body = msgspec.json.decode(mended(event.body))
    except (msgspec.DecodeError, RecursionError):
        body = None
    said = body if isinstance(body, dict) else {}
    # What accept sets is text; nothing of the sender's that is nested is compared.
    return tuple(name for name, value in call.items() if isinstance(value, str) and said.get(name) != value)


def _newest_first(shelf: Shelf, destination: str, look_at: int) -> Iterator[Sequence[Story]]:
    page = shelf.stories(destination, limit=min(PAGE, look_at), newest=True)
    while page and look_at > 0:
        yield page[::-1]
        look_at -= len(page)
        page = shelf.stories(destination, before_seq=page[0].seq, limit=min(PAGE, max(look_at, 0)), newest=True)


def _calls_about(story: Story, mapping: Options, person: str) -> dict[int, Call]:
    """Return the calls of an event that write this person, with their places in the plan."""
    meaning = convert(enriched(story.event), mapping)
    calls = meaning.calls if isinstance(meaning, Plan) else ()
    return {
        number: call
        for number, call in enumerate(calls)
        if call.path == "/people" and person in {str(call.body.get("user_id")), str(call.body.get("email"))}
    }


def _sets(story: Story, mapping: Options, person: str, field: str) -> bool:
    for call in _calls_about(story, mapping, person).values():
        attributes = call.body.get("custom_attributes")
        own, attribute = field in call.body, isinstance(attributes, dict) and field in attributes
        # Kept back by a policy: the event named the field, and did not set it.
        kept_back = {note.field for note in notes_of(story) if note.path == call.path}
        if (own and field not in kept_back) or (attribute and CUSTOM + field not in kept_back):
            return True
    return False


def _lines_about(story: Story, mapping: Options, person: str, field: str) -> tuple[Line, ...]:
    calls = _calls_about(story, mapping, person)
    own, attribute = as_text((field,)), as_text(("custom_attributes", field))
    lines = explain(enriched(story.event), mapping).lines
    return tuple(line for line in lines if line.call in calls and _is_about(line.field or "", own, attribute))


def _is_about(named: str, own: str, attribute: str) -> bool:
    return named in {own, attribute} or named.startswith((f"{own}.", f"{own}["))
