"""What people want the ledger to forget, done a little at a time."""

import structlog

from penstock.buffer.ledger_port import Ledger, LedgerOrders
from penstock.buffer.port import Backlog
from penstock.deliver.errand import SHADOW

log = structlog.get_logger()

# Records removed in one transaction: few enough not to delay a verdict.
FORGOTTEN_AT_ONCE = 2_000
NOTE = "forgotten"


class Forgets:
    """The forgetting of one destination; each order is followed once, also across restarts."""

    def __init__(self, name: str, *, backlog: Backlog, ledger: Ledger, orders: LedgerOrders) -> None:
        self.name, self.backlog, self.ledger, self.orders = name, backlog, ledger, orders
        self.done: int | None = None
        self.is_live = False

    async def step(self, *, is_live: bool) -> None:
        """Follow the orders that are new; and once a destination is written to, forget what it would have held."""
        if is_live and not self.is_live:
            await self._forget(SHADOW)
        self.is_live = is_live
        if self.done is None:
            noted = (await self.backlog.notes()).get(NOTE)
            self.done = noted if isinstance(noted, int) else 0
        for order in self.orders.forgets(self.name, after=self.done):
            count = await self._forget(order.prefix)
            await self.backlog.remember({NOTE: order.id})
            self.done = order.id
            log.info("ledger_forgot", destination=self.name, order=order.id, records=count)

    async def _forget(self, prefix: str) -> int:
        total = 0
        while count := await self.ledger.forget(prefix, limit=FORGOTTEN_AT_ONCE):
            total += count
        return total
