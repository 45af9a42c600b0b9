"""Whether this node owns a file: the lease is kept while it lasts, and counted from before it was asked for.

What keeps two owners from harm is the number that an append expects (recorder.py). The lease keeps them from calling a destination
at the same time: no node takes it before it has run out by the engine's clock, and here it ends sooner, by a margin.
"""

import asyncio
import secrets
from collections.abc import Coroutine
from typing import Any, TypeVar

from penstock.clock import Clock
from penstock.errors import WitnessUnreachable
from penstock.witness.port import Ownership, Tenure

Answered = TypeVar("Answered")

# Whole seconds, as a lease is taken; a takeover waits for that, so it bounds the longest pause after a sudden death.
TTL_S = 9.0
# Taken from the end of each lease: what a clock may drift, and a request under way may take.
MARGIN_S = 1.5
KEEP_EVERY_S = 2.0
# A request for the lease that is not answered by then is asked again.
ASK_S = 2.0
# Who is to have what is handed over holds, by the name of its node, a lease of this name and that of what it is.
HANDOVER = "handover "
#: Why a lease ends whose owner is to let another have it.
ASKED = "asked to hand over"


class LeaseKeeper:
    """One lease of this node, by a steady clock. `keep` runs beside whatever the lease is for."""

    def __init__(self, name: str, witness: Ownership, *, node: str, clock: Clock, ttl_s: float = TTL_S) -> None:
        self.name, self.witness, self.node, self.clock, self.ttl_s = name, witness, node, clock, ttl_s
        #: Another process of the same node is another owner: what this one had in memory, that one has not.
        self.owner = f"{node}/{secrets.token_hex(4)}"
        self.until, self.epoch = float("-inf"), 0
        #: Who owns it, as was heard last; empty when it is not known.
        self.holder = ""

    def holds(self) -> bool:
        """Return whether no other node can have the lease now."""
        return self.clock.steady() < self.until

    async def take(self) -> bool:
        """Ask for the lease; return whether it is ours. Raises WitnessUnreachable."""
        if await self._is_promised_to_another():
            return False
        asked_at = self.clock.steady()
        tenure = await self._ask()
        self.holder = tenure.owner
        if tenure.owner != self.owner:
            return False
        self.until, self.epoch = asked_at + self.ttl_s - MARGIN_S, tenure.epoch
        return self.holds()

    async def keep(self) -> str:
        """Keep the lease until it is lost, or was asked to be handed over; return why it ends."""
        while self.holds():
            await asyncio.sleep(KEEP_EVERY_S)
            asked_at, epoch = self.clock.steady(), self.epoch
            try:
                if await self._is_promised_to_another():
                    return ASKED
                tenure = await self._ask()
            except WitnessUnreachable:
                continue
            if tenure.owner != self.owner or tenure.epoch != epoch:
                break
            self.until = asked_at + self.ttl_s - MARGIN_S
        self.until = float("-inf")
        return "the lease ran out"

    async def give_up(self) -> None:
        """Let another have the lease at once, if the engine can be told."""
        self.until = float("-inf")
        try:
            async with asyncio.timeout(ASK_S):
                await self.witness.release(self.name, owner=self.owner)
        except (WitnessUnreachable, TimeoutError):
            self.holder = ""  # it runs out by itself

    async def keep_promise(self) -> None:
        """Say that what was asked to be handed over to this node is here."""
        try:
            async with asyncio.timeout(ASK_S):
                await self.witness.release(f"{HANDOVER}{self.name}", owner=self.node)
        except (WitnessUnreachable, TimeoutError):
            return  # it runs out by itself, and until then the file is handed to no other

    async def _is_promised_to_another(self) -> bool:
        promised = (await self._owners()).get(f"{HANDOVER}{self.name}")
        return promised is not None and promised.owner != self.node

    async def _ask(self) -> Tenure:
        return await self._in_time(self.witness.lease(self.name, owner=self.owner, ttl_s=self.ttl_s))

    async def _owners(self) -> dict[str, Tenure]:
        return await self._in_time(self.witness.owners())

    async def _in_time(self, asking: Coroutine[Any, Any, Answered]) -> Answered:
        try:
            async with asyncio.timeout(ASK_S):
                return await asking
        except TimeoutError as error:
            raise WitnessUnreachable("the engine", f"no answer in {ASK_S:g} s") from error
