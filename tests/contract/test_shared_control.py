"""What people set and order beyond one machine: the same on every node, and changed behind all that others changed."""

import asyncio
import contextlib
import multiprocessing
from pathlib import Path

import pytest

from penstock.buffer.port.control import Credential, Kind, Role, User
from penstock.buffer.port.selection import Selection
from penstock.buffer.sqlite.connections import connect_to_read
from penstock.buffer.sqlite.control.changing import SHARED, TRIES
from penstock.buffer.sqlite.control.control import SqliteControl
from penstock.buffer.sqlite.control.orders import SqliteLedgerOrders, SqliteOrders
from penstock.buffer.sqlite.file import CONTROL
from penstock.buffer.sqlite.privacy.control import forget_in_control
from penstock.buffer.sqlite.replica.changes import sums_of
from penstock.buffer.sqlite.replica.control import STREAM, SharedChanges, WitnessBeside
from penstock.buffer.sqlite.replica.follower import FileView
from penstock.clock import ManualClock, SeededDice
from penstock.errors import AnotherWasFirst, BufferUnavailable, SettingsOutdated, ViewRefused, WitnessUnreachable
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


def first(monkeypatch, node, *, times, change) -> None:
    """Let another node change something just before what this one changed is appended, so many times."""
    shared, left = SHARED[node.path], iter(range(times))
    append = shared._appended

    def after_another(*said):
        if next(left, None) is not None:
            change()
        return append(*said)

    monkeypatch.setattr(shared, "_appended", after_another)


def test_what_two_change_at_the_same_moment_is_changed_one_behind_the_other(nodes, monkeypatch):
    a, b = nodes
    a.control.put_user(User(name="ana", role=Role.ADMIN, password_hash="x"))
    names = iter(["custify", "other", "third"])
    first(monkeypatch, b, times=3, change=lambda: a.orders.pause(next(names), paused=True, by="ana"))

    b.control.put_user(User(name="bo", role=Role.CS, password_hash="y"))

    a.follow()
    assert [user.name for user in a.control.users()] == ["ana", "bo"]
    assert set(b.orders.paused()) == {"custify", "other", "third"}
    assert sums(a) == sums(b)


def test_settings_that_two_save_at_the_same_moment_are_the_first_ones(nodes, monkeypatch):
    a, b = nodes
    first(monkeypatch, b, times=1, change=lambda: a.control.save({}, by="ana", note="at a", after=0))

    with pytest.raises(SettingsOutdated):
        b.control.save({}, by="bo", note="at b", after=0)

    assert [revision.note for revision in b.control.revisions()] == []
    b.follow()
    assert [revision.note for revision in b.control.revisions()] == ["at a"]


def test_who_is_never_first_is_told_so_and_nothing_of_it_is_kept(nodes, monkeypatch):
    a, b = nodes
    first(monkeypatch, b, times=TRIES, change=lambda: a.control.note("ana", f"deed {len(a.control.deeds())}"))

    with pytest.raises(AnotherWasFirst, match="another node changed something at the same moment"):
        b.control.put_user(User(name="bo", role=Role.CS, password_hash="y"))

    assert b.control.users() == [], "nothing of it was kept, nor what was read before it"


def test_a_session_is_good_on_every_node_and_ends_on_all(nodes):
    a, b = nodes
    session = Credential(hash="h", kind=Kind.SESSION, user="ana", label="", created_at=0.0, expires_at=9e9)
    a.control.put_credential(session)
    b.follow()
    assert b.control.take_credential("h") == session

    b.control.end_credentials("ana", kinds=[Kind.SESSION])
    a.follow()
    assert a.control.take_credential("h") is None


def test_an_invitation_is_taken_once_whichever_nodes_it_is_brought_to(nodes, monkeypatch):
    a, b = nodes
    a.control.put_credential(
        Credential(hash="i", kind=Kind.INVITATION, user="bo", label="", created_at=0.0, expires_at=9e9)
    )
    b.follow()
    first(monkeypatch, b, times=1, change=lambda: a.control.take_credential("i", remove=True))

    assert b.control.take_credential("i", remove=True) is None


def test_what_is_looked_at_and_done_at_several_nodes_is_one_journal(nodes):
    a, b = nodes
    a.control.note("ana", "paused custify")
    b.control.note("ana", "paused custify")
    a.follow()
    assert [(deed.what, deed.times) for deed in a.control.deeds()] == [("paused custify", 2)]


def test_an_order_that_was_followed_is_gone_at_every_node(nodes):
    a, b = nodes
    orders = [SqliteLedgerOrders(node.folder, clock=ManualClock()) for node in nodes]
    number = orders[0].ask_forget("custify", "person u1", by="ana")
    b.follow()
    orders[1].followed("custify", up_to=number)
    a.follow()
    assert not orders[0].asked("custify", after=0).forgets
    assert sums(a) == sums(b)


def test_a_person_who_is_erased_at_one_node_is_gone_from_what_was_set_and_ordered_at_all(nodes):
    a, b = nodes
    a.control.note("ana", "looked at anna@example.com")
    b.follow()
    forget_in_control(b.folder, frozenset({"email:anna@example.com"}), clock=ManualClock())
    a.follow()
    assert all("anna@example.com" not in deed.what for node in nodes for deed in node.control.deeds())
    assert sums(a) == sums(b)


def follow_from(path: str, entries: list[tuple[int, bytes]], begun) -> None:
    """One process of a node: follow what is in the stream, one message a step."""
    engine = MemoryEngine(ManualClock(), SeededDice(1))
    view = FileView(Path(path), STREAM, MemoryWitness(engine))
    view.open()
    begun.wait()
    for number, message in entries:
        engine.stream(STREAM).add(message, number)
        asyncio.run(view.catch_up())
    view.close()


def test_two_processes_of_a_node_follow_into_one_file_and_each_message_counts_once(nodes, tmp_path):
    a, b = nodes
    for number in range(60):
        a.control.note("ana", f"deed {number}")
    entries = [(entry.number, entry.message) for entry in a.engine.stream(STREAM).entries]
    processes = multiprocessing.get_context("spawn")
    begun = processes.Barrier(2)
    both = [processes.Process(target=follow_from, args=(str(b.path), entries, begun)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(60)

    assert [process.exitcode for process in both] == [0, 0]
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


def test_a_change_that_no_answer_comes_for_may_have_been_kept_and_says_so(nodes, monkeypatch):
    a, b = nodes
    call = SHARED[a.path].beside.call

    def unheard(ask):
        answer = call(ask)
        if isinstance(answer, int):
            raise WitnessUnreachable("the engine", "no answer")
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(SHARED[a.path].beside, "call", unheard)
        with pytest.raises(BufferUnavailable, match="not known whether the change was kept"):
            a.control.put_user(User(name="ana", role=Role.ADMIN, password_hash="x"))
    assert a.control.users() == []

    for node in nodes:
        node.follow()
        assert [user.name for user in node.control.users()] == ["ana"], "the stream says what was kept"
    assert sums(a) == sums(b)
