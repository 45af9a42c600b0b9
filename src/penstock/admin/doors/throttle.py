"""How fast strangers may guess: one throttle for every way in.

Nothing is ever locked. Wrong guesses make the next ones wait, twice as long each time, and what comes too early is
refused unread. Waiting is counted for the name and for the address (of IPv6 the network, for a single machine has 2^64
addresses), so that neither many names nor many addresses help. A browser or an address that knew the password of a name
lately is counted by itself: whatever strangers do meanwhile, its owner comes in.
"""

import collections
import dataclasses
import enum
import ipaddress
import threading
from collections.abc import Sequence

from penstock.clock import Clock

#: Wrong guesses are forgotten this long after the last of them.
FORGET_S = 3_600.0
#: Names, addresses and devices that are remembered, each; strangers choose them. The one seen longest ago goes first.
REMEMBERED_MAX = 10_000
IPV6_BITS = 64


class Limit(enum.Enum):
    """What wrong guesses are counted for."""

    NAME = "name"
    ADDRESS = "address"
    #: A browser or an address that knew the password of a name.
    KNOWN = "known"


#: How many wrong guesses are free, the first wait and the longest, in seconds.
WAITS = {Limit.NAME: (5, 2.0, 60.0), Limit.ADDRESS: (10, 1.0, 300.0), Limit.KNOWN: (5, 2.0, 60.0)}
#: One thing that guesses are counted for.
GuessedAt = tuple[Limit, str]


@dataclasses.dataclass(slots=True)
class Trail:
    """The wrong guesses of one mark."""

    failures: int = 0
    at: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class Wait:
    """An attempt that came too early, and was not looked at."""

    seconds: float


class Throttle:
    """Counts wrong guesses; in memory, so that guessing costs no disk."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.lock = clock, threading.Lock()
        self.trails: dict[Limit, collections.OrderedDict[str, Trail]] = {
            limit: collections.OrderedDict() for limit in Limit
        }

    def begin(self, marks: Sequence[GuessedAt]) -> Wait | None:
        """Let an attempt begin, or say how long to wait. Until `succeeded` it counts as wrong: many may come at once."""
        with self.lock:
            wait = self._wait(marks)
            if wait is None:
                self._charge(marks)
            return wait

    def judge(self, marks: Sequence[GuessedAt], *, right: bool) -> Wait | None:
        """Count an attempt whose answer was known at once; say how long it must wait, if it came too early."""
        with self.lock:
            wait = self._wait(marks)
            if wait is None and not right:
                self._charge(marks)
            elif wait is None:
                self._clear(marks)
            return wait

    def succeeded(self, marks: Sequence[GuessedAt]) -> None:
        """Take back what an attempt was counted for. An address stays what it was: its owner may guess at others."""
        with self.lock:
            for limit, key in marks:
                if limit is Limit.ADDRESS and (trail := self.trails[limit].get(key)):
                    trail.failures -= 1
            self._clear(marks)

    def _clear(self, marks: Sequence[GuessedAt]) -> None:
        for limit, key in marks:
            if limit is not Limit.ADDRESS:
                self.trails[limit].pop(key, None)

    def _wait(self, marks: Sequence[GuessedAt]) -> Wait | None:
        now = self.clock.steady()
        seconds = max((_wait_s(limit, self.trails[limit].get(key), now) for limit, key in marks), default=0.0)
        return Wait(seconds) if seconds > 0 else None

    def _charge(self, marks: Sequence[GuessedAt]) -> None:
        now = self.clock.steady()
        for limit, key in marks:
            trails = self.trails[limit]
            trail = trails.setdefault(key, Trail())
            trail.failures = 1 if now - trail.at > FORGET_S else trail.failures + 1
            trail.at = now
            trails.move_to_end(key)
            if len(trails) > REMEMBERED_MAX:
                trails.popitem(last=False)


def _wait_s(limit: Limit, trail: Trail | None, now: float) -> float:
    free, first_s, longest_s = WAITS[limit]
    if trail is None or trail.failures < free or now - trail.at > FORGET_S:
        return 0.0
    wait_s: float = min(longest_s, first_s * 2.0 ** min(trail.failures - free, 30))
    return wait_s - (now - trail.at)


def network_of(address: str) -> str:
    """Return what is counted as one address: of IPv6 the /64, of anything else itself."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((parsed, IPV6_BITS), strict=False))
