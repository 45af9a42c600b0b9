"""A process of penstock serve: what makes it end."""

import pytest

from penstock import process
from penstock.errors import BufferUnavailable, StoreDamaged
from penstock.process import Process
from penstock.settings import Following


@pytest.fixture
def running(tmp_path, monkeypatch) -> Process:
    monkeypatch.setattr(process, "CHORE_S", 0.0)
    environ = {"PENSTOCK_DATA_DIR": str(tmp_path)}
    following = Following(None, dashboard=lambda _: None, consent=lambda _: ("", ""), environ=environ)
    return Process(following, supervised=False)


async def test_a_chore_that_finds_a_damaged_file_ends_the_process(running):
    asked = iter([BufferUnavailable("full"), StoreDamaged("events.db", "a segment cannot be read")])

    async def chore() -> int:
        raise next(asked)

    async with running.regularly(chore):
        await running.stopping.wait()

    assert running.damage.file == "events.db"
