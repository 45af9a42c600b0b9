"""What a replay would do with the mapping of now: events are read again, nothing is sent. What is answered then is not known."""

import collections
import dataclasses
from collections.abc import Callable, Mapping, Sequence

from penstock.buffer.port.shelf import Story
from penstock.destinations.options import Options
from penstock.destinations.plan import Plan, Unmappable
from penstock.destinations.reading import by_source, meaning_of, options_of, wishes_of
from penstock.destinations.wanted import Wishes
from penstock.explain.budget import within_budget
from penstock.settings import Settings


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPreview:
    """What would become of the events that were looked at."""

    #: Calls would be made of them.
    sent: int
    #: How many would be rejected again, and how many filtered, by reason; the most frequent first.
    rejected: Mapping[str, int]
    filtered: Mapping[str, int]
    #: That is what becomes of all events that the replay would take.
    is_all: bool


def preview(stories: Sequence[Story], destination: str, settings: Settings, *, is_all: bool) -> ReplayPreview:
    """Return what a replay of these events would do. Raises TooCostly."""
    target = settings.destinations[destination]
    read_as = by_source(options_of(target, settings), settings)
    found = within_budget(previewed, stories, read_as, wishes_of(target, settings))
    return dataclasses.replace(found, is_all=is_all)


def previewed(stories: Sequence[Story], read_as: Callable[[str], Options], wishes: Wishes) -> ReplayPreview:
    """Return what each event means now, counted. Pure."""
    sent, rejected, filtered = 0, collections.Counter[str](), collections.Counter[str]()
    for story in stories:
        meaning = meaning_of(story.event, read_as(story.event.source), wishes)
        if isinstance(meaning, Plan):
            sent += 1
        else:
            (rejected if isinstance(meaning, Unmappable) else filtered)[meaning.reason] += 1
    return ReplayPreview(
        sent=sent, rejected=dict(rejected.most_common()), filtered=dict(filtered.most_common()), is_all=True
    )
