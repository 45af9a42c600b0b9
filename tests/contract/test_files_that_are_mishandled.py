"""Files that are cut, emptied, taken away or mixed with another day's write-ahead log: it is said, or nothing new is lost."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from contract.test_pairs_that_come_back import Folder
from contract.worlds import quick_folder
from penstock.buffer.sqlite.file import DELIVERY, EVENTS, damage_of
from penstock.errors import StoreDamaged

STORIES, MISHAPS = 5, 4


class Mishandled(Folder):
    """A data folder whose processes are killed, so that much of each file is in its write-ahead log alone."""

    async def opened(self):
        world = await super().opened()
        for connection in (world.log.connection, world.store.connection):
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        return world

    async def lives(self) -> None:
        await super().lives()
        assert [damage_of(self.folder / file) for file in (EVENTS, DELIVERY)] == ["", ""]
        kept = self.base / f"killed{len(self.copies)}"
        shutil.copytree(self.folder, kept, dirs_exist_ok=True)
        self.copies.append(kept)

    def is_mishandled(self) -> None:
        file = self.folder / self.dice.choice([EVENTS, DELIVERY])
        (self.folder / f"{file.name}-shm").unlink(missing_ok=True)
        self.dice.choice(MISHANDLED)(self, file, self.folder / f"{file.name}-wal")


def cut(story: Mishandled, _file: Path, wal: Path) -> None:
    """The newest of it did not reach the disk."""
    if wal.exists():
        raw = wal.read_bytes()
        wal.write_bytes(raw[: story.dice.randint(0, len(raw))])


def without_wal(_story: Mishandled, _file: Path, wal: Path) -> None:
    """Copied without what lies beside it."""
    wal.unlink(missing_ok=True)


def emptied(_story: Mishandled, file: Path, _wal: Path) -> None:
    file.write_bytes(b"")


def taken_away(_story: Mishandled, file: Path, wal: Path) -> None:
    file.unlink()
    wal.unlink(missing_ok=True)


def older_beside_its_newer_wal(story: Mishandled, file: Path, _wal: Path) -> None:
    shutil.copy(story.dice.choice(story.copies) / file.name, file)


def beside_an_older_wal(story: Mishandled, _file: Path, wal: Path) -> None:
    older = story.dice.choice(story.copies) / wal.name
    if older.exists():
        shutil.copy(older, wal)


MISHANDLED: list[Callable[[Mishandled, Path, Path], None]] = [
    cut, without_wal, emptied, taken_away, older_beside_its_newer_wal, beside_an_older_wal,
]  # fmt: skip


@pytest.mark.parametrize("seed", range(STORIES))
async def test_whatever_is_done_to_them_what_is_new_arrives_once_or_it_is_said_that_they_are_damaged(seed):
    with quick_folder() as base:
        story = Mishandled(Path(base), random.Random(seed))
        try:
            for _ in range(MISHAPS):
                await story.lives()
                story.is_mishandled()
            await story.lives()
        except StoreDamaged as damaged:
            assert damaged.file in {EVENTS, DELIVERY}
