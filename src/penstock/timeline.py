"""The times of a role, going on over its restarts and the machine's: what is stored as an instant is one of these.

A clock of the kernel begins anew with each start of the machine. So a moment is kept now and then, as every clock told it,
and the next process goes on from there: within one start of the machine by the clock that cannot be set, over others by the
wall's clock, of which it believes a little. The first moment of all is the wall's. Pure but for what it remembers.
"""

import dataclasses

from penstock.clock import Clock

# A loop turns every second; when it did not, it could do nothing, and nothing grew old.
GAP_S_MAX = 10.0
# By how much the wall's clock must be off to have been set. Less is how it is kept right, or what a busy machine costs.
JUMP_S_MIN = 2.0
# How far a clock may drift from another one between two looks; NTP corrects it by up to half a millisecond a second.
DRIFT = 0.001
# The most that is believed to have passed while the machine was off: with a wrong clock it would be years.
OFF_S_MAX = 86_400.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One instant, as all clocks told it; in seconds."""

    #: Which start of the machine, and how long ago that was.
    boot: str
    since_boot: float
    wall: float
    steady: float
    awake: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
    """The wall's clock was set; or it was read anew by a machine that had been off."""

    at: float
    by_s: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Nothing could be done: the machine slept, or the process was stopped."""

    seconds: float


class Timeline:
    """A clock whose steady and awake seconds go on where they were left. `look` once a second."""

    def __init__(self, clock: Clock, *, boot: str) -> None:
        self.clock, self.boot = clock, boot
        wall = clock.now()
        #: Where steady seconds began, and the other clock's seconds then.
        self.steady_from = wall, clock.steady()
        #: The awake seconds of the last look, and the other clock's.
        self.awake_from = wall, clock.steady()
        self.ahead_s = wall - clock.steady()

    def now(self) -> float:
        """Return seconds since 1970, UTC."""
        return self.clock.now()

    def steady(self) -> float:
        """Return seconds of a clock that cannot be set."""
        then, before = self.steady_from
        return then + self.clock.steady() - before

    def awake(self) -> float:
        """Return seconds in which something could be done."""
        then, before = self.awake_from
        return then + min(self.clock.steady() - before, GAP_S_MAX)

    def look(self) -> tuple[Jump | None, Gap | None]:
        """Return whether the wall's clock was set since the last look, and whether a while was missed."""
        passed_s = self.clock.steady() - self.awake_from[1]
        self.awake_from = self.awake(), self.clock.steady()
        return self._jump(), Gap(seconds=passed_s) if passed_s > GAP_S_MAX else None

    def look_again(self, jump: Jump) -> None:
        """Let the next look find a jump once more: it could not be written down."""
        self.ahead_s -= jump.by_s

    def moment(self) -> Moment:
        """Return the present one, to be kept."""
        return Moment(
            boot=self.boot,
            since_boot=self.clock.steady(),
            wall=self.clock.now(),
            steady=self.steady(),
            awake=self.awake(),
        )

    def recall(self, kept: Moment) -> None:
        """Go on from a moment that was kept; the next look tells if the wall's clock was set meanwhile."""
        since_boot, wall_s = self.clock.steady(), self.clock.now() - kept.wall
        is_same_boot = bool(self.boot) and kept.boot == self.boot and since_boot >= kept.since_boot
        passed_s = since_boot - kept.since_boot if is_same_boot else min(max(wall_s, 0.0), OFF_S_MAX)
        self.steady_from = kept.steady + passed_s, since_boot
        self.awake_from = kept.awake, since_boot
        off_s = wall_s - passed_s
        is_set = abs(off_s) >= JUMP_S_MIN + DRIFT * passed_s
        self.ahead_s = kept.wall + wall_s - since_boot - (off_s if is_set else 0.0)

    def _jump(self) -> Jump | None:
        ahead_s = self.clock.now() - self.clock.steady()
        by_s, self.ahead_s = ahead_s - self.ahead_s, ahead_s
        return Jump(at=self.clock.now(), by_s=by_s) if abs(by_s) >= JUMP_S_MIN else None
