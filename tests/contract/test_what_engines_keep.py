"""What an engine's folders still have of a message after an erasure: looked for byte by byte, so that receipts and pages say what is so."""

import asyncio

import pytest

from contract.test_witness import appended

pytestmark = pytest.mark.xdist_group("engines")
SECRET = b"gone-with-me-4711"
# So long the servers may take to do on their disks what they said.
TRIES, REST_S = 50, 0.2


def files_with(folder, secret):
    """Return the files of servers that have some bytes."""
    return [str(path) for path in folder.rglob("*") if path.is_file() and secret in path.read_bytes()]


async def test_blocks_of_nats_have_nothing_of_what_was_erased_and_raft_logs_may(nats_world):
    """The Raft log of each server keeps a message until it is cut: docs/scale.md says so, and receipts do."""
    async with nats_world.node() as node:
        numbers = await appended(node, "ERASED", *(SECRET + b"%d" % i for i in range(5)), b"kept")
        await node.prune("ERASED", through=numbers[-2], is_erasing=True)

        for _ in range(TRIES):
            left = [path for path in files_with(nats_world.cluster.folder, SECRET) if "/S-R3F-" not in path]
            if not left:
                break
            await asyncio.sleep(REST_S)
        assert left == []
        assert [entry.message for entry in await node.read("ERASED", after=numbers[-2])] == [b"kept"]
        # Said once more it does no harm.
        await node.prune("ERASED", through=numbers[-2], is_erasing=True)


async def test_a_row_of_postgres_loses_its_body_at_once_and_its_file_when_it_is_vacuumed(postgres_world):
    async with postgres_world.node() as node:
        numbers = await appended(node, "ERASED", *(SECRET + b"%d" % i for i in range(5)), b"kept")
        await node.prune("ERASED", through=numbers[-2], is_erasing=True)
        pair = postgres_world.pair
        for said in ("VACUUM FULL penstock.messages", "CHECKPOINT"):
            pair._run("psql", "-q", "-d", pair.url, "-c", said)

        # Its write-ahead log keeps it until it is used anew.
        assert [path for path in files_with(pair.folder, SECRET) if "/pg_wal/" not in path and "/data0/" in path] == []
