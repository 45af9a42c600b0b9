"""The guard's word on an errand: strange attributes are remarked on, or hold their lane."""

import dataclasses
import functools

from penstock.buffer.port.ledger import Ledger
from penstock.clock import Clock
from penstock.deliver.books import LookUp
from penstock.deliver.errand import Errand
from penstock.deliver.remarks import Remarks
from penstock.deliver.steps import Steps
from penstock.deliver.watch import Watch
from penstock.destinations.answer import Suspicious
from penstock.ledger.rules import Rules


class Guard:
    """The guard of one destination: what it knows of attributes, and which remarks are kept."""

    def __init__(self, ledger: Ledger, *, clock: Clock, steps: Steps) -> None:
        self.watch, self.remarks, self.steps = Watch(clock=clock), Remarks(ledger), steps

    async def guarded(self, errand: Errand, rules: Rules, read: LookUp) -> Errand:
        """Look at attributes that are sent for the first time; return the errand, with remarks, or held.

        Raises Unfinished, and StepSpent for several events.
        """
        if rules.guard == "off" or not errand.calls:
            return errand
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
