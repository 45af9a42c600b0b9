"""Every field of Custify: what it is read from, how often it is filled, an example; and which traits go nowhere. Pure.

Where a value comes from is not looked up in a table but found by Explain, on a few events that show every field and
every trait there was.
"""

import collections
import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence

from penstock.buffer.port.shelf import Story
from penstock.destinations.custify.fields import MADE_UP, PATHS, STANDARD
from penstock.destinations.custify.options import Mapping
from penstock.destinations.every import convert
from penstock.destinations.plan import Plan
from penstock.destinations.reading import call_of
from penstock.explain.compare import fields_of
from penstock.explain.explain import Explanation, explain

# Events explained for one page; each costs about as much as a hundred conversions.
EXPLAINED_MAX, EXPLAINED_BYTES_MAX = 20, 1_000_000
SOURCE_CHARS_MAX = 1_000
MADE = "set by the mapping"
PLACES = (("traits",), ("context", "traits"), ("properties",))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FieldUse:
    """One field of Custify, as events fill it."""

    path: str
    field: str
    #: Where its values came from, as far as events showed; else where they would.
    sources: tuple[str, ...]
    #: In how many of the calls to this path.
    filled: int
    calls: int
    #: The newest value, and the event it is of; None where there is none.
    example: object
    story: Story | None

    @property
    def is_custom(self) -> bool:
        """Return whether Custify has no field of its own for it."""
        return self.field.startswith(MADE_UP)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class UnsentTrait:
    """A trait or property that reaches no field."""

    source: str
    why: str
    #: How many of the events have it.
    count: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """What became of everything that came lately."""

    uses: list[FieldUse]
    unsent: list[UnsentTrait]


@dataclasses.dataclass(slots=True)
class Tally:
    """What some events fill: what is shown of them all is made from this, and from a few of them."""

    looked_at: int = 0
    calls: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    filled: collections.Counter[tuple[str, str]] = dataclasses.field(default_factory=collections.Counter)
    newest: dict[tuple[str, str], tuple[object, Story]] = dataclasses.field(default_factory=dict)
    traits: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    shown: dict[tuple[str, str], Story] = dataclasses.field(default_factory=dict)

    def with_older(self, older: "Tally") -> "Tally":
        """Return the same of these events and of older ones."""
        return Tally(
            looked_at=self.looked_at + older.looked_at,
            calls=self.calls + older.calls,
            filled=self.filled + older.filled,
            newest={**older.newest, **self.newest},
            traits=self.traits + older.traits,
            shown={**older.shown, **self.shown},
        )


def fields(stories: Sequence[Story], mapping_of: Callable[[str], Mapping]) -> Fields:
    """Return every field and every trait; stories come oldest first, and each source has its mapping."""
    return fields_in(tally(stories, mapping_of), mapping_of)


def tally(stories: Sequence[Story], mapping_of: Callable[[str], Mapping]) -> Tally:
    """Count what events fill; stories come oldest first. Pure."""
    found = Tally(looked_at=len(stories))
    for story in stories:
        mapping = mapping_of(story.event.source)
        event = call_of(story.event, mapping)
        meaning = convert(event, mapping)
        for call in meaning.calls if isinstance(meaning, Plan) else ():
            found.calls[call.path] += 1
            for field, value in fields_of(call.body):
                found.filled[call.path, field] += 1
                found.newest[call.path, field] = value, story
        for trait in set(_traits(event)):
            found.traits[trait] += 1
            found.shown[story.event.type, trait] = story
    return found


def fields_in(found: Tally, mapping_of: Callable[[str], Mapping]) -> Fields:
    """Return every field and every trait of what was counted."""
    few = _few(found.newest, found.shown)
    read = [(story.event, mapping_of(story.event.source)) for story in few]
    explanations = [explain(call_of(event, mapping), mapping) for event, mapping in read]
    sources = _sources(explanations)
    uses = [
        _use(key, sources.get(key, ()), found.filled[key], found.calls[key[0]], found.newest.get(key))
        for key in sorted(found.filled.keys() | STANDARD.keys(), key=_order)
    ]
    return Fields(uses=uses, unsent=_unsent(explanations, found.traits))


def _use(
    key: tuple[str, str], sources: Sequence[str], filled: int, calls: int, newest: tuple[object, Story] | None
) -> FieldUse:
    example, story = newest or (None, None)
    return FieldUse(
        path=key[0],
        field=key[1],
        sources=tuple(sources) or tuple(filter(None, [STANDARD.get(key, "")])),
        filled=filled,
        calls=calls,
        example=example,
        story=story,
    )


def _few(newest: dict[tuple[str, str], tuple[object, Story]], shown: dict[tuple[str, str], Story]) -> list[Story]:
    """Return a few events that, together, show every field and every trait; as far as a few can."""
    wanted: collections.Counter[int] = collections.Counter()
    by_seq: dict[int, Story] = {}
    for story in [*(story for _, story in newest.values()), *shown.values()]:
        wanted[story.seq] += 1
        by_seq[story.seq] = story
    few, left = [], EXPLAINED_BYTES_MAX
    for seq, _ in wanted.most_common(EXPLAINED_MAX):
        if left > 0:
            few.append(by_seq[seq])
        left -= len(by_seq[seq].event.body)
    return few


def _sources(explanations: Sequence[Explanation]) -> dict[tuple[str, str], list[str]]:
    """Return where each field's values came from, the most frequent first."""
    seen: dict[tuple[str, str], collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for explanation in explanations:
        calls = explanation.meaning.calls if isinstance(explanation.meaning, Plan) else ()
        for line in explanation.lines:
            if line.call is not None and line.field is not None:
                seen[calls[line.call].path, _outer(line.field)][_general(line.source or MADE)] += 1
    return {
        key: sorted((source for source, _ in counter.most_common(3)), key=_is_made) for key, counter in seen.items()
    }


def _is_made(source: str) -> bool:
    return source == MADE


def _unsent(explanations: Sequence[Explanation], traits: collections.Counter[str]) -> list[UnsentTrait]:
    found: dict[str, str] = {}
    for explanation in explanations:
        for line in explanation.lines:
            source = _general(line.source or "")
            if line.call is None and source.startswith(("traits.", "context.traits.", "properties.")):
                found.setdefault(source, line.why)
    return [
        UnsentTrait(source=source, why=why, count=max((traits[trait] for trait in _around(source)), default=0) or 1)
        for source, why in sorted(found.items())
    ]


def _traits(event: dict[str, object]) -> Iterator[str]:
    """Yield the outer name of every trait and property."""
    for place in PLACES:
        value: object = event
        for key in place:
            value = value.get(key) if isinstance(value, dict) else None
        yield from (f"{'.'.join(place)}.{key}" for key in (value if isinstance(value, dict) else ()))


def _around(source: str) -> Iterator[str]:
    """Yield a source, and everything that it is inside of."""
    yield source
    yield from (source[:at] for at, char in enumerate(source[:SOURCE_CHARS_MAX]) if char in ".[")


def _outer(field: str) -> str:
    """Return a field as the table has it: an attribute by its name, everything else by its outermost."""
    return field if field.startswith(MADE_UP) else re.split(r"[.\[]", field, maxsplit=1)[0]


def _general(source: str) -> str:
    return re.sub(r"\[\d+\]", "[…]", source)


def _order(key: tuple[str, str]) -> tuple[int, bool, str]:
    path, field = key
    return PATHS.index(path), field.startswith(MADE_UP), field
