"""What a stranger's event may name is limited; whoever means it raises the limit and replays. With real processes."""

import pytest

from acceptance.conftest import until
from acceptance.test_replay import command
from unit.test_near_names import words

COUNT = 30_000


@pytest.fixture
def flooded(penstock):
    """Return a Penstock that was sent thirty thousand names, and somebody else's event behind them."""
    traits = dict.fromkeys(words(1, COUNT), "x")
    penstock.send({"type": "identify", "userId": "crowd", "messageId": "m0", "traits": traits})
    penstock.send({"type": "identify", "userId": "ana", "messageId": "m1", "traits": {"plan": "pro"}})
    return penstock


def test_an_event_of_too_many_names_is_rejected_with_its_cause_and_replayed_under_a_higher_limit(flooded, sandbox):
    outcomes = flooded.until_settled()["outcomes"]
    assert (outcomes["delivered"], outcomes["rejected"]) == (1, 1)
    assert [person["user_id"] for person in sandbox.state()["people"]] == ["ana"]
    assert "1  rejected  event.too_many_names" in command(flooded, "dead").stdout.decode()
    assert "more than 10000 names" in command(flooded, "explain", "m0").stdout.decode()

    flooded.write_settings(top="event_names_max = 50000")
    until(lambda: "destination_changed" in flooded.log.read_text())
    done = command(flooded, "replay", "--cause", "event.too_many_names", "--yes")

    assert done.returncode == 0, done.stderr.decode()
    assert len(sandbox.person("crowd")["custom_attributes"]) == COUNT
