"""What is written down of a destination's people and companies: read for a dispatch, looked up where it is missing, forgotten."""

from collections.abc import Awaitable, Callable, Collection

from penstock.buffer.port.ledger import Ledger
from penstock.clock import Clock
from penstock.deliver.dispatch import SHADOW
from penstock.deliver.newer import NewerSayings
from penstock.destinations.answer import Accepted, Answer, Refused
from penstock.destinations.plan import Call
from penstock.destinations.subjects import email_subject, user_subject
from penstock.ledger.people import found
from penstock.ledger.record import Record, decoded
from penstock.ledger.rules import Rules

# What a look-up found is believed this long: an unknown person with many events is looked up once.
LOOK_UP_S, LOOK_UPS_MAX = 60.0, 10_000
# Records removed in one transaction: few enough not to delay a verdict.
FORGOTTEN_AT_ONCE = 2_000

LookUp = Callable[[str], Awaitable[Answer]]


class KeptRecords:
    """The ledger of one destination, as the engine uses it."""

    def __init__(self, ledger: Ledger, *, clock: Clock) -> None:
        self.ledger, self.clock, self.newer = ledger, clock, NewerSayings(ledger, clock=clock)
        #: By look-up: when it was made, and who it found.
        self.looked_up: dict[str, tuple[float, Record | None]] = {}

    async def records(self, subjects: Collection[str], prefix: str) -> dict[str, Record | None]:
        """Return the records of all subjects, and of the users whose e-mails are among them."""
        records = await self._known(subjects, prefix)
        users = {user_subject(record.user_id) for record in records.values() if record and record.user_id}
        return records | await self._known(users - records.keys(), prefix)

    async def person(self, call: Call, rules: Rules, look_up: LookUp, *, anew: bool = False) -> Record | Answer | None:
        """Return the person of a call as the destination knows them; None when it does not; or why that could not be told.

        That none was found a moment ago is believed, unless it is to be asked `anew`.
        """
        for path in call.look_ups():
            now = self.clock.steady()
            # A person with the same address may be another one.
            asked = f"{path} {call.person}"
            asked_at, person = self.looked_up.get(asked, (float("-inf"), None))
            if now - asked_at >= LOOK_UP_S or (anew and person is None):
                answer = await look_up(path)
                if not isinstance(answer, Accepted) and not (isinstance(answer, Refused) and answer.status == 404):
                    return answer
                person = found(call, answer.text, rules, now=self.clock.now()) if isinstance(answer, Accepted) else None
                self._remember(asked, now, person)
            if person is not None:
                return person
        return None

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
        records = await self.records({subject}, prefix)
        emails = [record.fields["email"] for record in records.values() if record and "email" in record.fields]
        return {subject, *records, *(email_subject(str(email)) for email in emails)}

    def _remember(self, path: str, now: float, person: Record | None) -> None:
        if len(self.looked_up) >= LOOK_UPS_MAX:
            self.looked_up = {key: seen for key, seen in self.looked_up.items() if now - seen[0] < LOOK_UP_S}
        if len(self.looked_up) < LOOK_UPS_MAX:
            self.looked_up[path] = now, person

    async def _known(self, subjects: Collection[str], prefix: str) -> dict[str, Record | None]:
        if not subjects:
            return {}
        raw = await self.ledger.known({prefix + subject for subject in subjects})
        return {subject: decoded(raw.get(prefix + subject)) for subject in subjects}
