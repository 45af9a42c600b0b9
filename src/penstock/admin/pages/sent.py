"""The part of an event's page that tells what was sent, what was not, and what a replay would send."""

import dataclasses
from collections.abc import Sequence

import msgspec

from penstock.admin.pages.rows import event_address, pretty
from penstock.admin.pages.web import Visit
from penstock.buffer.port.outcomes import Attempt
from penstock.explain.questions import Account, happened_ms
from penstock.explain.replayed import WouldSend, would_send
from penstock.explain.sent import SentBody, bodies_or_why, unmade
from penstock.inspect.masking import Mask
from penstock.inspect.parts import LINE_CHARS, TEXT_CHARS, cut
from penstock.inspect.status import StatusReader

# Attempts whose bytes are shown on one page, the newest first.
SHOWN = 3


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SentShown:
    """What one attempt sent, beside the answer, as the viewer may see it."""

    number: int
    attempt: Attempt
    text: str
    is_cut: bool
    #: Why the bytes are not known; empty when they are.
    why: str
    answer: str
    #: What the ledger put in: field, value and why.
    added: Sequence[tuple[str, str, str]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class UnmadeShown:
    """A call that was not made: which, why, and the page of the event that carried it."""

    path: str
    why: str
    href: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SentPart:
    """All of it."""

    sent: Sequence[SentShown]
    #: Earlier attempts whose bytes are to be had one by one.
    left_out: int
    problem: str
    unmade: Sequence[UnmadeShown]
    replay: WouldSend
    #: The calls of a replay, as a person reads them.
    replayed: Sequence[tuple[str, str]]


def sent_part(account: Account, visit: Visit, reader: StatusReader, mask: Mask) -> SentPart:
    """Return what the page of an event tells of its calls."""
    story, meaning, name = account.story, account.explanation.meaning, account.destination
    bodies, problem = bodies_or_why(story, name, reader.settings)
    settings, at_ms = reader.settings, happened_ms(story, name, reader.settings)
    replay = would_send(story, meaning, name, settings, reader.ledger, at_ms=at_ms, now=reader.clock.now())
    return SentPart(
        sent=[_shown(each, mask) for each in reversed(bodies[-SHOWN:])],
        left_out=max(0, len(bodies) - SHOWN),
        problem=problem,
        unmade=[
            UnmadeShown(path=each.call.path, why=each.why, href=_carrier(each.carrier, name, visit, mask))
            for each in unmade(story, meaning)
        ],
        replay=replay,
        replayed=[
            (call.path, cut(pretty(msgspec.json.encode(mask.value(call.body))), TEXT_CHARS)) for call in replay.calls
        ],
    )


def body_shown(sent: SentBody, mask: Mask) -> bytes:
    """Return what was sent: byte for byte, or as much of it as the viewer may see."""
    body = sent.body or b""
    return body if mask.is_idle or not body else msgspec.json.encode(mask.value(msgspec.json.decode(body)))


def _shown(sent: SentBody, mask: Mask) -> SentShown:
    text = body_shown(sent, mask).decode(errors="replace")
    return SentShown(
        number=sent.number,
        attempt=sent.attempt,
        text=text[:TEXT_CHARS],
        is_cut=len(text) > TEXT_CHARS,
        why=sent.why,
        answer=pretty(mask.json(sent.attempt.answer).encode())[:TEXT_CHARS],
        added=[
            (cut(mask.name(field)), cut(mask.value(value, field), LINE_CHARS), cut(mask.text(why)))
            for field, value, why in sent.added[:20]
        ],
    )


def _carrier(message_id: str, name: str, visit: Visit, mask: Mask) -> str:
    if not message_id:
        return ""
    return event_address(name, visit.eyes.message_link(mask.message_id(message_id), message_id))
