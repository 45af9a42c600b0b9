"""Finding out by trial: the event is converted again with one of its values changed, and the plans are compared.

What is reported this way cannot drift from convert, because convert itself says it.
"""

import dataclasses
from collections.abc import Iterator, Mapping

from penstock.convert.convert import convert
from penstock.convert.explain_leaves import MISSING, Path, leaves, replaced
from penstock.convert.explain_readings import ORDER, Readable, Reading, probes, same
from penstock.convert.plan import Mapping as Options
from penstock.convert.plan import Meaning, Plan


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """One value of a plan: which call, and where in its body."""

    call: int
    field: Path


Sent = Mapping[Place, object]


@dataclasses.dataclass(frozen=True, slots=True)
class Findings:
    """What the trials of one leaf brought out."""

    #: Where the leaf's value is sent, and how it was read.
    fed: Mapping[Place, Reading]
    #: Where another value in its place would be sent, and which values those were.
    would_feed: Mapping[Place, tuple[object, ...]]
    #: Whether the calls changed at all.
    matters: bool


def sent_of(meaning: Meaning) -> Sent:
    """Return every single value of a plan."""
    calls = meaning.calls if isinstance(meaning, Plan) else ()
    return {Place(n, path): value for n, call in enumerate(calls) for path, value in leaves(call.body)}


class Trials:
    """One event, one mapping, and what convert answers to variations of the event."""

    def __init__(self, event: object, mapping: Options) -> None:
        self.event, self.mapping = event, mapping
        self.sent = sent_of(convert(event, mapping))

    def sent_with(self, path: Path, value: object) -> Sent:
        """Return what would be sent if the event had this value there."""
        return sent_of(convert(replaced(self.event, path, value), self.mapping))

    def without(self, path: Path) -> "Trials":
        """Return the trials of the event with a null there, which says nothing in either mapping."""
        return Trials(replaced(self.event, path, None), self.mapping)

    def find(self, path: Path, value: object) -> Findings:
        """Put other values in a leaf's place, and see where they show."""
        readable = Readable(value, path)
        claims = {place: ways for place, shown in self.sent.items() if (ways := readable.ways(shown, place.field))}
        fed: dict[Place, Reading] = {}
        would_feed: dict[Place, tuple[object, ...]] = {}
        steered, seen, matters = set[Place](), dict[Place, list[object]](), False
        for probe in probes(value):
            sent, other = self.sent_with(path, probe), Readable(probe, path)
            for place, shown in _changes(self.sent, sent):
                ways = other.ways(shown, place.field)
                if both := ways & claims.get(place, set()):
                    fed.setdefault(place, min(both, key=lambda way: ORDER[way[0]])[0])
                elif not ways:
                    steered.add(place)
                else:
                    would_feed[place] = (*would_feed.get(place, ()), probe)
                    seen.setdefault(place, [self.sent[place]] if place in self.sent else []).append(shown)
                matters = True
            matters = matters or len(sent) != len(self.sent)
            if claims and len(fed) == len(claims):
                break
        would_feed = {
            p: taken for p, taken in would_feed.items() if p not in fed and p not in steered and not _by_chance(seen[p])
        }
        return Findings(fed, would_feed, matters)

    def follows(self, path: Path, value: object, place: Place) -> bool:
        """Return whether a place shows this leaf: its value now, and others when they stand there."""
        now = self.sent.get(place, MISSING)
        claim = Readable(value, path).ways(now, place.field) if now is not MISSING else set()
        for probe in probes(value) if claim else ():
            shown = self.sent_with(path, probe).get(place, now)
            if not same(shown, now) and claim & Readable(probe, path).ways(shown, place.field):
                return True
        return False

    def shows(self, path: Path, value: object) -> bool:
        """Return whether another value in this place would show anywhere."""
        readable = Readable(value, path)
        return any(
            readable.ways(shown, place.field) for place, shown in _changes(self.sent, self.sent_with(path, value))
        )


def _by_chance(seen: list[object]) -> bool:
    """A true or false that shows up once can be anybody's; a text of ours, or one that changes along, cannot."""
    return all(isinstance(shown, bool) for shown in seen) and len(set(seen)) < 2


def _changes(before: Sent, after: Sent) -> Iterator[tuple[Place, object]]:
    for place, shown in after.items():
        if not same(before.get(place, MISSING), shown):
            yield place, shown
