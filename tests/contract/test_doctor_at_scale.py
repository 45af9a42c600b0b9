"""What the doctor costs grows with what is stored and no faster, counted in SQLite's own steps; a start asks for little."""

from pathlib import Path

import pytest

from contract.worlds import DESTINATION, SqliteWorld, event, quick_folder
from penstock.buffer.sqlite.doctor import doctor as sqlite_doctor
from penstock.buffer.sqlite.doctor.doctor import Doctor
from penstock.clock import ManualClock

STEPS_A_COUNT = 100


async def fill(folder, count: int, *, replayed: bool) -> None:
    world = await SqliteWorld(folder).open()
    await world.append(*(event(f"m{i}", f"u{i % 40}", company="acme" if i % 20 == 0 else "") for i in range(count)))
    await world.lease(1)
    while world.backlog.is_behind:
        await world.lease(1)
    if replayed:
        # Something once parked: only then can others have passed, and each event used to be asked about that.
        world.store.connection.execute("UPDATE waiting SET parked_at = 1 WHERE position = 2")
    await world.close()


@pytest.fixture
def counted(monkeypatch):
    """Count the steps of every connection the doctor opens."""
    steps = [0]
    open_writer = sqlite_doctor.open_writer

    def opened(*arguments, **options):
        connection = open_writer(*arguments, **options)

        def count() -> bool:
            steps[0] += STEPS_A_COUNT
            return False

        connection.set_progress_handler(count, STEPS_A_COUNT)
        return connection

    monkeypatch.setattr(sqlite_doctor, "open_writer", opened)
    return steps


async def steps_of(count: int, counted: list[int], *, replayed: bool) -> tuple[int, int]:
    """Return what a whole look costs, and what the look at a start costs."""
    with quick_folder() as folder:
        await fill(Path(folder), count, replayed=replayed)
        doctor = Doctor(Path(folder), sources_of={DESTINATION: ["web"]}, clock=ManualClock())
        counted[0] = 0
        assert doctor.findings() == []
        whole, counted[0] = counted[0], 0
        assert doctor.at_start() == []
        return whole, counted[0]


@pytest.mark.parametrize("replayed", [False, True])
async def test_four_times_the_backlog_costs_four_times_the_work(counted, replayed):
    small, _ = await steps_of(1_500, counted, replayed=replayed)
    large, at_start = await steps_of(6_000, counted, replayed=replayed)

    # Sorting adds a little.
    assert large < 5 * small
    assert large < 400 * 6_000
    assert at_start < large / 10


async def test_the_doctor_says_what_it_looks_at(sqlite_world):
    await sqlite_world.append(event("m1", "ana"))
    await sqlite_world.lease()
    said: list[str] = []
    doctor = Doctor(sqlite_world.folder, sources_of={}, clock=ManualClock(), tell=said.append)

    assert doctor.damaged() == doctor.findings() == []
    assert any("events.db: every page" in sentence for sentence in said)
    assert said[-1] == "delivery.db: custify: sums"
