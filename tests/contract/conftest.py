"""Every promise is tried on every backend."""

import pytest

from contract.worlds import MemoryWorld, SqliteWorld


@pytest.fixture(params=[MemoryWorld, SqliteWorld], ids=["memory", "sqlite"])
async def world(request, tmp_path):
    world = await request.param(tmp_path).open()
    yield world
    await world.close()


@pytest.fixture
async def sqlite_world(tmp_path):
    world = await SqliteWorld(tmp_path).open()
    yield world
    await world.close()
