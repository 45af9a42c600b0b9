"""The read model of dead letters and replays that the admin API and the CLI share."""

import collections
import dataclasses
from collections.abc import Iterable, Mapping
from typing import TypedDict

import msgspec

from penstock.buffer.port.dead_letters import DeadLetters, ReplayProgress
from penstock.buffer.port.orders import Orders, ReplayOrder
from penstock.buffer.port.outcomes import REPLAYABLE
from penstock.buffer.port.selection import Selection
from penstock.destinations.kinds import explained
from penstock.errors import SettingsError
from penstock.inspect.eyes import Eyes

# Events looked at in one page while counting a selection.
PAGE = 1_000
# Events looked at for a count that a page shows; a replay takes all, however many.
LOOKED_AT_MAX = 3_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A replay that was ordered, and how far it has come."""

    id: int
    destination: str
    selection: Selection
    #: Its tracks have fresh ids: what was taken before counts twice.
    fresh_ids: bool
    asked_at: float
    asked_by: str
    #: "ordered" until deliver begins, then "running"; "stopped" by a person; "done".
    state: str
    replayed: int
    waiting: int
    outcomes: Mapping[str, int]
    #: Events that ended badly again.
    left: int


def replay_of(order: ReplayOrder, progress: ReplayProgress | None) -> Replay:
    """Return what a person wants to know of a replay."""
    outcomes = {outcome.value: count for outcome, count in progress.outcomes.items()} if progress else {}
    return Replay(
        id=order.id,
        destination=order.destination,
        selection=order.selection,
        fresh_ids=order.fresh_ids,
        asked_at=order.asked_at,
        asked_by=order.asked_by,
        state=_state(order, progress),
        replayed=progress.replayed if progress else 0,
        waiting=progress.waiting if progress else 0,
        outcomes=outcomes,
        left=sum(outcomes.get(outcome, 0) for outcome in REPLAYABLE),
    )


def last_replay(orders: Orders, dead: DeadLetters, destination: str, cause: str) -> Replay | None:
    """Return what the last replay of a cause did, or has done so far."""
    mine = (o for o in orders.replays() if (o.destination, o.selection.cause) == (destination, cause))
    order = next(mine, None)
    return replay_of(order, dead.progress(order.id)) if order and cause else None


def shown_selection(selection: Selection, eyes: Eyes) -> Selection:
    """Return a filter as the viewer may see it."""
    return msgspec.structs.replace(
        selection,
        person=eyes.person(selection.person),
        company=eyes.company(selection.company),
        event_name=eyes.text(selection.event_name),
        message_id=eyes.sentences.message_id(selection.message_id),
    )


def count_by_cause(dead: DeadLetters, destination: str, selection: Selection) -> Mapping[str, int]:
    """Return how many events a selection takes, by cause, without one by outcome; what a person sees before anything is done."""
    if selection == Selection(cause=selection.cause):
        problems = [p for p in dead.problems(destination) if selection.cause in {"", p.cause}]
        return _sums(
            (problem.cause, problem.count - problem.gone) for problem in problems if problem.count > problem.gone
        )
    counts: collections.Counter[str] = collections.Counter()
    after: int | None = 0
    while after is not None:
        page = dead.select(destination, selection, after_seq=after, limit=PAGE)
        counts.update(story.cause or story.state for story in page.stories)
        after = page.next_seq
    return counts


def refuse_without_bodies(dead: DeadLetters, destination: str, selection: Selection, *, count: int) -> None:
    """Refuse a replay that takes no event, if that is because bodies are gone. Raises SettingsError."""
    gone = sum(p.gone for p in dead.problems(destination) if selection.cause in {"", p.cause}) if not count else 0
    if gone:
        raise SettingsError(
            "replay",
            expected="events whose bodies are kept",
            got=f"{gone} events without",
            hint="payload_days is over for them: what became of them is known, and nothing can be sent of them",
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Count:
    """How many events a selection takes, as far as a page may look."""

    number: int
    is_all: bool = True

    def __str__(self) -> str:
        return str(self.number) if self.is_all else f"more than {self.number}"


def counted(dead: DeadLetters, destination: str, selection: Selection) -> Count:
    """Return how many events a selection takes; bounded work, for a person waits for the page."""
    if selection == Selection(cause=selection.cause):
        return Count(sum(count_by_cause(dead, destination, selection).values()))
    number, looked_at, after = 0, 0, 0
    while looked_at < LOOKED_AT_MAX:
        page = dead.select(destination, selection, after_seq=after, limit=PAGE)
        number, looked_at = number + len(page.stories), looked_at + PAGE
        if page.next_seq is None:
            return Count(number)
        after = page.next_seq
    return Count(number, is_all=False)


class ProblemTold(TypedDict):
    """Events that ended badly, by cause."""

    cause: str
    outcome: str
    count: int
    meaning: str
    advice: str


def problems_as_json(dead: DeadLetters, destination: str) -> list[ProblemTold]:
    """Return the dead and rejected events by cause, each with its meaning and advice."""
    return [
        {
            "cause": problem.cause,
            "outcome": problem.outcome.value,
            "count": problem.count,
            "meaning": explained(problem.cause).meaning,
            "advice": explained(problem.cause).advice,
        }
        for problem in dead.problems(destination)
    ]


def _state(order: ReplayOrder, progress: ReplayProgress | None) -> str:
    if progress is not None and progress.is_read:
        return "running" if progress.waiting else "done"
    if order.stopped:
        return "stopped"
    return "running" if progress else "ordered"


def _sums(pairs: Iterable[tuple[str, int]]) -> Mapping[str, int]:
    counts: collections.Counter[str] = collections.Counter()
    for cause, count in pairs:
        counts[cause] += count
    return counts
