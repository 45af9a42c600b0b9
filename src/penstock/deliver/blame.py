"""What a bad answer is about: the event that got it, or the destination. Pure: it is told which calls passed, and which did not.

A key, an account, an address or a server that is down fails every call. A firewall, or a bug at the far side, fails the calls of
one event, again and again, while others pass: that must neither hold nor slow them, and the event grows old by it.
"""

import dataclasses
import enum
import math

# So many events, one behind the other, without one that passed between them: that is no coincidence.
SEVERAL = 3
# Failing events that are remembered; beyond, the one that failed longest ago is taken for new.
REMEMBERED_MAX = 10_000


class Blame(enum.Enum):
    """What the evidence so far speaks against: an event, or the destination."""

    EVENT = enum.auto()
    EVERYBODY = enum.auto()
    #: One event, for the first time, and nothing else was tried.
    UNCLEAR = enum.auto()


@dataclasses.dataclass(slots=True)
class Evidence:
    """Which writes passed lately, and which events failed. Times are on any clock, always the same one."""

    #: When a write passed last; what is refused for its content has passed the key and the way.
    passed_at: float = -math.inf
    #: One ever did, with the key and the address of now. A key that may only read passes every read.
    is_proven: bool = False
    #: By place in the log: when the event failed last. The oldest first.
    failed: dict[int, float] = dataclasses.field(default_factory=dict)
    #: Those that failed since a write passed.
    since: set[int] = dataclasses.field(default_factory=set)
    #: Those that alone were answered as if the key, the account or the way were wrong.
    singled: set[int] = dataclasses.field(default_factory=set)

    def passed(self, now: float) -> None:
        """A write passed."""
        self.passed_at, self.is_proven = now, True
        self.since.clear()

    def blames(self, seq: int, *, began: float, now: float) -> Blame:
        """An event failed in a call that began then; return what that speaks against."""
        before = self.failed.pop(seq, None)
        self.failed[seq] = now
        if len(self.failed) > REMEMBERED_MAX:
            self.ended(next(iter(self.failed)))
        # Others passed while it was tried, or since it failed last.
        if self.passed_at >= (began if before is None else before):
            return Blame.EVENT
        self.since.add(seq)
        return Blame.EVERYBODY if len(self.since) >= SEVERAL else Blame.UNCLEAR

    def single_out(self, seq: int) -> bool:
        """The event alone is answered as if the key, the account or the way were wrong; return whether it was before."""
        is_known = seq in self.singled
        self.singled.add(seq)
        return is_known

    def ended(self, seq: int) -> None:
        """The event has its outcome."""
        self.failed.pop(seq, None)
        self.since.discard(seq)
        self.singled.discard(seq)

    def start_anew(self) -> None:
        """Another key or address: what passed before proves nothing."""
        self.passed_at, self.is_proven = -math.inf, False
