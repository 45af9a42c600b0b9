"""A folder of one machine becomes streams, nodes work with them, and one machine takes it all back: nothing lost, nothing twice."""

import asyncio
import contextlib
import shutil

import pytest

from contract.worlds import DESTINATION, event
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.sqlite.connections import connect_to_read
from penstock.buffer.sqlite.delivery.delivery import DeliveryStore
from penstock.buffer.sqlite.file import CONTROL, DELIVERY, EVENTS, open_writer
from penstock.buffer.sqlite.log.segments import events_after
from penstock.buffer.sqlite.replica import leaving, lives
from penstock.buffer.sqlite.replica.changes import sums_of
from penstock.buffer.sqlite.replica.events import StreamedLog
from penstock.buffer.sqlite.replica.leaving import leave
from penstock.buffer.sqlite.replica.moves import STREAMS, begin
from penstock.buffer.sqlite.replica.node import DeliveryNode
from penstock.buffer.sqlite.store import SqliteStore
from penstock.clock import ManualClock, SeededDice
from penstock.errors import BufferUnavailable, MoveRefused, ViewRefused
from penstock.event import Batch
from penstock.witness.memory import MemoryEngine, MemoryWitness

LIFE = "l1"


def say_nothing(_):
    """Stand in for who is told how far it is."""


class Killed(BaseException):
    """The process ended here, without a word."""


class Mortal(MemoryWitness):
    """Lives for so many answers; the last of them it does not hear, or is not even asked."""

    def __init__(self, engine, left=10**9, *, is_heard=True):
        super().__init__(engine)
        self.left, self.is_heard = left, is_heard

    async def _ask(self, deed):
        self.left -= 1
        if self.left < 0:
            if self.is_heard:
                await super()._ask(deed)
            raise Killed
        return await super()._ask(deed)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def engine(clock):
    return MemoryEngine(clock, SeededDice(1))


@pytest.fixture(autouse=True)
def no_rest(monkeypatch):
    monkeypatch.setattr(leaving, "LEASE_REST_S", 0.0)
    monkeypatch.setattr(leaving, "GRACE_S", 0.0)
    monkeypatch.setattr("penstock.buffer.sqlite.replica.node.WAIT_S", 0.0)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fresh")
    for file in STREAMS:
        with contextlib.closing(open_writer(folder / file)) as connection:
            # Each folder that is made of these draws its own.
            connection.execute("UPDATE folder SET identity = ''")
    return folder


async def append_here(folder, clock, *names):
    log = SqliteStore(folder, clock=clock).log(disk_free_bytes_min=0, waiting_events_max=10**6)
    await log.open()
    await log.append([Batch.of(event(name, f"u{name[-1]}")) for name in names])
    await log.close()


async def deliver(store, count):
    """Deliver as many of the next events; return their ids."""
    backlog, found = store.backlog(DESTINATION, lambda: ["web"]), []
    while len(found) < count:
        leases = await backlog.lease(limit=1, lease_s=30.0)
        assert leases, f"{found}, and no more"
        await backlog.settle(*(Ending(lease=lease, outcome=Outcome.DELIVERED) for lease in leases))
        found += [lease.event.message_id for lease in leases]
    assert not await backlog.lease(limit=1, lease_s=30.0) or count < 100
    return found


async def deliver_here(folder, clock, count):
    store = DeliveryStore(folder, clock=clock)
    await store.open()
    try:
        return await deliver(store, count)
    finally:
        await store.close()


@contextlib.asynccontextmanager
async def owner(folder, engine, clock, name="a"):
    """Let a node own what there is to deliver."""
    node = DeliveryNode(folder, MemoryWitness(engine), node=name, clock=clock)
    node.open()
    following = asyncio.create_task(node.follow_events())
    try:
        async with asyncio.timeout(5):
            store = await node.until_owner()
        yield store
        await node.hand_over(store)
    finally:
        following.cancel()
        node.close()


def said_of(folder):
    """Return what a folder says: which events it has, and how they ended."""
    with contextlib.closing(connect_to_read(folder / EVENTS)) as log:
        events = {each.message_id: seq for seq, each in events_after(log, 0)}
    with contextlib.closing(connect_to_read(folder / DELIVERY)) as delivery:
        received = delivery.execute("SELECT sum(received) FROM destination").fetchone()[0]
        return events, received, dict(delivery.execute("SELECT outcome, count FROM tally WHERE count"))


def rows_of(folder):
    found = {}
    for file in STREAMS:
        with contextlib.closing(connect_to_read(folder / file)) as connection:
            found[file] = sums_of(connection, without=("folder", "migration", "moment", "epoch", "filter"))
    return found


async def used(tmp_path, fresh, clock, name="one"):
    folder = tmp_path / name
    shutil.copytree(fresh, folder)
    with contextlib.closing(open_writer(folder / CONTROL)) as control:
        control.execute(
            "INSERT INTO forget_order (destination, prefix, asked_at, asked_by) VALUES ('c', 'u1', 1.0, 'ana')"
        )
    await append_here(folder, clock, "m1", "m2", "m3")
    assert await deliver_here(folder, clock, 2) == ["m1", "m2"]
    return folder


async def test_events_of_before_during_and_after_are_delivered_once_each(tmp_path, fresh, engine, clock):
    folder, witness = await used(tmp_path, fresh, clock), MemoryWitness(engine)

    await begin(folder, witness, life=LIFE, tell=say_nothing)
    log = StreamedLog(witness)
    await log.append([Batch.of(event("m4", "u4"), event("m1", "u1"))])
    async with owner(folder, engine, clock) as store:
        assert await deliver(store, 2) == ["m3", "m4"]
    # One that comes late begins with the snapshot.
    shutil.copytree(fresh, tmp_path / "late")
    await log.append([Batch.of(event("m5", "u5"), event("m6", "u6"))])
    async with owner(tmp_path / "late", engine, clock, "b") as store:
        assert await deliver(store, 1) == ["m5"]
    await leave(folder, witness, clock=clock, tell=say_nothing)
    await append_here(folder, clock, "m7", "m6")
    assert await deliver_here(folder, clock, 2) == ["m6", "m7"]

    assert said_of(folder) == ({f"m{i}": i for i in range(1, 8)}, 7, {"delivered": 7})
    await log.close()


async def brought(step, engine, *, times, is_heard):
    """Do a step again and again, each time one answer further, until it comes to its end."""
    for left in range(times):
        try:
            await step(Mortal(engine, left, is_heard=is_heard))
        except Killed:
            continue
        return left
    raise AssertionError(f"it does not end in {times} answers")


@pytest.mark.parametrize("is_heard", [True, False])
async def test_a_move_that_is_killed_anywhere_goes_on_when_it_is_asked_for_once_more(
    tmp_path, fresh, engine, clock, is_heard
):
    folder = await used(tmp_path, fresh, clock)
    before, rows = said_of(folder), rows_of(folder)

    there = await brought(
        lambda witness: begin(folder, witness, life=LIFE, tell=say_nothing), engine, times=200, is_heard=is_heard
    )
    assert there > 10
    assert said_of(folder) == before
    shutil.copytree(fresh, tmp_path / "late")
    async with owner(tmp_path / "late", engine, clock) as store:
        assert await deliver(store, 1) == ["m3"]
    back = await brought(
        lambda witness: leave(folder, witness, clock=clock, tell=say_nothing),
        engine,
        times=200,
        is_heard=is_heard,
    )
    assert back > 5

    assert said_of(folder) == ({"m1": 1, "m2": 2, "m3": 3}, 3, {"delivered": 3})
    assert rows_of(folder)[CONTROL] == rows[CONTROL]
    assert leaving.views_in(folder) == []


async def test_a_move_that_is_killed_between_two_files_goes_on(tmp_path, fresh, engine, clock, monkeypatch):
    folder, witness = await used(tmp_path, fresh, clock), MemoryWitness(engine)
    await begin(folder, witness, life=LIFE, tell=say_nothing)
    be_no_view, done = leaving.be_no_view, []

    def dies(connection):
        if done:
            raise Killed
        done.append(be_no_view(connection))

    monkeypatch.setattr(leaving, "be_no_view", dies)
    with pytest.raises(Killed):
        await leave(folder, witness, clock=clock, tell=say_nothing)
    assert len(leaving.views_in(folder)) == 2
    monkeypatch.setattr(leaving, "be_no_view", be_no_view)

    await leave(folder, witness, clock=clock, tell=say_nothing)
    await leave(folder, witness, clock=clock, tell=say_nothing)

    assert await deliver_here(folder, clock, 1) == ["m3"]


async def test_a_move_that_was_begun_can_be_given_up_and_the_files_are_as_they_were(tmp_path, fresh, engine, clock):
    folder = await used(tmp_path, fresh, clock)
    before = rows_of(folder)
    with pytest.raises(Killed):
        await begin(folder, Mortal(engine, 12), life=LIFE, tell=say_nothing)

    await leave(folder, MemoryWitness(engine), clock=clock, tell=say_nothing)

    assert rows_of(folder) == before
    # Whoever wants the streams can have them now.
    await begin(folder, MemoryWitness(engine), life="l2", tell=say_nothing)


async def test_streams_of_others_are_not_written_over(tmp_path, fresh, engine, clock):
    folder, witness = await used(tmp_path, fresh, clock), MemoryWitness(engine)
    log = StreamedLog(witness)
    await log.append([Batch.of(event("m9", "u9"))])
    await log.close()

    with pytest.raises(MoveRefused, match="EVENTS has messages already"):
        await begin(folder, witness, life=LIFE, tell=say_nothing)

    assert engine.stream("EVENTS").span.last
    assert not engine.stream("STATE").span.last


async def test_nothing_is_left_while_a_node_still_works(tmp_path, fresh, engine, clock):
    folder, witness = await used(tmp_path, fresh, clock), MemoryWitness(engine)
    await begin(folder, witness, life=LIFE, tell=say_nothing)
    await witness.lease("STATE", owner="b/1", ttl_s=9)

    with pytest.raises(MoveRefused, match="b/1"):
        await leave(folder, witness, clock=clock, tell=say_nothing)

    assert (await lives.life_in_use(witness)) == LIFE


async def test_who_accepts_takes_nothing_more_once_one_machine_has_it_all(tmp_path, fresh, engine, clock):
    folder, witness = await used(tmp_path, fresh, clock), MemoryWitness(engine)
    await begin(folder, witness, life=LIFE, tell=say_nothing)
    log = StreamedLog(witness)
    await log.look()
    assert await log.append([Batch.of(event("m4", "u4"))]) == 1

    await leave(folder, witness, clock=clock, tell=say_nothing)
    await log.look()

    with pytest.raises(BufferUnavailable, match="took over"):
        await log.append([Batch.of(event("m5", "u5"))])
    assert "took over" in log.problem()
    await log.close()


async def test_no_node_owns_what_one_machine_took_over_and_no_second_machine_takes_it(tmp_path, fresh, engine, clock):
    folder, witness = await used(tmp_path, fresh, clock), MemoryWitness(engine)
    await begin(folder, witness, life=LIFE, tell=say_nothing)
    shutil.copytree(fresh, tmp_path / "b")
    async with owner(tmp_path / "b", engine, clock, "b"):
        pass
    await leave(folder, witness, clock=clock, tell=say_nothing)

    with pytest.raises(ViewRefused, match="one machine took over"):
        async with owner(tmp_path / "b", engine, clock, "b"):
            pass
    with pytest.raises(MoveRefused, match="another folder"):
        await leave(tmp_path / "b", witness, clock=clock, tell=say_nothing)


async def test_a_file_of_one_machine_is_not_mixed_with_what_streams_have(tmp_path, fresh, engine, clock):
    folder = await used(tmp_path, fresh, clock)

    with pytest.raises(ViewRefused, match="penstock migrate"):
        async with owner(folder, engine, clock):
            pass


async def test_streams_are_made_anew_of_the_best_view_and_all_others_begin_with_it(tmp_path, fresh, engine, clock):
    folder, witness = await used(tmp_path, fresh, clock), MemoryWitness(engine)
    await begin(folder, witness, life=LIFE, tell=say_nothing)
    log = StreamedLog(witness)
    await log.append([Batch.of(event(f"m{i}", f"u{i}")) for i in range(4, 8)])
    shutil.copytree(fresh, tmp_path / "b")
    for name, there in (("a", folder), ("b", tmp_path / "b")):
        async with owner(there, engine, clock, name) as store:
            assert await deliver(store, 1)
    # The engine lost its end, and goes on with other messages: their numbers are those that the views know.
    for stream in ("STATE", "EVENTS"):
        lost = engine.stream(stream)
        lost.entries.pop()
        lost.span = type(lost.span)(pruned=lost.span.pruned, last=lost.span.last - 1)
    with pytest.raises(MoveRefused, match="already"):
        await begin(tmp_path / "b", witness, life="l2", tell=say_nothing)

    await begin(tmp_path / "b", witness, life="l2", tell=say_nothing, is_over=True)

    async with owner(folder, engine, clock) as store:
        left = await deliver(store, 2)
    assert said_of(folder)[0] == said_of(tmp_path / "b")[0]
    assert sum(said_of(folder)[2].values()) == 2 + 2 + len(left)
    await log.close()


async def test_an_engine_that_lost_everything_is_given_it_by_a_view(tmp_path, fresh, engine, clock):
    folder = await used(tmp_path, fresh, clock)
    await begin(folder, MemoryWitness(engine), life=LIFE, tell=say_nothing)
    log = StreamedLog(MemoryWitness(engine))
    for i in range(4, 9):
        await log.append([Batch.of(event(f"m{i}", f"u{i}"))])
    await log.close()
    async with owner(folder, engine, clock) as store:
        assert len(await deliver(store, 6)) == 6
    other = MemoryEngine(clock, SeededDice(2))

    await begin(folder, MemoryWitness(other), life="l2", tell=say_nothing, is_over=True)

    shutil.copytree(fresh, tmp_path / "new")
    log = StreamedLog(MemoryWitness(other))
    await log.append([Batch.of(event("m9", "u9"), event("m4", "u4"))])
    async with owner(tmp_path / "new", other, clock) as store:
        assert await deliver(store, 1) == ["m9"]
    async with owner(folder, other, clock, "b"):
        pass
    assert said_of(folder) == said_of(tmp_path / "new")
    await log.close()
