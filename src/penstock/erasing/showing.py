"""What is shown of people to those who may see it: what an erasure would take, before anybody agrees; and all there is, as one file."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from penstock.buffer.port.shelf import Shelf, Story
from penstock.erasing.asking import Persons
from penstock.erasing.searching import Everything, Searching, by_store
from penstock.erasing.writing import text_of
from penstock.event import Event
from penstock.ledger.record import decoded
from penstock.minimise.notes import read
from penstock.privacy.suppressed import SuppressedList

EXPORT_FORM = "penstock-person/1"


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What an erasure would take."""

    given: Sequence[str]
    #: Everybody who would go; those beside the given were found to be the same.
    names: Sequence[str]
    #: By file: how many things of each kind.
    stores: Mapping[str, Mapping[str, int]]
    #: Ids that other people have too, with those.
    shared: Mapping[str, Sequence[str]]
    #: Companies that would go: how many people were seen in them, who stay.
    people_left: Mapping[str, int]
    #: Events of others that have one of the names somewhere in them, and stay.
    mentions: int
    #: Destinations that would be asked to delete.
    destinations: Sequence[str]

    @property
    def is_nothing(self) -> bool:
        """Return whether nothing is held here."""
        return not any(counts for counts in self.stores.values())

    def lines(self) -> Iterator[str]:
        """Yield what a person should know before agreeing."""
        yield f"who: {', '.join(self.names)}"
        if found := sorted(set(self.names) - set(self.given)):
            yield f"  found to be the same: {', '.join(found)}"
        for name, others in self.shared.items():
            yield f"  shared: {name} is also of {', '.join(others)}, whose events stay"
        for company, count in self.people_left.items():
            yield f"  {company}: {count} people were seen in it; they stay, without it"
        for file, counts in self.stores.items():
            yield f"{file}: {', '.join(f'{count} {kind}' for kind, count in counts.items()) or 'nothing'}"
        if self.mentions:
            yield f"{self.mentions} events of other people name them somewhere, and stay"
        yield f"then deleted at: {', '.join(self.destinations) or 'no destination'}"


def preview(searching: Searching, given: Persons, destinations: Sequence[str]) -> Preview:
    """Return what an erasure would take. Takes seconds. Raises BufferUnavailable, StoreDamaged."""
    found = searching.everything(given)
    return Preview(
        given=sorted(given),
        names=sorted(found.linked.names),
        stores=by_store(found),
        shared=found.linked.shared,
        people_left=found.linked.people_left,
        mentions=searching.mentions(found),
        destinations=destinations,
    )


def export(searching: Searching, shelf: Shelf, people: SuppressedList, given: Persons, *, now: float) -> dict[str, Any]:
    """Return all that is held about a person, as JSON has it; `now` is in seconds since 1970.

    It goes by the search that an erasure goes by. Raises BufferUnavailable, StoreDamaged.
    """
    found = searching.everything(given)
    destinations = sorted(searching.destinations())
    return {
        "form": EXPORT_FORM,
        "at": text_of(now),
        "names": sorted(found.linked.names),
        "shared_with_others": found.linked.shared,
        "is_suppressed": any(map(people.has, found.linked.names)),
        "counts": by_store(found),
        "events": [_event(shelf, destinations, seq) for seq in found.linked.seqs],
        "records": _records(searching, destinations, found),
        "ties": sorted(set(searching.traces.ties(found.linked.names))),
        "asked_and_noted": [*found.control.texts, *found.refused],
    }


def _event(shelf: Shelf, destinations: Sequence[str], seq: int) -> dict[str, Any]:
    told = {
        name: story
        for name in destinations
        for story in shelf.stories(name, after_seq=seq - 1, before_seq=seq + 1, limit=1)
        if story.seq == seq
    }
    whole = next(iter(told.values()), None)
    return {
        "number": seq,
        **(_call(whole.event) if whole else {}),
        "destinations": {name: _story(story) for name, story in told.items()},
    }


def _call(event: Event) -> dict[str, Any]:
    return {
        "source": event.source,
        "received_at": text_of(event.received_at_ms / 1000),
        "message_id": event.message_id,
        "type": event.type,
        "sender": event.request_ip,
        "call": _json(event.body),
        "shared_by_its_batch": _json(event.envelope) if event.envelope else {},
        "removed": [each.sentence() for each in read(event.minimised)],
    }


def _story(story: Story) -> dict[str, Any]:
    ended_at = text_of(story.ended_at) if story.ended_at else ""
    attempts = [
        {"at": text_of(a.at), "method": a.method, "path": a.path, "status": a.status, "answer": a.answer}
        for a in story.attempts
    ]
    facts = {"state": story.state, "reason": story.reason, "cause": story.cause, "ended_at": ended_at}
    return {**facts, "attempts": attempts}


def _records(searching: Searching, destinations: Sequence[str], found: Everything) -> dict[str, Any]:
    records: dict[str, Any] = {}
    for destination in destinations:
        for name in sorted(found.linked.names):
            record = decoded(searching.ledger.record(destination, name))
            if record is not None:
                records.setdefault(destination, {})[name] = msgspec.to_builtins(record)
    return records


def _json(text: bytes) -> object:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text.decode(errors="replace")
