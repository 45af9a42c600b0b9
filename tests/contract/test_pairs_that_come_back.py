"""Whichever copies of the log and of what delivery knows come back, in whatever order and again and again: nothing new is lost."""

import random
from pathlib import Path

import pytest

from contract.test_replay_promises import drain
from contract.test_restored_files import copied, doctor, opened, put_back
from contract.worlds import event, quick_folder
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.sqlite.file import DELIVERY, EVENTS
from penstock.errors import LogForked

STORIES, RESTORES = 8, 4


class Folder:
    """A data folder under traffic, and copies of its files from many moments."""

    def __init__(self, base: Path, dice: random.Random) -> None:
        self.base, self.folder, self.dice, self.sent, self.copies = base, base / "data", dice, 0, list[Path]()

    async def opened(self):
        try:
            return await opened(self.folder)
        except LogForked:
            # It says so, and names the doctor; what is known as done of the other end of the log is sent again.
            doctor(self.folder).repair()
            return await opened(self.folder)

    async def lives(self) -> None:
        """Take events and deliver some, and be copied by hand meanwhile; then all of the new ones arrive, once each."""
        world, names = await self.opened(), list[str]()
        try:
            for _ in range(self.dice.randint(1, 3)):
                names += await self.takes(world, self.dice.randint(1, 6))
                names += await self.is_copied(world)
            await drain(world, 1_000)
            counts, ends = world.counts(), [s for s in world.stories() if s.event.message_id in names]
        finally:
            await world.close()
        assert (counts.waiting, counts.received) == (0, sum(counts.outcomes.values()))
        assert sorted(s.event.message_id for s in ends) == sorted(names)
        assert {s.state for s in ends} == {Outcome.DELIVERED}

    async def takes(self, world, count: int) -> list[str]:
        names = [f"m{self.sent + n}" for n in range(count)]
        self.sent += count
        await world.append(*(event(name, f"u{self.dice.randint(0, 3)}") for name in names))
        if self.dice.random() < 0.6:
            await drain(world, 1_000)
        return names

    async def is_copied(self, world) -> list[str]:
        copy = self.base / f"copy{len(self.copies)}"
        first, second = self.dice.sample([EVENTS, DELIVERY], 2)
        copied(self.folder, first, copy)
        names = await self.takes(world, 1) if self.dice.random() < 0.5 else []
        copied(self.folder, second, copy)
        self.copies.append(copy)
        return names

    def gets_back(self) -> None:
        """One file, or both, of the same moment or of two."""
        for file in (EVENTS, DELIVERY):
            if self.dice.random() < 0.7:
                put_back(self.dice.choice(self.copies), file, self.folder)


@pytest.mark.parametrize("seed", range(STORIES))
async def test_whichever_files_come_back_what_is_new_arrives_once_and_the_sums_hold(seed):
    with quick_folder() as base:
        folder = Folder(Path(base), random.Random(seed))
        for _ in range(RESTORES):
            await folder.lives()
            folder.gets_back()
        await folder.lives()
