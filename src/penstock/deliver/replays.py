"""Replays that people ordered, fed to the backlog a little at a time."""

from collections.abc import Sequence

import structlog

from penstock.buffer.port.backlog import Backlog
from penstock.buffer.port.orders import ReplayOrder

log = structlog.get_logger()

# Replayed events that wait at the same time: enough to keep deliver busy, few enough to stop a replay soon.
WAITING_MAX = 500


class Replays:
    """The replays of one destination: one after the other, in the order in which they were asked for."""

    def __init__(self, backlog: Backlog) -> None:
        self.backlog = backlog
        self.ended: set[int] = set()

    async def step(self, orders: Sequence[ReplayOrder]) -> bool:
        """Put the next events of the first replay back that is not at its end; return whether there is such a one."""
        open_orders = [order for order in orders if not order.stopped and order.id not in self.ended]
        if not open_orders:
            return False
        order = min(open_orders, key=lambda each: each.id)
        limit = WAITING_MAX
        while limit > 0:
            step = await self.backlog.replay(order.selection, job=order.id, limit=limit, fresh_ids=order.fresh_ids)
            if step.is_read:
                self.ended.add(order.id)
                log.info("replay_read", job=order.id, waiting=step.waiting)
                break
            limit = WAITING_MAX - step.waiting
        return True
