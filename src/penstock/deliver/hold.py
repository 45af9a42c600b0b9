"""A destination that is held: since when, why, when to look again; and the retry clock that stands still meanwhile."""

import dataclasses
from collections.abc import Mapping

# The first look comes soon, because keys are often mended at once; later ones cost Custify nothing to speak of.
PROBE_S_MIN, PROBE_S_MAX = 5.0, 300.0


@dataclasses.dataclass(slots=True, kw_only=True)
class HoldState:
    """Held or not. All times are seconds since 1970."""

    reason: str = ""
    held_since: float = 0.0
    #: Seconds the destination was held before the present hold.
    held_s: float = 0.0
    probes: int = 0
    probe_at: float = 0.0

    @property
    def is_held(self) -> bool:
        """Return whether nothing may be sent."""
        return bool(self.reason)

    def retry_clock(self, now: float) -> float:
        """Return a time that does not pass while held: an event does not grow old for want of a key."""
        present_s = now - self.held_since if self.is_held else 0.0
        return now - self.held_s - present_s

    def begin(self, reason: str, *, now: float) -> None:
        """Hold from now on."""
        self.reason, self.held_since = reason, now
        self.probe_failed(now)

    def probe_is_due(self, now: float) -> bool:
        """Return whether it is time to look whether the hold can end."""
        return now >= self.probe_at

    def probe_failed(self, now: float) -> None:
        """Look again later, twice as late each time."""
        self.probe_at = now + min(PROBE_S_MAX, PROBE_S_MIN * 2.0 ** min(self.probes, 10))
        self.probes += 1

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
        self.held_s += now - self.held_since
        self.reason = ""

    def to_notes(self) -> dict[str, object]:
        """Return what must survive a restart."""
        return {"hold_reason": self.reason, "held_since": self.held_since, "held_s": self.held_s}

    @classmethod
    def from_notes(cls, notes: Mapping[str, object]) -> "HoldState":
        """Read `to_notes` back; a held destination starts with a probe."""
        reason, since, held_s = notes.get("hold_reason"), notes.get("held_since"), notes.get("held_s")
        return cls(
            reason=reason if isinstance(reason, str) else "",
            held_since=since if isinstance(since, int | float) else 0.0,
            held_s=held_s if isinstance(held_s, int | float) else 0.0,
        )
