"""How a destination stands: served, asked for quiet, down, held or paused; and what a bad answer is about.

Rules for changing this file: the harmless read is made here alone, one at a time, and a task that wants its answer
meanwhile shares it; what follows from answers is decided in pure places (blame, hold, pace, width, decide).
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping

import structlog

from penstock import causes
from penstock.clock import Clock
from penstock.deliver.blame import Blame, Evidence
from penstock.deliver.decide import RETRY_AFTER_S_DEFAULT, Hold, RetryPolicy, Said, why_down, why_held
from penstock.deliver.hold import HoldState
from penstock.deliver.pace import LONG_QUIET_S, Pace
from penstock.deliver.width import Width
from penstock.destinations.answer import (
    RETRY_AFTER_S_MAX,
    Accepted,
    Answer,
    Barred,
    Down,
    Judged,
    Refused,
    Singled,
    Throttled,
    Unavailable,
)

NOT_FOUND = 404
# Shorter waits are how a destination is told its pace, and nothing a person has to know.
SHOWN_S = 15.0
# A read that passed lately says that the way is right: a look-up's 404 then means that there is no one of that name.
READ_BELIEVED_S = 60.0
# So long without anything to write, reads pass, and that is all there is to know.
TRIAL_S = 60.0


class Standing:
    """One destination, as far as all of its events are concerned."""

    def __init__(
        self,
        *,
        pace: Pace,
        width: Width,
        clock: Clock,
        log: structlog.typing.FilteringBoundLogger,
        probe: Callable[[], Awaitable[Answer]],
    ) -> None:
        self.pace, self.width, self.clock, self.log, self.probe = pace, width, clock, log, probe
        self.hold, self.witness = HoldState(), Evidence()
        #: How people call what is at the far side, and how the codes of what it says begin.
        self.retry = RetryPolicy()
        #: Until when the destination asked for quiet, in seconds since 1970; and whether it asked for more than we agree to.
        self.wait_until, self.is_cut = 0.0, False
        #: The same in steady seconds.
        self.quiet_until = 0.0
        #: When the call began for which we rest: a write that began no earlier, and passes, ends it. Infinity: none does.
        self.accused_at = math.inf
        #: The harmless read under way, when the last one began, and what it found.
        self.reading: asyncio.Task[Answer] | None = None
        self.read_began, self.found = -math.inf, Unavailable(None, "")  # type: float, Answer
        #: When any read passed last.
        self.read_passed_at = -math.inf
        #: Something was learned that must survive a restart.
        self.is_unwritten = False

    def heard(self, answer: Answer, *, is_write: bool, took_s: float, under_way: int) -> None:
        """Let pace, width and witness follow the answer to a call that ended now."""
        if isinstance(answer, Throttled):
            self._throttled(answer)
        elif isinstance(answer, Unavailable):
            self.width.failed()
        elif isinstance(answer, Accepted | Refused):
            self.width.answered(took_s, under_way=under_way)
            if isinstance(answer, Accepted):
                self.pace.accepted()
                self.read_passed_at = self.read_passed_at if is_write else self.clock.awake()
            if is_write and _has_passed(answer):
                self._passed(began=self.clock.awake() - took_s)

    async def judged(self, said: Said, seq: int, *, took_s: float) -> Said:
        """Return an answer to the call of an event, which ended now, as what it means for the event."""
        if isinstance(said, Unavailable):
            return await self._unavailable(said, seq, began=self.clock.awake() - took_s)
        if isinstance(said, Barred) and said.status is None:
            return said  # the way itself must not be taken
        if isinstance(said, Barred) or (isinstance(said, Refused) and said.status == NOT_FOUND):
            return await self._about_us(said, seq, began=self.clock.awake() - took_s)
        return said

    async def is_way_right(self) -> bool:
        """Return whether a read passed lately, or does now: else a 404 says nothing of what was looked for."""
        now = self.clock.awake()
        if now - self.read_passed_at < READ_BELIEVED_S:
            return True
        return _of_read(await self._read_since(now)) is None

    async def may_send(self) -> bool:
        """Return whether calls may be made now; where it is time to find out, ask."""
        now = self.clock.awake()
        if self.hold.is_paused:
            return False
        if not (self.hold.is_closed or self.pace.must_ask):
            return True
        if self.pace.blocked_s(self.clock.steady()) > 0 or (self.hold.is_closed and not self.hold.probe_is_due(now)):
            return False
        return self._looked(await self._read_since(now))

    async def takes_a_read(self) -> bool:
        """Return whether the harmless read is accepted now; while it is not, rest as for a key that is refused."""
        now = self.clock.awake()
        is_early = self.hold.is_closed and not self.hold.probe_is_due(now)
        if self.hold.is_paused or is_early or self.pace.blocked_s(self.clock.steady()) > 0:
            return False
        return self._looked(await self._read_since(now))

    def found_nothing_due(self) -> None:
        """No event is due, and no call under way: a trial without calls ends, or no event would grow old."""
        if self.hold.is_on_trial and self.clock.awake() - self.hold.tried_since >= TRIAL_S:
            self._end()

    def begin(self, hold: Hold) -> None:
        """Rest from now on, held or down; or go on resting, for the first writes fared no better."""
        if self.hold.is_closed:
            return
        is_news = hold.cause != self.hold.cause
        if self.hold.is_held:
            self.hold.changed(hold.reason, hold.cause)
            self.hold.probe_failed(self.clock.awake())
        else:
            self.hold.begin(hold.reason, hold.cause, now=self.clock.awake())
        self.width.begin_anew()
        self.is_unwritten = True
        if is_news:
            self._say_resting()

    def pause(self, by: str) -> None:
        """Rest until `resume`."""
        if not self.hold.is_paused:
            self.hold.pause(by, now=self.clock.awake())
            self.is_unwritten = True
            self.log.info("paused")

    def resume(self) -> None:
        """End a pause, and whatever else we wait for, if one read says so."""
        if self.hold.is_paused:
            self.hold.resume(self.clock.awake())
            self.is_unwritten = True
            self.log.info("pause_ended")
            self.hold.probe_now()
            if self.pace.blocked_s(self.clock.steady()) > LONG_QUIET_S:
                self.ask_now()

    def ask_now(self) -> None:
        """A person wants to know, or mended something: ask at once whether calls are taken."""
        self.pace.end_quiet(self.clock.steady())
        self.quiet_until = 0.0
        self.hold.probe_now()
        self.is_unwritten = True

    def asked_until(self) -> float | None:
        """Return until when the destination wants quiet, in seconds since 1970; None when it does not, or not for long."""
        return self.wait_until if self.quiet_until > self.clock.steady() else None

    def reword(self, unsaid: Callable[[str], str]) -> None:
        """Say in other words why it is held: that may quote an answer about a person."""
        if (reason := unsaid(self.hold.reason)) != self.hold.reason:
            self.hold.reason, self.is_unwritten = reason, True

    def to_notes(self) -> dict[str, object]:
        """Return what must survive a restart."""
        return self.hold.to_notes() | self.pace.to_notes() | {"is_proven": self.witness.is_proven}

    def recall(self, notes: Mapping[str, object], *, quiet_s_max: float = RETRY_AFTER_S_MAX) -> None:
        """Go on with what was learned before a restart."""
        paused_by = self.hold.paused_by
        self.hold = HoldState.from_notes(notes)
        if paused_by:
            self.pause(paused_by)
        self.pace.recall(notes, quiet_s_max=quiet_s_max)
        self._note_quiet(self.pace.blocked_s(self.pace.as_of), is_cut=False)
        self.witness.is_proven = notes.get("is_proven") is True

    async def _unavailable(self, answer: Unavailable, seq: int, *, began: float) -> Judged:
        """One event fails while others, or a read, pass: its own affair. Else no call gets through."""
        down = Down(answer.status, answer.text)
        blame = self.witness.blames(seq, began=began, now=self.clock.awake())
        if blame is Blame.EVENT:
            return answer
        if not self.hold.is_closed and answer.retry_after_s is not None:
            self._ask_for_quiet(answer.retry_after_s)
        elif not self.hold.is_closed and blame is Blame.UNCLEAR:
            found = _of_read(await self._read_since(began))
            if not isinstance(found, Down):
                return found or answer
        self.accused_at = began
        return down

    async def _about_us(self, answer: Barred | Refused, seq: int, *, began: float) -> Judged:
        """An answer about key, account or way: whether a read, and other events, get it too."""
        barred = answer if isinstance(answer, Barred) else Barred(answer.status, answer.text, causes.ROUTE)
        found = _of_read(await self._read_since(self.clock.awake()))
        if found is not None:
            return barred if isinstance(found, Barred) else found
        blame = self.witness.blames(seq, began=began, now=self.clock.awake())
        if blame is Blame.EVERYBODY or not self.witness.is_proven:
            self.accused_at = began
            return barred
        # What failed otherwise before does not make a first answer of this kind the event's own: a key may be rotated just now.
        is_known = self.witness.single_out(seq)
        if isinstance(answer, Refused) and (is_known or blame is Blame.EVENT):
            return answer
        return Singled(answer, counts=is_known)

    async def _read_since(self, moment: float) -> Answer:
        """Return what the harmless read finds that began at `moment` or later."""
        while self.read_began < moment:
            if self.reading is None:
                self.read_began = self.clock.awake()
                self.reading = asyncio.create_task(self._read())
            await asyncio.shield(self.reading)
        if self.reading is not None:
            await asyncio.shield(self.reading)
        return self.found

    async def _read(self) -> Answer:
        try:
            self.pace.sent(self.clock.steady())
            self.found = await self.probe()
            if isinstance(self.found, Throttled):
                self._throttled(self.found)
            elif isinstance(self.found, Accepted):
                self.read_passed_at = self.clock.awake()
            return self.found
        finally:
            self.reading = None

    def _looked(self, answer: Answer) -> bool:
        """Follow the harmless read while we rest, or before we go on after a long quiet; return whether calls may be made."""
        found = _of_read(answer)
        if found is None or (isinstance(found, Throttled) and self.hold.is_down):
            self.pace.must_ask = self.pace.must_ask and found is not None
            if found is None:
                self._let_a_few_try()
            else:
                self._end()
            return found is None
        if isinstance(answer, Unavailable) and answer.retry_after_s is not None:
            self._ask_for_quiet(answer.retry_after_s)
        if not isinstance(found, Throttled):
            self._rest_for(found)
        if self.hold.is_held:
            self.hold.probe_failed(self.clock.awake())
        return False

    def _rest_for(self, found: Barred | Down) -> None:
        """Rest, or go on resting, for what a read found; an outage during a hold says nothing new of the hold."""
        why = why_held(found, self.retry) if isinstance(found, Barred) else why_down(found, self.retry)
        if not self.hold.is_held:
            self.begin(why)
        elif isinstance(found, Barred) and why.cause != self.hold.cause:
            self.hold.changed(why.reason, why.cause)
            self.is_unwritten = True
            self._say_resting()
        self.accused_at = math.inf if isinstance(found, Barred) else self.accused_at

    def _passed(self, *, began: float) -> None:
        """A write passed."""
        self.is_unwritten |= not self.witness.is_proven
        self.hold.proved()
        self.witness.passed(self.clock.awake())
        if began >= self.accused_at:
            self._end()

    def _let_a_few_try(self) -> None:
        """A read passed. Writes may be barred all the same: the first of them tells."""
        if self.hold.is_held:
            self.hold.probe_passed(self.clock.awake())
            self.accused_at = min(self.accused_at, self.clock.awake())

    def _end(self) -> None:
        """Go on, if we rested."""
        if self.hold.is_held:
            self.log.info("came_back" if self.hold.is_down else "resumed")
            self.hold.end(self.clock.awake())
            self.is_unwritten = True
        self.accused_at = math.inf

    def _throttled(self, answer: Throttled) -> None:
        wait_s = RETRY_AFTER_S_DEFAULT if answer.retry_after_s is None else answer.retry_after_s
        self.pace.throttled(self.clock.steady(), wait_s)
        self._note_quiet(wait_s, is_cut=answer.is_cut)

    def _ask_for_quiet(self, seconds: float) -> None:
        self.pace.quiet(self.clock.steady(), seconds)
        self._note_quiet(seconds, is_cut=False)

    def _note_quiet(self, seconds: float, *, is_cut: bool) -> None:
        until = self.clock.steady() + seconds
        if seconds >= SHOWN_S and until > self.quiet_until:
            self.quiet_until, self.wait_until, self.is_cut = until, self.clock.now() + seconds, is_cut
        self.is_unwritten = True

    def _say_resting(self) -> None:
        # The reason quotes an answer, which may quote a person: it stays out of the log.
        self.log.warning("went_down" if self.hold.is_down else "held", cause=self.hold.cause)


def _has_passed(answer: Accepted | Refused) -> bool:
    """Return whether a write got past key and way: what is refused for its content did, a 404 may not have."""
    return isinstance(answer, Accepted) or answer.status != NOT_FOUND


def _of_read(answer: Answer) -> Barred | Down | Throttled | None:
    """Return what the harmless read says of the destination; None when it is well."""
    match answer:
        case Barred() | Throttled():
            return answer
        case Refused(status, text) if status == NOT_FOUND:
            return Barred(status, text, causes.ROUTE)
        case Unavailable(status, text):
            return Down(status, text)
        case _:
            return None
