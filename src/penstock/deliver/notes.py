"""What an engine learned that must survive a restart, as the backlog keeps it; also of which far side it was learned."""

import structlog

from penstock.buffer.port.backlog import Notebook
from penstock.deliver.policy import DeliveryPolicy
from penstock.deliver.records import KeptRecords
from penstock.deliver.standing import Standing
from penstock.deliver.steps import Steps
from penstock.destinations.kept_options import kept_options

log = structlog.get_logger()

# Of more ways in which events were read, the oldest are forgotten.
READINGS_MAX = 200


class Notes:
    """The notes of one destination: of its steps, its holds and its pace."""

    def __init__(self, name: str, notebook: Notebook, *, steps: Steps, standing: Standing) -> None:
        self.name, self.notebook, self.steps, self.standing = name, notebook, steps, standing
        #: The origin that the ledger is about; empty before the first one.
        self.origin = ""
        #: Something was learned of the steps, or set, that must survive a restart.
        self.is_unwritten = False
        #: How events were read, by the key that attempts name: the newest last.
        self.readings: dict[str, object] = {}

    async def begin(self, policy: DeliveryPolicy) -> bool:
        """Go on with what was learned before a restart; return whether the process before this one crashed."""
        notes = await self.notebook.notes()
        self.steps.recall(notes)
        self.standing.recall(notes, quiet_s_max=policy.retry_after_s_max)
        self.origin = str(notes.get("origin", ""))
        known = notes.get("readings")
        self.readings = dict(known) if isinstance(known, dict) else {}
        # What is sent from now on names them.
        await self.notebook.remember(self._read_by(policy))
        await self.notebook.remember({"running": True, "account": policy.account} | self.steps.to_notes())
        return bool(notes.get("running"))

    async def write(self, policy: DeliveryPolicy) -> None:
        """Write down what is new, if anything is."""
        if self.is_unwritten or self.standing.is_unwritten or self.standing.pace.is_news:
            self.is_unwritten = self.standing.is_unwritten = False
            account = {"account": policy.account}
            read_by = self._read_by(policy)
            await self.notebook.remember(self.standing.to_notes() | self.steps.to_notes() | account | read_by)

    def _read_by(self, policy: DeliveryPolicy) -> dict[str, object]:
        """Return how events are read now and were before, as notes."""
        for options in policy.by_source.values():
            key, kept = kept_options(options)
            self.readings[key] = kept
        while len(self.readings) > READINGS_MAX:
            del self.readings[next(iter(self.readings))]
        return {"readings": self.readings}

    async def end(self, policy: DeliveryPolicy, *, is_all_done: bool) -> None:
        """Write everything down; and, if nothing is under way any more, that this was no crash."""
        self.is_unwritten = True
        await self.write(policy)
        if is_all_done:
            await self.notebook.remember({"running": False})

    async def may_move(self, policy: DeliveryPolicy) -> bool:
        """Return whether calls may go to another origin than what is known is about.

        A slip of the pen in an address, or a key that is good for the old one alone, must not cost what is known: it is
        kept until the harmless read was accepted there. Until then the destination rests, and says why.
        """
        is_nothing_lost = not self.origin or self.origin in policy.moved_from or policy.rules.is_off
        return is_nothing_lost or await self.standing.takes_a_read()

    async def moved_to(self, policy: DeliveryPolicy, kept: KeptRecords) -> None:
        """Forget what another workspace held; nothing may be under way to it any more."""
        if self.origin and self.origin not in policy.moved_from:
            count = await kept.forget()
            log.info("ledger_forgot", destination=self.name, order="base_url changed", records=count)
        self.origin = policy.origin
        await self.notebook.remember({"origin": self.origin})
