"""delivery.db and events.db of one node of a cluster: both followed always, and delivery.db written once this node owns it.

    follow ──▶ the lease is free ──▶ take in what is left ──▶ say "I own it" behind the last message ──▶ open the store
      ▲                                                                                                     │
      └──────────────── the lease is lost, another message came first, or a handover is asked ◀────────────┘

Saying so is the fence: whatever a former owner still appends expects another end, and is refused. Only then are events taken in up
to the end: what the former owner knew of them was in the stream before it said so.
"""

import asyncio
import dataclasses
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

from penstock.buffer.port.traces import Removal
from penstock.buffer.sqlite.delivery.delivery import DeliveryStore
from penstock.buffer.sqlite.file import DELIVERY, EVENTS, SCHEMAS
from penstock.buffer.sqlite.replica import snapshots
from penstock.buffer.sqlite.replica.events import STREAM, EventsView
from penstock.buffer.sqlite.replica.follower import FileView
from penstock.buffer.sqlite.replica.lives import life_in_use
from penstock.buffer.sqlite.replica.messages import What, chained, message_of
from penstock.buffer.sqlite.replica.recorder import Recorder
from penstock.buffer.sqlite.replica.tenure import LeaseKeeper
from penstock.clock import Clock
from penstock.errors import BufferUnavailable, SteppedDown, WitnessUnreachable
from penstock.timeline import Timeline
from penstock.witness.port import Witness

#: All destinations of a group of nodes have one owner, and their states one stream.
STATE = "STATE"
# How long one look for messages waits, and so how often a free lease is noticed.
WAIT_S = 1.0
# A snapshot after so many messages, and then the stream is shortened to what it lacks.
STATE_KEPT, EVENTS_KEPT = 2_000, 100_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NodeStanding:
    """How a node stands among the others."""

    #: The node that owns delivery.db; empty while none does.
    owner: str
    is_owner: bool
    #: By stream: by how much its last number is beyond that of the view here.
    behind: Mapping[str, int]


class DeliveryNode:
    """What one node has of deliver's files. `open` before use."""

    def __init__(
        self, data_dir: Path, witness: Witness, *, node: str, clock: Clock, timeline: Timeline | None = None
    ) -> None:
        self.data_dir, self.witness, self.node, self.clock, self.timeline = data_dir, witness, node, clock, timeline
        # A timeline goes on where the owner before left it: a lease that is counted by it could seem to last for ever.
        self.keeper = LeaseKeeper(STATE, witness, node=node, clock=clock)
        self.state = FileView(data_dir / DELIVERY, STATE, witness)
        self.events = EventsView(data_dir / EVENTS, STREAM, witness)

    def open(self) -> None:
        """Open both views. Raises BufferUnavailable, StoreDamaged, SettingsError."""
        self.events.open()
        self.state.open()

    def close(self) -> None:
        """Close both views."""
        self.state.close()
        self.events.close()

    async def follow_events(self) -> None:
        """Take events in for ever, beside everything else; while that cannot be done, wait. Raises ViewRefused, StoreDamaged."""
        while True:
            await _unless_unavailable(self.events.step(wait_s=WAIT_S))
            await _unless_unavailable(self.events.wipe())

    async def standing(self, *, owned: Recorder | None = None) -> NodeStanding:
        """Return how far this node is behind, and who owns delivery.db; `owned` is what this one writes it with, while it does.

        Raises WitnessUnreachable.
        """
        state = owned.place if owned else self.state.place
        behind = {}
        for stream, place in ((STATE, state), (STREAM, self.events.place)):
            behind[stream] = max(0, (await self.witness.span(stream)).last - place.number)
        tenure = (await self.witness.owners()).get(STATE)
        owner, _, _ = tenure.owner.rpartition("/") if tenure else ("", "", "")
        return NodeStanding(owner=owner, is_owner=owned is not None, behind=behind)

    async def until_owner(self) -> DeliveryStore:
        """Follow until this node owns delivery.db; return it, open. Raises ViewRefused, and what the files raise."""
        asked_at = float("-inf")
        while True:
            try:
                await _unless_unavailable(self.state.step(wait_s=WAIT_S))
                await _unless_unavailable(self.state.wipe())
                if self.clock.steady() - asked_at < WAIT_S:
                    continue
                asked_at = self.clock.steady()
                if await self.keeper.take():
                    store = await self._take_over()
                    await self.keeper.keep_promise()
                    return store
            except WitnessUnreachable:
                await asyncio.sleep(WAIT_S)
            except SteppedDown:
                await self.keeper.give_up()
            except BufferUnavailable:
                # This node has no room to take over; another one may have.
                await self.keeper.give_up()
                raise

    async def hand_over(self, store: DeliveryStore) -> None:
        """Write what is pending, let another node own the file at once, and follow again."""
        try:
            await store.close()
        except SteppedDown:
            await self.step_down(store)
            return
        await self.keeper.give_up()
        self.state.open()

    async def step_down(self, store: DeliveryStore) -> None:
        """Let the file go as it is, and follow again; what is not in the stream by now never was."""
        await store.abandon()
        await self.keeper.give_up()
        self.state.open()

    async def shorten(self) -> None:
        """Put snapshots, and let the streams keep what those lack. For one node at a time, most often the owner."""
        for view, kept in ((self.state, STATE_KEPT), (self.events, EVENTS_KEPT)):
            span = await self.witness.span(view.stream)
            if span.last - span.pruned >= kept:
                number = await snapshots.put(view.path, view.stream, self.witness)
                await self.witness.prune(view.stream, through=number)

    async def remove(self, store: DeliveryStore, removal: Removal) -> bool:
        """Take people out of delivery.db, as its owner, and let nothing in the streams have them; return whether that was all.

        Their events are taken out before, by `events.remove`. Raises SteppedDown, WitnessUnreachable, and what the files raise.
        """
        if not await store.remove(removal):
            return False
        views = (snapshots.ViewFile(view.path, view.stream) for view in (self.state, self.events))
        await snapshots.forget_behind(views, self.witness)
        return True

    async def _take_over(self) -> DeliveryStore:
        """Fence the owner before, take in all that is left, and open the store. Raises SteppedDown, WitnessUnreachable."""
        newest = len(SCHEMAS[DELIVERY])
        await life_in_use(self.witness)
        await self.state.catch_up()
        recorder = Recorder(STATE, self.witness, schema=newest, epoch=self.keeper.epoch, holds=self.keeper.holds)
        recorder.place = self.state.place
        said = message_of(What.OWNER, self.node.encode(), schema=self.state.schema)
        recorder.place = await recorder.append(chained(said, self.state.place, epoch=self.keeper.epoch))
        if self.state.schema < newest:
            step = message_of(What.SCHEMA, b"", schema=newest)
            recorder.place = await recorder.append(chained(step, recorder.place, epoch=self.keeper.epoch))
        await self.state.catch_up()
        await self.events.catch_up()
        self.state.close()
        store = DeliveryStore(
            self.data_dir, clock=self.timeline or self.clock, timeline=self.timeline, recorder=recorder
        )
        try:
            await store.open()
        except SteppedDown:
            await store.abandon()
            self.state.open()
            raise
        return store


async def _unless_unavailable(step: Coroutine[Any, Any, int]) -> None:
    """Do a step; while the engine does not answer, or the disk is full, wait."""
    try:
        await step
    except (WitnessUnreachable, BufferUnavailable):
        await asyncio.sleep(WAIT_S)
