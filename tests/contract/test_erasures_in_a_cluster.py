"""Who is erased is erased at every node and in the streams: no byte of theirs is left, and all nodes still agree."""

import asyncio
import itertools
import shutil

import msgspec
import pytest

from contract.test_moves import deliver, owner, said_of
from contract.worlds import event
from penstock.buffer.port.traces import Removal
from penstock.buffer.sqlite.file import CONTROL, DELIVERY, EVENTS, open_writer
from penstock.buffer.sqlite.replica.events import STREAM, EventsView, StreamedLog
from penstock.buffer.sqlite.replica.messages import StreamMessage, What
from penstock.buffer.sqlite.replica.node import DeliveryNode
from penstock.buffer.sqlite.store import SqliteStore
from penstock.clock import ManualClock, SeededDice
from penstock.event import Batch
from penstock.witness.memory import MemoryEngine, MemoryWitness

GONE, SECRET = "gone-with-me", b"gone-with-me"
LOOKS_MAX = 20
GONE_NAME = f"user:{GONE}"


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def engine(clock):
    return MemoryEngine(clock, SeededDice(1))


@pytest.fixture(autouse=True)
def no_rest(monkeypatch):
    monkeypatch.setattr("penstock.buffer.sqlite.replica.node.WAIT_S", 0.0)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fresh")
    for file in (EVENTS, DELIVERY, CONTROL):
        open_writer(folder / file).close()
    return folder


def of(name, user):
    """Return an event whose body and message id name its person."""
    made = event(f"{name}-{user}", user)
    return msgspec.structs.replace(made, body=msgspec.json.encode({"userId": user, "traits": {"nick": user}}))


def places_of(secret, *folders, engine):
    """Return where the bytes still are: in files of nodes, messages of streams, pieces of snapshots."""
    found = [
        path.name for folder in folders for path in folder.rglob("*") if path.is_file() and secret in path.read_bytes()
    ]
    for name, stream in engine.streams.items():
        found += [f"{name} {entry.number}" for entry in stream.entries if secret in entry.message]
    return found + [name for name, (_, pieces) in engine.snapshots.items() if secret in b"".join(pieces)]


async def test_nothing_of_a_person_is_left_at_any_node_nor_in_the_streams(tmp_path, fresh, engine, clock):
    for name in "ab":
        shutil.copytree(fresh, tmp_path / name)
    folders = [tmp_path / name for name in "ab"]
    standby = DeliveryNode(folders[1], MemoryWitness(engine), node="b", clock=clock)
    standby.open()
    log = StreamedLog(MemoryWitness(engine))
    await log.append([Batch.of(*(of(f"m{i}", GONE if i % 3 == 0 else f"u{i}") for i in range(30)))])
    await standby.events.catch_up()
    async with owner(folders[0], engine, clock) as store:
        await deliver(store, 10)
        await standby.state.catch_up()
        assert places_of(SECRET, *folders, engine=engine)
        node = DeliveryNode(folders[0], MemoryWitness(engine), node="a", clock=clock)
        node.events.open()
        node.state.path = folders[0] / DELIVERY
        mine = [seq for name, seq in said_of(folders[0])[0].items() if GONE in name]
        traces = SqliteStore(folders[0], clock=clock).traces

        # While a reader has the log open that is done at the next look, as the node looks each second.
        looks = itertools.count()
        while not await node.events.remove(Removal(names=[GONE_NAME], seqs=mine)):
            assert next(looks) < LOOKS_MAX
        # What was done is found by looking: what the owner had in memory is written down, and found by the next look.
        while not (found := traces.beside(frozenset({GONE_NAME}), mine)).is_nothing:
            assert await node.remove(store, found.removal)
        node.events.close()

        left = await deliver(store, 14)
    for view in (standby.state, standby.events):
        await view.catch_up()
        assert await view.wipe()
    standby.close()
    await log.close()

    assert len(left) == 14
    assert places_of(SECRET, *folders, engine=engine) == []
    assert said_of(folders[0]) == said_of(folders[1])
    assert said_of(folders[0])[1:] == (30, {"delivered": 4 + 20, "erased": 6})


async def test_what_a_stream_says_of_an_erasure_is_numbers(tmp_path, fresh, engine):
    shutil.copytree(fresh, tmp_path / "a")
    view = EventsView(tmp_path / "a" / EVENTS, STREAM, MemoryWitness(engine))
    view.open()
    log = StreamedLog(MemoryWitness(engine))
    await log.append([Batch.of(of("m1", GONE), of("m2", "u2"))])
    await view.catch_up()

    assert await view.remove(Removal(names=[GONE_NAME], seqs=[1]))
    assert await view.remove(Removal(names=[GONE_NAME], seqs=[1]))

    said = [msgspec.msgpack.decode(each.message, type=StreamMessage) for each in engine.stream(STREAM).entries]
    erasures = [msgspec.msgpack.decode(each.body) for each in said if each.what is What.ERASED]
    assert erasures == [[[1], [1], []]]
    view.close()
    await log.close()


async def test_the_chain_stands_when_bodies_go(tmp_path, fresh, engine):
    """A view that has them goes on; one that has not is told to begin from a snapshot."""
    shutil.copytree(fresh, tmp_path / "a")
    view = EventsView(tmp_path / "a" / EVENTS, STREAM, MemoryWitness(engine))
    view.open()
    log = StreamedLog(MemoryWitness(engine))
    await log.append([Batch.of(of("m1", GONE))])
    await view.catch_up()
    stream = engine.stream(STREAM)
    entry = stream.entries[0]
    bare = msgspec.structs.replace(msgspec.msgpack.decode(entry.message, type=StreamMessage), body=b"")
    stream.entries[0] = type(entry)(entry.number, msgspec.msgpack.encode(bare))
    await view.prune(settled_below=1, older_than_ms=0)
    await log.append([Batch.of(of("m2", "u2"))])

    assert await view.catch_up() == 1
    view.close()
    await log.close()


async def test_a_view_that_is_killed_before_it_overwrote_what_was_left_does_so_when_it_is_opened_again(
    tmp_path, fresh, engine
):
    shutil.copytree(fresh, tmp_path / "a")
    view = EventsView(tmp_path / "a" / EVENTS, STREAM, MemoryWitness(engine))
    view.open()
    log = StreamedLog(MemoryWitness(engine))
    await log.append([Batch.of(of(f"m{i}", GONE if i == 2 else f"u{i}")) for i in range(1, 9)])
    await view.catch_up()
    view.wipe = lambda: asyncio.sleep(0, False)
    assert not await view.remove(Removal(names=[GONE_NAME], seqs=[2]))
    view.close()

    again = EventsView(tmp_path / "a" / EVENTS, STREAM, MemoryWitness(engine))
    again.open()

    assert not again.is_wiped
    assert await again.wipe()
    again.close()
    await log.close()
