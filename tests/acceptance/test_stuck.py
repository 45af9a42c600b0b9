"""Events whose reading never ends: they are found out and dead, whatever happens meanwhile, and nobody waits for them.

All tests share one Penstock, with a tenth of the budgets: what these are is counted to the line elsewhere.
"""

import contextlib
import signal
import urllib.parse
from pathlib import Path

import psutil
import pytest

from acceptance.conftest import PASSWORD, get_json, http, until

pytestmark = pytest.mark.xdist_group("stuck")
PLANTED = {"PYTHONPATH": str(Path(__file__).parent / "planted")}
IN_PYTHON, IN_C = "never ends, in Python", "never ends, in C"
#: It was ended a few times within a minute, but it is there.
RUNS = {"running", "restarting"}
# After a crash, deliver waits for calls that were under way: as long as they may take.
QUICK = "call_timeout_s = 2"


@pytest.fixture(scope="module")
def shared(share):
    """Return a Penstock in which `convert` never ends for some events."""
    return share(env=PLANTED, password=PASSWORD, top=QUICK)


@pytest.fixture
def planted(shared):
    """Return it with all that came before settled, and a Custify that answers at once."""
    yield shared
    shared.sandbox.faults()
    shared.until_settled(s_max=60)


def identify(user: str) -> dict:
    return {"type": "identify", "userId": user, "messageId": f"identify-{user}", "traits": {"email": f"{user}@x.org"}}


def stuck(name: str, user: str) -> dict:
    return {"type": "track", "userId": user, "messageId": f"stuck-{user}", "event": name}


def deliver_of(penstock) -> psutil.Process | None:
    for process in penstock.family():
        with contextlib.suppress(psutil.Error):
            if process.cmdline()[-1:] == ["deliver"]:
                return process
    return None


def role(penstock) -> str:
    status = penstock.status()
    return status["roles"]["deliver"]["state"] if status else ""


def running_deliver(penstock) -> psutil.Process:
    return until(lambda: role(penstock) in RUNS and deliver_of(penstock), s_max=60)


def standing(penstock) -> dict:
    return penstock.status()["destinations"]["custify"]


@contextlib.contextmanager
def stopped(penstock):
    """Stop deliver while inside."""
    deliver = running_deliver(penstock)
    deliver.send_signal(signal.SIGSTOP)
    try:
        yield deliver
    finally:
        deliver.send_signal(signal.SIGCONT)


def suspicions(penstock) -> int:
    return penstock.log.read_text().count('"suspected"')


def dead(penstock) -> set[str]:
    url = f"{penstock.admin_url}/api/v1/destinations/custify/dead/events?cause=delivery.stuck"
    return {event["message_id"] for event in get_json(url, penstock.admin_auth())["events"]}


def known(penstock) -> set[str]:
    return {person["user_id"] for person in penstock.sandbox.state()["people"]}


def explanation(penstock, message_id: str) -> dict:
    url = f"{penstock.admin_url}/api/v1/events/{urllib.parse.quote(message_id)}/explain"
    [account] = get_json(url, penstock.admin_auth())["accounts"]
    return account["explanation"]


def test_events_that_never_end_cost_too_much_to_explain_and_are_dead_and_their_neighbours_are_delivered(planted):
    already = dead(planted)
    with stopped(planted):
        planted.send(identify("before"), stuck(IN_C, "mallory"), stuck(IN_PYTHON, "trent"))
        planted.send(identify("mallory"), identify("trent"), identify("after"))
        for name in ("mallory", "trent"):
            said = explanation(planted, f"stuck-{name}")
            assert said["unmappable"].startswith("not explained: it takes more than"), said
        assert explanation(planted, "identify-after")["lines"]
        assert '"role": "operate", "code"' not in planted.log.read_text()

    planted.until_settled(s_max=120)

    assert dead(planted) - already == {"stuck-mallory", "stuck-trent"}
    assert known(planted) >= {"before", "mallory", "trent", "after"}
    assert explanation(planted, "stuck-trent")["cause"] == "delivery.stuck"


def test_kill_minus_nine_again_and_again_blames_only_the_events_that_never_end(planted):
    already = dead(planted)
    planted.sandbox.faults(latency_ms=300)
    planted.send(identify("bo"), stuck(IN_C, "ivan"), stuck(IN_PYTHON, "oscar"), identify("cy"))
    for _ in range(3):
        deliver = running_deliver(planted)
        deliver.kill()
        deliver.wait(10)
    found = until(lambda: (s := standing(planted))["state"] == "stopped" and s, s_max=60)
    assert "deliver ended" in found["reason"]
    assert planted.status()["roles"]["deliver"]["restarts"] >= 3
    assert http("GET", f"{planted.admin_url}/readyz")[0] == 503

    planted.until_settled(s_max=120)

    assert dead(planted) - already == {"stuck-ivan", "stuck-oscar"}
    assert known(planted) >= {"bo", "cy"}


def test_stops_and_slow_calls_blame_no_event_and_the_status_tells_a_stop_from_standing_still(planted):
    already = suspicions(planted)
    planted.sandbox.faults(latency_ms=1_500)
    planted.send(identify("ana"), identify("dee"))
    with stopped(planted) as deliver:
        until(lambda: role(planted) == "stopped", s_max=60)
        assert standing(planted)["state"] == "stopped"
        status, _, text = http("GET", f"{planted.admin_url}/readyz")
        assert (status, b"deliver gets no CPU" in text) == (503, True)
        assert http("GET", f"{planted.url}/readyz")[0] == 200
    until(lambda: role(planted) in RUNS, s_max=60)

    planted.until_settled(s_max=60)

    assert known(planted) >= {"ana", "dee"}
    assert deliver_of(planted).pid == deliver.pid
    assert suspicions(planted) == already


@pytest.mark.parametrize(("name", "user"), [(IN_PYTHON, "walter"), (IN_C, "victor")])
def test_a_stuck_deliver_ends_in_time_and_goes_on_after_the_next_start(planted, name, user):
    already, deliver = suspicions(planted), running_deliver(planted)
    idle_s = deliver.cpu_times().user
    planted.send(stuck(name, user), identify(f"after-{user}"))
    until(lambda: deliver.cpu_times().user - idle_s > 0.5 or suspicions(planted) > already, s_max=60)

    assert planted.stop() == 0
    assert "process_killed" not in planted.log.read_text()
    planted.start()
    planted.until_ready()
    planted.until_settled(s_max=120)

    assert f"stuck-{user}" in dead(planted)
    assert f"after-{user}" in known(planted)
