"""The pure steps of an event on its way: done in the loop, and those of a suspect in a process of its own.

Rules: a step is a function of a module, its arguments are all that it knows, and it changes none of them; so it can be
done again elsewhere, and means the same there. An event is to blame only if one of its steps, alone, spends its budget
of counted steps in a process of its own, twice. Whatever else happens to that process says nothing of the event.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import structlog

from penstock.buffer.port.backlog import Lease
from penstock.deliver.watchman import StepSpent, Watchman
from penstock.destinations.answer import Stuck, Unjudged
from penstock.machine.apart import Apart, Budget, Died, Job, Spent

log = structlog.get_logger()

# Five times what the largest event that ingest takes needs, and more; for C code, CPU seconds between two counts.
BUDGET = Budget(lines_max=20_000_000, cpu_s_max=3.0)
# Once is a finding, twice is a verdict.
JUDGEMENTS = 2
# A child that was stopped must not keep others from being judged for ever; a busy machine gets its time.
JUDGEMENT_S_MAX = 300.0
# Events remembered as suspects; with more of them there is something else wrong.
SUSPECTS_MAX = 1_000

T = TypeVar("T")


class Unfinished(Exception):
    """A step has no result; `said` is what to decide by."""

    def __init__(self, said: Stuck | Unjudged) -> None:
        self.said = said
        super().__init__()


class Bench(Protocol):
    """Where steps are done, and judged."""

    #: What the process before this one was at when it ended without a word: destination and place in the log.
    before: tuple[str, int]

    def run(self, destination: bytes, seq: int, function: Callable[..., T], *args: Any) -> T:
        """Do a step in the loop. Raises StepSpent when it keeps the loop for too long."""

    async def judged(self, function: Callable[..., T], *args: Any) -> T:
        """Do a step in a process of its own, once. Raises Spent, and Unfinished when nothing was found out."""

    def end(self) -> None:
        """Break off what is being judged: nothing is known of it, and it is judged after the next start."""


class Trusting:
    """A bench without a watch: every step is done at once, however long it takes."""

    before = "", 0

    def run(self, _: bytes, __: int, function: Callable[..., T], *args: Any) -> T:
        """Do a step."""
        return function(*args)

    async def judged(self, function: Callable[..., T], *args: Any) -> T:
        """Do a step."""
        return function(*args)

    def end(self) -> None:
        """Nothing is under way."""


class Watched:
    """The bench of a process: one judgement at a time, so that many suspects take no more CPU than one."""

    def __init__(self, watchman: Watchman, *, budget: Budget = BUDGET) -> None:
        self.run, self.before, self.budget = watchman.run, watchman.pulse.before, budget
        #: Where a step is being judged: a process that has done nothing before.
        self.apart: Apart | None = None
        self.is_ended = False

    async def judged(self, function: Callable[..., T], *args: Any) -> T:
        """Do a step in a process of its own. Raises Spent, and Unfinished."""
        if self.apart or self.is_ended:
            raise Unfinished(Unjudged("another event is being judged"))
        apart = self.apart = Apart(self.budget, wall_s_max=JUDGEMENT_S_MAX)
        try:
            # Packed here: what the step looks at may change while a thread would pack it.
            job: Job[T] = apart.job(function, *args)
            return await asyncio.to_thread(apart.do_once, job)
        except Died as found:
            log.warning("not_judged", step=function.__name__, reason=str(found))
            raise Unfinished(Unjudged(str(found))) from found
        except asyncio.CancelledError:
            apart.end()
            raise
        finally:
            self.apart = None

    def end(self) -> None:
        """Break off what is being judged."""
        self.is_ended = True
        if self.apart:
            self.apart.end()


class Steps:
    """The steps of one destination's events."""

    def __init__(self, name: str, bench: Bench) -> None:
        self.name, self.bench, self.key = name, bench, name.encode()
        #: Places in the log of events that stopped the loop, or were under way when the process ended.
        self.suspects: dict[int, None] = {}
        #: What was found out so far. A lease that runs out meanwhile must not make us begin anew.
        self.spent: dict[tuple[int, str], list[str]] = {}

    def recall(self, notes: Mapping[str, object]) -> None:
        """Go on suspecting the events we suspected, and what the process before this one was at."""
        known = notes.get("suspects")
        for seq in known if isinstance(known, list) else ():
            self.suspects[int(seq)] = None
        destination, seq = self.bench.before
        if destination == self.name:
            self._suspect(seq, "the process ended while it was under way")

    def to_notes(self) -> dict[str, object]:
        """Return what must survive a restart."""
        return {"suspects": list(self.suspects)}

    def behind(self, leases: Iterable[Lease], function: Callable[..., T], *args: Any) -> Iterator[T]:
        """Do a step of each event that stands behind another, up to one that has to be the first itself."""
        for lease in leases:
            if lease.seq in self.suspects:
                return
            try:
                done = self.bench.run(self.key, lease.seq, function, lease.event, *args)
            except StepSpent:
                self._suspect(lease.seq, f"{function.__name__} kept the loop")
                return
            except Exception:  # noqa: BLE001 - a bug of ours must harm no event in front; it is said of the first of a lane
                return
            yield done

    async def run(self, leases: Sequence[Lease], function: Callable[..., T], *args: Any) -> T:
        """Do a step of some events; one that is alone is judged if need be.

        Raises Unfinished; and StepSpent for several, when it is not known which is to blame.
        """
        first = leases[0].seq
        if not self.suspects or not any(lease.seq in self.suspects for lease in leases):
            try:
                return self.bench.run(self.key, first, function, *args)
            except StepSpent:
                if len(leases) > 1:
                    raise
                self._suspect(first, f"{function.__name__} kept the loop")
        elif len(leases) > 1:
            raise StepSpent
        return await self._judged(first, function, *args)

    def cleared(self, leases: Sequence[Lease]) -> bool:
        """Forget that events were suspected, for they have ended; return whether one was."""
        if not self.suspects:
            return False
        ended = [lease.seq for lease in leases if lease.seq in self.suspects]
        for seq in ended:
            del self.suspects[seq]
        self.spent = {key: found for key, found in self.spent.items() if key[0] in self.suspects}
        return bool(ended)

    async def _judged(self, seq: int, function: Callable[..., T], *args: Any) -> T:
        """Do a step apart, as often as a verdict takes. Raises Unfinished."""
        spent = self.spent.setdefault((seq, function.__name__), [])
        while len(spent) < JUDGEMENTS:
            try:
                return await self.bench.judged(function, *args)
            except Spent as found:
                spent.append(str(found))
        raise Unfinished(Stuck(f"the step {function.__name__} used up {spent[-1]}, alone, twice"))

    def _suspect(self, seq: int, why: str) -> None:
        log.warning("suspected", destination=self.name, seq=seq, why=why)
        while len(self.suspects) >= SUSPECTS_MAX:
            del self.suspects[next(iter(self.suspects))]
        self.suspects[seq] = None
