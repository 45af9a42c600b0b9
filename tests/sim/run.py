"""Tells stories on the command line: many seeds on all cores, or one seed call by call.

python tests/sim/run.py --count 100000                   all of them, over memory; exit 1 at the first that is wrong
python tests/sim/run.py --count 1000 --store sqlite      over real files
python tests/sim/run.py --first 4711 --story story       one, as a story; plain, ledger, erased or erased_ledger instead of story
"""

import argparse
import collections
import contextlib
import dataclasses
import functools
import gc
import itertools
import logging
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import structlog

from contract.worlds import MemoryWorld, SqliteWorld, World, quick_folder
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.sqlite.delivery import intake
from penstock.deliver.engine import Engine
from penstock.ledger.rules import OFF, Rules
from sim.checks import wrong
from sim.erasure_checks import wrong_with_erasures, wrong_with_erasures_and_ledger
from sim.erasures import ErasingStage
from sim.ledger_checks import wrong_with_ledger
from sim.loop import EPOCH, LoopClock
from sim.seldom import ERASED_SEEDS_MIN, SEEDS_MIN, Seldom, SeldomErased, Tally
from sim.story import History, Stage, tell

STORES = {"memory": MemoryWorld, "sqlite": SqliteWorld}
#: What the ledger may do in its stories; strangers' events are given up soon enough for the end to be seen.
LEDGER = Rules(park_s=1_200.0)
#: The kinds of stories: with which rules, what is looked for, and on which stage. Those with erasures need real files.
KINDS: dict[str, tuple[Rules, Callable[[History], list[str]], type[Stage]]] = {
    "plain": (OFF, wrong, Stage),
    "ledger": (LEDGER, wrong_with_ledger, Stage),
    "erased": (OFF, wrong_with_erasures, ErasingStage),
    "erased_ledger": (LEDGER, wrong_with_erasures_and_ledger, ErasingStage),
}
# Seeds told between two looks at how far it has come: some seconds of work.
PART = 200
PROGRESS_S = 10.0


@dataclasses.dataclass
class Told:
    """What came of some seeds."""

    seeds: int = 0
    virtual_s: float = 0.0
    outcomes: collections.Counter[Outcome] = dataclasses.field(default_factory=collections.Counter)
    #: The first seed that is wrong, and why; nothing more was told after it.
    complaint: str = ""
    tally: Tally = dataclasses.field(default_factory=Tally)

    def add(self, other: "Told") -> None:
        self.seeds += other.seeds
        self.virtual_s += other.virtual_s
        self.outcomes.update(other.outcomes)
        self.complaint = self.complaint or other.complaint
        self.tally.add(other.tally)

    def __str__(self) -> str:
        outcomes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(self.outcomes.items()))
        return f"{self.seeds} seeds, {self.virtual_s / 3600:.0f} virtual hours, {outcomes}"


def kind_of(seed: int) -> str:
    """Return which kind of story a seed tells where nobody asks for one: they take turns."""
    return "ledger" if seed % 2 == 0 else "plain"


def erased_kind_of(seed: int) -> str:
    """Return which kind of story with erasures a seed tells."""
    return "erased_ledger" if seed % 2 == 0 else "erased"


def be_quiet() -> None:
    """Log nothing: thousands of stories are full of warnings, and they are what is meant to happen."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def tidy_up_seldom() -> None:
    """Let the collector pass over what is there for good, and come rarely: an eighth of the time went to it."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


@contextlib.contextmanager
def narrowed(seed: int) -> Iterator[None]:
    """Let a store hold little of the log at once in every third story: what is rare with much of it happens all the time."""
    if seed % 3:
        yield
        return
    usual = intake.STEP_MAX, intake.HELD_MAX, intake.AHEAD_MAX
    intake.STEP_MAX, intake.HELD_MAX, intake.AHEAD_MAX = 3, 9, 15
    try:
        yield
    finally:
        intake.STEP_MAX, intake.HELD_MAX, intake.AHEAD_MAX = usual


def told(
    seed: int, store: str, kind: str = "plain", *, engine: type[Engine] = Engine, stage: type[Stage] | None = None
) -> History:
    """Tell one story over a store of its own."""
    with quick_folder() as folder, narrowed(seed):
        rules, _, usual = KINDS[kind]
        make_world = functools.partial(_world, store, Path(folder))
        return tell(seed, make_world, engine=engine, rules=rules, stage=stage or usual)


async def _world(store: str, folder: Path, clock: LoopClock) -> World:
    return await STORES[store](folder, clock).open()


def tell_part(seeds: range, store: str) -> Told:
    """Tell some stories, up to the first that is wrong."""
    be_quiet()
    part = Told()
    for seed in seeds:
        # Over files each seed tells of erasures too.
        for kind in (kind_of(seed), *([erased_kind_of(seed)] if store == "sqlite" else [])):
            part.add(tell_one(seed, store, kind))
            if part.complaint:
                return part
    return part


def tell_one(seed: int, store: str, kind: str) -> Told:
    """Tell the story of one kind of a seed, and look at it."""
    try:
        history = told(seed, store, kind)
    except Exception as error:  # noqa: BLE001 - whatever it is, the seed is what helps
        return Told(complaint=f"seed {seed}, {kind}: the story ended with {error!r}")
    complaints = KINDS[kind][1](history)
    said = "\n  ".join([f"seed {seed}, {kind}:", *complaints]) if complaints else ""
    return Told(1, history.virtual_s, collections.Counter(history.outcomes), said, Tally.of(seed, history.seen))


def tell_all(seeds: range, store: str, processes: int) -> Iterator[Told]:
    """Yield what came of each part, as it comes."""
    parts = [seeds[i : i + PART] for i in range(0, len(seeds), PART)]
    work = functools.partial(tell_part, store=store)
    if processes == 1:
        yield from map(work, parts)
        return
    # Leaving the block ends the others, in the middle of their stories.
    with multiprocessing.Pool(processes, tidy_up_seldom) as pool:
        yield from pool.imap_unordered(work, parts)


def main(seeds: range, store: str, processes: int) -> int:
    """Tell all stories, say now and then how far that has come, and stop at the first that is wrong."""
    started, said_at, total = time.perf_counter(), 0.0, Told()
    for part in tell_all(seeds, store, processes):
        total.add(part)
        spent = time.perf_counter() - started
        if total.complaint or spent - said_at > PROGRESS_S or total.seeds == len(seeds):
            said_at = spent
            print(f"{total}, {spent:.0f} s over {store} on {processes} cores", flush=True)
        if total.complaint:
            print(total.complaint, f"see it with: make sim-seed SEED={_seed_of(total.complaint)}", sep="\n")
            return 1
    if store == "memory":
        return seldom(total.tally, seeds=len(seeds))
    return seldom(total.tally, seeds=len(seeds), states=SeldomErased, seeds_min=ERASED_SEEDS_MIN)


def seldom(tally: Tally, *, seeds: int, states: Iterable[str] = Seldom, seeds_min: int = SEEDS_MIN) -> int:
    """Print how often stories came to seldom states; 1 where so many stories never came to one."""
    print("stories that came to it, the first of them, and what it is:", *tally.table(states), sep="\n")
    if not (missing := tally.missing(states)):
        return 0
    print(f"{len(missing)} states were never come to;", f"with {seeds_min} seeds each is")
    return 1 if seeds >= seeds_min else 0


def show(seed: int, store: str, kind: str) -> int:
    """Print what was drawn, what the far side applied, and how each event ended."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    print(f"seed {seed} at {commit.strip() or 'no commit'}")
    be_quiet()
    history = told(seed, store, kind)
    print(f"faults {history.faults}")
    print(f"crashes at {[round(at) for at in history.script.crashes_at]} s, key refused {history.script.key_bad},")
    print(f"clock set {history.clocks.set_by}, slept {history.clocks.slept}")
    print(f"interrupted {history.interruptions}")
    print(f"paused {history.script.paused}, replayed {sorted(history.replayed)}")
    for call in history.applied:
        print(f"{call.at - EPOCH:9.2f} s  {call.path:<9} {call.subject:<4} m{call.mark}")
    for story in history.stories:
        print(f"{story.event.message_id:<5} {story.state:<10} {len(story.attempts)} attempts  {story.reason}")
    print("seldom:", "; ".join(sorted(history.seen)))
    for erasure in history.erasures:
        print(f"erased {erasure.given} at {erasure.at:.1f} s, with {sorted(erasure.names)}: {erasure}")
    complaints = KINDS[kind][1](history)
    print(*complaints, sep="\n")
    return 1 if complaints else 0


def _seed_of(complaint: str) -> str:
    return "".join(itertools.takewhile(str.isdigit, complaint.removeprefix("seed ")))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--store", choices=STORES, default="memory")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--story", choices=("story", *KINDS))
    options = parser.parse_args()
    if options.story:
        kind = options.story if options.story in KINDS else kind_of(options.first)
        sys.exit(show(options.first, options.store, kind))
    sys.exit(main(range(options.first, options.first + options.count), options.store, options.processes))
