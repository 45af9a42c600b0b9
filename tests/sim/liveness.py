"""Once faults stopped, everything must end within a time that can be computed from what was waited for just then.

The bound is made of the waits that run beside one another (a quiet, a rest, the longest backoff, the longest park) and of
the work, as if all of it were done one after the other at the pace of that moment.
"""

import asyncio
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.port.shelf import Story
from penstock.deliver.hold import PROBE_S_MAX
from penstock.deliver.standing import TRIAL_S
from sim.hostile_custify import RETRY_AFTER_S_MAX

# One event: to look, to take it, up to two look-ups and two calls, each asked for and answered in 0.3 s, to write it down.
EVENT_S, CALLS_OF_AN_EVENT = 2.0, 4
# How long calls that were begun before faults stopped may still fail: a dispatch makes as many, one after the other.
LAST_ANSWERS_S, LOOK_S = 90.0, 1.0
SAID_MAX = 5
ENDED = frozenset(Outcome)


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


def waits_of(stage: Any, *, idle_s: float) -> Waits:
    """Return what a stage waits for just now; never longer than that may take, whatever the engine thinks."""
    on, engine = stage.onlooker, stage.engine
    now, awake = stage.clock.steady(), stage.clock.awake()
    waiting = [story for story in stage.world.stories() if not is_ended(story)]
    parks = [stage.park_s_of(story) for story in waiting]
    retries = [on.due[story.seq] - now for story in waiting if story.seq in on.due]
    hold = engine.hold
    return Waits(
        events=len(waiting),
        calls_per_s=engine.pace.limit,
        quiet_s=min(RETRY_AFTER_S_MAX, max(0.0, on.quiet_until - now, engine.pace.blocked_s(now))),
        # A hold with nothing to be written ends a while after a read passed, and no event grows old until then.
        rest_s=TRIAL_S + min(PROBE_S_MAX, max(1.0, hold.probe_at - awake)) if hold.is_held else 0.0,
        backoff_s=min(engine.policy.retry.delay_s_max, max([0.0, *retries])),
        park_s=max([0.0, *parks]),
        idle_s=idle_s,
    )


def why_not(stage: Any) -> list[str]:
    """Say of each event that still waits what it waits for."""
    return [_why(stage, story) for story in stage.world.stories() if not is_ended(story)]


def is_ended(story: Story) -> bool:
    """Return whether an event has its outcome."""
    return story.state in ENDED


def _why(stage: Any, story: Story) -> str:
    on, now, name = stage.onlooker, stage.clock.steady(), story.event.message_id
    hold = stage.engine.hold
    work = next((work for work in on.at_work.values() if work.lease.seq == story.seq), None)
    if work is not None:
        return f"{name} is at work since {now - work.began:.0f} s"
    if story.state == "parked":
        return f"{name} is parked for {on.parked.get(story.seq, now) - now:.0f} s more"
    if hold.is_paused or hold.is_held:
        return f"{name} waits for {hold.paused_by or hold.reason}"
    due_s = on.due.get(story.seq, now) - now
    if due_s > 0:
        return f"{name} is {story.state} in {due_s:.0f} s"
    return f"{name} is {story.state}, due since {-due_s:.0f} s, and nobody takes it"
