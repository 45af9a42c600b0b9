"""One engine over a world's store, as stories set it on a stage: each says only what it is about."""

from typing import Any

from contract.worlds import DESTINATION
from penstock.clock import Clock, Dice, SeededDice
from penstock.deliver.decide import RetryPolicy
from penstock.deliver.engine import Engine
from penstock.deliver.pace import Pace
from penstock.deliver.policy import DeliveryPolicy
from penstock.deliver.steps import Bench
from penstock.destinations.custify.options import Mapping
from penstock.destinations.port import Api


def engine_over(
    world: Any,
    api: Api,
    clock: Clock,
    *,
    dice: Dice | None = None,
    pace: Pace | None = None,
    kind: Any = Engine,
    ledger: Any = None,
    bench: Bench | None = None,
    **policy: Any,
) -> Engine:
    """Return an engine that knows nothing but what the store of a world does; `policy` is what its DeliveryPolicy has else."""
    allowed: dict[str, Any] = {"options": Mapping(), "retry": RetryPolicy()} | policy
    return kind(
        DESTINATION,
        backlog=world.backlog,
        ledger=ledger or world.backlog.ledger,
        api=api,
        pace=pace or Pace(as_of=clock.steady()),
        policy=DeliveryPolicy(**allowed),
        clock=clock,
        dice=dice or SeededDice(3),
        bench=bench,
    )
