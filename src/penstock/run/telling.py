"""What the owner of the destinations knows of them in memory alone, such as holds and pauses, told to the other nodes.

Kept as the newest snapshot of a view that has no stream: so nothing of it grows, and a node that comes late has all of it.
"""

from collections.abc import AsyncIterator, Mapping

import msgspec

from penstock.clock import Clock
from penstock.errors import SnapshotReplaced
from penstock.witness.port import PIECE_BYTES_MAX, ViewSnapshots

FACTS = "FACTS"
#: How often they are told, and asked for, when they have changed.
EVERY_S = 2.0


class FactsTold:
    """One node's end of it."""

    def __init__(self, witness: ViewSnapshots, *, clock: Clock) -> None:
        self.witness, self.clock = witness, clock
        self.number, self.said = 0, b""
        #: What was heard last; nothing before.
        self.heard: Mapping[str, object] = {}

    async def tell(self, facts: Mapping[str, object]) -> None:
        """Let other nodes know. Raises WitnessUnreachable, BufferUnavailable."""
        said = msgspec.json.encode(facts)
        if said == self.said:
            return
        # Later than what another owner said, whatever its clock showed.
        self.number = max(self.number + 1, round(self.clock.now() * 1000))
        if await self.witness.put_snapshot(FACTS, number=self.number, pieces=_pieces(said)):
            self.said = said
        elif (kept := await self.witness.get_snapshot(FACTS)) is not None:
            self.number = kept.number

    async def hear(self) -> None:
        """Learn what the owner says. Raises WitnessUnreachable, WitnessDamaged."""
        kept = await self.witness.get_snapshot(FACTS)
        if kept is None or kept.number == self.number:
            return
        try:
            self.heard = msgspec.json.decode(b"".join([piece async for piece in kept.pieces]), type=dict[str, object])
        except SnapshotReplaced:
            return  # the next look finds the newer one
        self.number, self.said = kept.number, b""


async def _pieces(said: bytes) -> AsyncIterator[bytes]:
    for begin in range(0, len(said), PIECE_BYTES_MAX):
        yield said[begin : begin + PIECE_BYTES_MAX]
