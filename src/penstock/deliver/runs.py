"""Runs: events at the head of a lane that end without a call, one right behind the other, end in one transaction.

A sender can fill a lane with events that come to nothing; a transaction for each would keep that lane busy for hours.
What needs a call ends a run: it goes back, and is handed out again as the first of its lane.
"""

import asyncio
import dataclasses
import itertools
from collections.abc import Callable, Sequence

from penstock.buffer.port.backlog import Backlog, Ending, Lease
from penstock.clock import Clock
from penstock.deliver.busy import Busy
from penstock.deliver.decide import Said, Verdict
from penstock.deliver.dispatch import RUN_BYTES_MAX, Dispatch, Read, Run
from penstock.deliver.gather import on_record
from penstock.deliver.policy import DeliveryPolicy
from penstock.deliver.reads import read_behind
from penstock.deliver.records import KeptRecords
from penstock.deliver.steps import Steps, Unfinished
from penstock.deliver.watchman import StepSpent
from penstock.deliver.weighing import weighed
from penstock.destinations.plan import Plan, Unmappable
from penstock.ledger.modes import Mode
from penstock.ledger.rules import Rules

# Events asked for behind the first: few, for most lanes are short; then so many times more, as long as all end.
BEHIND_MIN, GROWTH = 8, 8
# So many are held by all runs of a destination: with more, the writer would keep other lanes' verdicts waiting.
BEHIND_MAX = 500
# What bounds their memory: the bodies of those asked for take so much for each; and no more than is read in one go.
BODY_BYTES = 4_096
# Events read before others get a turn.
READ_AT_ONCE = 32


class Runs:
    """The runs of one destination."""

    def __init__(self, backlog: Backlog, kept: KeptRecords, busy: Busy, *, steps: Steps, clock: Clock) -> None:
        self.backlog, self.kept, self.busy, self.steps, self.clock = backlog, kept, busy, steps, clock
        #: How many more events may be held.
        self.room = BEHIND_MAX

    async def end(
        self, reads: Sequence[Read], verdict: Callable[[Said, Lease], Verdict], policy: DeliveryPolicy
    ) -> Sequence[Ending]:
        """End what ends without a call, from the first of these events on, and return how; nothing if that needs one.

        More of their lane is asked for while all of them end. Raises LeaseLost, and writes nothing then.
        """
        run, limit, held = await self.free(reads, policy.rules, policy.mode), BEHIND_MIN, 0
        try:
            while run.is_whole and (limit := min(limit, self.room)) > 0:
                self.room, held = self.room - limit, held + limit
                more = await self._grown(run.reads, policy, limit)
                grown = await self.free(more, policy.rules, policy.mode)
                if len(grown.reads) <= len(run.reads):
                    break
                run, limit = grown, limit * GROWTH if len(more) == len(reads) + held else 0
            endings = run.endings(verdict)
            if endings:
                await self.backlog.settle(*endings, learned=run.knowledge(), calls=run.figures())
            return endings
        finally:
            self.room += held

    async def free(self, reads: Sequence[Read], rules: Rules, mode: Mode) -> Run:
        """Return those of these events, from the first on, that end without a call; their records are reserved."""
        free = list(itertools.takewhile(lambda read: _may_end(read, rules, mode), reads))
        plans = [read for read in free if isinstance(read.meaning, Plan)]
        token = reads[0].lease.token
        dispatch = await self._no_ops(plans if rules.coalesce else plans[:1], rules, token) if plans else None
        done = {lease.token for lease in dispatch.leases} if dispatch else set()
        ends = itertools.takewhile(lambda r: not isinstance(r.meaning, Plan) or r.lease.token in done, free)
        return Run(reads=list(ends), dispatch=dispatch)

    async def _no_ops(self, plans: Sequence[Read], rules: Rules, token: int) -> Dispatch | None:
        """Return the dispatch of those of these upserts, from the first on, of which the destination holds everything.

        Their records are reserved for the lease. None as well when another is changing one, or when one is to blame that it
        cannot be told; that is found out when it is the first of its lane.
        """
        self.busy.begin(token)
        try:
            known = await on_record(plans, self.kept, self.steps, is_shadow=False)
            dispatch = await weighed(known, rules, self.steps, now=self.clock.now())
            if dispatch.calls and (count := dispatch.is_carried.index(True)):
                # What was said before the first that is carried may have been taken back behind it.
                known = known.up_to(count)
                dispatch = await weighed(known, rules, self.steps, now=self.clock.now())
        except (StepSpent, Unfinished):
            return None
        is_free = not dispatch.calls and self.busy.take(dispatch, token, known.records)
        return dispatch if is_free else None

    async def _grown(self, reads: Sequence[Read], policy: DeliveryPolicy, limit: int) -> Sequence[Read]:
        """Return events again, with those right behind them."""
        bytes_max = min(limit * BODY_BYTES, RUN_BYTES_MAX)
        first = await self.backlog.lease_behind(reads[0].lease, limit=limit, bytes_max=bytes_max)
        grown = [dataclasses.replace(reads[0], lease=first), *reads[1:]]
        for each in read_behind(first.followers[len(reads) - 1 :], self.steps, policy):
            grown.append(each)
            if len(grown) % READ_AT_ONCE == 0:
                await asyncio.sleep(0)
        return grown


def _may_end(read: Read, rules: Rules, mode: Mode) -> bool:
    """Return whether an event may come to nothing: it has no plan, or the destination may hold all of it."""
    meaning = read.meaning
    if not isinstance(meaning, Plan):
        # A visitor's event may wait for a sign-in.
        return not (isinstance(meaning, Unmappable) and meaning.visitor)
    # What newer events said of one that is sent again is not known here.
    is_upsert = not read.lease.replay and all(call.about != "event" for call in meaning.calls)
    return is_upsert and rules.skip_unchanged and mode.is_live_for(meaning)
