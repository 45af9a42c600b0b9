"""What people ask of the ledger: to forget, a little at a time, and to let attributes through."""

import asyncio

import structlog

from penstock.buffer.port.backlog import Backlog
from penstock.buffer.port.ledger import LedgerOrders
from penstock.deliver.dispatch import SHADOW
from penstock.deliver.records import KeptRecords

log = structlog.get_logger()

NOTE = "forgotten"


class FollowedLedgerOrders:
    """The orders of one destination; each to forget is followed once, also across restarts."""

    def __init__(self, name: str, *, backlog: Backlog, kept: KeptRecords, orders: LedgerOrders) -> None:
        self.name, self.backlog, self.kept, self.orders = name, backlog, kept, orders
        self.done: int | None = None
        self.is_live = False

    async def step(self, *, is_live: bool) -> frozenset[str]:
        """Follow the orders that are new; return the attributes that people approved.

        Once a destination is written to, what it would have held in shadow is forgotten.
        """
        if is_live and not self.is_live:
            await self.kept.forget(SHADOW)
        self.is_live = is_live
        if self.done is None:
            noted = (await self.backlog.notes()).get(NOTE)
            self.done = noted if isinstance(noted, int) else 0
            await self._is_done()
        asked = self.orders.asked(self.name, after=self.done)
        for order in asked.forgets:
            count = await self.kept.forget_named(order.prefix)
            await self.backlog.remember({NOTE: order.id})
            self.done = order.id
            log.info("ledger_forgot", destination=self.name, order=order.id, records=count)
            await self._is_done()
        return asked.approved

    async def _is_done(self) -> None:
        """Take followed orders away: an order that names a person would outlive what it made forgotten."""
        await asyncio.to_thread(self.orders.followed, self.name, up_to=self.done or 0)
