"""Every promise is tried on every backend."""

import pytest

from contract.witness_worlds import JetStreamWorld, PostgresWorld
from contract.worlds import MemoryWorld, SqliteWorld
from witness_engines import NATS_SERVER, POSTGRES_BINARIES, nats_cluster, postgres_pair


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


@pytest.fixture(scope="session")
def nats_world():
    if NATS_SERVER is None:
        pytest.skip("nats-server is missing: make setup")
    with nats_cluster() as cluster:
        yield JetStreamWorld(cluster)


@pytest.fixture(scope="session")
def postgres_world():
    if not POSTGRES_BINARIES:
        pytest.skip("PostgreSQL is missing: make setup-postgres")
    with postgres_pair() as pair:
        yield PostgresWorld(pair)
