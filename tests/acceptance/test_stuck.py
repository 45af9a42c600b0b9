"""One event whose reading never ends: it is found out and dead, whatever happens meanwhile, and nobody waits for it."""

import contextlib
from pathlib import Path

import psutil
import pytest

from acceptance.conftest import get_json

PLANTED = {"PYTHONPATH": str(Path(__file__).parent / "planted")}
IN_PYTHON, IN_C = "never ends, in Python", "never ends, in C"


@pytest.fixture
def planted(start):
    """Return a Penstock in which `convert` never ends for some events."""
    return start(env=PLANTED)


def identify(user: str) -> dict:
    return {"type": "identify", "userId": user, "messageId": f"identify-{user}", "traits": {"email": f"{user}@x.org"}}


def stuck(name: str) -> dict:
    return {"type": "track", "userId": "mallory", "messageId": f"stuck {name}", "event": name}


def deliver_of(penstock) -> psutil.Process | None:
    for process in penstock.family():
        with contextlib.suppress(psutil.Error):
            if process.cmdline()[-1] == "deliver":
                return process
    return None


def dead(penstock) -> dict[str, str]:
    url = f"{penstock.admin_url}/api/v1/destinations/custify/dead/events"
    page = get_json(f"{url}?cause=delivery.stuck", penstock.admin_auth())
    return {event["message_id"]: event["cause"] for event in page["events"]} if page else {}


@pytest.mark.parametrize("name", [IN_PYTHON, IN_C])
def test_an_event_that_never_ends_is_dead_and_its_neighbours_are_delivered(planted, name):
    planted.send(identify("before"), stuck(name), identify("mallory"), identify("after"))

    counts = planted.until_settled(s_max=120)

    assert counts["outcomes"]["dead"] == 1, counts
    assert counts["outcomes"]["delivered"] == 3, counts
    assert {person["user_id"] for person in planted.sandbox.state()["people"]} == {"before", "mallory", "after"}
