"""Runs: events at the head of a lane that end without a call, one right behind the other, end in one transaction.

A sender can fill a lane with events that come to nothing; a transaction for each would keep that lane busy for hours.
What needs a call ends a run: it goes back, and is handed out again as the first of its lane.
"""

import asyncio
import dataclasses
from collections.abc import Callable, Sequence

from penstock.buffer.port.backlog import Backlog, Ending, Lease
from penstock.deliver.books import Books
from penstock.deliver.decide import Said, Verdict
from penstock.deliver.errand import RUN_BYTES_MAX, Read
from penstock.deliver.policy import DeliveryPolicy
from penstock.deliver.reads import read_behind

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

    def __init__(self, backlog: Backlog, books: Books) -> None:
        self.backlog, self.books = backlog, books
        #: How many more events may be held.
        self.room = BEHIND_MAX

    async def end(
        self, reads: Sequence[Read], verdict: Callable[[Said, Lease], Verdict], policy: DeliveryPolicy
    ) -> Sequence[Ending]:
        """End what ends without a call, from the first of these events on, and return how; nothing if that needs one.

        More of their lane is asked for while all of them end. Raises LeaseLost, and writes nothing then.
        """
        run, limit, held = await self.books.run(reads, policy.rules, policy.mode), BEHIND_MIN, 0
        try:
            while run.is_whole and (limit := min(limit, self.room)) > 0:
                self.room, held = self.room - limit, held + limit
                more = await self._grown(run.reads, policy, limit)
                grown = await self.books.run(more, policy.rules, policy.mode)
                if len(grown.reads) <= len(run.reads):
                    break
                run, limit = grown, limit * GROWTH if len(more) == len(reads) + held else 0
            endings = run.endings(verdict)
            if endings:
                await self.backlog.settle(*endings, learned=run.knowledge(), calls=run.figures())
            return endings
        finally:
            self.room += held

    async def _grown(self, reads: Sequence[Read], policy: DeliveryPolicy, limit: int) -> Sequence[Read]:
        """Return events again, with those right behind them."""
        bytes_max = min(limit * BODY_BYTES, RUN_BYTES_MAX)
        first = await self.backlog.lease_behind(reads[0].lease, limit=limit, bytes_max=bytes_max)
        grown = [dataclasses.replace(reads[0], lease=first), *reads[1:]]
        for each in read_behind(first.followers[len(reads) - 1 :], self.books.steps, policy):
            grown.append(each)
            if len(grown) % READ_AT_ONCE == 0:
                await asyncio.sleep(0)
        return grown
