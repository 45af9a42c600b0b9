"""deliver, put together: who serves the destinations, out of which store."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from penstock.deliver.fleet import Fleet
from penstock.deliver.steps import Watched
from penstock.deliver.watchman import Watchman
from penstock.run.opening import open_ledger_orders, open_orders

if TYPE_CHECKING:
    from penstock.buffer.sqlite.delivery.delivery import DeliveryStore
    from penstock.destinations.port import Api
    from penstock.run.process import Process


def open_fleet(
    process: "Process",
    store: "DeliveryStore",
    watchman: Watchman,
    guarded: "Callable[[Api], Api]" = lambda api: api,
) -> Fleet:
    """Return who serves all destinations out of a store; `guarded` stands before every call."""
    return Fleet(
        backlog_of=store.backlog,
        ledger_of=store.ledger,
        orders=open_orders(process.settings),
        ledger_orders=open_ledger_orders(process.settings),
        clock=process.clock,
        dice=process.dice,
        bench=Watched(watchman),
        names=store,
        guarded=guarded,
    )


def pruning(process: "Process", store: "DeliveryStore") -> Callable[[], Awaitable[int]]:
    """Return the chore that takes out of a store what its settings do not keep."""

    async def prune() -> int:
        in_force = process.settings
        return await store.prune(ledger_days=in_force.ledger_days, destinations=tuple(in_force.destinations))

    return prune
