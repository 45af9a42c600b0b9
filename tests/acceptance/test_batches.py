"""A batch as SDKs send it: what stands on it holds for its calls, and one bad event does not cost the others."""

import json

from acceptance.conftest import KEYS, basic, http
from acceptance.test_commands import penstock_command

AUTH = basic(KEYS["server"], "") | {"Content-Type": "application/json"}


def send(penstock, batch: object, **headers: str) -> int:
    body = batch if isinstance(batch, bytes) else json.dumps(batch).encode()
    return http("POST", f"{penstock.url}/v1/batch", body, AUTH | headers)[0]


def test_one_bad_event_is_rejected_with_its_reason_and_the_others_arrive(penstock, sandbox):
    good = [{"type": "identify", "userId": "a"}, {"type": "track", "userId": "a", "event": "E", "messageId": "good"}]
    bad = [{"type": "track", "event": "X", "messageId": "bad"}, None, "x"]

    assert send(penstock, {"batch": [good[0], *bad, good[1]]}) == 200

    counts = penstock.until_settled()
    assert (counts["received"], counts["outcomes"]["rejected"]) == (5, 3)
    assert sum(counts["outcomes"].values()) == 5
    assert [event["deduplication_id"] for event in sandbox.events("E")] == ["good"]
    said = penstock_command("explain", "bad", "--config", penstock.config, env=penstock.env).stdout.decode()
    assert "neither anonymousId nor userId" in said
    dead = penstock_command("dead", "--config", penstock.config, env=penstock.env).stdout.decode()
    assert "map.not_an_object" in dead
    assert "map.no_identity" in dead


def test_what_stands_on_the_batch_holds_for_its_calls_across_a_restart(penstock, sandbox):
    calls = [{"type": "identify", "traits": {"email": "a@example.com"}}, {"type": "track", "event": "E"}]

    assert send(penstock, {"batch": calls, "userId": "a", "context": {"groupId": "acme"}}) == 200
    penstock.stop()
    penstock.start()
    penstock.until_settled()

    assert sandbox.person("a")["email"] == "a@example.com"
    [event] = sandbox.events("E")
    assert (event["user_id"], event["company_id"]) == ("a", "acme")


def test_an_opt_out_on_the_batch_is_heard(penstock, sandbox):
    call = {"type": "track", "userId": "u", "event": "INT", "originalTimestamp": "2027-11-28T07:00:00.000Z"}
    shared = {"context": {"groupId": "acme"}, "sentAt": "2027-11-28T07:00:05.000Z"}

    assert send(penstock, {"batch": [call], "integrations": {"All": False}} | shared) == 200

    assert penstock.until_settled()["outcomes"]["filtered"] == 1
    assert sandbox.events() == []


def test_rudderstacks_answer_for_the_whole_batch_is_a_setting(start, sandbox):
    penstock = start(top="batch_all_or_nothing = true")

    assert send(penstock, {"batch": [{"type": "identify", "userId": "a"}, None]}) == 400
    assert penstock.counts()["received"] == 0
