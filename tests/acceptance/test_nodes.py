"""Two nodes of `penstock serve` over real engines: one Penstock, whichever of them is asked, and also when one dies."""

import concurrent.futures
import contextlib
import json
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.fernet import Fernet

from acceptance.conftest import API_KEY, PASSWORD, Penstock, http, until
from penstock.cli import penstock
from witness_engines import nats_cluster, postgres_pair

# The servers of both engines are as much as two cores bear at a time.
pytestmark = pytest.mark.xdist_group("engines")


class Nodes:
    """Two machines; the first one is asked first, and owns the destinations, more often than not."""

    def __init__(self, home: Path, engine: str, url: str, sandbox) -> None:
        self.sandbox = sandbox
        (home / "secret.key").write_bytes(Fernet.generate_key())
        top = (
            f'engine = "{engine}"\n{engine}_url = "{url}"\nsecret_key_file = "{home}/secret.key"\nencryption = "off"\n'
        )

        def begin(name: str) -> Penstock:
            (home / name).mkdir()
            return Penstock(home / name, sandbox, api_key=API_KEY, password=PASSWORD, top=f'{top}node = "{name}"\n')

        with concurrent.futures.ThreadPoolExecutor() as pool:
            self.by_name = dict(zip("ab", pool.map(begin, "ab"), strict=True))

    def run(self, name: str, *arguments: str) -> str:
        """Run a command on a node."""
        node = self.by_name[name]
        env = {"PENSTOCK_DATA_DIR": str(node.folder / "data")}
        found = CliRunner().invoke(penstock, [*arguments, "--config", str(node.config)], env=env)
        assert found.exit_code == 0, found.output
        return found.output

    @property
    def owner(self) -> str:
        return json.loads(self.run("a", "cluster", "status", "--json"))["owner"]

    def order(self, name: str, what: str) -> None:
        node = self.by_name[name]
        headers = node.admin_auth() | {"Content-Type": "application/json"}
        status, _, body = http("POST", f"{node.admin_url}/api/v1/destinations/custify/{what}", b"{}", headers)
        assert status == 200, body


@pytest.fixture(params=["nats", "postgres"])
def nodes(request, sandbox, disk):
    home = Path(tempfile.mkdtemp(dir=disk))
    with contextlib.ExitStack() as stack:
        if request.param == "nats":
            url = ",".join(stack.enter_context(nats_cluster()).urls)
        else:
            url = stack.enter_context(postgres_pair()).url
        found = Nodes(home, request.param, url, sandbox)
        try:
            yield found
        finally:
            for node in found.by_name.values():
                node.end()
                print(node.log.read_text()[-4000:])


def test_two_nodes_are_one_penstock_and_one_goes_on_alone(nodes, sandbox):
    a, b = nodes.by_name.values()
    for number in range(6):
        (a, b)[number % 2].send({"type": "track", "userId": "u1", "event": f"E{number}", "messageId": f"m{number}"})
    a.send(
        {"type": "identify", "userId": "u1", "messageId": "i1"},
        {"type": "track", "userId": "u1", "event": "E0", "messageId": "m0"},
    )
    until(lambda: len(sandbox.events()) == 6)
    assert [each["name"] for each in sandbox.events()] == [f"E{number}" for number in range(6)], (
        "in the order they were taken"
    )
    until(lambda: a.counts()["outcomes"] == b.counts()["outcomes"] and b.counts()["waiting"] == 0)

    # What is ordered at one node holds at the other, whoever of them sends.
    nodes.order("b", "pause")
    until(lambda: a.status()["destinations"]["custify"]["state"] == "paused")
    nodes.order("a", "resume")
    until(lambda: b.status()["destinations"]["custify"]["state"] != "paused")

    owner = nodes.owner
    other = "b" if owner == "a" else "a"
    said = nodes.run("a", "cluster", "status")
    assert f"owner: {owner}" in said
    assert "node a (this one) runs" in said
    assert "node b runs" in said
    assert f"{other} owns the destinations" in nodes.run("a", "cluster", "handover", "--to", other)
    assert nodes.owner == other
    a.send({"type": "track", "userId": "u1", "event": "Handed", "messageId": "h1"})
    until(lambda: sandbox.events("Handed"))

    dead, alive = nodes.by_name[other], nodes.by_name[owner]
    for process in dead.family():
        process.kill()
    dead.process.wait()
    alive.send({"type": "track", "userId": "u1", "event": "Alone", "messageId": "d1"})
    until(lambda: sandbox.events("Alone"), s_max=60)
    dead.start()
    dead.until_ready()
    until(lambda: dead.counts()["outcomes"] == alive.counts()["outcomes"])
    names = [each["name"] for each in sandbox.events()]
    assert names == [*(f"E{number}" for number in range(6)), "Handed", "Alone"], "each once"

    an_owner_that_was_stopped_does_nothing_more_when_it_wakes(nodes, sandbox)
    # Who is suppressed at one node is dropped at every door; who is erased at one is so at all.
    nodes.run("a", "suppress", "--user-id", "left-us")
    until((b.folder / "data" / "suppressed.list").exists)
    nodes.run("a", "erase", "--user-id", "u1", "--yes")
    until((a.folder / "data" / "privacy" / "receipt-000002.json").exists, s_max=40)
    assert "files of" in (a.folder / "data" / "privacy" / "receipt-000002.json").read_text()
    until(lambda: a.counts()["outcomes"] == b.counts()["outcomes"])


def an_owner_that_was_stopped_does_nothing_more_when_it_wakes(nodes, sandbox):
    """Stop what delivers until another node does; then let it go on, in the middle of whatever it was at."""
    owner = nodes.owner
    stopped, other = nodes.by_name[owner], nodes.by_name["b" if owner == "a" else "a"]
    deliver = next(each for each in stopped.family() if each.cmdline()[-1] == "deliver")
    deliver.suspend()
    try:
        for number in range(4):
            (stopped, other)[number % 2].send(
                {"type": "track", "userId": "u1", "event": f"S{number}", "messageId": f"s{number}"}
            )
        until(lambda: sandbox.events("S3"), s_max=60)
    finally:
        deliver.resume()
    until(lambda: '"not_owner_any_more"' in stopped.log.read_text() or '"standby"' in stopped.log.read_text())
    stopped.send({"type": "track", "userId": "u1", "event": "Awake", "messageId": "w1"})
    until(lambda: sandbox.events("Awake"), s_max=60)
    until(lambda: stopped.counts()["outcomes"] == other.counts()["outcomes"])
    names = [each["name"] for each in sandbox.events()]
    assert names[-5:] == ["S0", "S1", "S2", "S3", "Awake"], "once, and in order"
    assert nodes.owner != owner
