"""The power fails in the middle of a write: whatever was acknowledged is there after the restart.

What was synced is on the disk; of what was written after the last sync, each sector may have arrived or not. So the files
are copied at an acknowledgement and again after the next write, and put together sector by sector at random.
"""

import random

import pytest

from contract.worlds import SqliteWorld, event
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.sqlite.file import DELIVERY, EVENTS
from penstock.buffer.sqlite.log.segments import events_after

SECTOR, WAL_HEADER = 512, 32
ROUNDS = 25


def image(folder, name: str) -> dict[str, bytes]:
    """Return a file and its log as they are now; the shared memory beside them is lost with the power."""
    files = (name, f"{name}-wal")
    return {file: (folder / file).read_bytes() for file in files if (folder / file).exists()}


def torn(dice: random.Random, synced: bytes, written: bytes) -> bytes:
    """Return a file of which each sector written after the last sync arrived or not, and perhaps not its end."""
    # A log that begins anew has its header synced before anything else is written over the old one.
    synced = written[:WAL_HEADER] + synced[WAL_HEADER:]
    size = dice.choice([len(written), dice.randint(min(len(synced), len(written)), len(written))])
    sectors = []
    for at in range(0, size, SECTOR):
        old, new = synced[at : at + SECTOR], written[at : at + SECTOR]
        # A sector that never arrived in a file that grew reads as zeros.
        sectors.append(new if old == new or dice.random() < 0.5 else old.ljust(len(new), b"\0"))
    return b"".join(sectors)


def restart(tmp_path, number: int, files: dict[str, bytes]):
    folder = tmp_path / f"after{number}"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


async def stored(folder) -> set[str]:
    world = await SqliteWorld(folder).open()
    names = {event.message_id for _, event in events_after(world.log.connection, 0)}
    assert world.log.connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    await world.close()
    return names


def batch(number: int, dice: random.Random):
    return [event(f"r{number}-{i}", f"u{i}") for i in range(dice.randint(1, 40))]


@pytest.mark.parametrize("seed", range(4))
async def test_every_acknowledged_event_survives_a_power_cut_during_the_next_append(tmp_path, seed):
    dice = random.Random(seed)
    (folder := tmp_path / "before").mkdir()
    world = await SqliteWorld(folder).open()
    acknowledged: set[str] = set()
    for number in range(ROUNDS):
        synced = image(folder, EVENTS)
        following = batch(number, dice)
        await world.append(*following)
        written = image(folder, EVENTS)
        files = {name: torn(dice, synced.get(name, b""), content) for name, content in written.items()}

        found = await stored(restart(tmp_path, number, files))

        assert acknowledged <= found
        assert found - acknowledged in (set(), {e.message_id for e in following})
        acknowledged |= {e.message_id for e in following}
        if dice.random() < 0.3:
            world.log.connection.execute("PRAGMA wal_checkpoint(RESTART)")
    await world.close()


async def test_every_acknowledged_event_survives_a_power_cut_during_a_checkpoint(tmp_path):
    dice = random.Random(7)
    (folder := tmp_path / "before").mkdir()
    world = await SqliteWorld(folder).open()
    acknowledged: set[str] = set()
    for number in range(ROUNDS):
        following = batch(number, dice)
        await world.append(*following)
        acknowledged |= {e.message_id for e in following}
        before = image(folder, EVENTS)
        world.log.connection.execute("PRAGMA wal_checkpoint(FULL)")
        after = image(folder, EVENTS)
        files = {EVENTS: torn(dice, before[EVENTS], after[EVENTS]), f"{EVENTS}-wal": before[f"{EVENTS}-wal"]}

        assert await stored(restart(tmp_path, number, files)) == acknowledged
    await world.close()


async def test_every_outcome_that_was_written_survives_and_the_sums_hold(tmp_path):
    dice = random.Random(11)
    (folder := tmp_path / "before").mkdir()
    world = await SqliteWorld(folder).open()
    await world.append(*(event(f"m{i}", f"u{i}") for i in range(ROUNDS)))
    for number in range(ROUNDS):
        [lease] = await world.lease(1)
        synced = image(folder, DELIVERY)
        await world.backlog.settle(Ending(lease=lease, outcome=Outcome.DELIVERED))
        written = image(folder, DELIVERY)
        files = {name: torn(dice, synced.get(name, b""), content) for name, content in written.items()}
        after = restart(tmp_path, number, files | image(folder, EVENTS))

        again = await SqliteWorld(after).open()
        await again.lease(1)
        counts = again.counts()
        await again.close()

        assert counts.outcomes.get(Outcome.DELIVERED, 0) in {number, number + 1}
        assert counts.received == ROUNDS == counts.waiting + sum(counts.outcomes.values())
    await world.close()
