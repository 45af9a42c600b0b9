"""Nodes of two versions work side by side: a change of schema is an entry of the stream, and nobody passes over what they do not know."""

import contextlib
import shutil

import pytest

from contract.test_moves import deliver, owner
from contract.worlds import event
from penstock.buffer.sqlite import file as files
from penstock.buffer.sqlite.connections import connect_to_read
from penstock.buffer.sqlite.control.changing import SHARED, opened_to_change
from penstock.buffer.sqlite.file import CONTROL, DELIVERY, EVENTS, SCHEMAS, open_writer
from penstock.buffer.sqlite.replica import snapshots
from penstock.buffer.sqlite.replica.changes import sums_of
from penstock.buffer.sqlite.replica.control import SharedChanges, WitnessBeside
from penstock.buffer.sqlite.replica.events import STREAM, EventsView, StreamedLog
from penstock.buffer.sqlite.replica.follower import FileView
from penstock.buffer.sqlite.replica.node import DeliveryNode
from penstock.clock import ManualClock, SeededDice
from penstock.errors import BufferUnavailable, ViewOutdated
from penstock.event import Batch
from penstock.witness.memory import MemoryEngine, MemoryWitness

STEPS = {
    DELIVERY: "CREATE TABLE mood (seq INTEGER PRIMARY KEY, mood TEXT NOT NULL) STRICT;"
    " INSERT INTO mood SELECT seq, outcome FROM outcome;",
    CONTROL: "ALTER TABLE forget_order ADD COLUMN why TEXT NOT NULL DEFAULT 'asked';",
    EVENTS: "CREATE TABLE note (seq INTEGER PRIMARY KEY) STRICT;",
}


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


@pytest.fixture
def upgrade(monkeypatch):
    """Let what is opened from now on be of a version with one more step for each file."""
    script = files._script

    def upgraded():
        monkeypatch.setattr(files, "_script", lambda name: STEPS.get(name.removeprefix("next of ")) or script(name))
        for file in STEPS:
            monkeypatch.setitem(SCHEMAS, file, (*SCHEMAS[file], f"next of {file}"))

    return upgraded


def node_of(folder, fresh, engine, clock, name):
    if not folder.exists():
        shutil.copytree(fresh, folder)
    node = DeliveryNode(folder, MemoryWitness(engine), node=name, clock=clock)
    node.open()
    return node


def schema_of(path):
    with contextlib.closing(connect_to_read(path)) as connection:
        return connection.execute("PRAGMA user_version").fetchone()[0]


def sums(folder):
    with contextlib.closing(connect_to_read(folder / DELIVERY)) as connection:
        return sums_of(connection)


async def test_an_older_node_stops_at_the_change_and_goes_on_from_there_once_it_is_upgraded(
    tmp_path, fresh, engine, clock, upgrade
):
    log = StreamedLog(MemoryWitness(engine))
    await log.append([Batch.of(*(event(f"m{i}", f"u{i}") for i in range(6)))])
    for name in "abc":
        shutil.copytree(fresh, tmp_path / name)
    old = node_of(tmp_path / "b", fresh, engine, clock, "b")
    before = len(SCHEMAS[DELIVERY])
    async with owner(tmp_path / "a", engine, clock) as store:
        await deliver(store, 2)
        await old.state.catch_up()
        node_of(tmp_path / "c", fresh, engine, clock, "c").close()
        upgrade()
        # A newer node follows what the older owner writes.
        new = node_of(tmp_path / "c", fresh, engine, clock, "c")
        await deliver(store, 1)
        await new.state.catch_up()
        assert schema_of(tmp_path / "c" / DELIVERY) == before
    new.close()

    async with owner(tmp_path / "c", engine, clock, "c") as store:
        assert schema_of(tmp_path / "c" / DELIVERY) == before + 1
        assert await deliver(store, 1)
    with pytest.raises(ViewOutdated, match="upgrade this node, and it follows again from here"):
        await old.state.catch_up()
    stood = old.state.place
    old.close()
    again = node_of(tmp_path / "b", fresh, engine, clock, "b")
    assert again.state.place == stood
    await again.state.catch_up()
    again.close()

    assert sums(tmp_path / "b") == sums(tmp_path / "c")
    assert "mood" in sums(tmp_path / "b")
    await log.close()


async def test_what_was_not_brought_forward_by_the_stream_is_written_by_nobody(tmp_path, fresh, engine, clock, upgrade):
    node_of(tmp_path / "a", fresh, engine, clock, "a").close()
    upgrade()

    with pytest.raises(BufferUnavailable, match="until a node of this version"):
        open_writer(tmp_path / "a" / DELIVERY)


def change(path, engine, statement, value):
    """Change control.db of a node as its processes do."""

    async def connected():
        return MemoryWitness(engine)

    SHARED[path] = SharedChanges(WitnessBeside(connected))
    try:
        with opened_to_change(path) as connection:
            connection.execute(statement, [value]).fetchall()
    finally:
        del SHARED[path]


async def test_settings_are_brought_forward_by_the_first_newer_node_that_changes_some(
    tmp_path, fresh, engine, clock, upgrade
):
    def view_of(name):
        if not (tmp_path / name).exists():
            shutil.copytree(fresh, tmp_path / name)
        view = FileView(tmp_path / name / CONTROL, "CONTROL", MemoryWitness(engine))
        view.open()
        return view

    insert = "INSERT INTO forget_order (destination, prefix, asked_at, asked_by) VALUES ('c', ?, 1.0, 'ana')"
    old, new = view_of("a"), view_of("b")
    change(old.path, engine, insert, "u1")
    new.close()
    upgrade()
    new = view_of("b")
    change(new.path, engine, insert, "u2")

    with pytest.raises(ViewOutdated):
        await old.catch_up()
    old.close()
    old = view_of("a")
    await old.catch_up()

    select = "SELECT prefix, why FROM forget_order ORDER BY id"
    assert old.connection.execute(select).fetchall() == [("u1", "asked"), ("u2", "asked")]
    for view in (old, new):
        view.close()


async def test_events_are_followed_whatever_the_schema_of_the_file_and_snapshots_of_an_older_one_are_brought_forward(
    tmp_path, fresh, engine, upgrade, monkeypatch
):
    shutil.copytree(fresh, tmp_path / "a")
    old = EventsView(tmp_path / "a" / EVENTS, STREAM, MemoryWitness(engine))
    old.open()
    log = StreamedLog(MemoryWitness(engine))
    await log.append([Batch.of(event("m1", "u1"))])
    await old.catch_up()
    await snapshots.forget_behind([snapshots.ViewFile(old.path, STREAM)], MemoryWitness(engine))
    upgrade()
    shutil.copytree(fresh, tmp_path / "b")
    new = EventsView(tmp_path / "b" / EVENTS, STREAM, MemoryWitness(engine))
    new.open()
    await log.append([Batch.of(event("m2", "u2"))])

    for view in (old, new):
        await view.catch_up()
    assert old.place == new.place
    assert (schema_of(old.path) + 1, schema_of(new.path)) == (schema_of(new.path), len(SCHEMAS[EVENTS]))
    # What a newer node puts, an older one refuses by name.
    await log.append([Batch.of(event("m3", "u3"))])
    await new.catch_up()
    await snapshots.forget_behind([snapshots.ViewFile(new.path, STREAM)], MemoryWitness(engine))
    monkeypatch.setitem(SCHEMAS, EVENTS, SCHEMAS[EVENTS][:-1])
    with pytest.raises(ViewOutdated, match="put by a newer Penstock"):
        await old.catch_up()
    for view in (old, new):
        view.close()
    await log.close()
