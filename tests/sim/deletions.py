"""The hostile Custify, asked to delete people: as slow and unreliable as it is with everything else."""

import asyncio
import urllib.parse

import msgspec

from penstock.clock import Dice
from penstock.destinations.answer import Accepted, Answer, Barred, Refused, Throttled, Unavailable
from sim.hostile_custify import HostileCustify
from sim.seldom import SeldomErased

# Of the calls on a bad day that are throttled, unavailable or unanswered; none on a good one.
THROTTLE_S = 7.0


class Deletions:
    """What an erasure is told by the far side. Dice of its own: no other call of the story changes for it."""

    def __init__(self, custify: HostileCustify, dice: Dice) -> None:
        self.custify, self.dice, self.seen = custify, dice, list[SeldomErased]()

    async def read(self, path: str) -> Answer:
        """Look somebody up by an id or an address."""
        if (trouble := await self._trouble()) is not None:
            return trouble
        id_, held = self._meant(path), self.custify.held
        people = [{**held.people[id_], "id": id_}] if id_ in held.people else []
        return Accepted(200, msgspec.json.encode([{"people": people}]).decode())

    async def delete(self, path: str) -> Answer:
        """Delete somebody by an id; now and then nobody hears that it was done."""
        if (trouble := await self._trouble()) is not None:
            self.seen.append(SeldomErased.REFUSED)
            return trouble
        id_, held = self._meant(path), self.custify.held
        if id_ not in held.people:
            return Refused(404, "")
        del held.people[id_]
        held.names = {name: person for name, person in held.names.items() if person != id_}
        held.members.pop(id_, None)
        self.seen.append(SeldomErased.DELETED)
        if self._happens(self.custify.faults.unanswered):
            return Unavailable(None, "no answer in time")
        return Accepted(200, "")

    def _meant(self, path: str) -> str:
        if "?" in path:
            asked = "".join(urllib.parse.unquote(path.rpartition("=")[2]).split()).lower()
            return self.custify.held.names.get(asked, "")
        return urllib.parse.unquote(path.rpartition("/")[2])

    async def _trouble(self) -> Answer | None:
        await asyncio.sleep(self.dice.uniform(0.01, 0.3))
        if not self.custify.key_is_good:
            return Barred(401, "bad key")
        faults = self.custify.faults
        if self.custify.is_in_outage() or self._happens(faults.unavailable):
            return Unavailable(503, "down")
        return Throttled(THROTTLE_S, "slow down") if self._happens(faults.throttled) else None

    def _happens(self, share: float) -> bool:
        return self.dice.uniform(0.0, 1.0) < share
