"""A destination that rests, held, down or paused: since when, why, when to look again; and the retry clock that stands still.

Held means that the destination bars us, down that no call gets through: a probe looks now and then whether that is over. Down is
held for the cause `custify.unavailable`, which no person has to mend. A read that passes proves nothing of writes: it is on
trial then, a few calls are made, and only a write that passes ends it. Paused means that a person wants it so, and a person
ends it. Paused and held can be true at once.
"""

import dataclasses
from collections.abc import Mapping

from penstock import causes

# The first look comes soon, because keys are often mended at once; later ones cost it nothing to speak of.
PROBE_S_MIN, PROBE_S_MAX = 5.0, 60.0
# An outage ends by itself, and a backlog waits for that: one read now, instead of every lane's calls.
DOWN_PROBE_S_MIN, DOWN_PROBE_S_MAX = 1.0, 5.0


@dataclasses.dataclass(slots=True, kw_only=True)
class HoldState:
    """Held, down or neither; paused or not. All times are awake seconds: nothing grows old in a sleep, and no probe is made."""

    reason: str = ""
    #: One of causes.py.
    cause: str = ""
    #: Who paused the destination; empty while it is not paused.
    paused_by: str = ""
    #: When the retry clock stopped.
    resting_since: float = 0.0
    #: Seconds the destination rested before the present rest.
    rested_s: float = 0.0
    probes: int = 0
    probe_at: float = 0.0
    #: A read passed, and the first writes find out whether they do.
    is_on_trial: bool = False
    #: Since when.
    tried_since: float = 0.0

    @property
    def is_held(self) -> bool:
        """Return whether the destination bars us, or is down."""
        return bool(self.reason)

    @property
    def is_closed(self) -> bool:
        """Return whether no call may be made but the probe."""
        return self.is_held and not self.is_on_trial

    @property
    def is_down(self) -> bool:
        """Return whether no call gets through, for no fault of the key, the account or the address."""
        return self.is_held and causes.is_unavailable(self.cause)

    @property
    def is_paused(self) -> bool:
        """Return whether a person wants nothing to be sent."""
        return bool(self.paused_by)

    def retry_clock(self, now: float) -> float:
        """Return a time that does not pass while resting, or on trial: an event does not grow old for want of a key."""
        present_s = now - self.resting_since if self.is_held or self.is_paused else 0.0
        return now - self.rested_s - present_s

    def retry_facts(self, *, steady: float, awake: float) -> dict[str, object]:
        """Return the retry clock as others can read it off: where it stands, or by how much it is behind steady seconds."""
        now = self.retry_clock(awake)
        if self.is_held or self.is_paused:
            return {"retry_stands_at": round(now, 1)}
        return {"retry_behind_s": round(steady - now, 1)}

    def begin(self, reason: str, cause: str, *, now: float) -> None:
        """Hold from now on."""
        self._rest(now)
        self.reason, self.cause = reason, cause
        self.probe_failed(now)

    def pause(self, by: str, *, now: float) -> None:
        """Rest until that person, or another, says `resume`."""
        self._rest(now)
        self.paused_by = by

    def resume(self, now: float) -> None:
        """End the pause."""
        self.paused_by = ""
        self._rested(now)

    def probe_is_due(self, now: float) -> bool:
        """Return whether it is time to look whether the hold can end."""
        return now >= self.probe_at

    def changed(self, reason: str, cause: str) -> None:
        """Go on resting, for another reason: a probe was answered in another way."""
        if cause != self.cause:
            self.probes = 0
        self.reason, self.cause = reason, cause

    def probe_failed(self, now: float, *, wait_s: float = 0.0) -> None:
        """Look again later, twice as late each time, and not before `wait_s` have passed."""
        first_s, most_s = (DOWN_PROBE_S_MIN, DOWN_PROBE_S_MAX) if self.is_down else (PROBE_S_MIN, PROBE_S_MAX)
        self.probe_at = now + max(wait_s, min(most_s, first_s * 2.0 ** min(self.probes, 10)))
        self.probes += 1
        self.is_on_trial = False

    def probe_passed(self, now: float) -> None:
        """Let a few calls try; a hold that does not begin anew ends with the first write that passes."""
        if not self.is_on_trial:
            self.is_on_trial, self.tried_since = self.is_held, now

    def probe_now(self) -> None:
        """Look at once: the key or the address was changed."""
        self.probe_at, self.probes = 0.0, 0

    def proved(self) -> None:
        """A call was accepted. Only this makes the next hold begin with short intervals again.

        A probe may succeed where a write is forbidden; without this the destination would flap every few seconds.
        """
        self.probes = 0

    def end(self, now: float) -> None:
        """Go on."""
        self.reason = self.cause = ""
        self.is_on_trial = False
        self._rested(now)

    def _rest(self, now: float) -> None:
        if not self.is_held and not self.is_paused:
            self.resting_since = now

    def _rested(self, now: float) -> None:
        if not self.is_held and not self.is_paused:
            self.rested_s += now - self.resting_since

    def to_notes(self) -> dict[str, object]:
        """Return what must survive a restart."""
        return {
            "hold_reason": self.reason,
            "hold_cause": self.cause,
            "paused_by": self.paused_by,
            "resting_since": self.resting_since,
            "rested_s": self.rested_s,
        }

    @classmethod
    def from_notes(cls, notes: Mapping[str, object]) -> "HoldState":
        """Read `to_notes` back; a held destination starts with a probe."""
        texts = {
            key: value if isinstance(value := notes.get(key), str) else ""
            for key in ("hold_reason", "hold_cause", "paused_by")
        }
        since, rested_s = notes.get("resting_since"), notes.get("rested_s")
        return cls(
            reason=texts["hold_reason"],
            cause=texts["hold_cause"],
            paused_by=texts["paused_by"],
            resting_since=since if isinstance(since, int | float) else 0.0,
            rested_s=rested_s if isinstance(rested_s, int | float) else 0.0,
        )
