"""The ledger at work: reads the records an errand needs, looks people up, and lets `weigh` decide what is left to send."""

import dataclasses
import functools
import itertools
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from penstock.buffer.port.backlog import Lease
from penstock.buffer.port.ledger import Ledger
from penstock.clock import Clock
from penstock.deliver.errand import SHADOW, Errand, Read, Run, errand_of, planned
from penstock.deliver.remarks import Remarks
from penstock.deliver.steps import Steps, Unfinished
from penstock.deliver.watch import Watch
from penstock.deliver.watchman import StepSpent
from penstock.destinations.answer import Accepted, Answer, Recognised, Refused, Suspicious, Throttled, Unknown
from penstock.destinations.plan import Call, Meaning, Plan, Unmappable
from penstock.ledger.modes import Mode
from penstock.ledger.people import found, look_ups, minimal, with_company
from penstock.ledger.record import Alias, Delta, Record, decoded, email_subject, person_subject
from penstock.ledger.rules import Rules
from penstock.ledger.weigh import Records, Weighable, Weighed, subjects_of, together, weigh, whose

# What a look-up found is believed this long: an unknown person with many events is looked up once.
LOOK_UP_S, LOOK_UPS_MAX = 60.0, 10_000
# Records removed in one transaction: few enough not to delay a verdict.
FORGOTTEN_AT_ONCE = 2_000
# Two events of one person can stand in different lanes only when one names no user id. The second waits a moment.
BUSY_S = 0.5

LookUp = Callable[[str], Awaitable[Answer]]


class Books:
    """The ledger of one destination, as the engine uses it."""

    def __init__(self, ledger: Ledger, *, clock: Clock, steps: Steps) -> None:
        self.ledger, self.clock, self.steps = ledger, clock, steps
        self.watch, self.remarks = Watch(clock=clock), Remarks(ledger)
        #: By look-up: when it was made, and whom it found.
        self.looked_up: dict[str, tuple[float, Record | None]] = {}
        #: Subjects whose record is being changed, and the lease that does so.
        self.busy: dict[str, int] = {}

    async def errand(self, reads: Sequence[Read], rules: Rules, mode: Mode, look_up: LookUp) -> Errand:
        """Return what is left to do for the first of these events, and for those that can go along with it."""
        first, plan = reads[0], reads[0].meaning
        if not isinstance(plan, Plan):
            return Errand(leases=[first.lease], instead=plan)
        is_shadow = not mode.is_live_for(plan)
        if rules.is_off:
            return Errand(leases=[first.lease], calls=plan.calls, planned=planned([first]), is_shadow=is_shadow)
        run, records = await self._surveyed(self._run(reads, rules, mode, is_shadow=is_shadow), is_shadow=is_shadow)
        errand = await self._errand(run, records, rules, look_up, is_shadow=is_shadow)
        return errand if rules.guard == "off" else await self._guarded(errand, rules, look_up)

    async def run(self, reads: Sequence[Read], rules: Rules, mode: Mode) -> Run:
        """Return those of these events, from the first on, that end without a call; their records are reserved."""
        free = list(itertools.takewhile(lambda read: _may_end(read.meaning, rules, mode), reads))
        plans = [read for read in free if isinstance(read.meaning, Plan)]
        errand = await self._no_ops(plans if rules.coalesce else plans[:1], rules) if plans else None
        if errand is not None and not self.take(errand, reads[0].lease.token):
            errand = None
        done = {lease.token for lease in errand.leases} if errand else set()
        ends = itertools.takewhile(lambda r: not isinstance(r.meaning, Plan) or r.lease.token in done, free)
        return Run(reads=list(ends), errand=errand)

    async def forget(self, prefix: str = "") -> int:
        """Forget all subjects that begin with a text, a little at a time; return how many."""
        self.looked_up.clear()
        total = 0
        while count := await self.ledger.forget(prefix, limit=FORGOTTEN_AT_ONCE):
            total += count
        return total

    async def forget_named(self, subject: str) -> int:
        """Forget a subject under every name it is known by, in shadow too; return how many records. Empty: everybody."""
        if not subject:
            return await self.forget()
        spaces = ("", SHADOW)
        names = {name for space in spaces for name in await self._names(space, subject)}
        return sum([await self.forget(space + name) for space in spaces for name in sorted(names)])

    async def _names(self, prefix: str, subject: str) -> set[str]:
        """Return a subject with the user id and the e-mail that its records tie it to."""
        records = await self._records({subject}, prefix)
        emails = [record.fields["email"] for record in records.values() if record and "email" in record.fields]
        return {subject, *records, *(email_subject(str(email)) for email in emails)}

    def take(self, errand: Errand, token: int) -> bool:
        """Reserve the records an errand changes for a lease; False when another is changing one of them."""
        if any(self.busy.get(subject, token) != token for subject in errand.learned):
            return False
        self.busy |= dict.fromkeys(errand.learned, token)
        return True

    def release(self, token: int) -> None:
        """Let others change the records of a lease."""
        self.busy = {subject: holder for subject, holder in self.busy.items() if holder != token}

    def _run(self, reads: Sequence[Read], rules: Rules, mode: Mode, *, is_shadow: bool) -> Sequence[Read]:
        """Return the events from the first on that may become one errand."""
        run = [reads[0]]
        for read in reads[1:] if rules.coalesce else ():
            if not isinstance(read.meaning, Plan) or mode.is_live_for(read.meaning) is is_shadow:
                break
            run.append(read)
        return run

    async def _no_ops(self, plans: Sequence[Read], rules: Rules) -> Errand | None:
        """Return the errand of those of these upserts, from the first on, of which Custify holds everything.

        None as well when one is to blame that it cannot be told; that is found out when it is the first of its lane.
        """
        try:
            plans, records = await self._surveyed(plans, is_shadow=False)
            weighed = await self._weighed(plans, records, rules)
            if weighed.calls and (plans := plans[: weighed.is_carried.index(True)]):
                # What was said before the first that is carried may have been taken back behind it.
                weighed = await self._weighed(plans, records, rules)
        except (StepSpent, Unfinished):
            return None
        return errand_of(plans, weighed, seen={}, is_shadow=False) if plans and not weighed.calls else None

    async def _surveyed(
        self, run: Sequence[Read], *, is_shadow: bool
    ) -> tuple[Sequence[Read], dict[str, Record | None]]:
        """Return those of a run, from the first on, that become one errand, and the records of whom they are about."""
        count, subjects = await self.steps.run(_leases(run), surveyed, [read.part() for read in run])
        return run[:count], await self._records(subjects, SHADOW if is_shadow else "")

    async def _weighed(self, run: Sequence[Read], records: Records, rules: Rules) -> Weighed:
        parts = [read.part() for read in run]
        return await self.steps.run(_leases(run), weighed_at, parts, records, rules, self.clock.now())

    async def _errand(
        self, run: Sequence[Read], records: dict[str, Record | None], rules: Rules, look_up: LookUp, *, is_shadow: bool
    ) -> Errand:
        learned: dict[str, Delta] = {}
        for call in (call for read in run for call in read.part().plan.calls if _needs_known(call, rules)):
            subject = whose(call, records)
            if not subject or records.get(subject) is not None:
                continue
            answer = await self._look_up(call, rules, look_up)
            if not isinstance(answer, Record | None):
                return Errand(leases=[run[0].lease], instead=answer)
            records[subject] = answer
            if answer is not None:
                learned[subject] = Delta(fields=answer.fields, asserted_at=answer.asserted_at)
        if any(call.path == "/event" for call in run[0].part().plan.calls):
            return await self._event(run[0], records, rules, learned=learned, is_shadow=is_shadow)
        weighed = await self._weighed(run, records, rules)
        return errand_of(run, weighed, seen=learned, is_shadow=is_shadow)

    async def _guarded(self, errand: Errand, rules: Rules, read: LookUp) -> Errand:
        """Look at attributes that are sent for the first time: strange ones are remarked on, or hold the lane."""
        look = functools.partial(self.steps.run, errand.leases)
        found = await self.watch.suspicions(errand.calls, errand.leases[-1].event.message_id, read, look)
        if not found:
            return errand
        is_held = rules.guard == "hold"
        remarks = await self.remarks.with_room(found, approved=self.watch.approved, is_held=is_held)
        if is_held:
            return Errand(leases=errand.leases[:1], remarks=remarks, instead=Suspicious(), is_shadow=errand.is_shadow)
        self.watch.heed(found)
        return dataclasses.replace(errand, remarks=remarks)

    async def _event(
        self, read: Read, records: Records, rules: Rules, *, learned: Mapping[str, Delta], is_shadow: bool
    ) -> Errand:
        """An event goes to somebody Custify knows, with the company that is meant; or it waits."""
        [call] = read.part().plan.calls
        subject = whose(call, records)
        record, calls, known = records.get(subject), [call], dict[str, Delta | Alias]()
        if learned:
            return Errand(leases=[read.lease], instead=Recognised(), learned=learned, is_shadow=is_shadow)
        if subject and record is None and rules.unknown == "park":
            return Errand(leases=[read.lease], instead=Unknown(_names(call)), is_shadow=is_shadow)
        calls[0], notes = await self.steps.run([read.lease], with_company, call, record, rules)
        if subject and record is None and rules.unknown == "create":
            calls.insert(0, minimal(call))
            known[subject] = Delta(asserted_at=self.clock.now())
        return Errand(
            leases=[read.lease],
            calls=calls,
            planned=planned([read]),
            notes=[notes],
            learned=known,
            is_shadow=is_shadow,
        )

    async def _look_up(self, call: Call, rules: Rules, look_up: LookUp) -> Record | Answer | None:
        """Return the person of a call as Custify knows them; None when it does not; or why nobody could tell."""
        for path in look_ups(call):
            now = self.clock.steady()
            asked_at, person = self.looked_up.get(path, (float("-inf"), None))
            if now - asked_at >= LOOK_UP_S:
                answer = await look_up(path)
                if not isinstance(answer, Accepted) and not (isinstance(answer, Refused) and answer.status == 404):
                    return answer
                person = found(answer.text, rules, now=self.clock.now()) if isinstance(answer, Accepted) else None
                self._remember(path, now, person)
            if person is not None:
                return person
        return None

    def _remember(self, path: str, now: float, person: Record | None) -> None:
        if len(self.looked_up) >= LOOK_UPS_MAX:
            self.looked_up = {key: seen for key, seen in self.looked_up.items() if now - seen[0] < LOOK_UP_S}
        if len(self.looked_up) < LOOK_UPS_MAX:
            self.looked_up[path] = now, person

    async def _records(self, subjects: Collection[str], prefix: str) -> dict[str, Record | None]:
        """Return the records of all subjects, and of the users whose e-mails are among them."""
        records = await self._known(subjects, prefix)
        users = {f"user:{record.user_id}" for record in records.values() if record and record.user_id}
        return records | await self._known(users - records.keys(), prefix)

    async def _known(self, subjects: Collection[str], prefix: str) -> dict[str, Record | None]:
        if not subjects:
            return {}
        raw = await self.ledger.known({prefix + subject for subject in subjects})
        return {subject: decoded(raw.get(prefix + subject)) for subject in subjects}


def is_busy() -> Answer:
    """Return the answer to an errand whose records are being changed: not now, and nobody is to blame."""
    return Throttled(BUSY_S, "another event of the same person or company is under way")


def surveyed(parts: Sequence[Weighable]) -> tuple[int, set[str]]:
    """Return how many of the parts, from the first, become one errand, and everybody whom they are about."""
    count = max(1, together(parts))
    return count, {subject for part in parts[:count] for subject in subjects_of(part.plan)}


def weighed_at(parts: Sequence[Weighable], records: Records, rules: Rules, now: float) -> Weighed:
    """Return what is left to send of a run."""
    return weigh(parts, records, rules, now=now)


def _may_end(meaning: Meaning, rules: Rules, mode: Mode) -> bool:
    """Return whether an event may come to nothing: it has no plan, or Custify may hold all of it."""
    if not isinstance(meaning, Plan):
        # A visitor's event may wait for somebody to sign in.
        return not (isinstance(meaning, Unmappable) and meaning.visitor)
    is_upsert = all(call.path != "/event" for call in meaning.calls)
    return is_upsert and rules.skip_unchanged and mode.is_live_for(meaning)


def _needs_known(call: Call, rules: Rules) -> bool:
    """Return whether it must be known whether Custify holds the person of a call."""
    if call.path == "/event":
        return rules.unknown != "send" and bool(person_subject(call))
    return call.path == "/people" and rules.needs_held("/people")


def _names(call: Call) -> tuple[str, ...]:
    """Return every name under which the person of a call may become known."""
    email = call.body.get("email")
    return tuple(sorted({person_subject(call), *([email_subject(str(email))] if email else ())}))


def _leases(run: Sequence[Read]) -> list[Lease]:
    return [read.lease for read in run]
