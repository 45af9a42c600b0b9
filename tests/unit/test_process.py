"""A process of penstock serve: what makes it end."""

import pytest
import structlog

from penstock.clock import ManualClock
from penstock.errors import BufferUnavailable, StoreDamaged
from penstock.run.process import Process
from penstock.settings import Following
from penstock.timeline import Timeline


@pytest.fixture
def running(tmp_path) -> Process:
    environ = {"PENSTOCK_DATA_DIR": str(tmp_path)}
    following = Following(None, dashboard=lambda _: None, consent=lambda _: ("", ""), environ=environ)
    return Process(following, supervised=False)


async def test_a_chore_that_finds_a_damaged_file_ends_the_process(running):
    asked = iter([BufferUnavailable("full"), StoreDamaged("events.db", "a segment cannot be read")])

    async def chore() -> int:
        raise next(asked)

    async with running.regularly(chore, every_s=0.0):
        await running.stopping.wait()

    assert running.damage.file == "events.db"


async def test_what_happens_at_every_look_is_logged_once_a_minute_with_its_count(running, monkeypatch):
    clock = ManualClock()
    monkeypatch.setattr(running, "clock", clock)
    asked = 0

    async def chore() -> int:
        nonlocal asked
        asked += 1
        if asked == 6:
            clock.advance(60.0)
        if asked == 7:
            raise StoreDamaged("events.db", "to end this test")
        raise BufferUnavailable("the disk is full")

    with structlog.testing.capture_logs() as logged:
        async with running.regularly(chore, every_s=0.0):
            await running.stopping.wait()

    assert [(line["event"], line["count"]) for line in logged] == [("buffer_unavailable", 1), ("buffer_unavailable", 5)]


async def test_a_clock_that_was_set_while_the_disk_was_full_is_written_down_once_there_is_room(running):
    clock, noted, full = ManualClock(), [], [BufferUnavailable("full")]
    running.clock = Timeline(clock, boot="one")

    async def note(jump) -> None:
        if full:
            raise full.pop()
        noted.append(jump.by_s)

    running.on_jump = note
    clock.set_by(-3_600)
    with structlog.testing.capture_logs() as logged:
        for _ in range(3):
            await running._look_at_clock()
        clock.advance(60.0)
        await running._look_at_clock()

    assert noted == [-3_600]
    assert [line["event"] for line in logged] == ["buffer_unavailable", "clock_jumped", "woke_up"]
