"""Tells stories on the command line: many seeds with a progress line each thousand, or one seed as a story.

python tests/sim/run.py --count 100000            all of them, over memory; exit 1 at the first that is wrong
python tests/sim/run.py --first 4711 --story      one, call by call
"""

import argparse
import collections
import logging
import subprocess
import sys
import time
from pathlib import Path

import structlog

from contract.worlds import MemoryWorld
from sim.checks import wrong
from sim.loop import EPOCH
from sim.story import History, tell


async def memory_world(clock):
    return await MemoryWorld(Path(), clock).open()


def show(history: History) -> None:
    """Print what was drawn, what the far side applied, and how each event ended."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    print(f"seed {history.seed} at {commit.strip() or 'no commit'}")
    print(f"faults {history.faults}")
    print(f"crashes at {[round(at) for at in history.script.crashes_at]} s, key refused {history.script.key_bad},")
    print(f"paused {history.script.paused}, replayed {sorted(history.replayed)}")
    for call in history.applied:
        print(f"{call.at - EPOCH:9.2f} s  {call.path:<9} {call.subject:<4} m{call.mark}")
    for story in history.stories:
        print(f"{story.event.message_id:<5} {story.state:<10} {len(story.attempts)} attempts  {story.reason}")


def main(first: int, count: int, *, story: bool) -> int:
    started, virtual_s, outcomes = time.perf_counter(), 0.0, collections.Counter()
    for number, seed in enumerate(range(first, first + count), 1):
        history = tell(seed, memory_world)
        if story:
            show(history)
        if complaints := wrong(history):
            print(f"seed {seed}:", *complaints, sep="\n  ")
            return 1
        virtual_s += history.virtual_s
        outcomes.update(history.outcomes)
        if number % 1000 == 0 or number == count:
            spent = time.perf_counter() - started
            print(f"{number} seeds, {virtual_s / 3600:.0f} virtual hours, {dict(outcomes)}, {spent:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    parser = argparse.ArgumentParser()
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--story", action="store_true")
    options = parser.parse_args()
    sys.exit(main(options.first, options.count, story=options.story))
