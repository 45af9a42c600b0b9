"""Calls of a node that may lose a destination to another one: none is made that could not be recorded."""

from collections.abc import Callable

from penstock.destinations.answer import Answer, Throttled
from penstock.destinations.plan import Call
from penstock.destinations.port import Api

LOST = "another node may own the destination"


class OwnedApi:
    """The far side, as long as `holds` says that no other node can have the destination. What is not called waits unharmed."""

    def __init__(self, api: Api, holds: Callable[[], bool]) -> None:
        self.api, self.holds = api, holds

    async def send(self, call: Call) -> Answer:
        """Make one call; see destinations/port.py."""
        # Between this look and the request nothing else is done: who was stopped meanwhile has not begun to send.
        return await self.api.send(call) if self.holds() else Throttled(0.0, LOST)

    async def read(self, path: str) -> Answer:
        """Make one read."""
        return await self.api.read(path) if self.holds() else Throttled(0.0, LOST)

    async def probe(self) -> Answer:
        """Make a harmless read."""
        return await self.api.probe() if self.holds() else Throttled(0.0, LOST)

    async def close(self) -> None:
        """Close idle connections."""
        await self.api.close()
