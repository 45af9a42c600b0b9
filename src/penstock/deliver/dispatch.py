"""What is to be done for one event, and for those it carries along; and how each of them ends once it is done. Pure."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from penstock import causes
from penstock.buffer.port.backlog import NOTHING_LEARNED, CallCount, Ending, Learned, Lease
from penstock.buffer.port.notes import as_kept
from penstock.buffer.port.outcomes import Attempt, Outcome
from penstock.deliver.decide import Said, Settle, Verdict
from penstock.destinations.answer import Accepted, Recognised, Suspicious
from penstock.destinations.plan import Call, Filtered, Meaning, Plan, Unmappable
from penstock.ledger.guard import Displaced, Suspicion
from penstock.ledger.newer import SAID_SINCE
from penstock.ledger.record import Alias, Delta
from penstock.ledger.weigh import CARRIED_BY, Note, Weighable, Weighed

#: In front of a subject: what would be held if the destination were live.
SHADOW = "~"
# Fifty usual events take half of this. Large ones would make one call that is too large to be taken, and a long turn of the loop.
RUN_BYTES_MAX = 262_144


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One leased event, converted."""

    lease: Lease
    meaning: Meaning
    #: When it happened, milliseconds since 1970.
    at_ms: int

    def part(self) -> Weighable:
        """Return the event as the ledger weighs it."""
        plan = self.meaning if isinstance(self.meaning, Plan) else Plan(())
        is_group = self.lease.event.type == "group"
        companies = [call.company for call in plan.calls if call.about == "company"] if is_group else []
        group = companies[0] if companies else ""
        return Weighable(message_id=self.lease.event.message_id, at_ms=self.at_ms, plan=plan, group=group)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """The calls for a run of events, one after the other in their lanes."""

    leases: Sequence[Lease]
    calls: Sequence[Call] = ()
    #: How many calls of each path the plans asked for.
    planned: Mapping[str, int] = dataclasses.field(default_factory=dict)
    #: For each lease: whether the calls carry anything of it, and what Explain may say.
    is_carried: Sequence[bool] = (True,)
    notes: Sequence[Sequence[Note]] = ((),)
    #: What is known once all calls were acknowledged.
    learned: Mapping[str, Delta | Alias] = dataclasses.field(default_factory=dict)
    #: Attributes that look like mistakes; written down, whatever becomes of the event.
    remarks: Sequence[Suspicion | Displaced] = ()
    #: Why no call is made: the event has no plan, its person is unknown, or a look-up failed.
    instead: Said | None = None
    #: Nothing is written; what would be is counted.
    is_shadow: bool = False
    #: The calls that the one event means by itself; none where several went along.
    own: Sequence[Call] = ()

    @property
    def given(self) -> str:
        """Return the company that the one event got on the way out; empty for none."""
        return next((note.value for note in self.notes[0] if note.value), "") if self.own else ""

    def endings(self, attempts: Sequence[Attempt]) -> list[Ending]:
        """Return how the events end once every call was acknowledged."""
        if len(self.leases) == 1:
            [lease], [is_carried], [notes] = self.leases, self.is_carried, self.notes
            return [self._ending(lease, lease, is_carried=is_carried, notes=notes, attempts=attempts)]
        carriers = [lease for lease, carried in zip(self.leases, self.is_carried, strict=True) if carried]
        carrier = carriers[-1] if carriers else None
        return [
            self._ending(lease, carrier, is_carried=is_carried, notes=notes, attempts=attempts)
            for lease, is_carried, notes in zip(self.leases, self.is_carried, self.notes, strict=True)
        ]

    def knowledge(self) -> Learned:
        """Return what to write into the ledger once every call was acknowledged."""
        if not (self.learned or self.remarks):
            return NOTHING_LEARNED
        return {**{self._key(subject): known.learn for subject, known in self.learned.items()}, **self.remarked()}

    def doubts(self) -> Learned:
        """Return what to strike from the ledger: calls were made, now or before, and not all were acknowledged."""
        return {**{self._key(subject): known.doubt for subject, known in self.learned.items()}, **self.remarked()}

    def remarked(self) -> Learned:
        """Return what to write of attributes that look like mistakes: the guard says each once, so it is kept at once."""
        return {remark.subject: remark.learn for remark in self.remarks}

    def half_knowledge(self, attempts: Sequence[Attempt]) -> Learned:
        """Return what to write of a dispatch that is not done: who a look-up found, or that writes are in doubt."""
        if isinstance(self.instead, Recognised | Suspicious):
            return self.knowledge()
        return self.doubts() if attempts else self.remarked()

    def figures(self) -> list[CallCount]:
        """Return what to add to the figures about calls."""
        if len(self.calls) == 1 and self.planned == {self.calls[0].path: 1}:
            path = self._key(self.calls[0].path)
            return [CallCount(path, "planned", 1), CallCount(path, "sent", 1)]
        counts, by_path = [], _by_path(self.calls)
        for path in sorted({*self.planned, *by_path}):
            sent = by_path.get(path, 0)
            planned = max(self.planned.get(path, 0), sent)
            for kind, count in (("planned", planned), ("sent", sent), ("saved", planned - sent)):
                if count:
                    counts.append(CallCount(self._key(path), kind, count))
        return counts

    def ends_free(self, said: Said, attempts: Sequence[Attempt]) -> bool:
        """Return whether the first event ends, and nothing was sent or looked up for it."""
        if attempts or self.is_shadow or self.calls:
            return False
        return isinstance(said, Accepted | Unmappable | Filtered)

    def _key(self, name: str) -> str:
        return SHADOW + name if self.is_shadow else name

    def _ending(
        self,
        lease: Lease,
        carrier: Lease | None,
        *,
        is_carried: bool,
        notes: Sequence[Note],
        attempts: Sequence[Attempt],
    ) -> Ending:
        said = as_kept((note.path, note.field, note.why, note.value) for note in notes) if notes else ""
        given = next((note.value for note in notes if note.value), "") if notes else ""
        if not is_carried:
            is_overtaken = any(note.why == SAID_SINCE for note in notes)
            reason = "newer events have said all of it" if is_overtaken else "the destination holds all of it already"
            return Ending(lease=lease, outcome=Outcome.NO_OP, reason=reason, notes=said)
        if lease is not carrier:
            reason = CARRIED_BY + (carrier.event.message_id if carrier else "")
            return Ending(lease=lease, outcome=Outcome.COALESCED, reason=reason, notes=said)
        if self.is_shadow:
            reason = "shadow: what would have been sent is kept, and nothing was written"
            return Ending(
                lease=lease, outcome=Outcome.FILTERED, cause=causes.SHADOW, reason=reason, notes=said, company=given,
                attempts=attempts,
            )  # fmt: skip
        return Ending(lease=lease, outcome=Outcome.DELIVERED, notes=said, company=given, attempts=attempts)


def run_of(lease: Lease) -> list[Lease]:
    """Return a lease with as many of its followers as are read in one go: all of them, but for very large events."""
    run, bytes_ = [lease], len(lease.event.body)
    for follower in lease.followers:
        bytes_ += len(follower.event.body)
        if bytes_ > RUN_BYTES_MAX:
            break
        run.append(follower)
    return run


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Events from the first of a lease on that end without a call."""

    reads: Sequence[Read]
    #: What the destination holds already: of those that have a plan.
    dispatch: Dispatch | None = None

    @property
    def is_whole(self) -> bool:
        """Return whether all events of the lease are in it."""
        return bool(self.reads) and len(self.reads) == 1 + len(self.reads[0].lease.followers)

    def endings(self, verdict: Callable[[Said, Lease], Verdict]) -> list[Ending]:
        """Return how each event ends; `verdict` says what becomes of those without a plan."""
        no_ops = {ending.lease.token: ending for ending in self.dispatch.endings(())} if self.dispatch else {}
        return [no_ops.get(read.lease.token) or _without_plan(read, verdict) for read in self.reads]

    def knowledge(self) -> Learned:
        """Return what to write into the ledger."""
        return self.dispatch.knowledge() if self.dispatch else NOTHING_LEARNED

    def figures(self) -> list[CallCount]:
        """Return what to add to the figures about calls."""
        return self.dispatch.figures() if self.dispatch else []


def _without_plan(read: Read, verdict: Callable[[Said, Lease], Verdict]) -> Ending:
    assert not isinstance(read.meaning, Plan), "a plan in a run is part of its dispatch"
    settled = verdict(read.meaning, read.lease)
    assert isinstance(settled, Settle), "what has no plan has no second try"
    return Ending(lease=read.lease, outcome=settled.outcome, cause=settled.cause, reason=settled.reason)


def dispatch_of(run: Sequence[Read], weighed: Weighed, *, seen: Mapping[str, Delta], is_shadow: bool) -> Dispatch:
    """Return the dispatch of upserts that were weighed; `seen` is what look-ups found."""
    learned: dict[str, Delta | Alias] = dict(seen)
    for subject, known in weighed.learned.items():
        learned[subject] = known.after(seen.get(subject)) if isinstance(known, Delta) else known
    return Dispatch(
        leases=[read.lease for read in run],
        calls=weighed.calls,
        planned=planned(run),
        is_carried=weighed.is_carried,
        notes=weighed.notes,
        learned=learned,
        is_shadow=is_shadow,
        own=own_of(run),
    )


def own_of(run: Sequence[Read]) -> Sequence[Call]:
    """Return the calls that the only event of a run means by itself."""
    meaning = run[0].meaning
    return meaning.calls if len(run) == 1 and isinstance(meaning, Plan) else ()


def planned(run: Sequence[Read]) -> dict[str, int]:
    """Return how many calls of each path the plans of a run ask for."""
    return _by_path([call for read in run if isinstance(read.meaning, Plan) for call in read.meaning.calls])


def _by_path(calls: Sequence[Call]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for call in calls:
        counts[call.path] = counts.get(call.path, 0) + 1
    return counts
