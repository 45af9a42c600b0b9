"""What is said of a node among several machines."""

import pytest
from click.testing import CliRunner

from penstock.cli import penstock
from penstock.errors import ViewRefused
from penstock.inspect.node import NodeAmongOthers, node_status
from penstock.machine.snapshot import Snapshots
from penstock.run.supervise import EXIT_DAMAGED

STANDING = {"name": "a", "engine": "nats", "owner": "b", "is_owner": False, "behind": {"EVENTS": 3}, "trouble": ""}


def test_one_machine_says_nothing_of_nodes(tmp_path):
    snapshots = Snapshots(tmp_path)
    snapshots.write("node", STANDING)

    assert node_status(snapshots, engine="sqlite") is None


def test_before_deliver_has_said_nothing_is_claimed(tmp_path):
    assert node_status(Snapshots(tmp_path), engine="nats") is None


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "a over nats, owner b; EVENTS 3 behind"),
        ({"owner": "a", "is_owner": True, "behind": {}}, "a over nats, it owns the destinations"),
        ({"owner": "", "behind": {}}, "a over nats, no owner"),
    ],
)
def test_a_node_says_who_owns_the_destinations_and_how_far_it_is_behind(tmp_path, more, said):
    snapshots = Snapshots(tmp_path)
    snapshots.write("node", STANDING | more)

    assert node_status(snapshots, engine="nats").in_words() == said


def test_a_node_that_is_far_behind_or_cut_off_says_that_it_shows_what_was():
    far = NodeAmongOthers(
        name="a", engine="nats", behind={"EVENTS": 5_000, "STATE": 2}, trouble="nats is unreachable: no quorum"
    )

    assert [notice.partition(":")[0] for notice in far.notices()] == [
        "the engine is out of reach, what is shown here is from before",
        "this node is behind by up to 5000 messages of EVENTS",
    ]
    assert NodeAmongOthers(name="a", engine="nats", behind={"EVENTS": 2}).notices() == []


def test_a_view_that_does_not_fit_its_stream_ends_its_role_alone_and_for_good(monkeypatch):
    def refuse(*_, **__):
        raise ViewRefused("STATE 7", expected="the message that follows", got="another one", hint="keep the files")

    monkeypatch.setattr("penstock.run.wiring.run_role", refuse)

    found = CliRunner().invoke(penstock, ["serve", "--role", "deliver"])

    assert found.exit_code == EXIT_DAMAGED
    assert "STATE 7: expected the message that follows" in found.output
