"""Two nodes take turns over each engine, real servers included: no event is delivered twice or by nobody, and their files agree."""

import asyncio
import contextlib
import shutil

import pytest

from contract.test_witness import world  # noqa: F401 - a fixture: each engine in turn
from contract.worlds import DESTINATION, event
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.sqlite.connections import connect_to_read
from penstock.buffer.sqlite.file import DELIVERY
from penstock.buffer.sqlite.replica import node as nodes
from penstock.buffer.sqlite.replica.changes import sums_of
from penstock.buffer.sqlite.replica.events import StreamedLog
from penstock.buffer.sqlite.replica.messages import What, chained, message_of
from penstock.clock import SystemClock
from penstock.errors import SteppedDown
from penstock.event import Batch
from sim.cluster import fresh_files

pytestmark = pytest.mark.xdist_group("engines")


async def delivered(store, count):
    """Let so many events arrive; return their ids."""
    backlog, found = store.backlog(DESTINATION, lambda: ["web"]), list[str]()
    while len(found) < count:
        leases = await backlog.lease(limit=10, lease_s=30.0)
        await backlog.settle(*(Ending(lease=lease, outcome=Outcome.DELIVERED) for lease in leases))
        found += [lease.event.message_id for lease in leases]
        await asyncio.sleep(0.01)
    return found


async def test_two_nodes_take_turns_and_have_the_same_files(world, tmp_path, monkeypatch):  # noqa: F811 - the fixture
    monkeypatch.setattr(nodes, "WAIT_S", 0.1)
    (tmp_path / "fresh").mkdir()
    fresh = fresh_files(tmp_path / "fresh")
    async with contextlib.AsyncExitStack() as stack:
        ours = []
        for name in "ab":
            shutil.copytree(fresh, tmp_path / name)
            witness = await stack.enter_async_context(world.node())
            ours.append(nodes.DeliveryNode(tmp_path / name, witness, node=name, clock=SystemClock()))
            ours[-1].open()
            stack.callback(ours[-1].close)
            stack.callback(asyncio.create_task(ours[-1].follow_events()).cancel)
        first, second = ours
        log = StreamedLog(first.witness)

        await log.append([Batch.of(event("m1", "u1"), event("m2", "u1"), event("m3", "u2"))])
        store = await first.until_owner()
        waits = asyncio.create_task(second.until_owner())
        assert sorted(await delivered(store, 3)) == ["m1", "m2", "m3"]
        await first.hand_over(store)

        taken = await waits
        await log.append([Batch.of(event("m3", "u2"), event("m4", "u1"))])
        assert await delivered(taken, 1) == ["m4"]
        # Whoever owned it before is refused, whatever it believes.
        store.recorder.stepped_down, store.recorder.holds = "", lambda: True
        said = chained(message_of(What.OWNER, b"a", schema=first.state.schema), store.recorder.place, epoch=1)
        with pytest.raises(SteppedDown):
            await store.recorder.append(said)
        await second.hand_over(taken)

        for each in ours:
            await each.state.catch_up()
        assert first.state.place == second.state.place
        await log.close()
    sums = []
    for name in "ab":
        with contextlib.closing(connect_to_read(tmp_path / name / DELIVERY)) as file:
            sums.append(sums_of(file))
    assert sums[0] == sums[1]
