"""Finding out by trial: the event is converted again with one of its values changed, and the plans are compared.

What is reported this way cannot drift from convert, because convert itself says it.
"""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence

from penstock.destinations.custify.options import Mapping as Options
from penstock.destinations.every import convert
from penstock.destinations.plan import Meaning, Plan
from penstock.explain.readings import ORDER, Conversion, Readable, Reading, probes, same
from penstock.json_paths import MISSING, Path, at, leaves, replaced, with_all


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


# What the trials of one page may cost: values of events converted. A usual event costs a hundredth of it; one that was
# made to cost time gets a shorter page.
STEPS_MAX = 400_000
# A long text costs as much as a value for each of so many letters.
STEP_CHARS = 500


@dataclasses.dataclass(slots=True)
class TrialSteps:
    """Counts what trials cost, so that no event costs without end."""

    left: int = STEPS_MAX

    @property
    def are_spent(self) -> bool:
        """Return whether no more trials should be begun."""
        return self.left <= 0


def _weight(value: object) -> int:
    return len(value) // STEP_CHARS if isinstance(value, str) else 0


def sent_of(meaning: Meaning, like: Sequence[str] = ()) -> Sent:
    """Return every single value of a plan; its calls are counted as those of another plan, by their paths.

    A variation of an event may have a call more, in front of the one that is looked at.
    """
    calls = meaning.calls if isinstance(meaning, Plan) else ()
    numbers, left, more = list[int](), list(enumerate(like)), itertools.count(len(like))
    for call in calls:
        number, path = next((each for each in left if each[1] == call.path), (-1, ""))
        if path:
            left.remove((number, path))
        numbers.append(number if path else next(more))
    return {Place(n, path): value for n, call in zip(numbers, calls, strict=True) for path, value in leaves(call.body)}


class Trials:
    """One event, one mapping, and what convert answers to variations of the event."""

    def __init__(self, event: object, mapping: Options, steps: TrialSteps, *, size: int = 0) -> None:
        self.event, self.mapping, self.steps = event, mapping, steps
        #: Steps that each trial takes.
        self.size = size or sum(1 + _weight(value) for _, value in leaves(event))
        own = self._meaning(event)
        self.sent, self.paths = sent_of(own), [call.path for call in own.calls] if isinstance(own, Plan) else []

    def sent_with(self, path: Path, value: object) -> Sent:
        """Return what would be sent if the event had this value there."""
        return sent_of(self._meaning(replaced(self.event, path, value)), self.paths)

    def sent_with_all(self, values: Mapping[Path, object]) -> Sent:
        """Return what would be sent if the event had all these values."""
        return sent_of(self._meaning(with_all(self.event, values)), self.paths)

    def without(self, path: Path) -> "Trials":
        """Return the trials of the event with a null there, and nulls say nothing."""
        mapping = dataclasses.replace(self.mapping, null_clears=False)
        return Trials(replaced(self.event, path, None), mapping, self.steps, size=self.size)

    def afresh(self) -> "Trials":
        """Return the same trials with steps of their own."""
        return Trials(self.event, self.mapping, TrialSteps(), size=self.size)

    def _meaning(self, event: object) -> Meaning:
        self.steps.left -= self.size
        return convert(event, self.mapping)

    def find(self, path: Path, value: object) -> Findings:
        """Put other values in a leaf's place, and see where they show."""
        shown_as, trial = Readable(value, path), Trial()
        claims = {place: ways for place, now in self.sent.items() if (ways := shown_as.ways(now, place.field))}
        for probe in probes(value):
            sent, probe_shown_as = self.sent_with(path, probe), Readable(probe, path)
            trial.matters |= len(sent) != len(self.sent)
            for place, now in _changes(self.sent, sent):
                ways = probe_shown_as.ways(now, place.field)
                trial.note(place, probe, ways, claims.get(place, set()), (self.sent.get(place, now), now))
            if claims and len(trial.fed) == len(claims):
                break
        return trial.findings()

    def follows(self, path: Path, value: object, place: Place) -> bool:
        """Return whether a place shows this leaf: its value now, and others when they stand there."""
        now = self.sent.get(place, MISSING)
        claim = Readable(value, path).ways(now, place.field) if now is not MISSING else set()
        for probe in probes(value) if claim else ():
            meaning = self._meaning(replaced(self.event, path, probe))
            calls = meaning.calls if isinstance(meaning, Plan) else ()
            body = calls[place.call].body if place.call < len(calls) else {}
            shown = now if (found := at(body, place.field)) is MISSING else found
            if not same(shown, now) and claim & Readable(probe, path).ways(shown, place.field):
                return True
        return False

    def shows(self, path: Path, value: object) -> bool:
        """Return whether another value in this place would show anywhere."""
        readable = Readable(value, path)
        return any(
            readable.ways(shown, place.field) for place, shown in _changes(self.sent, self.sent_with(path, value))
        )


@dataclasses.dataclass(slots=True)
class Trial:
    """What is known after some of the other values were put in a leaf's place."""

    matters: bool = False
    fed: dict[Place, Reading] = dataclasses.field(default_factory=dict)
    taken: dict[Place, tuple[object, ...]] = dataclasses.field(default_factory=dict)
    #: What was seen at a place that took another value.
    seen: dict[Place, list[object]] = dataclasses.field(default_factory=dict)
    #: Places that changed to something that is no reading of what was put in.
    steered: set[Place] = dataclasses.field(default_factory=set)

    def note(
        self, place: Place, probe: object, ways: set[Conversion], claimed: set[Conversion], seen: tuple[object, object]
    ) -> None:
        """Note that a place changed, and whether it now shows the other value as it showed the leaf."""
        self.matters = True
        if ways & claimed:
            self.fed.setdefault(place, min((way for way, _ in ways & claimed), key=lambda way: ORDER[way]))
        elif ways:
            self.taken[place] = (*self.taken.get(place, ()), probe)
            self.seen.setdefault(place, []).extend(seen)
        else:
            self.steered.add(place)

    def findings(self) -> Findings:
        """Return what the trials of a leaf brought out."""
        sure = {p: t for p, t in self.taken.items() if p not in {*self.fed, *self.steered} and not self._by_chance(p)}
        return Findings(self.fed, sure, self.matters)

    def _by_chance(self, place: Place) -> bool:
        # A true or false that shows up once can be anybody's; a text of ours, or one that changes along, cannot.
        seen = self.seen[place]
        return all(isinstance(value, bool) for value in seen) and len(set(seen)) < 2


def _changes(before: Sent, after: Sent) -> Iterator[tuple[Place, object]]:
    for place, shown in after.items():
        if not same(before.get(place, MISSING), shown):
            yield place, shown
