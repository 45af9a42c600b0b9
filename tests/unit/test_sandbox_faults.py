"""The sandbox fails on request, and only as told."""

import pytest

from sandbox_client import Sandbox


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox()


async def statuses(sandbox: Sandbox, times: int) -> list[int]:
    return [(await sandbox.post("/people", {"user_id": "u1"})).status for _ in range(times)]


async def test_a_status_comes_so_many_times_and_applies_nothing(sandbox):
    await sandbox.post("/_sandbox/faults", {"status": 503, "times": 2})

    assert await statuses(sandbox, 1) == [503]
    assert (await sandbox.get("/_sandbox/faults")).json == {"status": 503, "times": 1}
    assert await statuses(sandbox, 1) == [503]
    assert (await sandbox.state())["people"] == []
    assert await statuses(sandbox, 2) == [200, 200]
    assert (await sandbox.get("/_sandbox/faults")).json == {}


async def test_a_status_without_times_lasts_until_healed(sandbox):
    await sandbox.post("/_sandbox/faults", {"status": 500})
    assert await statuses(sandbox, 20) == [500] * 20

    await sandbox.post("/_sandbox/faults", {})
    assert await statuses(sandbox, 1) == [200]


async def test_a_login_page_with_200_applies_nothing(sandbox):
    await sandbox.post("/_sandbox/faults", {"status": 200, "text": "<html>Log in</html>"})

    got = await sandbox.post("/people", {"user_id": "u1"})

    assert (got.status, got.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert (await sandbox.state())["people"] == []


async def test_a_success_can_say_that_it_is_none(sandbox):
    await sandbox.post("/_sandbox/faults", {"status": 200, "text": '{"error":"no"}', "times": 1})

    assert (await sandbox.post("/people", {"user_id": "u1"})).json == {"error": "no"}
    assert await statuses(sandbox, 1) == [200]


async def test_a_firewall_refuses_one_payload_and_lets_others_pass(sandbox):
    await sandbox.post("/_sandbox/faults", {"status": 403, "only": "<script"})

    assert (await sandbox.post("/people", {"user_id": "u2", "name": "<script>"})).status == 403
    assert await statuses(sandbox, 1) == [200]
    assert (await sandbox.get("/people/all")).status == 200


@pytest.mark.parametrize(
    ("faults", "header"),
    [
        ({"status": 429}, "1"),
        ({"status": 429, "retry_after_s": 7}, "7"),
        ({"status": 429, "retry_after_s": None}, None),
        ({"status": 503}, None),
        ({"status": 503, "retry_after_s": 0}, "0"),
    ],
)
async def test_retry_after_comes_as_told(sandbox, faults, header):
    await sandbox.post("/_sandbox/faults", faults)

    got = await sandbox.get("/people/all")

    assert got.status == faults["status"]
    assert got.headers.get("retry-after") == header


async def test_a_rate_throttles_and_lets_calls_through_again(sandbox):
    await sandbox.post("/_sandbox/faults", {"rate_per_s": 2})

    assert await statuses(sandbox, 3) == [200, 200, 429]
    assert (await sandbox.get("/people/all")).headers["retry-after"] == "1"
    sandbox.now += 0.5
    assert await statuses(sandbox, 2) == [200, 429]
    sandbox.now += 60
    assert await statuses(sandbox, 3) == [200, 200, 429]


async def test_a_slow_rate_says_how_long_to_wait(sandbox):
    await sandbox.post("/_sandbox/faults", {"rate_per_s": 0.1})

    assert await statuses(sandbox, 2) == [200, 429]
    assert (await sandbox.get("/people/all")).headers["retry-after"] == "10"


async def test_latency_is_waited_before_anything_is_applied(sandbox):
    await sandbox.post("/_sandbox/faults", {"latency_ms": 200})

    assert await statuses(sandbox, 2) == [200, 200]
    assert sandbox.slept == [0.2, 0.2]


async def test_a_good_key_can_be_rejected(sandbox):
    await sandbox.post("/_sandbox/faults", {"reject_keys": True})

    assert await statuses(sandbox, 1) == [401]
    assert (await sandbox.get("/_sandbox/requests")).json["requests"][0]["key"] == "accepted"


async def test_a_lost_answer_breaks_off_after_the_call_was_applied(sandbox):
    await sandbox.post("/_sandbox/faults", {"drop_answers": 0.6})

    got = await sandbox.post("/people", {"user_id": "u1"})

    assert not got.whole
    assert got.body == b""
    assert int(got.headers["content-length"]) > 0
    assert len((await sandbox.state())["people"]) == 1
    logged = (await sandbox.get("/_sandbox/requests")).json["requests"][0]
    assert (logged["status"], logged["notes"]) == (None, ["applied, but the answer was cut off"])

    sandbox.throw = 0.7
    assert (await sandbox.post("/people", {"user_id": "u1"})).whole


async def test_faults_combine_and_each_set_replaces_the_one_before(sandbox):
    await sandbox.post("/_sandbox/faults", {"status": 503, "times": 1, "latency_ms": 50, "rate_per_s": 1})
    assert await statuses(sandbox, 3) == [503, 200, 429]
    assert sandbox.slept == [0.05] * 3

    await sandbox.post("/_sandbox/faults", {"latency_ms": 10})
    assert await statuses(sandbox, 2) == [200, 200]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"stats": 503}, "stats"),
        ({"status": "503"}, "$.status"),
        ({"status": 200}, "a `status` of success needs a `text`"),
        ({"status": 102}, "$.status"),
        ({"status": True}, "$.status"),
        ({"times": 3}, "`times`, `retry_after_s`, `text` and `only` need a `status`"),
        ({"status": 503, "times": 0}, "$.times"),
        ({"latency_ms": -1}, "$.latency_ms"),
        ({"rate_per_s": 0}, "$.rate_per_s"),
        ({"drop_answers": 1.5}, "$.drop_answers"),
        ({"reject_keys": 1}, "$.reject_keys"),
        ([], "array"),
        (b"{", "truncated"),
        (None, "truncated"),
    ],
)
async def test_a_wrong_fault_is_refused_and_the_old_ones_stay(sandbox, body, text):
    await sandbox.post("/_sandbox/faults", {"status": 418})

    got = await sandbox.post("/_sandbox/faults", body)

    assert got.status == 400
    assert text in got.json["error"]
    assert (await sandbox.get("/_sandbox/faults")).json == {"status": 418}


async def test_control_routes_are_not_custifys_and_do_not_fail(sandbox):
    await sandbox.post("/_sandbox/faults", {"status": 500, "reject_keys": True, "drop_answers": 1})

    assert (await sandbox.get("/_sandbox/state", key="")).status == 200
    assert (await sandbox.get("/", key="")).status == 200
    assert (await sandbox.get("/_sandbox/nothing", key="")).status == 404
    assert (await sandbox.get("/_sandbox/requests")).json["total"] == 0


async def test_another_sites_page_cannot_press_the_switches(sandbox):
    for path in ("/_sandbox/faults", "/_sandbox/reset"):
        assert (await sandbox.post(path, {}, headers={"sec-fetch-site": "cross-site"})).status == 403
        assert (await sandbox.post(path, {}, headers={"sec-fetch-site": "same-origin"})).status == 200


async def test_reset_forgets_everything(sandbox):
    await sandbox.post("/people", {"user_id": "u1"})
    await sandbox.post("/_sandbox/faults", {"status": 500})

    assert (await sandbox.post("/_sandbox/reset")).status == 200

    assert (await sandbox.get("/_sandbox/requests")).json == {"requests": [], "total": 0, "next": 0}
    assert (await sandbox.state())["people"] == []
    assert await statuses(sandbox, 1) == [200]
