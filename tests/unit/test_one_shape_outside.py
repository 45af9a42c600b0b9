"""Commands speak of one event in one way, and are told of one destination in one way."""

import json
import re

import pytest
from click.testing import CliRunner

from contract.worlds import SqliteWorld
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.outcomes import Attempt, Outcome
from penstock.cli import penstock
from penstock.event import Event, MessageId
from penstock.inspect.stored_event import StoredEvent

BODY = {"type": "track", "userId": "ana", "messageId": "m1", "event": "Signed up", "context": {"groupId": "acme"}}
REFUSED = Attempt(at=1_700_000_001.25, method="POST", path="/event", status=422, answer="no such plan", duration_ms=12)
ONE = """
data_dir = "{data}"
[sources.web]
write_key = "w"
[destinations.custify]
api_key = "k"
[[connections]]
from = "web"
to = "custify"
"""
TWO = (
    ONE
    + """
[destinations.second]
api_key = "k2"
"""
)
COMMANDS = [
    ["tail"], ["dead"], ["replay", "--dry-run"], ["ledger", "show", "--person", "ana"], ["ledger", "attributes"],
    ["ledger", "forget", "--person", "ana"], ["explain", "--person", "ana", "--field", "plan"],
]  # fmt: skip


def run(folder, *arguments):
    command = [arguments[0], *([arguments[1]] if arguments[0] == "ledger" else [])]
    rest = arguments[len(command) :]
    return CliRunner().invoke(penstock, [*command, "--config", str(folder / "penstock.toml"), *rest])


@pytest.fixture
async def folder(tmp_path):
    """A data folder with one event that ended badly."""
    (tmp_path / "penstock.toml").write_text(ONE.format(data=tmp_path))
    world = await SqliteWorld(tmp_path).open()
    await world.append(
        Event(
            source="web",
            message_id=MessageId("m1"),
            type="track",
            user_id="ana",
            anonymous_id="",
            company_id="acme",
            received_at_ms=1_700_000_000_007,
            request_ip="127.0.0.1",
            body=json.dumps(BODY).encode(),
        )
    )
    [lease] = await world.lease(1)
    cause = {"reason": "no such plan", "cause": "custify.refused.422", "attempts": [REFUSED]}
    await world.backlog.settle(Ending(lease=lease, outcome=Outcome.DEAD, **cause))
    yield tmp_path
    await world.close()


async def test_tail_dead_and_explain_tell_the_same_of_an_event(folder):
    tailed, dead = (
        json.loads(run(folder, *command).stdout) for command in (["tail", "--json"], ["dead", "--events", "--json"])
    )
    [account] = json.loads(run(folder, "explain", "m1", "--json").stdout)["destinations"]

    assert tuple(tailed) == StoredEvent.__struct_fields__
    assert {name: dead[name] for name in tailed} == {name: account[name] for name in tailed} == tailed
    assert dead["body"] == BODY
    assert (tailed["state"], tailed["event"], tailed["company_id"]) == ("dead", "Signed up", "acme")
    assert (tailed["received_at"], tailed["attempts"][0]["at"]) == (
        "2023-11-14T22:13:20.007Z",
        "2023-11-14T22:13:21.250Z",
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", tailed["ended_at"])
    assert tailed["advice"]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
async def test_every_command_asks_for_the_destination_when_there_are_several_and_not_when_there_is_one(folder, command):
    assert "which destination?" not in run(folder, *command).output

    (folder / "penstock.toml").write_text(TWO.format(data=folder))
    unsaid, unknown = run(folder, *command), run(folder, *command, "--destination", "third")

    assert (unsaid.exit_code, unknown.exit_code) == (2, 2)
    assert "which destination? --destination is one of: custify, second" in unsaid.output
    assert "Invalid value for --destination: expected one of custify, second, got third" in unknown.output
