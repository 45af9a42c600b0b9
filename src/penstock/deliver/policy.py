"""What an engine may do, and the port through which it does it."""

import dataclasses
from collections.abc import Mapping as Table
from typing import Protocol

from penstock.buffer.port.backlog import SHARES, Priority
from penstock.deliver.answer import RETRY_AFTER_S_MAX, Answer
from penstock.deliver.decide import RetryPolicy
from penstock.destinations.custify.convert.plan import Call, Mapping
from penstock.destinations.custify.convert.wanted import Wishes
from penstock.ledger.modes import Mode
from penstock.ledger.rules import OFF, Rules

# Events that may go along with the first of their lane in one call.
TOGETHER_MAX = 50
# A run makes two calls, after two look-ups, and is taken apart once; each may wait as long as it may take.
CALLS_OF_A_LEASE = 16


class Custify(Protocol):
    """The far side. One adapter speaks HTTP; the simulation has a hostile one."""

    async def send(self, call: Call) -> Answer:
        """Make one call and name its answer. Never raises for anything the network or Custify does."""

    async def read(self, path: str) -> Answer:
        """Make one read and name its answer. Never raises either."""

    async def probe(self) -> Answer:
        """Make a harmless read that succeeds when key and address are right."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPolicy:
    """What the engine is allowed to do."""

    mapping: Mapping
    retry: RetryPolicy
    #: Where calls go. Another origin is another Custify, of which nothing is known.
    origin: str = ""
    #: What tells the account of the destination from others; see deliver/naming.py.
    account: str = ""
    in_flight_max: int = 32
    call_s_max: float = 10.0
    #: The longest wait that Custify may ask for, in seconds.
    retry_after_s_max: float = RETRY_AFTER_S_MAX
    #: How often an engine without work looks for new events, in seconds.
    idle_s_max: float = 0.3
    #: The mapping as it holds for events of each source; `mapping` for every other.
    mappings: Table[str, Mapping] = dataclasses.field(default_factory=dict)
    #: Which events are not wanted, though they could be sent.
    wishes: Wishes = dataclasses.field(default_factory=Wishes)
    #: How the pace is shared while events of several priorities are due.
    shares: Table[Priority, float] = dataclasses.field(default_factory=lambda: SHARES)
    #: What the ledger may do, and who is written to.
    rules: Rules = OFF
    mode: Mode = dataclasses.field(default_factory=Mode)

    @property
    def lease_s(self) -> float:
        """A lease outlives every call of an errand, or a slow answer would let the next event of the lane overtake."""
        return CALLS_OF_A_LEASE * self.call_s_max + 20.0
