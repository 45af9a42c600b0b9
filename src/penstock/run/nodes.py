"""What a cluster is just now, and who is to own the destinations next: asked of the engine, from any node."""

import asyncio
from collections.abc import Sequence

import msgspec

from penstock.buffer.sqlite.file import CONTROL, DELIVERY, EVENTS, snapshot
from penstock.buffer.sqlite.replica import control
from penstock.buffer.sqlite.replica.events import STREAM as EVENTS_STREAM
from penstock.buffer.sqlite.replica.node import STATE
from penstock.buffer.sqlite.replica.place import is_view, place_of
from penstock.buffer.sqlite.replica.tenure import HANDOVER
from penstock.clock import SystemClock
from penstock.errors import SettingsError
from penstock.run.sharing import NODE, connected, node_name
from penstock.settings import Settings

#: By stream: the file of this node that follows it.
VIEWS = {EVENTS_STREAM: EVENTS, STATE: DELIVERY, control.STREAM: CONTROL}
# How long another node has to take over what is handed to it, and how often that is looked for.
TAKEN_S, LOOK_S = 20, 0.1


class ViewLag(msgspec.Struct, frozen=True, kw_only=True):
    """How far a file of this node follows its stream."""

    file: str
    stream: str
    #: The last number of the stream, and of what the file has; numbers may leave some out.
    last: int
    here: int


class ClusterStatus(msgspec.Struct, frozen=True, kw_only=True):
    """All nodes, as the engine has heard of them."""

    engine: str
    #: This node.
    node: str
    #: Who owns the destinations; empty while nobody does.
    owner: str
    #: Who runs now.
    nodes: Sequence[str]
    views: Sequence[ViewLag]


def cluster_status(settings: Settings) -> ClusterStatus:
    """Ask the engine. Raises SettingsError, WitnessUnreachable, BufferUnavailable, StoreDamaged."""
    return asyncio.run(_status(settings))


def hand_over(settings: Settings, to: str) -> float:
    """Let another node own the destinations; return how many seconds that took. Raises SettingsError, WitnessUnreachable."""
    return asyncio.run(_hand_over(settings, to))


async def _status(settings: Settings) -> ClusterStatus:
    witness = await connected(settings)
    try:
        owners = await witness.owners()
        views = []
        for stream, file in VIEWS.items():
            span = await witness.span(stream)
            views.append(ViewLag(file=file, stream=stream, last=span.last, here=_place(settings, file)))
    finally:
        await witness.close()
    return ClusterStatus(
        engine=settings.engine,
        node=node_name(settings),
        owner=owners[STATE].owner.rpartition("/")[0] if STATE in owners else "",
        nodes=sorted(name.removeprefix(NODE) for name in owners if name.startswith(NODE)),
        views=views,
    )


def _place(settings: Settings, file: str) -> int:
    with snapshot(settings.data_dir / file) as view:
        return place_of(view).number if view is not None and is_view(view) else 0


async def _hand_over(settings: Settings, to: str) -> float:
    witness, clock = await connected(settings), SystemClock()
    try:
        owners = await witness.owners()
        nodes = [name.removeprefix(NODE) for name in owners if name.startswith(NODE)]
        if to not in nodes:
            raise SettingsError("to", expected=f"a node that runs: {', '.join(sorted(nodes)) or 'none does'}", got=to)
        began, promised = clock.steady(), f"{HANDOVER}{STATE}"
        await witness.lease(promised, owner=to, ttl_s=TAKEN_S)
        while clock.steady() - began < TAKEN_S:
            owners = await witness.owners()
            if STATE in owners and owners[STATE].owner.rpartition("/")[0] == to:
                return clock.steady() - began
            await asyncio.sleep(LOOK_S)
    finally:
        await witness.close()
    raise SettingsError(
        "to", expected=f"that {to} takes over within {TAKEN_S} s", got="nothing", hint="look at its log"
    )
