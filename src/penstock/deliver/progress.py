"""Whether anything of a destination moves, and what hinders it: for people who look. Pure: it is told the time."""

import dataclasses

from penstock.destinations.answer import Accepted, Answer, Refused, Throttled

# Enough of an answer to see what it is about.
TROUBLE_CHARS_MAX = 120


@dataclasses.dataclass(slots=True)
class Progress:
    """When an event of a destination ended last, or could begin to. Times are steady seconds."""

    moved_at: float
    #: How the last call went that got no usable answer; empty since one did.
    trouble: str = ""
    is_resting: bool = False
    #: When a call began that was taken last, seconds since 1970; 0 before there was one.
    reached_at: float = 0.0

    def moved(self, now: float) -> None:
        """An event ended, or something began anew: a replay, the first look after a rest."""
        self.moved_at = now

    def rests(self) -> None:
        """Nothing may be sent: no wonder that nothing moves."""
        self.is_resting = True

    def goes_on(self, now: float) -> None:
        """Something may be sent."""
        if self.is_resting:
            self.is_resting = False
            self.moved(now)

    def answered(self, answer: Answer, at: float = 0.0) -> None:
        """A call was answered, or not, that began then, in seconds since 1970."""
        self.reached_at = max(self.reached_at, at) if isinstance(answer, Accepted) else self.reached_at
        if isinstance(answer, Accepted | Refused):
            self.trouble = ""
            return
        status = 429 if isinstance(answer, Throttled) else answer.status
        self.trouble = f"{status}: {answer.text}"[:TROUBLE_CHARS_MAX] if status else answer.text[:TROUBLE_CHARS_MAX]

    def facts(self) -> dict[str, object]:
        """Return what a person may want to know, as JSON values."""
        reached = {"reached_at": round(self.reached_at, 1)} if self.reached_at else {}
        return {"moved_at": round(self.moved_at, 1), "trouble": self.trouble, **reached}
