"""One event whose reading never ends: it is found out and dead, whatever happens meanwhile, and nobody waits for it."""

import contextlib
import signal
import urllib.parse
from pathlib import Path

import psutil
import pytest

from acceptance.conftest import PASSWORD, get_json, http, until

PLANTED = {"PYTHONPATH": str(Path(__file__).parent / "planted")}
IN_PYTHON, IN_C = "never ends, in Python", "never ends, in C"
# After a crash, deliver waits for calls that were under way: as long as they may take.
QUICK = "call_timeout_s = 2"


@pytest.fixture
def planted(start):
    """Return a Penstock in which `convert` never ends for some events."""
    return start(env=PLANTED, password=PASSWORD, top=QUICK)


def identify(user: str) -> dict:
    return {"type": "identify", "userId": user, "messageId": f"identify-{user}", "traits": {"email": f"{user}@x.org"}}


def stuck(name: str) -> dict:
    return {"type": "track", "userId": "mallory", "messageId": f"stuck {name}", "event": name}


def deliver_of(penstock) -> psutil.Process | None:
    for process in penstock.family():
        with contextlib.suppress(psutil.Error):
            if process.cmdline()[-1:] == ["deliver"]:
                return process
    return None


def is_busy(penstock) -> bool:
    """Return whether deliver has begun to read an event that never ends."""
    deliver = deliver_of(penstock)
    is_at_it = deliver is not None and deliver.cpu_times().user > 2.0
    return is_at_it or "suspected" in penstock.log.read_text()


def role(penstock) -> str:
    status = penstock.status()
    return status["roles"]["deliver"]["state"] if status else ""


def dead(penstock) -> list[str]:
    url = f"{penstock.admin_url}/api/v1/destinations/custify/dead/events?cause=delivery.stuck"
    return [event["message_id"] for event in get_json(url, penstock.admin_auth())["events"]]


def explanation(penstock, message_id: str) -> dict:
    url = f"{penstock.admin_url}/api/v1/events/{urllib.parse.quote(message_id)}/explain"
    [account] = get_json(url, penstock.admin_auth())["accounts"]
    return account["explanation"]


@pytest.mark.parametrize("name", [IN_PYTHON, IN_C])
def test_an_event_that_never_ends_is_dead_and_its_neighbours_are_delivered(planted, name):
    planted.send(identify("before"), stuck(name), identify("mallory"), identify("after"))

    counts = planted.until_settled(s_max=120)

    assert dead(planted) == [f"stuck {name}"]
    assert counts["outcomes"]["delivered"] == 3, counts
    assert {person["user_id"] for person in planted.sandbox.state()["people"]} == {"before", "mallory", "after"}
    assert explanation(planted, f"stuck {name}")["cause"] == "delivery.stuck"


def test_kill_minus_nine_again_and_again_blames_only_the_event_that_never_ends(planted):
    planted.sandbox.faults(latency_ms=300)
    planted.send(identify("before"), stuck(IN_C), stuck(IN_PYTHON) | {"userId": "trent"}, identify("after"))
    for _ in range(3):
        until(lambda: role(planted) == "running", s_max=60)
        deliver = until(lambda: deliver_of(planted))
        deliver.kill()
        deliver.wait(10)

    counts = planted.until_settled(s_max=180)

    assert sorted(dead(planted)) == sorted([f"stuck {IN_C}", f"stuck {IN_PYTHON}"])
    assert counts["outcomes"]["delivered"] == 2, counts


def test_stops_and_slow_calls_blame_no_event_and_the_status_tells_a_stop_from_standing_still(planted):
    planted.sandbox.faults(latency_ms=1_500)
    planted.send(identify("ana"), identify("bo"))
    deliver = deliver_of(planted)
    for _ in range(2):
        deliver.send_signal(signal.SIGSTOP)
        until(lambda: role(planted) == "stopped", s_max=60)
        status, _, text = http("GET", f"{planted.admin_url}/readyz")
        assert (status, b"deliver gets no CPU" in text) == (503, True)
        assert http("GET", f"{planted.url}/readyz")[0] == 200
        deliver.send_signal(signal.SIGCONT)
        until(lambda: role(planted) == "running", s_max=60)

    counts = planted.until_settled(s_max=60)

    assert counts["outcomes"]["delivered"] == 2, counts
    assert deliver_of(planted).pid == deliver.pid
    assert "suspected" not in planted.log.read_text()


@pytest.mark.parametrize("name", [IN_PYTHON, IN_C])
def test_a_stuck_deliver_ends_in_time_and_goes_on_after_the_next_start(planted, name):
    planted.send(stuck(name), identify("after"))
    until(lambda: is_busy(planted), s_max=60)

    assert planted.stop() == 0
    assert "process_killed" not in planted.log.read_text()
    planted.start()
    planted.until_ready()

    counts = planted.until_settled(s_max=180)
    assert dead(planted) == [f"stuck {name}"]
    assert counts["outcomes"]["delivered"] == 1, counts


@pytest.mark.parametrize("name", [IN_PYTHON, IN_C])
def test_an_event_too_costly_to_explain_says_so_and_other_questions_are_answered(start, name):
    penstock = start(env=PLANTED, password=PASSWORD, destination="enabled = false")
    penstock.send(stuck(name), identify("ana"))

    said = explanation(penstock, f"stuck {name}")

    assert said["unmappable"].startswith("not explained: it takes more than"), said
    assert explanation(penstock, "identify-ana")["lines"]
    assert '"role": "operate", "code"' not in penstock.log.read_text()
