"""Which nodes there are, who owns the destinations, how far each has come: on any node, in commands and pages."""

import asyncio
import dataclasses

import msgspec
import pytest

from dashboard_world import World
from penstock.buffer.port.control import Role, User
from penstock.buffer.sqlite.control.changing import SHARED
from penstock.buffer.sqlite.control.control import SqliteControl
from penstock.buffer.sqlite.file import CONTROL
from penstock.buffer.sqlite.replica.control import STREAM, SharedChanges, WitnessBeside
from penstock.buffer.sqlite.replica.node import STATE
from penstock.clock import ManualClock, SeededDice
from penstock.errors import SettingsError
from penstock.inspect.cluster import SHOWN, sentences, shown
from penstock.machine.snapshot import Snapshots
from penstock.run import neighbours
from penstock.run.cluster import NODE, cluster_of, require_same_key
from penstock.run.neighbours import Neighbour, as_others
from penstock.run.nodes import taker
from penstock.settings import Settings
from penstock.witness.board import STREAM as BOARD
from penstock.witness.board import WORDS_KEPT, NodeBoard, NodeWord
from penstock.witness.memory import MemoryEngine, MemoryWitness
from penstock.witness.port import Tenure


@pytest.fixture
def engine():
    return MemoryEngine(ManualClock(), SeededDice(1))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(neighbours, "WAIT_S", 0.0)


def word(node="a", role="deliver", at=100.0, **more) -> NodeWord:
    return NodeWord(node=node, role=role, at=at, version="1", **more)


def owners(*run, owner="a"):
    return {NODE + name: Tenure(name, 1) for name in run} | {STATE: Tenure(f"{owner}/token", 1)}


def test_all_nodes_are_told_with_their_roles_how_far_each_is_and_since_when_one_is_not_heard_of():
    words = [
        word("a", "accept", at=99.0, places={STATE: 7}),
        word("a", "deliver", places={STATE: 9}),
        word("a", "operate", at=10.0),
        word("b", "deliver", at=40.0, places={STATE: 4}),
    ]
    status = cluster_of(words, owners("a"), {STATE: 9}, engine="nats", here="a", now=100.0)

    assert sentences(status) == [
        "owner: a",
        "node a (this one) runs accept deliver (1)",
        "  STATE: up to date",
        "node b is not heard of; the last word came 60 s ago",
        "  STATE: at 4 of 9",
    ]


def test_nodes_of_different_schemas_are_said():
    words = [word("a", schemas={CONTROL: 8}), word("b", schemas={CONTROL: 9})]
    status = cluster_of(words, owners("a", "b"), {}, engine="nats", here="a", now=100.0)
    assert sentences(status)[-1].startswith("nodes of different schemas run")


@pytest.mark.parametrize(
    ("own", "others", "is_same"),
    [
        (["k"], ["k"], True),
        (["k"], ["other"], False),
        (["new", "k"], ["k"], False),
        (["k", "new", "k"], ["k"], True),
        (["new", "k"], ["k", "new", "k"], True),
        (["k", "x"], ["k"], False),
    ],
)
def test_a_node_with_another_secret_key_than_one_that_runs_is_refused(own, others, is_same):
    words = [word("b", secret_keys=others)]
    if is_same:
        require_same_key(word("a", secret_keys=own), words, owners("b"))
        return
    with pytest.raises(SettingsError, match=r"expected the keys of b: .*, got .*those of .*the same key file"):
        require_same_key(word("a", secret_keys=own), words, owners("b"))
    require_same_key(word("a", secret_keys=own), words, owners("a"))  # b does not run: all may take another key


@pytest.mark.parametrize(
    ("to", "candidates", "owner", "found"),
    [("", ["a", "b"], "a", "b"), ("b", ["a", "b"], "a", "b"), ("a", ["a"], "a", "a"), ("", ["b"], "", "b")],
)
def test_the_destinations_go_to_whom_is_named_or_to_another_one_that_delivers(to, candidates, owner, found):
    assert taker(to, candidates, owner) == found


@pytest.mark.parametrize(("to", "candidates", "owner"), [("c", ["a", "b"], "a"), ("", ["a"], "a"), ("b", [], "")])
def test_the_destinations_go_to_no_node_that_does_not_deliver(to, candidates, owner):
    with pytest.raises(SettingsError, match="a node that runs deliver"):
        taker(to, candidates, owner)


def test_a_long_board_is_begun_again_and_nobody_who_may_be_missed_is_forgotten(engine):
    async def story():
        board, other = NodeBoard(MemoryWitness(engine)), NodeBoard(MemoryWitness(engine))
        await board.say(word("gone", at=-9e9))
        await board.say(word("silent", at=1.0))
        await other.look()
        for number in range(WORDS_KEPT):
            await board.say(word("a", at=2.0 + number))
        await board.shorten()
        assert len(engine.stream(BOARD).entries) == 1
        for each in (board, other, NodeBoard(MemoryWitness(engine))):
            # Who has read more remembers more.
            assert {found.node for found in await each.look()} - {"gone"} == {"a", "silent"}

    asyncio.run(story())


class Machine:
    """A node with one process, without what the process does beside."""

    def __init__(self, folder, name, engine, *, key="k" * 32, role="operate") -> None:
        folder.mkdir()
        (folder / "secret.key").write_text(key)
        self.name, self.engine, self.clock = name, engine, engine.clock
        self.settings = Settings(data_dir=folder, engine="nats", encryption="off")
        self.snapshots, self.role = Snapshots(folder), role
        self.neighbour = Neighbour(self, name, self.connected)

    async def connected(self) -> MemoryWitness:
        return MemoryWitness(self.engine)

    async def start(self) -> None:
        await as_others(self.settings, self.name, MemoryWitness(self.engine), at=self.clock.now())


KEYS = [f"{letter * 43}=" for letter in "AB"]


@pytest.fixture
def machines(tmp_path, engine):
    found = [Machine(tmp_path / name, name, engine, key=KEYS[0]) for name in "ab"]
    for each in found:
        SHARED[each.settings.data_dir / CONTROL] = SharedChanges(WitnessBeside(each.connected))
    yield found
    for each in found:
        asyncio.run(each.neighbour.close())
        del SHARED[each.settings.data_dir / CONTROL]


def test_what_is_set_at_one_node_is_followed_at_the_next_look_of_any_role_and_all_are_shown(machines):
    a, b = machines
    b.role = "accept"
    SqliteControl(a.settings.data_dir, clock=ManualClock()).put_user(
        User(name="ana", role=Role.ADMIN, password_hash="x")
    )

    async def story():
        for each in (b, a):
            await each.neighbour.step()
        return shown(a.snapshots.read(SHOWN))

    status = asyncio.run(story())
    assert [user.name for user in SqliteControl(b.settings.data_dir, clock=ManualClock()).users()] == ["ana"]
    assert [(node.name, node.runs, node.roles) for node in status.nodes] == [
        ("a", True, ["operate"]),
        ("b", True, ["accept"]),
    ]
    assert all(view.last == view.here for node in status.nodes for view in node.views if view.stream == STREAM)


def test_one_process_of_a_node_follows_and_when_it_ends_another_one_does(machines):
    a, _ = machines
    second = Neighbour(a, "a", a.connected)

    async def story():
        await a.neighbour.step()
        await second.step()
        assert (a.neighbour.view is not None, second.view) == (True, None)
        await a.start()  # a third one does not wait for what was followed already
        await a.neighbour.close()
        await second.step()
        assert second.view is not None
        await second.close()

    asyncio.run(story())


def test_a_node_with_another_secret_key_does_not_start_and_takes_nothing_in(machines, tmp_path):
    a, _ = machines
    asyncio.run(a.neighbour.step())
    stranger = Machine(tmp_path / "c", "c", a.engine, key=KEYS[1])
    with pytest.raises(SettingsError, match="secret_key_file"):
        asyncio.run(stranger.start())
    with pytest.raises(SettingsError, match="secret_key_file"):
        asyncio.run(stranger.neighbour.step())
    asyncio.run(stranger.neighbour.close())
    assert "c" not in {found.node for found in asyncio.run(NodeBoard(MemoryWitness(a.engine)).look())}


def test_a_long_stream_is_shortened_to_a_snapshot_and_a_new_node_starts_from_it(machines, tmp_path, monkeypatch):
    a, _ = machines
    monkeypatch.setattr(neighbours, "CONTROL_KEPT", 5)
    control = SqliteControl(a.settings.data_dir, clock=ManualClock())
    for number in range(6):
        control.put_user(User(name=f"u{number}", role=Role.CS, password_hash="x"))
    asyncio.run(a.neighbour.step())
    assert not a.engine.stream(STREAM).entries

    late = Machine(tmp_path / "late", "late", a.engine, key=KEYS[0])
    asyncio.run(late.start())
    assert len(SqliteControl(late.settings.data_dir, clock=ManualClock()).users()) == 6


def test_the_overview_shows_all_nodes_and_who_is_not_heard_of(tmp_path):
    world = World(tmp_path)
    world.reader.settings = dataclasses.replace(world.reader.settings, engine="nats")
    status = cluster_of(
        [word("a"), word("b", at=40.0, places={STATE: 4})], owners("a"), {STATE: 9}, engine="nats", here="a", now=100.0
    )
    Snapshots(tmp_path).write(SHOWN, msgspec.to_builtins(status))
    page = world.visitor(Role.ADMIN).get("/").text
    assert "<strong>a</strong> owns the destinations" in page
    assert "not heard of since" in page
    assert "STATE: at 4 of 9" in page
