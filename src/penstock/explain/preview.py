"""What a replay would do with the mapping of now: events are read again, nothing is sent. What is answered then is not known."""

import collections
import dataclasses
from collections.abc import Mapping, Sequence

from penstock.buffer.port.dead_letters import DeadLetters
from penstock.buffer.port.ledger import LedgerShelf
from penstock.buffer.port.outcomes import TAKEN
from penstock.buffer.port.selection import Selection
from penstock.buffer.port.shelf import Story
from penstock.destinations.plan import Call, Meaning, Plan, Unmappable
from penstock.errors import TooCostly
from penstock.explain.known import KnownNow
from penstock.explain.replayed import WouldSend, left_of
from penstock.settings import Settings

#: Events that are read for what a replay would do, and calls that are shown whole.
LOOKED_AT_MAX, SAMPLE_MAX = 200, 10


@dataclasses.dataclass(frozen=True, slots=True)
class PreviewedCall:
    """A call that would change something, and the event that it would be made for."""

    story: Story
    call: Call


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPreview:
    """What would become of the events that were looked at: `sent`, `repeats`, `up_to_date`, `rejected` and `filtered` make their number."""

    looked_at: int = 0
    #: Calls would be made for them that change something; and how many calls, by path.
    sent: int = 0
    calls: Mapping[str, int] = dataclasses.field(default_factory=dict)
    #: The destination has them, and would know them by their id: it ignores them.
    repeats: int = 0
    #: The destination has them, and nothing tells it so: they would count once more. They are among those `sent`.
    counted_again: int = 0
    #: Nothing would be sent: the destination holds it, or newer events have said all of it.
    up_to_date: int = 0
    #: Values of them are kept back, for newer events have said them since.
    overtaken: int = 0
    #: Of `sent` and `repeats`: the destination is asked for their person first, and if it has none, they wait.
    unknown_people: int = 0
    #: How many would be rejected again, and filtered, by reason; the most frequent first.
    rejected: Mapping[str, int] = dataclasses.field(default_factory=dict)
    filtered: Mapping[str, int] = dataclasses.field(default_factory=dict)
    #: Some of the first calls that would change something.
    sample: Sequence[PreviewedCall] = ()
    #: That is what becomes of all events that the replay would take.
    is_all: bool = True
    #: Of everybody they are about, all newer events were looked at.
    is_sure: bool = True


def preview(
    stories: Sequence[Story],
    destination: str,
    settings: Settings,
    shelf: LedgerShelf,
    *,
    is_all: bool,
    now: float,
    fresh_ids: bool = False,
) -> ReplayPreview:
    """Return what a replay of these events would do; `now` is in seconds since 1970. Raises TooCostly."""
    known = KnownNow(shelf, destination, settings)
    draft, meanings = Foretold(fresh_ids=fresh_ids), known.meanings([story.event for story in stories])
    known.prepare([(s.seq, what) for s, (what, _) in zip(stories, meanings, strict=True) if isinstance(what, Plan)])
    for story, (meaning, at_ms) in zip(stories, meanings, strict=True):
        left = left_of(story, meaning, known, at_ms=at_ms, now=now)
        if isinstance(meaning, Plan):
            known.learn(meaning, left.learned)
        draft.add(story, meaning, left)
    return draft.preview(looked_at=len(stories), is_all=is_all, is_sure=known.is_all)


def would_do(
    dead: DeadLetters,
    shelf: LedgerShelf,
    destination: str,
    selection: Selection,
    settings: Settings,
    *,
    now: float,
    fresh_ids: bool = False,
) -> tuple[ReplayPreview | None, str]:
    """Return what a replay would do of the first events it would take, and why that cannot be said; bounded work.

    None for none. `now` is in seconds since 1970.
    """
    page = dead.select(destination, selection, limit=LOOKED_AT_MAX)
    if not page.stories:
        return None, ""
    try:
        is_all = page.next_seq is None
        return preview(page.stories, destination, settings, shelf, is_all=is_all, now=now, fresh_ids=fresh_ids), ""
    except TooCostly as error:
        return None, str(error)


class Foretold:
    """What would become of events, counted one by one. Pure."""

    def __init__(self, *, fresh_ids: bool) -> None:
        self.fresh_ids = fresh_ids
        self.counts = collections.Counter[str]()
        self.calls, self.sample = collections.Counter[str](), list[PreviewedCall]()
        self.rejected, self.filtered = collections.Counter[str](), collections.Counter[str]()

    def add(self, story: Story, meaning: Meaning, left: WouldSend) -> None:
        """Count one event."""
        if not isinstance(meaning, Plan):
            (self.rejected if isinstance(meaning, Unmappable) else self.filtered)[meaning.reason] += 1
            return
        self.counts["overtaken"] += left.is_overtaken
        self.counts["unknown_people"] += bool(left.waits)
        calls = meaning.calls if left.waits else left.calls
        if not calls:
            self.counts["up_to_date"] += 1
        elif self._is_repeat(story, calls):
            self.counts["repeats"] += 1
        else:
            self._send(story, calls)

    def preview(self, *, looked_at: int, is_all: bool, is_sure: bool) -> ReplayPreview:
        """Return what was counted."""
        return ReplayPreview(
            looked_at=looked_at,
            calls=dict(self.calls),
            rejected=dict(self.rejected.most_common()),
            filtered=dict(self.filtered.most_common()),
            sample=self.sample,
            is_all=is_all,
            is_sure=is_sure,
            **self.counts,
        )

    def _is_repeat(self, story: Story, calls: Sequence[Call]) -> bool:
        told = all(call.about == "event" and call.repeat_id for call in calls)
        return told and story.state in TAKEN and not self.fresh_ids

    def _send(self, story: Story, calls: Sequence[Call]) -> None:
        self.counts["sent"] += 1
        self.counts["counted_again"] += story.state in TAKEN and any(call.about == "event" for call in calls)
        for call in calls:
            self.calls[call.path] += 1
            if len(self.sample) < SAMPLE_MAX:
                self.sample.append(PreviewedCall(story, call))
