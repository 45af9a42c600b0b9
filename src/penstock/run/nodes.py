"""What a cluster is just now, and who is to own the destinations next: asked of the engine, from any node."""

import asyncio

from penstock.buffer.sqlite.replica.node import STATE
from penstock.buffer.sqlite.replica.tenure import HANDOVER
from penstock.clock import SystemClock
from penstock.errors import SettingsError
from penstock.inspect.cluster import ClusterStatus
from penstock.run.cluster import cluster_of, owner_of, running
from penstock.run.neighbours import VIEWS
from penstock.run.sharing import connected, node_name
from penstock.settings import Settings
from penstock.witness.board import NodeBoard

# How long another node has to take over what is handed to it, and how often that is looked for.
TAKEN_S, LOOK_S = 20, 0.1


def cluster_status(settings: Settings) -> ClusterStatus:
    """Ask the engine. Raises SettingsError, WitnessUnreachable, BufferUnavailable."""
    return asyncio.run(_status(settings))


def hand_over(settings: Settings, to: str) -> tuple[str, str, float]:
    """Let another node own the destinations, any that runs if none is named; return from whom, to whom, and how many seconds that took.

    Raises SettingsError, WitnessUnreachable.
    """
    return asyncio.run(_hand_over(settings, to))


async def _status(settings: Settings) -> ClusterStatus:
    witness = await connected(settings)
    try:
        words, owners = await NodeBoard(witness).look(), await witness.owners()
        lasts = {stream: (await witness.span(stream)).last for stream in VIEWS}
    finally:
        await witness.close()
    here, now = node_name(settings), SystemClock().now()
    return cluster_of(words, owners, lasts, engine=settings.engine, here=here, now=now)


async def _hand_over(settings: Settings, to: str) -> tuple[str, str, float]:
    witness, clock = await connected(settings), SystemClock()
    try:
        words, owners = await NodeBoard(witness).look(), await witness.owners()
        candidates = [name for name in running(owners) if any(w.node == name and w.role == "deliver" for w in words)]
        before = owner_of(owners)
        to = taker(to, candidates, before)
        if to == before:
            return before, to, 0.0
        began = clock.steady()
        await witness.lease(f"{HANDOVER}{STATE}", owner=to, ttl_s=TAKEN_S)
        while clock.steady() - began < TAKEN_S:
            if owner_of(await witness.owners()) == to:
                return before, to, clock.steady() - began
            await asyncio.sleep(LOOK_S)
    finally:
        await witness.close()
    hint = "look at its log"
    raise SettingsError("to", expected=f"that {to} takes over within {TAKEN_S} s", got="nothing", hint=hint)


def taker(to: str, candidates: list[str], owner: str) -> str:
    """Return who is to own the destinations: who was named, or the first of the others that could. Raises SettingsError."""
    others = [name for name in candidates if name != owner]
    if (to and to not in candidates) or not (to or others):
        said = ", ".join(candidates) or "none does"
        raise SettingsError("to", expected=f"a node that runs deliver: {said}", got=to or "no other one")
    return to or others[0]
