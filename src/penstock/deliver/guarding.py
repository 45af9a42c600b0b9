"""The guard's word on a dispatch: strange attributes are remarked on, or hold their lane."""

import dataclasses
import functools

from penstock.buffer.port.ledger import Ledger
from penstock.clock import Clock
from penstock.deliver.attributes import NewAttributes
from penstock.deliver.dispatch import Dispatch
from penstock.deliver.records import LookUp
from penstock.deliver.remarks import Remarks
from penstock.deliver.steps import Steps
from penstock.destinations.answer import Suspicious
from penstock.ledger.rules import Rules


class Guard:
    """The guard of one destination: what it knows of attributes, and which remarks are kept."""

    def __init__(self, ledger: Ledger, *, clock: Clock, steps: Steps) -> None:
        self.attributes, self.remarks, self.steps = NewAttributes(clock=clock), Remarks(ledger), steps

    async def guarded(self, dispatch: Dispatch, rules: Rules, read: LookUp) -> Dispatch:
        """Look at attributes that are sent for the first time; return the dispatch, with remarks, or held.

        Raises Unfinished, and StepSpent for several events.
        """
        if rules.guard == "off" or not dispatch.calls:
            return dispatch
        look = functools.partial(self.steps.run, dispatch.leases)
        found = await self.attributes.suspicions(dispatch.calls, dispatch.leases[-1].event.message_id, read, look)
        if not found:
            return dispatch
        is_held = rules.guard == "hold"
        remarks = await self.remarks.with_room(found, approved=self.attributes.approved, is_held=is_held)
        if is_held:
            return Dispatch(
                leases=dispatch.leases[:1], remarks=remarks, instead=Suspicious(), is_shadow=dispatch.is_shadow
            )
        self.attributes.heed(found)
        return dataclasses.replace(dispatch, remarks=remarks)
