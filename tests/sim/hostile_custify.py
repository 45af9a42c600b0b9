"""Answers like Custify on a bad day, and remembers what it really applied."""

import asyncio
import collections
import dataclasses

from penstock.clock import Clock
from penstock.destinations.answer import Accepted, Answer, Barred, Refused, Throttled, Unavailable, read_answer
from penstock.destinations.plan import Call
from sim.held import Held
from sim.loop import EPOCH, far_side
from sim.script import is_mark

# What is agreed to in a story: its end does not wait for an hour.
RETRY_AFTER_S_MAX = 120.0
PAGE = "<!DOCTYPE html><title>Log in</title>"
#: Answers that are strange, or say absurd things: status, body, Retry-After.
ODD = (
    (200, PAGE, ""),
    (202, '{"error":"no such workspace"}', ""),
    (200, '{"errors":["a","b"]}', ""),
    (402, '{"error":"pay"}', ""),
    (404, PAGE, ""),
    (404, '{"code":"NotFound"}', ""),
    (405, "", ""),
    (429, "", "1000000000"),
    (429, "", "9" * 400),
    (429, "", "Sat, 01 Jan 2099 00:00:00 GMT"),
    (429, "", "-5"),
    (429, "", "soon"),
    (503, PAGE, "20"),
    (503, "", "5\n1000000000"),
)
# A firewall dislikes every so many-th event, whatever anybody does about it.
DISLIKED = 19


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Shares of calls that go wrong, each in [0, 1]; drawn from the seed and printed with the story."""

    throttled: float = 0.0
    unavailable: float = 0.0
    swallowed: float = 0.0
    slow: float = 0.0
    unanswered: float = 0.0
    refused: float = 0.0
    odd: float = 0.0
    has_firewall: bool = False
    #: From when to when nobody gets through, seconds of the story.
    outage: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def drawn(cls, dice, odd) -> "Faults":
        """Some days are worse than others, each in its own way. `odd` throws for what came to be known later."""
        begins, lasts = odd.uniform(0.0, 200.0), max(0.0, odd.uniform(-200.0, 300.0))
        return cls(
            odd=max(0.0, odd.uniform(-0.1, 0.1)),
            has_firewall=odd.uniform(0.0, 1.0) < 0.5,
            outage=(begins, begins + lasts),
            throttled=dice.uniform(0.0, 0.25),
            unavailable=dice.uniform(0.0, 0.4),
            swallowed=dice.uniform(0.0, 0.15),
            slow=dice.uniform(0.0, 0.2),
            unanswered=dice.uniform(0.0, 0.2),
            refused=max(0.0, dice.uniform(-0.3, 0.2)),
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """One write, as the far side saw it."""

    at: float
    path: str
    subject: str
    mark: int
    deduplication_id: str


class HostileCustify:
    """The far side. It goes on working when our side gives up, as real servers do."""

    def __init__(self, *, clock: Clock, dice, faults: Faults, call_s_max: float, odd=None) -> None:
        self.clock, self.dice, self.faults, self.call_s_max = clock, dice, faults, call_s_max
        self.odd = odd or dice
        self.applied: list[Applied] = []
        self.called_at: list[float] = []
        self.key_is_good = True
        #: From when to when Custify asked for quiet, and how often it was not heard.
        self.quiet_since, self.quiet_until, self.called_too_early = 0.0, 0.0, 0
        #: How often each event met an outage, or an answer that it alone was given, to compare with what it is buried for.
        self.unavailable: collections.Counter[int] = collections.Counter()
        self.serving: set[asyncio.Task[Answer]] = set()
        self.held, self.unavailable_reads = Held(), 0

    async def send(self, call: Call) -> Answer:
        """Serve, shielded: a client that times out, crashes or is cancelled does not stop the server."""
        # Before the machine may fall asleep: what was sent then arrives when it wakes up, and nobody can help that.
        self._note_call()
        task = far_side(self._serve(call))
        self.serving.add(task)
        task.add_done_callback(self.serving.discard)
        try:
            answer = await asyncio.wait_for(asyncio.shield(task), self.call_s_max)
        except TimeoutError:
            self.unavailable[mark_of(call)] += 1
            return Unavailable(None, "no answer in time")
        if isinstance(answer, Unavailable) and answer.status is None:
            self.unavailable[mark_of(call)] += 1
        if isinstance(answer, Throttled):
            self._heard(answer)
        return answer

    async def read(self, path: str) -> Answer:
        """Look somebody up: as slow and as unreliable as everything else, but it changes nothing."""
        self._note_call()
        await asyncio.sleep(self.dice.uniform(0.01, 0.3))
        if not self.key_is_good:
            return Barred(401, "bad key")
        if self.is_in_outage() or self._happens(self.faults.unavailable):
            self.unavailable_reads += 1
            return Unavailable(503, "down")
        return Accepted(200, self.held.look_up(path))

    async def probe(self) -> Answer:
        """A harmless read."""
        await asyncio.sleep(self.dice.uniform(0.01, 0.2))
        if not self.key_is_good:
            return Barred(401, "bad key")
        if self.is_in_outage():
            return Unavailable(503, "down")
        quiet_s = self.quiet_until - self.clock.steady()
        return Throttled(quiet_s, "slow down") if quiet_s > 0 else Accepted(200, "[]")

    def heal(self) -> None:
        """From now on everything works."""
        self.faults, self.key_is_good = Faults(), True

    def forget_quiet(self) -> None:
        """Whoever was asked for quiet is gone; the next one was told nothing, and learns it from its first 429."""
        self.quiet_until = 0.0

    async def _serve(self, call: Call) -> Answer:
        await asyncio.sleep(self.dice.uniform(0.01, 0.3))
        if not self.key_is_good:
            return Barred(401, "bad key")
        if self._happens(self.faults.throttled):
            return Throttled(self.dice.uniform(1.0, 20.0) if self._happens(0.7) else None, "slow down")
        if self.is_in_outage() or self._happens(self.faults.unavailable):
            self.unavailable[mark_of(call)] += 1
            return Unavailable(503, "down")
        if (odd := self._odd(call)) is not None:
            self.unavailable[mark_of(call)] += 1
            return odd
        if self._happens(self.faults.swallowed):
            await asyncio.sleep(self.call_s_max * 2)
            # Seen by a client alone that stood still for so long.
            return Unavailable(None, "connection lost")
        if self._happens(self.faults.slow):
            # Applied before our timeout, answered after it or shortly before.
            await asyncio.sleep(self.dice.uniform(0.4, 0.9) * self.call_s_max)
        if self._is_refused(call):
            return Refused(422, "no such field")
        self._apply(call)
        if self._happens(self.faults.unanswered):
            await asyncio.sleep(self.call_s_max * 2)
        return Accepted(200, "")

    def _odd(self, call: Call) -> Answer | None:
        """Answer as something that is not Custify, or as nobody expects of it; most often not at all."""
        if self.faults.has_firewall and mark_of(call) % DISLIKED == 0:
            return _named(403, "<h1>Blocked</h1>", "")
        if self.odd.uniform(0.0, 1.0) >= self.faults.odd:
            return None
        return _named(*ODD[int(self.odd.uniform(0.0, len(ODD)))])

    def is_in_outage(self) -> bool:
        """Return whether nobody gets through."""
        begins, ends = self.faults.outage
        return begins <= self.clock.steady() - EPOCH < ends

    def _note_call(self) -> None:
        now = self.clock.steady()
        self.called_at.append(now)
        self.called_too_early += self.quiet_since < now < self.quiet_until

    def _heard(self, answer: Throttled) -> None:
        """From here on our side knows; what a crashed client was told, nobody can obey."""
        now = self.clock.steady()
        if now >= self.quiet_until:
            self.quiet_since = now
        self.quiet_until = max(self.quiet_until, now + (10.0 if answer.retry_after_s is None else answer.retry_after_s))

    def _is_refused(self, call: Call) -> bool:
        # Some events are simply wrong, on good days too; a call of theirs is refused however often it comes.
        return mark_of(call) % 17 == 0 or self._happens(self.faults.refused)

    def _apply(self, call: Call) -> None:
        body = call.body
        self.held.apply(call, mark_of(call))
        subject = body.get("company_id") if call.path == "/company" else body.get("user_id")
        self.applied.append(
            Applied(
                at=self.clock.steady(),
                path=call.path,
                subject=str(subject),
                mark=mark_of(call),
                deduplication_id=str(body.get("deduplication_id", "")),
            )
        )

    def _happens(self, share: float) -> bool:
        return self.dice.uniform(0.0, 1.0) < share


def _named(status: int, text: str, retry_after: str) -> Answer:
    headers = {"retry-after": retry_after}
    return read_answer(status, headers=headers, text=text, now=EPOCH, retry_after_s_max=RETRY_AFTER_S_MAX)


def mark_of(call: Call) -> int:
    """Return the number that the story wrote into the event."""
    fields = call.body.get("metadata") or call.body.get("custom_attributes") or {}
    found = (mark for name, mark in fields.items() if is_mark(name)) if isinstance(fields, dict) else iter(())
    mark = next(found, -1)
    return mark if isinstance(mark, int) else -1
