"""A process of penstock serve: what makes it end."""

from pathlib import Path

import pytest

from penstock import process
from penstock.errors import BufferUnavailable, StoreDamaged
from penstock.process import Process
from penstock.settings import Settings


@pytest.fixture
def running(tmp_path, monkeypatch) -> Process:
    monkeypatch.setattr(process, "CHORE_S", 0.0)
    settings = Settings(data_dir=Path(tmp_path))
    return Process(None, settings, read=lambda: settings, supervised=False)


async def test_a_chore_that_finds_a_damaged_file_ends_the_process(running):
    asked = iter([BufferUnavailable("full"), StoreDamaged("events.db", "a segment cannot be read")])

    async def chore() -> int:
        raise next(asked)

    async with running.regularly(chore):
        await running.stopping.wait()

    assert running.damage.file == "events.db"
