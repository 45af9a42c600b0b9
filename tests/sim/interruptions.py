"""What else interrupts a story: the process stands still, or is stopped cleanly and begun again; crashes in a replay.

Thrown for apart from the rest of the script: the stories of old seeds stay what they were but for that.
"""

import asyncio
import dataclasses
from typing import Any

from penstock.clock import Dice
from penstock.destinations.custify.calls import CustifyCall as Call

# Far from every seed of a story, and of its clocks.
SEEDS = 2 * 10**9
# Longer than a lease lives, often enough.
STOOD_S_MAX = 400.0
BUSY_LOOKS, BUSY_LOOK_S = 200, 0.1


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Interruptions:
    """When the process is interrupted, in seconds of the story, and for how long."""

    #: It is stopped as by SIGSTOP, or its virtual machine is: others go on, and time does.
    stood: tuple[tuple[float, float], ...] = ()
    #: It is asked to end, and begun again later; or its destination is removed and comes back.
    stopped: tuple[tuple[float, float], ...] = ()
    #: Somebody else tells Custify of a person for whom we park an event: when, and which of the parked ones, in [0, 1).
    met: tuple[tuple[float, float], ...] = ()
    #: It crashes so long after a replay began.
    crashes_in_replay_at: tuple[float, ...] = ()


def write_interruptions(dice: Dice, *, until: float) -> Interruptions:
    """Draw what interrupts the process: in every third story nothing does."""
    if dice.uniform(0, 1) < 0.33:
        return Interruptions()
    return Interruptions(
        stood=tuple(
            sorted((dice.uniform(0, until), dice.uniform(1.0, STOOD_S_MAX)) for _ in range(int(dice.uniform(0, 3))))
        ),
        stopped=tuple(
            sorted((dice.uniform(0, until), dice.uniform(0.0, 120.0)) for _ in range(int(dice.uniform(0, 3))))
        ),
        met=tuple(sorted((dice.uniform(0, until), dice.uniform(0, 1)) for _ in range(int(dice.uniform(0, 4))))),
        crashes_in_replay_at=tuple(sorted(dice.uniform(0.0, 20.0) for _ in range(int(dice.uniform(0, 2))))),
    )


async def stand_still(stage: Any) -> None:
    """Stop the process at its times, and let it go on."""
    for at, seconds in stage.interruptions.stood:
        await stage.at(at)
        await _until_busy(stage)
        stage.onlooker.stands_still(seconds)
        stage.clock.stand_still(seconds)
        # Until it goes on.
        await asyncio.sleep(0.01)


async def stop_and_start(stage: Any) -> None:
    """End the engine cleanly at its times, and begin another one later."""
    for at, seconds in stage.interruptions.stopped:
        await stage.at(at)
        await _until_busy(stage)
        async with stage.process:
            stage.onlooker.stops_now()
            stage.engine.stop()
            await stage.running
            stage.onlooker.stopped(waiting=stage.world.counts().waiting)
            await asyncio.sleep(seconds)
            async with stage.files:
                # Another process: leases that were given up are known to nobody.
                await stage.world.crash_and_reopen()
            stage.start_engine()


async def meet_elsewhere(stage: Any) -> None:
    """Let Custify know people whom nobody told it of through us."""
    for at, share in stage.interruptions.met:
        await stage.at(at)
        async with stage.files:
            parked = [story.event for story in stage.world.stories() if story.state == "parked"]
        if parked and (user_id := stage.world.naming(parked[int(share * len(parked))]).user_id):
            stage.custify.held.apply(Call("/people", {"user_id": user_id}), -1)


async def _until_busy(stage: Any) -> None:
    """Wait a while for something to interrupt: most of a story is waiting."""
    for _ in range(BUSY_LOOKS):
        if stage.onlooker.at_work:
            return
        await asyncio.sleep(BUSY_LOOK_S)
