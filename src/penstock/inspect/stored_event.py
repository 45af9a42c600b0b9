"""A stored event at a destination, as all programs outside read it: the admin API, Explain, and the command line."""

from collections.abc import Sequence

import msgspec

from penstock.buffer.port.notes import company_given
from penstock.buffer.port.selection import companies_of
from penstock.buffer.port.shelf import Story
from penstock.destinations.kinds import explained
from penstock.event import Event, enriched
from penstock.inspect.eyes import Eyes
from penstock.inspect.masking import NOTHING_HIDDEN, Mask
from penstock.minimise.notes import read
from penstock.timestamps import from_ms, to_text


class StoredAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One call that was made, or tried."""

    at: str
    method: str
    path: str
    status: int | None
    answer: str
    duration_ms: int


class StoredEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What names an event, and how it stands. Times are RFC 3339, UTC, with milliseconds."""

    message_id: str
    seq: int
    source: str
    type: str
    #: What it is called beside its type: of a track its event, of all others their name.
    event: str
    user_id: str
    anonymous_id: str
    company_id: str
    received_at: str
    state: str
    cause: str
    reason: str
    #: What to do about the cause.
    advice: str
    ended_at: str | None
    attempts: Sequence[StoredAttempt]
    #: What was removed of it, by which rule, as sentences; never a value.
    removed: Sequence[str] = ()


def stored_event(story: Story, mask: Mask = NOTHING_HIDDEN) -> StoredEvent:
    """Return an event and how it stands. What the destination said of it is shown already, by the mask's `story`."""
    event = story.event
    called, company = named(event)
    company = company or company_given(story.notes)
    return StoredEvent(
        message_id=mask.message_id(event.message_id),
        seq=story.seq,
        source=event.source,
        type=mask.title(event.type),
        event=mask.title(called),
        user_id=_id(event.user_id, "userId", mask),
        anonymous_id=_id(event.anonymous_id, "userId", mask),
        company_id=_id(company, "groupId", mask),
        received_at=to_text(from_ms(event.received_at_ms)),
        state=story.state,
        cause=story.cause,
        reason=story.reason,
        advice=explained(story.cause).advice if story.cause else "",
        ended_at=None if story.ended_at is None else _time(story.ended_at),
        attempts=[
            StoredAttempt(
                at=_time(each.at),
                method=each.method,
                path=each.path,
                status=each.status,
                answer=each.answer,
                duration_ms=each.duration_ms,
            )
            for each in story.attempts
        ],
        removed=removed_of(event),
    )


def shown_event(story: Story, eyes: Eyes) -> StoredEvent:
    """Return an event and how it stands, as it may be shown."""
    mask = eyes.mask(story.event)
    return stored_event(mask.story(story), mask)


def removed_of(event: Event) -> list[str]:
    """Return what was removed of an event, and by which rule, as sentences."""
    return [each.sentence() for each in read(event.minimised)]


def named(event: Event) -> tuple[str, str]:
    """Return what an event is called beside its type, and the company it names; empty for neither."""
    body = enriched(event)
    name = body.get("event" if event.type == "track" else "name")
    companies = filter(None, (event.company_id, *companies_of(body)))
    return name if isinstance(name, str) else "", next(companies, "")


def _id(value: str, name: str, mask: Mask) -> str:
    """Return an id as it may be shown; settings may show all ids of a name."""
    return mask.id(value) if mask.rules.takes_for_id(name) else value


def _time(seconds: float) -> str:
    return to_text(from_ms(round(seconds * 1000)))
