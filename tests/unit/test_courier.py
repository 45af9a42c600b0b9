"""What is known and asked about people at one node of a cluster is known and asked at all of them."""

import pytest

from penstock.buffer.port.traces import Removal
from penstock.clock import ManualClock, SeededDice
from penstock.errors import SettingsError
from penstock.privacy.errands import Errands
from penstock.privacy.suppressed import SUPPRESS, SuppressedList
from penstock.run.courier import OWNER, STREAM, Courier
from penstock.settings.vault import Vault
from penstock.witness.memory import MemoryEngine, MemoryWitness

ANN = "user:ann-1f9c"
ERRAND = Removal(names=[ANN], seqs=[1, 2])


class PrivacyNode:
    """A data folder with the courier of its node."""

    def __init__(self, folder, engine, key, name):
        folder.mkdir()
        (folder / "secret.key").write_text(key)
        vault = Vault(folder / "secret.key")
        self.people = SuppressedList(folder, vault.derived)
        self.errands = Errands(folder, vault=vault)
        self.engine, self.name = engine, name
        self.start()

    def start(self):
        self.courier = Courier(MemoryWitness(self.engine), self.people, self.errands, folder=self.name)

    def suppress(self, *names):
        self.people.add(names, what=SUPPRESS, request="000001", at_ms=1_700_000_000_000)

    def drops(self, name):
        self.people.look()
        return self.people.has(name)


@pytest.fixture
def key(tmp_path):
    (tmp_path / "made").mkdir()
    vault = Vault(tmp_path / "made" / "secret.key")
    vault.seal("it makes its key")
    return (tmp_path / "made" / "secret.key").read_text()


@pytest.fixture
def engine():
    return MemoryEngine(ManualClock(), SeededDice(3))


@pytest.fixture
def nodes(tmp_path, engine, key):
    return [PrivacyNode(tmp_path / name, engine, key, name * 4) for name in "abc"]


async def turn(*nodes):
    for _ in range(2):
        for node in nodes:
            await node.courier.step()


async def test_who_is_suppressed_at_one_node_is_dropped_at_every_door_and_who_is_let_in_again_comes_in(nodes):
    nodes[0].suppress(ANN)
    await turn(*nodes)
    assert [node.drops(ANN) for node in nodes] == [True, True, True]

    entries = list(nodes[2].people.entries.values())
    nodes[2].people.take_back(entries, request="000002", at_ms=1_700_000_001_000)
    await turn(*nodes)

    assert [node.drops(ANN) for node in nodes] == [False, False, False]


async def test_lists_that_both_have_something_come_to_one(nodes):
    nodes[0].suppress(ANN)
    nodes[1].suppress("email:bob@example.com")
    await turn(*nodes)
    nodes[2].start()
    await turn(*nodes)

    assert all(node.drops(ANN) and node.drops("email:bob@example.com") for node in nodes)


async def test_what_is_asked_at_one_node_is_done_where_the_file_is_owned_and_leaves_the_stream(nodes, engine):
    asking, owner, beside = nodes
    asking.suppress(ANN)
    asking.errands.give(OWNER, "000001", ERRAND)
    await turn(*nodes)
    [(number, work)] = owner.errands.given(OWNER, Removal)
    assert (work.names, work.seqs) == (ERRAND.names, ERRAND.seqs)
    assert asking.errands.is_given(OWNER, "000001")
    assert not any(ANN.encode() in entry.message for entry in engine.stream(STREAM).entries)

    owner.start()
    await turn(*nodes)
    owner.errands.done(OWNER, number)
    await turn(*nodes)

    assert not any(node.errands.sealed(OWNER) for node in nodes)
    [entry] = engine.stream(STREAM).entries
    assert b"errand" not in entry.message
    # A node that comes late knows who is on the list, and is asked for nothing.
    beside.start()
    await turn(*nodes)
    assert beside.drops(ANN)
    assert not beside.errands.sealed(OWNER)


async def test_an_errand_that_is_given_again_is_another_one(nodes):
    asking, owner, _ = nodes
    for seqs in ([1], [1, 2]):
        asking.errands.give(OWNER, "000001", Removal(names=[ANN], seqs=seqs))
        await turn(*nodes)
        [(number, work)] = owner.errands.given(OWNER, Removal)
        assert work.seqs == seqs
        owner.errands.done(OWNER, number)
        await turn(*nodes)
        assert not asking.errands.is_given(OWNER, "000001")


async def test_requests_of_two_nodes_with_the_same_number_are_not_taken_for_one(nodes):
    nodes[0].errands.give(OWNER, "000001", Removal(names=[ANN]))
    nodes[1].errands.give(OWNER, "000001", Removal(names=["user:bob"]))
    await turn(*nodes)

    assert sorted(work.names[0] for _, work in nodes[2].errands.given(OWNER, Removal)) == [ANN, "user:bob"]


async def test_a_node_with_another_secret_key_is_told_so_and_believes_nothing(nodes, tmp_path, engine):
    nodes[0].suppress(ANN)
    await turn(nodes[0])
    (tmp_path / "other").mkdir()
    other = Vault(tmp_path / "other" / "secret.key")
    other.seal("it makes its key")
    stranger = PrivacyNode(tmp_path / "d", engine, (tmp_path / "other" / "secret.key").read_text(), "dddd")

    with pytest.raises(SettingsError, match="another key"):
        await stranger.courier.step()
    assert not stranger.people.path.exists()
