"""The ledger with real processes: events wait for their people, nothing is said twice, shadow writes nothing."""

import json

from acceptance.conftest import API_KEY, Sandbox, until
from acceptance.test_commands import penstock_command


def identify(user: str, name: str, **traits) -> dict:
    return {"type": "identify", "userId": user, "messageId": name, "traits": traits}


def track(user: str, name: str, **properties) -> dict:
    return {"type": "track", "userId": user, "event": "Paid", "messageId": name, "properties": properties}


def group(user: str, name: str, company: str, **traits) -> dict:
    return {"type": "group", "userId": user, "groupId": company, "messageId": name, "traits": traits}


def writes(sandbox, path: str) -> int:
    return sum(call["method"] == "POST" and call["path"] == path for call in sandbox.requests())


def run(penstock, *arguments):
    done = penstock_command(*arguments, "--config", penstock.config, env=penstock.env)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def test_events_wait_for_their_person_and_come_in_order_and_once(penstock, sandbox):
    penstock.send(track("ana", "t1"), track("ana", "t2"), track("bo", "b1"))
    until(lambda: penstock.counts()["parked"] == 3)
    assert "parked 3" in run(penstock, "status")
    assert sandbox.events() == []

    penstock.send(identify("ana", "i1", plan="pro"), track("ana", "t3"))
    until(lambda: penstock.counts()["waiting"] == 1)

    assert [event["deduplication_id"] for event in sandbox.events()] == ["t1", "t2", "t3"]
    assert sandbox.state()["dropped_events"] == []
    assert penstock.counts()["parked"] == 1


def test_what_custify_holds_is_not_said_again_until_the_ledger_forgets(penstock, sandbox):
    for i in range(4):
        penstock.send(identify("ana", f"i{i}", plan="pro"), group("ana", f"g{i}", "acme", size=7))
        penstock.until_settled()
    penstock.send(track("ana", "t1"))
    penstock.until_settled()

    # The first identify and the group call behind it became one call; the others said nothing new.
    assert (writes(sandbox, "/people"), writes(sandbox, "/company")) == (1, 1)
    assert penstock.counts()["outcomes"]["no-op"] == 6
    [event] = sandbox.events()
    assert event["company_id"] == "acme"
    assert "company_id: the only company the person is known to belong to" in run(penstock, "explain", "t1")
    assert "signed_up_at: set_once" in run(penstock, "explain", "i3")
    assert "custom_attributes.plan = 'pro'" in run(penstock, "ledger", "show", "--person", "ana")
    calls = json.loads(run(penstock, "status", "--json"))["destinations"]["custify"]["calls"]
    assert calls["/people"] == {"planned": 8, "sent": 1, "saved": 7}

    run(penstock, "ledger", "forget", "--all", "--yes")
    until(lambda: "ledger_forgot" in penstock.log.read_text())
    penstock.send(identify("ana", "i9", plan="pro"))
    penstock.until_settled()

    assert writes(sandbox, "/people") == 2


def test_upserts_that_wait_behind_one_another_become_one_call(start, sandbox):
    penstock = start(api_key="a-wrong-key")
    penstock.send(identify("ana", "i0", plan="a"))
    until(lambda: penstock.status()["destinations"]["custify"]["state"] == "held")
    penstock.send(*(identify("ana", f"i{i}", plan="abc"[i % 3], seats=i) for i in range(1, 20)), track("ana", "t"))

    penstock.write_settings(api_key=API_KEY)
    penstock.until_settled()

    assert writes(sandbox, "/people") == 1
    assert sandbox.person("ana")["custom_attributes"] == {"plan": "b", "seats": 19}
    assert penstock.counts()["outcomes"] | {"delivered": 2, "coalesced": 19} == penstock.counts()["outcomes"]
    assert "coalesced" in run(penstock, "explain", "i3")
    assert "sent with the call of i19" in run(penstock, "explain", "i3")


def test_shadow_writes_nothing_and_going_live_sends_it(start, sandbox):
    penstock = start(destination='mode = "shadow"')
    penstock.send(identify("ana", "i1", plan="pro"), identify("ana", "i2", plan="pro"), track("ana", "t1"))
    penstock.until_settled()
    assert [call for call in sandbox.requests() if call["method"] == "POST"] == []
    assert penstock.counts()["shadow_calls"]["/event"] == {"planned": 1, "sent": 1, "saved": 0}
    assert penstock.counts()["calls"] == {}

    changed = penstock.log.read_text().count("destination_changed")
    penstock.write_settings()
    until(lambda: penstock.log.read_text().count("destination_changed") > changed)
    told = penstock_command("replay", "--cause", "mode.shadow", "--yes", "--config", penstock.config, env=penstock.env)

    assert told.returncode == 0, told.stderr
    assert b"mode.shadow" in told.stderr
    assert sandbox.person("ana")["custom_attributes"] == {"plan": "pro"}
    assert [event["deduplication_id"] for event in sandbox.events()] == ["t1"]


def test_only_a_canary_is_written_to(start, sandbox):
    penstock = start(destination='mode = "canary"\ncanary_companies = ["acme"]')
    penstock.send(group("ana", "g1", "acme"), group("bo", "g2", "other"))
    penstock.until_settled()

    assert [person["user_id"] for person in sandbox.state()["people"]] == ["ana"]
    assert penstock.counts()["outcomes"]["filtered"] == 1


def test_an_attribute_that_nearly_repeats_another_waits_for_approval(start, sandbox):
    penstock = start(destination='attribute_guard = "hold"')
    penstock.send(identify("ana", "i1", plan_name="pro"))
    penstock.until_settled()
    penstock.send(identify("bo", "i2", planName="pro"), identify("cy", "i3", plan_name="x"))
    until(lambda: sandbox.person("cy"))

    said = until(lambda: run(penstock, "ledger", "attributes"))
    assert "people.planName (string): it is new, and nearly repeats plan_name; i2" in said
    assert sandbox.person("bo") is None

    run(penstock, "ledger", "attributes", "--approve", "people.planName")
    until(lambda: sandbox.person("bo"), s_max=60)


def test_another_base_url_is_another_custify_of_which_nothing_is_known(penstock, sandbox, tmp_path):
    penstock.send(identify("ana", "i1", plan="pro"))
    penstock.until_settled()
    (tmp_path / "elsewhere").mkdir()
    other = Sandbox(tmp_path / "elsewhere")
    try:
        penstock.sandbox = other
        penstock.write_settings()
        until(lambda: "ledger_forgot" in penstock.log.read_text())

        penstock.send(identify("ana", "i2", plan="pro"))

        until(lambda: other.person("ana"))
        assert penstock.until_settled()["outcomes"]["no-op"] == 0
    finally:
        other.end()


def test_with_the_mapping_rudderstack_everything_is_sent_as_it_is(start, sandbox):
    penstock = start(destination='mapping = "rudderstack"')
    for i in range(3):
        penstock.send(identify("ana", f"i{i}", plan="pro"))
    penstock.send(track("stranger", "t1"))
    counts = penstock.until_settled()

    assert counts["outcomes"]["delivered"] == 4
    assert sorted(call["path"] for call in sandbox.requests()) == ["/event", "/people", "/people", "/people"]
