"""Questions about stored events: what became of one, and which one last set a field of a person."""

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from penstock import causes
from penstock.buffer.port.log import SEQ_MAX
from penstock.buffer.port.outcomes import TAKEN
from penstock.buffer.port.shelf import Shelf, Story
from penstock.destinations import reading
from penstock.destinations.custify.calls import ATTRIBUTES, CUSTOM
from penstock.destinations.every import convert
from penstock.destinations.options import Options
from penstock.destinations.plan import Call, Meaning, Plan, Unmappable
from penstock.destinations.reading import by_source, call_of, options_of, refusal_of, wishes_of
from penstock.destinations.subjects import email_subject, user_subject
from penstock.destinations.times import happened
from penstock.destinations.wanted import Wishes
from penstock.envelope import filled
from penstock.errors import TooCostly
from penstock.event import Event, mended
from penstock.explain.budget import within_budget
from penstock.explain.explain import Explanation, Line, explain
from penstock.explain.explain import as_json as explanation_as_json
from penstock.explain.page import LEAVES_MAX
from penstock.inspect.ledger import notes_of
from penstock.inspect.masking import NOTHING_HIDDEN, Mask
from penstock.inspect.stored_event import stored_event
from penstock.json_paths import as_text
from penstock.ledger.weigh import Note
from penstock.settings import Settings

# Events read at once; each may have megabytes.
PAGE = 50
# What did not (yet) arrive is named, but not without end.
NOT_HELD_MAX = 20


@dataclasses.dataclass(frozen=True, slots=True)
class Account:
    """One stored event at one destination: what it means there, and how it stands."""

    destination: str
    story: Story
    explanation: Explanation
    #: What accept knew and the body did not say, or said otherwise: `receivedAt`, `type`, …
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


def accounts_of(
    shelf: Shelf,
    settings: Settings,
    message_id: str,
    destinations: Sequence[str],
    *,
    first: int = 0,
    leaves_max: int = LEAVES_MAX,
) -> list[Account]:
    """Return an event's account at each of these destinations that its source feeds; of its values a page."""
    accounts = []
    for name in destinations:
        story = shelf.story(name, message_id)
        if story and story.event.source in settings.sources_of(name):
            meant, added = explained(story, name, settings, first=first, leaves_max=leaves_max)
            accounts.append(Account(name, story, meant, added, tuple(notes_of(story))))
    return accounts


def explained(
    story: Story, destination: str, settings: Settings, *, first: int = 0, leaves_max: int = LEAVES_MAX
) -> tuple[Explanation, tuple[str, ...]]:
    """Explain a page of a stored event's values, and say what was set when it was accepted; everybody asks here."""
    mapping, wishes = (
        _mapping_for(story, destination, settings),
        wishes_of(settings.destinations[destination], settings),
    )
    # It was judged to cost more than any event may: that need not be found out again for each look at it.
    why = "it was given up because reading it does not end"
    if story.cause != causes.STUCK:
        try:
            return within_budget(page_explained, story.event, mapping, wishes, first, leaves_max)
        except TooCostly as error:
            why = str(error)
    return Explanation(mapping.name, Unmappable(f"not explained: {why}", causes.STUCK), ()), ()


def page_explained(
    event: Event, mapping: Options, wishes: Wishes, first: int, leaves_max: int
) -> tuple[Explanation, tuple[str, ...]]:
    """Return a page of an event's explanation, and what was set when it was accepted. Pure."""
    call = call_of(event, mapping)
    refusal = refusal_of(event, call, wishes)
    page = explain(call, mapping, unwanted=refusal, first=first, leaves_max=leaves_max)
    return page, _set_when_accepted(event, call)


def meaning_of(story: Story, destination: str, settings: Settings) -> Meaning:
    """Return what an event means for a destination with these settings.

    Raises KeyError for one they do not have, and TooCostly.
    """
    wishes = wishes_of(settings.destinations[destination], settings)
    return within_budget(reading.meaning_of, story.event, _mapping_for(story, destination, settings), wishes)


def happened_ms(story: Story, destination: str, settings: Settings) -> int:
    """Return when an event happened, as the destination reads it, milliseconds since 1970."""
    options = _mapping_for(story, destination, settings)
    at = happened(call_of(story.event, options), options).at
    return story.event.received_at_ms if at is None else int(at.timestamp() * 1000)


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
        ledger=tuple(
            dataclasses.replace(note, field=mask.name(note.field), why=mask.text(note.why)) for note in account.ledger
        ),
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
            source=None if line.source is None else mask.name(line.source),
            value=mask.value(line.value, line.source),
            field=None if line.field is None else mask.name(line.field),
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
    stories = newest_first(shelf, destination, look_at)
    while page := list(itertools.islice(stories, PAGE)):
        found = last_set_among(page, settings, destination, person=person, field=field)
        looked_at, not_held = looked_at + found.looked_at, (*not_held, *found.not_held)[:NOT_HELD_MAX]
        if found.setter is not None:
            return dataclasses.replace(found, looked_at=looked_at, not_held=not_held)
    return FieldHistory(looked_at, not_held=not_held)


def last_set_among(
    newest_first: Sequence[Story], settings: Settings, destination: str, *, person: str, field: str
) -> FieldHistory:
    """Walk these events up to the one whose calls set this field of this person. Raises TooCostly."""
    read_as = by_source(options_of(settings.destinations[destination], settings), settings)
    name = field.removeprefix(CUSTOM)
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
        if story.state in TAKEN:
            lines = _lines_about(story, mapping, person, field)
            return FieldHistory(looked_at, story, lines, tuple(not_held))
        not_held.append(story)
        del not_held[NOT_HELD_MAX:]
    return FieldHistory(looked_at, not_held=tuple(not_held))


def account_as_json(account: Account, mask: Mask = NOTHING_HIDDEN) -> dict[str, object]:
    """Return an account as plain JSON, for programs, with what names the event as it may be shown."""
    story = account.story
    return {
        "destination": account.destination,
        **msgspec.structs.asdict(stored_event(story, mask)),
        "set_when_accepted": account.set_when_accepted,
        "ledger": [dataclasses.asdict(note) for note in account.ledger],
        "explanation": explanation_as_json(account.explanation),
    }


def history_as_json(
    history: FieldHistory, mask_of: Callable[[Event], Mask] = lambda _: NOTHING_HIDDEN
) -> dict[str, object]:
    """Return a field's history as plain JSON, for programs."""
    return {
        "set_by": stored_event(history.setter, mask_of(history.setter.event)) if history.setter else None,
        "lines": [dataclasses.asdict(line) for line in history.lines],
        "not_held": [stored_event(story, mask_of(story.event)) for story in history.not_held],
        "looked_at": history.looked_at,
    }


def _mapping_for(story: Story, destination: str, settings: Settings) -> Options:
    return by_source(options_of(settings.destinations[destination], settings), settings)(story.event.source)


def _set_when_accepted(event: Event, call: Mapping[str, object]) -> tuple[str, ...]:
    try:
        body = msgspec.json.decode(mended(event.body))
    except (msgspec.DecodeError, RecursionError):
        body = None
    said = body if isinstance(body, dict) else {}
    if event.envelope:
        said = filled(said, msgspec.json.decode(event.envelope))
    # What accept sets is text; nothing of the sender's that is nested is compared.
    return tuple(name for name, value in call.items() if isinstance(value, str) and said.get(name) != value)


def newest_first(shelf: Shelf, destination: str, look_at: int, *, bytes_max: int | None = None) -> Iterator[Story]:
    """Yield the newest events of a destination; of large ones fewer, if `bytes_max` says so."""
    before, left = SEQ_MAX, bytes_max
    while look_at > 0 and (left is None or left > 0):
        page = shelf.stories(destination, before_seq=before, limit=min(PAGE, look_at), newest=True)
        if not page:
            return
        for story in reversed(page):
            if left is not None and left <= 0:
                return
            yield story
            left = None if left is None else left - len(story.event.body)
        look_at, before = look_at - len(page), page[0].seq


def _calls_about(story: Story, mapping: Options, person: str) -> dict[int, Call]:
    """Return the calls of an event that write this person, with their places in the plan."""
    meaning = convert(call_of(story.event, mapping), mapping)
    calls = meaning.calls if isinstance(meaning, Plan) else ()
    named = {user_subject(person), email_subject(person)}
    return {
        number: call
        for number, call in enumerate(calls)
        if call.about == "person" and named & {call.person, email_subject(str(call.email))}
    }


def _sets(story: Story, mapping: Options, person: str, field: str) -> bool:
    for call in _calls_about(story, mapping, person).values():
        own, attribute = field in call.body, CUSTOM + field in call.fields()
        # Kept back by a policy: the event named the field, and did not set it.
        kept_back = {note.field for note in notes_of(story) if note.path == call.path}
        if (own and field not in kept_back) or (attribute and CUSTOM + field not in kept_back):
            return True
    return False


def _lines_about(story: Story, mapping: Options, person: str, field: str) -> tuple[Line, ...]:
    calls = _calls_about(story, mapping, person)
    own, attribute = as_text((field,)), as_text((ATTRIBUTES, field))
    lines = explain(call_of(story.event, mapping), mapping, about=field).lines
    return tuple(line for line in lines if line.call in calls and _is_about(line.field or "", own, attribute))


def _is_about(named: str, own: str, attribute: str) -> bool:
    return named in {own, attribute} or named.startswith((f"{own}.", f"{own}["))
