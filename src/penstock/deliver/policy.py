"""What an engine may do."""

import dataclasses
from collections.abc import Mapping as Table

from penstock.buffer.port.backlog import SHARES, Priority
from penstock.deliver.decide import RetryPolicy
from penstock.destinations.answer import RETRY_AFTER_S_MAX
from penstock.destinations.options import Options
from penstock.destinations.wanted import Wishes
from penstock.ledger.modes import Mode
from penstock.ledger.rules import OFF, Rules

# Events that may go along with the first of their lane in one call.
TOGETHER_MAX = 50
# So many verdicts may wait for the disk beside the calls under way: a slow disk keeps no destination idle, and what a crash
# lets be sent again is bounded.
WRITING_MAX = 256
# A run makes two calls, after two look-ups, and is taken apart once; each may wait as long as it may take.
CALLS_OF_A_LEASE = 16
# How soon an engine that had something to do looks for new events again; and what an event may wait of the time since the
# last one: at a steady trickle little, and after seconds without any as long as may be.
IDLE_S_MIN, IDLE_SHARE = 0.01, 0.125


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPolicy:
    """What the engine is allowed to do."""

    options: Options
    retry: RetryPolicy
    #: Where calls go. Another origin is another far side, of which nothing is known.
    origin: str = ""
    #: Where the same workspace was found before; see settings.Destination.
    moved_from: tuple[str, ...] = ()
    #: What tells the account of the destination from others; see deliver/naming.py.
    account: str = ""
    in_flight_max: int = 32
    call_s_max: float = 10.0
    #: The longest wait that may be asked for, in seconds.
    retry_after_s_max: float = RETRY_AFTER_S_MAX
    #: How often an engine without work looks for new events, in seconds.
    idle_s_max: float = 0.3
    #: The options as they hold for events of each source; `options` for every other.
    by_source: Table[str, Options] = dataclasses.field(default_factory=dict)
    #: Which events are not wanted, though they could be sent.
    wishes: Wishes = dataclasses.field(default_factory=Wishes)
    #: How the pace is shared while events of several priorities are due.
    shares: Table[Priority, float] = dataclasses.field(default_factory=lambda: SHARES)
    #: What the ledger may do, and who is written to.
    rules: Rules = OFF
    mode: Mode = dataclasses.field(default_factory=Mode)

    #: By which options events of each source are read, as attempts name them; empty for every other source.
    readings: Table[str, str] = dataclasses.field(default_factory=dict)

    @property
    def lease_s(self) -> float:
        """A lease outlives every call of a dispatch, or a slow answer would let the next event of the lane overtake."""
        return CALLS_OF_A_LEASE * self.call_s_max + 20.0

    def idle_s(self, idle_for_s: float) -> float:
        """Return how long an engine that has found nothing for so long waits until it looks again."""
        return min(self.idle_s_max, max(IDLE_S_MIN, idle_for_s * IDLE_SHARE))
