"""What people set and order beyond one machine: the same on every node, and changed behind all that others changed."""

import asyncio
import contextlib

import pytest

from penstock.buffer.port.control import Role, User
from penstock.buffer.port.selection import Selection
from penstock.buffer.sqlite.connections import connect_to_read
from penstock.buffer.sqlite.control.changing import SHARED
from penstock.buffer.sqlite.control.control import SqliteControl
from penstock.buffer.sqlite.control.orders import SqliteOrders
from penstock.buffer.sqlite.file import CONTROL
from penstock.buffer.sqlite.replica.changes import sums_of
from penstock.buffer.sqlite.replica.control import STREAM, SharedChanges, WitnessBeside
from penstock.buffer.sqlite.replica.follower import FileView
from penstock.clock import ManualClock, SeededDice
from penstock.errors import BufferUnavailable, SettingsOutdated, ViewRefused
from penstock.witness.memory import MemoryEngine, MemoryWitness, Weather


class Node:
    """One of several machines, of which each process changes control.db by itself."""

    def __init__(self, folder, engine) -> None:
        folder.mkdir()
        self.folder, self.path, self.weather, self.engine = folder, folder / CONTROL, Weather(), engine
        SHARED[self.path] = SharedChanges(WitnessBeside(self.connected))
        self.control = SqliteControl(folder, clock=ManualClock())
        self.orders = SqliteOrders(folder, clock=ManualClock())

    async def connected(self) -> MemoryWitness:
        return MemoryWitness(self.engine, self.weather)

    def follow(self) -> None:
        """Take in what others changed, as operate does all the time."""
        view = FileView(self.path, STREAM, MemoryWitness(self.engine))
        view.open()
        asyncio.run(view.catch_up())
        view.close()


@pytest.fixture
def nodes(tmp_path):
    engine = MemoryEngine(ManualClock(), SeededDice(1))
    found = Node(tmp_path / "a", engine), Node(tmp_path / "b", engine)
    yield found
    for node in found:
        del SHARED[node.path]


def test_what_is_set_and_ordered_at_one_node_is_so_at_the_other(nodes):
    a, b = nodes
    a.control.save({"sources": {"web": {}}}, by="ana", note="first")
    a.control.put_user(User(name="ana", role=Role.ADMIN, password_hash="x"))
    a.orders.pause("custify", paused=True, by="ana")
    number = a.orders.ask_replay("custify", Selection(message_id="m1"), by="ana")

    b.follow()
    assert b.control.newest().document == {"sources": {"web": {}}}
    assert [user.name for user in b.control.users()] == ["ana"]
    assert dict(b.orders.paused()) == {"custify": "ana"}
    assert [order.id for order in b.orders.replays()] == [number]
    b.control.put_user(User(name="bo", role=Role.CS, password_hash="y"))
    a.follow()
    assert sums(a) == sums(b)


def test_a_change_sees_what_every_other_node_left_also_where_nobody_followed_yet(nodes):
    a, b = nodes
    first = a.control.save({}, by="ana", note="at a")

    with pytest.raises(SettingsOutdated):
        b.control.save({}, by="bo", note="at b", after=0)
    assert b.control.save({}, by="bo", note="at b", after=first) == first + 1
    a.orders.pause("custify", paused=True, by="ana")
    assert b.orders.ask_replay("custify", Selection(message_id="m"), by="bo") == 1
    assert a.orders.ask_replay("custify", Selection(message_id="n"), by="ana") == 2, "no number is given twice"


def test_what_two_change_at_the_same_moment_one_of_them_is_asked_to_do_again(nodes, monkeypatch):
    a, b = nodes
    a.control.put_user(User(name="ana", role=Role.ADMIN, password_hash="x"))
    shared, append = SHARED[b.path], SHARED[b.path]._appended

    def after_another(*said):
        monkeypatch.setattr(shared, "_appended", append)
        a.orders.pause("custify", paused=True, by="ana")
        return append(*said)

    monkeypatch.setattr(shared, "_appended", after_another)
    with pytest.raises(BufferUnavailable, match="another node changed something at the same moment"):
        b.control.put_user(User(name="bo", role=Role.CS, password_hash="y"))

    assert b.control.users() == [], "nothing of it was kept, nor what was read before it"
    b.control.put_user(User(name="bo", role=Role.CS, password_hash="y"))
    a.follow()
    assert [user.name for user in a.control.users()] == ["ana", "bo"]
    assert sums(a) == sums(b)


def test_without_the_engine_nothing_is_changed_and_everything_can_be_read(nodes, monkeypatch):
    a, b = nodes
    monkeypatch.setattr("penstock.buffer.sqlite.replica.control.ANSWER_S", 0.05)
    a.orders.pause("custify", paused=True, by="ana")
    a.weather.is_cut = True

    with pytest.raises(BufferUnavailable, match="nothing can be changed now"):
        a.orders.pause("custify", paused=False, by="ana")
    assert dict(a.orders.paused()) == {"custify": "ana"}
    a.weather.is_cut = False
    a.orders.pause("custify", paused=False, by="ana")
    b.follow()
    assert not b.orders.paused()


def test_a_change_whose_answer_was_lost_is_made_once(nodes, monkeypatch):
    a, b = nodes
    lost = iter([True, False])
    call = SHARED[a.path].beside.call

    def unheard(ask):
        answer = call(ask)
        if isinstance(answer, int) and next(lost):
            answer = call(ask)  # it is said again, under the same id
        return answer

    monkeypatch.setattr(SHARED[a.path].beside, "call", unheard)
    a.control.put_user(User(name="ana", role=Role.ADMIN, password_hash="x"))

    b.follow()
    assert [user.name for user in b.control.users()] == ["ana"]
    assert sums(a) == sums(b)


def test_a_file_of_one_machine_is_not_mixed_with_what_others_have(nodes, tmp_path):
    alone = tmp_path / "alone"
    alone.mkdir()
    SqliteControl(alone, clock=ManualClock()).put_user(User(name="own", role=Role.ADMIN, password_hash="x"))
    SHARED[alone / CONTROL] = SHARED[nodes[0].path]
    try:
        with pytest.raises(ViewRefused, match=r"expected a file that follows the streams, got .one of one machine"):
            SqliteOrders(alone, clock=ManualClock()).pause("custify", paused=True, by="ana")
    finally:
        del SHARED[alone / CONTROL]


def sums(node: Node) -> dict[str, str]:
    with contextlib.closing(connect_to_read(node.path)) as file:
        return sums_of(file)
