"""What another mapping would change about the events that came lately. Pure."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from penstock.buffer.port.shelf import Story
from penstock.destinations.custify.calls import NESTED
from penstock.destinations.every import convert
from penstock.destinations.options import Options
from penstock.destinations.plan import Call, Filtered, Plan, Unmappable
from penstock.destinations.reading import call_of
from penstock.json_paths import as_text


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One event that would become something else."""

    story: Story
    before: str
    after: str


def changed(
    stories: Sequence[Story], before: Callable[[str], Options], after: Callable[[str], Options]
) -> list[Change]:
    """Return the events whose calls would differ; told the mapping of a source, before and after."""
    found = []
    for story in stories:
        event, source = story.event, story.event.source
        old, new = (convert(call_of(event, mapping), mapping) for mapping in (before(source), after(source)))
        if old != new:
            found.append(Change(story=story, before=in_words(old), after=in_words(new)))
    return found


def fields_of(body: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield every field of a call; attributes and metadata one by one."""
    for field, value in body.items():
        if field in NESTED and isinstance(value, dict):
            yield from ((as_text((field, key)), inner) for key, inner in value.items())
        else:
            yield field, value


def in_words(meaning: Plan | Unmappable | Filtered) -> str:
    """Return what an event means as text, a line a field."""
    if isinstance(meaning, Plan):
        return "\n".join(_call(call) for call in meaning.calls)
    return f"not sent: {meaning.reason}"


def json_text(value: object) -> str:
    """Return a value as JSON writes it."""
    return msgspec.json.encode(value).decode()


def _call(call: Call) -> str:
    fields = "\n".join(f"  {field} = {json_text(value)}" for field, value in fields_of(call.body))
    return f"{call.method} {call.path}\n{fields}"
