"""Answers that are none of the API's, and refusals of one event: what everybody sees of them, over a running server."""

from acceptance.conftest import http, until

PAGE = "<!DOCTYPE html><title>Log in</title>"


def identify(name, **traits):
    return {"type": "identify", "userId": name, "messageId": f"m-{name}", "traits": {"name": name, **traits}}


def state(penstock):
    return penstock.status()["destinations"]["custify"]


def test_a_bad_day_of_answers_burns_nothing_and_ends_by_itself(penstock, sandbox):
    for faults, expected in (
        ({"status": 200, "text": PAGE}, ("held", "custify.not_the_api")),
        ({"status": 404, "text": PAGE}, ("held", "custify.not_the_api")),
        ({"status": 503}, ("down", "custify.unavailable")),
    ):
        sandbox.faults(**faults)
        name = "-".join(str(part) for part in expected) + str(faults["status"])
        penstock.send(*(identify(f"{name}-{n}") for n in range(12)))
        until(lambda expected=expected: (state(penstock)["state"], state(penstock)["cause"]) == expected)
        assert penstock.counts()["outcomes"]["dead"] == 0
        sandbox.faults()
        assert penstock.until_settled(s_max=30)["outcomes"]["dead"] == 0

    assert penstock.counts()["outcomes"]["delivered"] == 36


def test_a_payload_that_a_firewall_dislikes_waits_alone(penstock, sandbox):
    sandbox.faults(status=403, text=PAGE, only="<script")
    penstock.send(identify("ana"))
    until(lambda: penstock.counts()["outcomes"]["delivered"] == 1)
    penstock.send(identify("eve", note="<script>alert(1)</script>"))
    until(lambda: penstock.counts()["retrying"] == 1)
    penstock.send(*(identify(f"bo{n}") for n in range(20)))

    until(lambda: penstock.counts()["outcomes"]["delivered"] == 21)
    assert (state(penstock)["state"], penstock.counts()["waiting"]) == ("delivering", 1)
    assert "held" not in penstock.log.read_text()


def test_a_wait_of_thirty_years_ends_when_a_person_says_so(start, sandbox):
    penstock = start(password="correct horse battery")
    sandbox.faults(status=429, retry_after_s=1_000_000_000)
    penstock.send(identify("ana"))
    until(lambda: state(penstock)["state"] == "throttled")
    assert "longer than retry_after_s_max" in state(penstock)["reason"]
    sandbox.faults()
    headers = penstock.admin_auth() | {"Content-Type": "application/json"}
    assert http("POST", f"{penstock.admin_url}/api/v1/destinations/custify/resume", b"{}", headers)[0] == 200

    assert penstock.until_settled()["outcomes"]["delivered"] == 1
