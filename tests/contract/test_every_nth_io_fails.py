"""Whichever write or sync of a short story fails: never a yes for what is not on the disk, and afterwards the story goes on.

For every n the nth write fails (EIO, ENOSPC), or the nth sync, once or from then on; then the power is cut, so that what
only seemed to be on the disk is gone; then the files are opened again on a disk that works.
"""

import os
import shutil
from pathlib import Path

import pytest

from contract.worlds import SqliteWorld, event, quick_folder
from faulty_disk import Fault, FaultyDisk, Plan
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.sqlite.log.segments import events_after
from penstock.errors import BufferUnavailable, StoreDamaged

ROUNDS, EVENTS_OF_A_ROUND, TRIES = 3, 3, 2
# So few that the story has checkpoints in it.
CHECKPOINT_PAGES = 8
# 1: a new folder and each n; make sim-long does that. Else the folder was made before, and each n of a third of all is tried.
STRIDE = int(os.environ.get("PENSTOCK_IO_STRIDE", "3"))


class Story:
    """Events are sent and settled, and what was answered with yes is remembered. Whoever hears no asks once more."""

    def __init__(self, folder: Path, *, synchronous: str = "FULL") -> None:
        self.folder, self.world, self.synchronous = folder, None, synchronous
        self.sent, self.accepted, self.settled = set[str](), set[str](), set[str]()

    async def tell(self) -> None:
        for number in range(ROUNDS):
            await self._asked(self._send, number)
            await self._asked(self._settle)
            if number == ROUNDS // 2:
                self.die()

    def die(self) -> None:
        """Let go of everything, as a process does that dies."""
        for part in (getattr(self.world, "log", None), getattr(self.world, "store", None)):
            if hasattr(part, "group"):
                part.group.executor.shutdown()
                part.connection.close()
        if hasattr(self.world, "gauge"):
            self.world.store.log.close()
        self.world = None

    async def _asked(self, step, *arguments) -> None:
        for _ in range(TRIES):
            try:
                if self.world is None:
                    await self._begin()
                await step(*arguments)
            except BufferUnavailable:
                if not hasattr(self.world, "gauge"):
                    self.die()
            except StoreDamaged:
                # The process ends, and is started again.
                self.die()
            else:
                return

    async def _begin(self) -> None:
        self.world = SqliteWorld(self.folder)
        await self.world.open()
        for part in (self.world.log, self.world.store):
            part.connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
            part.connection.execute(f"PRAGMA synchronous = {self.synchronous}")

    async def _send(self, number: int) -> None:
        events = [event(f"r{number}-{i}", f"u{i}") for i in range(EVENTS_OF_A_ROUND)]
        self.sent |= {each.message_id for each in events}
        await self.world.append(*events)
        self.accepted |= {each.message_id for each in events}

    async def _settle(self) -> None:
        for lease in await self.world.lease(2):
            await self.world.backlog.settle(Ending(lease=lease, outcome=Outcome.DELIVERED))
            self.settled.add(lease.event.message_id)


@pytest.fixture
async def made(tmp_path):
    """Return a folder as a first start leaves it."""
    if STRIDE > 1:
        world = await SqliteWorld(tmp_path).open()
        await world.close()
    return tmp_path


async def told(made: Path, plan: Plan | None = None, **as_it_is: str) -> tuple[Story, FaultyDisk]:
    """Tell the story on a disk; then cut the power, and look at what is left."""
    with quick_folder() as name:
        folder = Path(name) / "before"
        shutil.copytree(made, folder)
        with FaultyDisk(folder, plan) as disk:
            story = Story(folder, **as_it_is)
            await story.tell()
            story.die()
        await assert_kept(story, disk.after_a_power_cut(Path(name) / "after"))
    return story, disk


async def assert_kept(story: Story, folder: Path) -> None:
    world = await SqliteWorld(folder).open()
    stored = {each.message_id for _, each in events_after(world.log.connection, 0)}
    assert story.accepted <= stored <= story.sent
    for part in (world.log, world.store):
        assert part.connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)

    again = set[str]()
    while leases := await world.lease():
        for lease in leases:
            again.add(lease.event.message_id)
            await world.backlog.settle(Ending(lease=lease, outcome=Outcome.DELIVERED))
    assert again | story.settled >= stored
    assert not again & story.settled
    counts = world.counts()
    assert counts.received == len(stored) == counts.outcomes.get(Outcome.DELIVERED, 0)
    await world.close()


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("fault", Fault)
async def test_nothing_that_was_answered_with_yes_is_lost_whichever_write_or_sync_fails(made, fault, lasting):
    _, good = await told(made)
    for nth in range(1 + lasting, good.done[fault] + 1, STRIDE):
        _, disk = await told(made, Plan(fault, nth, lasting))

        assert disk.has_failed


async def test_a_good_day_loses_nothing_either(made):
    story, disk = await told(made)

    assert len(story.accepted) == ROUNDS * EVENTS_OF_A_ROUND
    assert story.settled
    assert min(disk.done.values()) > 20


async def test_a_store_that_does_not_sync_is_found_out(made):
    with pytest.raises(AssertionError):
        await told(made, synchronous="OFF")
