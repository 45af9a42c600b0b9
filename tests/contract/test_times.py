"""Whatever somebody sets the machine's clock to: the store erases nothing early, forgets nobody early, and blocks nothing."""

import msgspec
import pytest

from contract.worlds import DESTINATION, SqliteWorld, event
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.control import Sort
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.port.selection import Selection
from penstock.buffer.sqlite.control.control import SqliteControl
from penstock.buffer.sqlite.control.orders import SqliteOrders
from penstock.buffer.sqlite.delivery.delivery import DeliveryStore
from penstock.buffer.sqlite.file import DELIVERY, EVENTS, snapshot
from penstock.buffer.sqlite.log.log import SqliteLog
from penstock.buffer.sqlite.notices import notices
from penstock.buffer.sqlite.times import JUMPS_MAX, moment_of
from penstock.event import Batch
from penstock.timeline import Jump, Timeline

HOUR, DAY = 3_600.0, 86_400.0
KEPT_DAYS = 30


class Wall:
    """Sets the clock, as a person does, and lets the log know, as its process does a second later."""

    def __init__(self, world: SqliteWorld) -> None:
        self.world = world

    async def set_by(self, seconds: float) -> None:
        self.world.clock.set_by(seconds)
        await self.world.log.note_jump(Jump(at=self.world.clock.now(), by_s=seconds))

    async def receive(self, name: str, user: str) -> None:
        came = msgspec.structs.replace(event(name, user), received_at_ms=int(self.world.clock.now() * 1000))
        await self.world.log.append([Batch.of(came)])

    async def end_all(self) -> None:
        for lease in await self.world.lease():
            await self.world.backlog.settle(
                Ending(lease=lease, outcome=Outcome.DEAD, reason="no", cause="custify.refused")
            )

    async def prune(self) -> list[str]:
        """Let retention do what it may; return what is left."""
        older_than_ms = int((self.world.clock.now() - KEPT_DAYS * DAY) * 1000)
        while await self.world.log.prune(older_than_ms=older_than_ms, bytes_max=2**40, destinations=[DESTINATION]):
            pass
        return [story.event.message_id for story in self.world.stories()]


@pytest.fixture
def wall(sqlite_world):
    return Wall(sqlite_world)


@pytest.mark.parametrize("by_s", [40 * DAY, 20 * 365 * DAY])
async def test_a_clock_set_forward_erases_nothing_early(wall, by_s):
    await wall.receive("m1", "ana")
    await wall.end_all()
    await wall.set_by(by_s)

    assert await wall.prune() == ["m1"]


async def test_what_came_before_the_clock_was_set_goes_when_it_is_as_old_as_it_should_be(wall):
    await wall.receive("m1", "ana")
    await wall.set_by(40 * DAY)
    await wall.receive("m2", "ben")
    await wall.end_all()
    wall.world.pass_time((KEPT_DAYS - 1) * DAY)
    assert await wall.prune() == ["m1", "m2"]

    wall.world.pass_time(2 * DAY)
    assert await wall.prune() == []


async def test_a_machine_that_began_in_1970_erases_what_it_took_then_no_earlier_and_no_later(wall):
    wall.world.clock.set_by(100.0 - wall.world.clock.now())
    await wall.receive("m1", "ana")
    await wall.set_by(1_790_000_000.0)
    await wall.receive("m2", "ben")
    await wall.end_all()

    assert await wall.prune() == ["m1", "m2"]
    wall.world.pass_time((KEPT_DAYS + 1) * DAY)
    assert await wall.prune() == []


async def test_a_clock_set_back_keeps_nothing_for_ever(wall):
    await wall.receive("m1", "ana")
    await wall.end_all()
    await wall.set_by(-400 * DAY)
    wall.world.pass_time((KEPT_DAYS + 1) * DAY)

    assert await wall.prune() == []


async def test_the_oldest_event_is_as_old_as_it_is(wall):
    await wall.receive("m1", "ana")
    await wall.receive("m2", "ana")
    await wall.set_by(4 * DAY)
    wall.world.pass_time(7.0)

    now_ms = wall.world.clock.now() * 1000
    assert now_ms - wall.world.counts().oldest_received_at_ms == pytest.approx(7_000, abs=2)
    await wall.world.lease()
    assert now_ms - wall.world.counts().oldest_received_at_ms == pytest.approx(7_000, abs=2)


async def test_what_died_before_the_clock_was_set_back_can_be_replayed(wall):
    await wall.receive("m1", "ana")
    await wall.end_all()
    wall.world.pass_time(1.0)
    await wall.set_by(-HOUR)
    orders = SqliteOrders(wall.world.folder, clock=wall.world.clock)
    orders.ask_replay(DESTINATION, Selection(), by="ana")
    [order] = orders.replays()

    step = await wall.world.backlog.replay(order.selection, job=order.id, limit=10)

    assert step.replayed == 1


async def test_no_person_is_forgotten_early(wall):
    def learn(_):
        return b"x"

    await wall.receive("m1", "ana")
    [lease] = await wall.world.lease()
    await wall.world.backlog.settle(Ending(lease=lease, outcome=Outcome.DELIVERED), learned={"user:ana": learn})
    await wall.set_by(400 * DAY)
    await wall.world.store.prune(ledger_days=30)

    assert await wall.world.backlog.ledger.known({"user:ana"}) == {"user:ana": b"x"}


async def test_nor_is_what_people_did_forgotten_early_or_the_figures_of_charts(wall):
    folder, clock = wall.world.folder, wall.world.clock
    journal = SqliteControl(folder, clock=clock)
    journal.note("ana", "destination custify added")
    await wall.receive("m1", "ana")
    await wall.end_all()
    await wall.set_by(400 * DAY)

    def left() -> tuple[int, int]:
        journal.forget_deeds(Sort.DEED, before=clock.now() - 365 * DAY)
        return len(journal.deeds()), len(wall.world.shelf.by_minute(DESTINATION, since=0))

    await wall.world.store.prune()
    assert left() == (1, 1)
    wall.world.pass_time(3 * DAY)
    await wall.world.store.prune()
    assert left() == (1, 1)
    wall.world.pass_time(60 * DAY)
    await wall.world.store.prune()
    assert left() == (1, 0)
    wall.world.pass_time(303 * DAY)
    assert left() == (0, 0)


@pytest.mark.parametrize(
    ("by_s", "words"), [(-HOUR, "set back by 60 minutes"), (4 * DAY, "set forward by 4 days"), (3.0, "by 3 seconds")]
)
async def test_people_are_told_of_it_for_a_day(wall, by_s, words):
    folder, clock = wall.world.folder, wall.world.clock
    assert notices(folder, now=clock.now()) == []
    await wall.set_by(by_s)

    [sentence] = notices(folder, now=clock.now())
    assert words in sentence
    wall.world.pass_time(DAY)
    assert notices(folder, now=clock.now()) == []


async def test_a_clock_that_is_set_without_end_leaves_a_bounded_number_of_rows_and_their_sum(wall):
    await wall.receive("m1", "ana")
    for _ in range(JUMPS_MAX + 20):
        await wall.set_by(10.0)

    with snapshot(wall.world.folder / EVENTS) as log:
        assert log.execute("SELECT count(*), sum(by_s) FROM jump").fetchone() == (JUMPS_MAX, 10.0 * (JUMPS_MAX + 20))


@pytest.mark.parametrize("file", [EVENTS, DELIVERY])
async def test_times_go_on_where_a_process_left_them(sqlite_world, tmp_path, file):
    async def lived(by_s: float) -> Timeline:
        timeline = Timeline(sqlite_world.clock, boot="one")
        if file == EVENTS:
            store = SqliteLog(
                tmp_path, clock=timeline, disk_free_bytes_min=0, waiting_events_max=10**9, timeline=timeline
            )
        else:
            store = DeliveryStore(tmp_path, clock=timeline, timeline=timeline)
        await store.open()
        sqlite_world.clock.set_by(by_s)
        timeline.look()
        await store.close()
        return timeline

    left = (await lived(-HOUR)).moment()
    sqlite_world.clock.advance(500.0)
    again = await lived(0.0)

    assert (again.steady(), again.awake()) == (left.steady + 500.0, left.awake)
    with snapshot(tmp_path / file) as kept:
        assert moment_of(kept) == again.moment()
