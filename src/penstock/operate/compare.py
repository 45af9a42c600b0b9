"""What a mapping makes of the events that came lately: which fields it fills, and what another mapping would change. Pure."""

import collections
import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from penstock.buffer.port import Story
from penstock.convert import convert
from penstock.convert.plan import Call, Filtered, Plan, Unmappable
from penstock.convert.plan import Mapping as Options
from penstock.event import enriched

NESTED = ("custom_attributes", "metadata")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FieldUse:
    """One field of Custify, as events fill it."""

    path: str
    field: str
    #: In how many of the calls to this path.
    filled: int
    calls: int
    #: The newest value.
    example: object


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One event that would become something else."""

    story: Story
    before: str
    after: str


def field_uses(stories: Sequence[Story], options: Options) -> list[FieldUse]:
    """Return every field that the calls of these events fill, by path; stories come oldest first."""
    calls: collections.Counter[str] = collections.Counter()
    filled: collections.Counter[tuple[str, str]] = collections.Counter()
    example: dict[tuple[str, str], object] = {}
    for story in stories:
        meaning = convert(enriched(story.event), options)
        for call in meaning.calls if isinstance(meaning, Plan) else ():
            calls[call.path] += 1
            for field, value in _fields(call.body):
                filled[call.path, field] += 1
                example[call.path, field] = value
    return [
        FieldUse(path=path, field=field, filled=count, calls=calls[path], example=example[path, field])
        for (path, field), count in sorted(filled.items())
    ]


def changes(stories: Sequence[Story], before: Options, after: Options) -> Iterator[Change]:
    """Yield the events whose calls would differ."""
    for story in stories:
        event = enriched(story.event)
        old, new = convert(event, before), convert(event, after)
        if old != new:
            yield Change(story=story, before=_in_words(old), after=_in_words(new))


def _fields(body: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for field, value in body.items():
        if field in NESTED and isinstance(value, dict):
            yield from ((f"{field}.{key}", inner) for key, inner in value.items())
        else:
            yield field, value


def _in_words(meaning: Plan | Unmappable | Filtered) -> str:
    if isinstance(meaning, Plan):
        return "\n".join(_call(call) for call in meaning.calls)
    return f"not sent: {meaning.reason}"


def _call(call: Call) -> str:
    fields = "\n".join(f"  {field} = {value!r}" for field, value in _fields(call.body))
    return f"{call.method} {call.path}\n{fields}"
