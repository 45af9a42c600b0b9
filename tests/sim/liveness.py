"""Once faults stopped, everything must end within a time that can be computed from what was waited for just then.

The bound is made of the waits that run beside one another (a quiet, a rest, the longest backoff, the longest park) and of
the work, as if all of it were done one after the other at the pace of that moment.
"""

import asyncio
import dataclasses
from collections.abc import Callable, Iterator

from penstock.buffer.port import Outcome, Story
from penstock.deliver.hold import PROBE_S_MAX
from penstock.event import Event

# One event: to look, to take it, up to two look-ups and two calls, each asked for and answered in 0.3 s, to write it down.
EVENT_S, CALLS_OF_AN_EVENT = 2.0, 4
# How long calls that were begun before faults stopped may still fail: an errand makes as many, one after the other.
LAST_ANSWERS_S, LOOK_S = 90.0, 1.0
SAID_MAX = 5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """What was waited for when faults stopped, in seconds."""

    events: int
    calls_per_s: float
    quiet_s: float = 0.0
    rest_s: float = 0.0
    backoff_s: float = 0.0
    park_s: float = 0.0
    #: How often an engine that found nothing looks again.
    idle_s: float = 0.0

    @property
    def work_s(self) -> float:
        """Return how long the work takes, one event after the other."""
        return self.events * (EVENT_S + CALLS_OF_AN_EVENT / self.calls_per_s)

    @property
    def bound_s(self) -> float:
        """Return by when everything has ended: each wait may be noticed only at the next look."""
        waits = (self.quiet_s, self.rest_s, self.backoff_s, self.park_s)
        return sum(wait + self.idle_s for wait in waits if wait) + self.idle_s + self.work_s

    def __str__(self) -> str:
        parts = {
            "quiet": self.quiet_s,
            "rest": self.rest_s,
            "backoff": self.backoff_s,
            "park": self.park_s,
            "looks": self.idle_s,
            f"work on {self.events} events": self.work_s,
        }
        return ", ".join(f"{name} {seconds:.0f} s" for name, seconds in parts.items() if seconds)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """How a backlog ended, or did not."""

    waits: Waits
    took_s: float
    #: What still waits, and for what; nothing when all has ended.
    still: tuple[str, ...] = ()

    def complaints(self) -> Iterator[str]:
        """Say what stands still, and why."""
        if self.still:
            said = "; ".join([*self.still[:SAID_MAX], *(["…"] if len(self.still) > SAID_MAX else [])])
            yield (
                f"{len(self.still)} events still wait {self.took_s:.0f} s after faults stopped, where "
                f"{self.waits.bound_s:.0f} s are enough ({self.waits}): {said}"
            )


async def last_answers(is_under_way: Callable[[], bool]) -> None:
    """Wait until what was begun before faults stopped has its answer, or none: that may still fail."""
    for _ in range(int(LAST_ANSWERS_S / LOOK_S)):
        if not is_under_way():
            return
        await asyncio.sleep(LOOK_S)


async def drained(waits: Waits, *, waiting: Callable[[], int], why: Callable[[], list[str]]) -> Drain:
    """Wait until nothing waits, for as long as that may take."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while waiting():
        if (took_s := loop.time() - began) > waits.bound_s:
            return Drain(waits=waits, took_s=took_s, still=tuple(why()))
        await asyncio.sleep(LOOK_S)
    return Drain(waits=waits, took_s=loop.time() - began)


def is_waiting(story: Story) -> bool:
    """Return whether an event has no outcome."""
    return story.state not in set(Outcome)


def longest_rest_s(hold, awake: float) -> float:
    """Return how long it may take until a held destination goes on, once its key is right: the next probe."""
    return min(PROBE_S_MAX, max(1.0, hold.probe_at - awake)) if hold.is_held else 0.0


def names(events: list[Event]) -> str:
    """Return events by name."""
    return ", ".join(event.message_id for event in events)
