"""What must hold over a history: over what the far side applied and the store says, never over our own logs."""

import collections
import itertools
from collections.abc import Iterator, Sequence

from penstock import causes
from penstock.buffer.port import Outcome
from penstock.deliver.pace import BURST_S
from sim.hostile_custify import Applied
from sim.story import History

# Times are sums of many floats.
ROUNDING = 1e-6


def wrong(history: History) -> list[str]:
    """Return a sentence for everything that is wrong; nothing when all promises were kept."""
    return [
        *sums(history),
        *_lost(history),
        *_order(history),
        *_ended_in_order(history),
        *repeats(history),
        *ends(history),
        *_gave_up(history),
        *gave_up_early(history),
        *_replays(history),
        *pace(history),
        *rest(history),
    ]


def sums(history: History) -> Iterator[str]:
    """Every event is stored once, and received == waiting + outcomes."""
    # What comes late is sent once everything else has ended.
    requests = history.script.sent + (history.script.late if len(history.drains) > 1 else ())
    sent = {e.message_id for request in requests for e in request.events}
    if history.received != len(sent):
        yield f"{len(sent)} different events were sent, {history.received} stored"
    if history.received != history.waiting + sum(history.outcomes.values()):
        yield f"received {history.received}, waiting {history.waiting}, outcomes {history.outcomes}: the sums differ"


def orders_of(history: History) -> Sequence[Sequence[int]]:
    """Return the orders that were promised."""
    return history.script.orders


def _lost(history: History) -> Iterator[str]:
    applied = {call.mark for call in history.applied}
    for story in history.stories:
        mark = int(story.event.message_id[1:])
        if story.state == Outcome.DELIVERED and mark not in applied:
            yield f"m{mark} lost: settled as delivered, never applied"


def _order(history: History) -> Iterator[str]:
    ended_without = {int(s.event.message_id[1:]) for s in history.stories if s.state != Outcome.DELIVERED}
    began, replayed = history.applied_before_replay, history.replayed
    first = [c for i, c in enumerate(history.applied) if i < began or c.mark not in replayed]
    again = [c for i, c in enumerate(history.applied) if i >= began and c.mark in replayed]
    for order in history.script.orders:
        yield from _overtaken(order, first, ended_without | replayed)
        # What died was overtaken once and for all; among themselves the replayed ones keep the order.
        yield from _overtaken([mark for mark in order if mark in replayed], again, ended_without)


def _overtaken(order: Sequence[int], calls: Sequence[Applied], ended_without: set[int]) -> Iterator[str]:
    """Look at the calls of one order as they took effect."""
    place = {mark: i for i, mark in enumerate(order)}
    furthest, seen = -1, set()
    for call in calls:
        here = place.get(call.mark)
        if here is None:
            continue
        if here < furthest:
            yield f"m{call.mark} took effect after m{order[furthest]}, which was sent later"
        furthest = max(furthest, here)
        seen.add(call.mark)
        skipped = [mark for mark in order[:here] if mark not in seen and mark not in ended_without]
        if skipped:
            yield f"m{call.mark} overtook m{skipped[0]}"


def _ended_in_order(history: History) -> Iterator[str]:
    """Whatever becomes of an event, it ends before the next of its lanes does, unless it waited for a visitor to sign in."""
    waited = {int(s.event.message_id[1:]) for s in history.stories if s.event.became or s.cause == causes.ANONYMOUS}
    ended_at = {int(story.event.message_id[1:]): story.ended_at for story in history.stories}
    for order in history.script.orders:
        marks = [mark for mark in order if mark not in history.replayed | waited]
        for earlier, later in itertools.pairwise(marks):
            before, after = ended_at.get(earlier), ended_at.get(later)
            if after is not None and (before is None or after < before):
                yield f"m{later} ended while m{earlier}, which was sent earlier, had not"


def repeats(history: History) -> Iterator[str]:
    """A repeat is recognisable."""
    for call in history.applied:
        if call.path == "/event" and call.deduplication_id != f"m{call.mark}":
            yield f"m{call.mark} was sent with the deduplication id {call.deduplication_id!r}"


def ends(history: History) -> Iterator[str]:
    """Nothing is buried without a reason, for a rotated key, or before its time."""
    for story in [*history.died, *history.stories]:
        mark = int(story.event.message_id[1:])
        if story.state == Outcome.DEAD and not story.reason:
            yield f"m{mark} buried without a reason"
        if story.state == Outcome.DEAD and "key" in story.reason:
            yield f"m{mark} died of a rotated key: {story.reason}"


def _gave_up(history: History) -> Iterator[str]:
    """Only calls that failed bring an event closer to its end."""
    for story in [*history.died, *history.stories]:
        mark = int(story.event.message_id[1:])
        if story.state == Outcome.DEAD and story.reason.startswith("gave up after "):
            attempts = int(story.reason.split()[3])
            # A lease that ran out counts as an attempt: its call was made, and nobody knows how it went.
            if attempts > history.unavailable.get(mark, 0) + history.ran_out[mark]:
                yield f"m{mark} gave up after {attempts} attempts, of which {history.unavailable.get(mark, 0)} failed"


def gave_up_early(history: History) -> Iterator[str]:
    """However the wall's clock is set, and however long the machine sleeps: an event fails for as long as it may."""
    for story in [*history.died, *history.stories]:
        # A refused key and a throttle age nobody; every other answer may be one that this event alone was given.
        failed = [attempt for attempt in story.attempts if attempt.status not in {401, 429}]
        if not (story.state == Outcome.DEAD and story.reason.startswith("gave up after ") and failed):
            continue
        failing_s = (story.ended_at or 0.0) - failed[0].at
        if failing_s < history.script.give_up_after_s - ROUNDING:
            yield f"{story.event.message_id} was given up after {failing_s:.0f} s of failing"


def _replays(history: History) -> Iterator[str]:
    """Custify was well when the replay came: only what it refuses for good may die again."""
    again = {int(s.event.message_id[1:]) for s in history.stories if s.state == Outcome.DEAD} & history.replayed
    for mark in sorted(again):
        if mark % 17:
            yield f"m{mark} was replayed and died again, though Custify was well"


def pace(history: History) -> Iterator[str]:
    """A limit a second, and what may be saved up for a burst; never less than one call."""
    calls_max = history.script.per_s_max + max(1.0, history.script.per_s_max * BURST_S)
    began = collections.deque[float]()
    for at in history.called_at:
        began.append(at)
        while began[0] <= at - 1.0:
            began.popleft()
        if len(began) > calls_max + ROUNDING:
            yield f"{len(began)} calls in a second, {history.script.per_s_max:.1f} are allowed"
            return


def rest(history: History) -> Iterator[str]:
    """Everything ends in time; at rest nothing is under way."""
    for drain in history.drains:
        yield from drain.complaints()
    if history.in_flight:
        yield f"{history.in_flight} calls are under way after the end"
    if history.called_too_early:
        yield f"{history.called_too_early} calls were made while Custify had asked for quiet"
