"""What an engine learned that must survive a restart, as the backlog keeps it; also of which far side it was learned."""

import structlog

from penstock.buffer.port.backlog import Notebook
from penstock.deliver.policy import DeliveryPolicy
from penstock.deliver.records import KeptRecords
from penstock.deliver.standing import Standing
from penstock.deliver.steps import Steps

log = structlog.get_logger()


class Notes:
    """The notes of one destination: of its steps, its holds and its pace."""

    def __init__(self, name: str, notebook: Notebook, *, steps: Steps, standing: Standing) -> None:
        self.name, self.notebook, self.steps, self.standing = name, notebook, steps, standing
        #: The origin that the ledger is about; empty before the first one.
        self.origin = ""
        #: Something was learned of the steps, or set, that must survive a restart.
        self.is_unwritten = False

    async def begin(self, policy: DeliveryPolicy) -> bool:
        """Go on with what was learned before a restart; return whether the process before this one crashed."""
        notes = await self.notebook.notes()
        self.steps.recall(notes)
        self.standing.recall(notes, quiet_s_max=policy.retry_after_s_max)
        self.origin = str(notes.get("origin", ""))
        await self.notebook.remember({"running": True, "account": policy.account} | self.steps.to_notes())
        return bool(notes.get("running"))

    async def write(self, policy: DeliveryPolicy) -> None:
        """Write down what is new, if anything is."""
        if self.is_unwritten or self.standing.is_unwritten or self.standing.pace.is_news:
            self.is_unwritten = self.standing.is_unwritten = False
            account = {"account": policy.account}
            await self.notebook.remember(self.standing.to_notes() | self.steps.to_notes() | account)

    async def end(self, policy: DeliveryPolicy, *, is_all_done: bool) -> None:
        """Write everything down; and, if nothing is under way any more, that this was no crash."""
        self.is_unwritten = True
        await self.write(policy)
        if is_all_done:
            await self.notebook.remember({"running": False})

    async def moved_to(self, origin: str, kept: KeptRecords) -> None:
        """Forget what another origin held; nothing may be under way to it any more."""
        if self.origin:
            count = await kept.forget()
            log.info("ledger_forgot", destination=self.name, order="base_url changed", records=count)
        self.origin = origin
        await self.notebook.remember({"origin": origin})
