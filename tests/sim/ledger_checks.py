"""What must hold when the ledger has a say: Custify ends up as if every event had been sent, and no event vanishes there."""

import collections
from collections.abc import Iterator

import msgspec

from penstock import causes
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.port.shelf import Story
from penstock.event import UPSERTS
from penstock.timestamps import from_ms, to_text
from sim.checks import ends, orders_of, pace, repeats, rest, sums
from sim.script import who_of
from sim.story import History

DONE = {Outcome.DELIVERED, Outcome.NO_OP, Outcome.COALESCED}


def wrong_with_ledger(history: History) -> list[str]:
    """Return a sentence for everything that is wrong; nothing when all promises were kept."""
    return [
        *sums(history),
        *repeats(history),
        *ends(history),
        *pace(history),
        *rest(history),
        *_vanished(history),
        *_overtaken(history),
        *_differs(history),
        *_unknown(history),
        *_signed_up(history),
    ]


def _vanished(history: History) -> Iterator[str]:
    """An event that was delivered is kept: its person was known when it came."""
    for story in history.stories:
        mark = int(story.event.message_id[1:])
        if story.event.type == "track" and story.state == Outcome.DELIVERED and mark not in history.custify.kept:
            yield f"m{mark} vanished: it was settled as delivered, and Custify dropped it or never saw it"


def _overtaken(history: History) -> Iterator[str]:
    """Tracks of one person are kept in the order they were sent; replayed ones come later, in order too."""
    # One that died may have been applied all the same; Custify kept that one, and ignored the replayed one.
    before = {call.mark for call in history.applied[: history.applied_before_replay]}
    again = history.replayed - before
    for order in orders_of(history):
        for marks in ([m for m in order if m not in history.replayed], [m for m in order if m in again]):
            kept = [mark for mark in history.custify.kept if mark in marks]
            if kept != sorted(kept):
                yield f"{kept} is the order in which Custify has them"


def _differs(history: History) -> Iterator[str]:
    """Every field has the value of the last event that named it, unless one of those died, now or before a replay."""
    doubtful = {story.event.message_id for story in [*history.died, *history.stories] if story.state not in DONE}
    said: dict[tuple[str, str, str], list[Story]] = collections.defaultdict(list)
    for story in history.stories:
        for kind, id_, fields in _upserts(story):
            for field in fields:
                said[kind, id_, field].append(story)
    for (kind, id_, field), stories in said.items():
        if any(story.event.message_id in doubtful for story in stories):
            continue
        [expected] = [fields[field] for k, _, fields in _upserts(stories[-1]) if k == kind]
        held = (history.custify.people if kind == "person" else history.custify.companies).get(id_, {})
        if held.get(field) != expected:
            last = stories[-1].event.message_id
            yield f"{kind} {id_} has {field} = {held.get(field)!r}, and {last} said {expected!r} last"
    yield from _not_linked(history)


def _not_linked(history: History) -> Iterator[str]:
    for story in history.stories:
        person = who_of(story.event)
        if person.startswith("a") and not history.script.anonymous_fallback:
            continue  # a visitor is nobody there; only the company was written
        is_linked = story.event.company_id in history.custify.members[person]
        if story.event.type == "group" and story.state in DONE and not is_linked:
            yield f"{person} does not belong to {story.event.company_id}, though {story.event.message_id} said so"


def _unknown(history: History) -> Iterator[str]:
    """Nobody's event is given up as a stranger's once they are known."""
    known_at: dict[str, float] = {}
    for story in history.stories:
        if story.event.type != "track" and story.state in DONE:
            person = who_of(story.event)
            known_at[person] = min(known_at.get(person, float("inf")), story.ended_at or float("inf"))
    for story in history.stories:
        person = who_of(story.event)
        if story.cause == causes.PERSON_UNKNOWN and known_at.get(person, float("inf")) < (story.ended_at or 0.0):
            yield f"{story.event.message_id} was given up as a stranger's after {person} was known"


def _signed_up(history: History) -> Iterator[str]:
    """The sign-up date is that of the first event that was done, or of one before it that may have been applied."""
    firsts: dict[str, list[str]] = collections.defaultdict(list)
    ended: set[str] = set()
    died = {story.event.message_id for story in history.died}
    for story in history.stories:
        person = who_of(story.event)
        if story.event.type == "identify" and person not in ended:
            firsts[person].append(to_text(from_ms(story.event.received_at_ms)))
            if story.state in DONE and story.event.message_id not in died:
                ended.add(person)
    for person in ended:
        held = history.custify.people.get(person, {}).get("signed_up_at")
        if held not in firsts[person]:
            yield f"{person} signed up at {held}, and the first events said {firsts[person]}"


def _upserts(story: Story) -> list[tuple[str, str, dict[str, object]]]:
    """Return what an event says about whom: kind, id and fields."""
    event = story.event
    if event.type not in UPSERTS:
        return []
    traits = msgspec.json.decode(event.body)["traits"]
    said = {field: traits[field] for field in ("plan", "seats") if field in traits}
    kind, id_ = ("company", event.company_id) if event.type == "group" else ("person", who_of(event))
    return [(kind, id_, said)]
