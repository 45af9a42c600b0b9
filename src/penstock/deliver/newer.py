"""What newer events said of whom an event is about that is sent again: looked for in the log, and kept for a while.

Of live events there is nothing newer. Replayed ones come in the order of the log, so most of it is read once for each person.
"""

import dataclasses
from collections.abc import Mapping, Sequence

from penstock.buffer.port.backlog import Lease
from penstock.buffer.port.ledger import Ledger, TakenUpsert, said_by
from penstock.clock import Clock
from penstock.deliver.dispatch import Read
from penstock.deliver.policy import DeliveryPolicy
from penstock.deliver.reads import meaning_of
from penstock.deliver.steps import Steps, Unfinished
from penstock.destinations.answer import Unjudged, is_yes
from penstock.destinations.plan import Plan
from penstock.ledger.newer import Overtaken, Sayings
from penstock.ledger.weigh import Records, whose

# Events looked at in one step of the store: few enough not to delay a verdict.
LOOKED_AT_ONCE = 200
# What was found is believed this long, and of so many people and companies: as many as may wait in a replay.
KEPT_S, KEPT_MAX = 60.0, 500
# So much of a lease is left for its calls, in call times.
CALLS_LEFT = 6


@dataclasses.dataclass(slots=True, kw_only=True)
class KnownSayings:
    """What is known of one subject."""

    #: Events behind this place, and up to that one, were looked at.
    after_seq: int
    seen_to: int
    #: When it was begun, in steady seconds.
    at: float
    said: Sayings = dataclasses.field(default_factory=Sayings)
    #: Events that were sent again since: what they say counts once they were taken.
    sent_since: set[int] = dataclasses.field(default_factory=set)


class NewerSayings:
    """What newer events said, of one destination."""

    def __init__(self, ledger: Ledger, *, clock: Clock) -> None:
        self.ledger, self.clock = ledger, clock
        self.known: dict[str, KnownSayings] = {}
        self.policy: DeliveryPolicy | None = None

    async def overtaking(
        self, reads: Sequence[Read], records: Records, steps: Steps, policy: DeliveryPolicy
    ) -> list[Mapping[str, Overtaken]]:
        """Return for each event what newer ones said, by subject. Raises Unfinished when the lease does not last for it."""
        if self.policy is not policy:
            # Events may mean something else now.
            self.known, self.policy = {}, policy
        of_each = [_subjects(read, records) for read in reads]
        said = {
            subject: await self._said(subject, [read.lease for read in reads], steps, policy)
            for subject in sorted(set().union(*of_each))
        }
        return [
            {subject: said[subject].since(read.lease.seq) for subject in own}
            for read, own in zip(reads, of_each, strict=True)
        ]

    def sent_live(self, reads: Sequence[Read], records: Records) -> None:
        """Note live events that were passed while they waited, parked say: what they say counts once they were taken."""
        if not self.known:
            return
        for read in reads:
            for subject in _subjects(read, records) & self.known.keys():
                if read.lease.seq <= self.known[subject].seen_to:
                    self.known[subject].sent_since.add(read.lease.seq)

    async def _said(self, subject: str, run: Sequence[Lease], steps: Steps, policy: DeliveryPolicy) -> Sayings:
        seqs = {lease.seq for lease in run}
        known = self._entry(subject, min(seqs))
        for seq in sorted(known.sent_since - seqs):
            page = await self.ledger.newer(subject, after_seq=seq - 1, limit=1)
            self._note(known, subject, [each for each in page.events if each.seq == seq], steps, policy)
        known.sent_since = seqs
        is_all = False
        while not is_all:
            if self.clock.awake() + CALLS_LEFT * policy.call_s_max > run[0].expires_at:
                raise Unfinished(Unjudged("what newer events said of its person or company is still being read"))
            page = await self.ledger.newer(subject, after_seq=known.seen_to, limit=LOOKED_AT_ONCE)
            self._note(known, subject, page.events, steps, policy)
            known.seen_to, is_all = page.seen_to, page.is_all
        return known.said

    def _entry(self, subject: str, seq: int) -> KnownSayings:
        now = self.clock.steady()
        known = self.known.pop(subject, None)
        if known is None or now - known.at >= KEPT_S or seq < known.after_seq:
            known = KnownSayings(after_seq=seq, seen_to=seq, at=now)
        while len(self.known) >= KEPT_MAX:
            del self.known[next(iter(self.known))]
        self.known[subject] = known
        return known

    def _note(
        self, known: KnownSayings, subject: str, events: Sequence[TakenUpsert], steps: Steps, policy: DeliveryPolicy
    ) -> None:
        while events:
            done = list(steps.behind(map(_as_leased, events), meaning_of, policy))
            for each, (meaning, _) in zip(events, done, strict=False):
                if isinstance(meaning, Plan):
                    known.said.note(meaning, subject, policy.rules, **said_by(each, is_yes))
            # One that cannot be read now says nothing that would be sent.
            events = events[len(done) + 1 :]


def _as_leased(taken: TakenUpsert) -> Lease:
    return Lease(event=taken.event, seq=taken.seq, attempt=1, first_failed_at=None, token=0, expires_at=0.0)


def _subjects(read: Read, records: Records) -> set[str]:
    calls = read.meaning.calls if isinstance(read.meaning, Plan) else ()
    return {whose(call, records) for call in calls if call.about != "event"}
