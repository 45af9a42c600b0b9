"""What the figures say of now: the pace, the time to drain, and one sentence. Pure."""

from penstock.inspect.charts import BAD, Counted
from penstock.inspect.status import DestinationStatus, Status
from penstock.inspect.words import plain, sentence

PACE_MINUTES = 5


def pace_per_s(minutes: Counted, now_s: float) -> float:
    """Return how many events ended a second, lately: in the minute that runs and the full ones before it."""
    now = int(now_s // 60)
    ended = sum(sum(counts.values()) for minute, counts in minutes.items() if now - PACE_MINUTES < minute <= now)
    return ended / ((PACE_MINUTES - 1) * 60 + max(now_s - now * 60, 1.0))


def drain_s(destination: DestinationStatus, per_s: float) -> float | None:
    """Return how long what waits will take at this pace; None when that cannot be said.

    What is parked does not wait for us: it goes when its person is known.
    """
    waiting = destination.waiting - destination.parked
    if not waiting:
        return 0.0
    if destination.state != "delivering":
        return None
    pace = per_s or destination.limit_per_s or 0.0
    return waiting / pace if pace else None


def verdict(status: Status, *, open_events: int | None = None) -> tuple[str, str]:
    """Return how things stand: good, warn or bad, and the one sentence that says so.

    `open_events` have a problem that people are not done with; None: those of every problem.
    """
    for role, found in status.roles.items():
        if found.state != "running":
            return "bad", f"{role} {found.in_words()}. What was accepted is kept."
    if not status.destinations:
        return "warn", "Nothing is set up yet: add a source, then a destination."
    for name, destination in status.destinations.items():
        if destination.state in {"down", "held", "paused", "stopped", "stalled"}:
            return "bad", f"{name} is {plain(destination.state)}: {destination.waiting} events wait, none is lost."
    for name, destination in status.destinations.items():
        if destination.state == "throttled":
            return "warn", f"{name}: {sentence(destination.reason)}; {destination.waiting} events wait, none is lost."
    bad = sum(destination.outcomes.get(outcome, 0) for destination in status.destinations.values() for outcome in BAD)
    waiting = sum(each.waiting - each.parked for each in status.destinations.values())
    parked = sum(each.parked for each in status.destinations.values())
    also = f"; {parked} are parked until their person is known" if parked else ""
    if bad if open_events is None else open_events:
        bad = bad if open_events is None else open_events
        return "warn", f"Events are delivered; {bad} did not get through and can be replayed."
    if status.notices:
        return "warn", f"Events are delivered, {waiting} wait; something is amiss, as said below."
    doubts = "".join(f" {name}: {each.doubt}." for name, each in status.destinations.items() if each.doubt)
    how = "warn" if doubts else "good"
    return how, f"Everything that was received is delivered or on its way; {waiting} events wait{also}.{doubts}"
