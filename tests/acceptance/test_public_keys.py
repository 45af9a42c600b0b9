"""Whoever has the public key of a page: they bring no 503 to others, and change no customer they are not trusted with."""

import json

import pytest

from acceptance.conftest import KEYS, basic, http, until
from acceptance.test_commands import penstock_command

FLOODS = """
[sources.fast]
type = "web"
write_key = "fast-key"
events_per_s_max = 10
burst_s = 100
[sources.hoard]
type = "web"
write_key = "hoard-key"
quota = "off"
"""
PAGE = """
[sources.page]
type = "web"
write_key = "page-key"
trust = "traits"
trusted_traits = ["theme"]
allowed_origins = ["https://app.example.com"]
[[connections]]
from = "page"
to = "custify"
"""


def flood(penstock, source: str, at: int):
    events = [{"type": "track", "userId": f"u{n}", "event": "Spam", "messageId": f"{at}-{n}"} for n in range(500)]
    body = json.dumps({"batch": events}).encode()
    status, headers, text = http("POST", f"{penstock.url}/v1/batch", body, basic(f"{source}-key", ""))
    return status, text, headers["Retry-After"]


def test_one_source_floods_and_another_one_is_never_refused(start):
    # Nothing is delivered, so that nothing makes room.
    penstock = start(top="waiting_events_max = 10_000", destination="enabled = false", source=FLOODS)
    fast, hoard, honest = [], [], []
    for at in range(12):
        fast.append(flood(penstock, "fast", at))
        hoard.append(flood(penstock, "hoard", at))
        honest.append(penstock.send({"type": "track", "userId": "ana", "event": "Opened", "messageId": f"h{at}"})[0])
        # The disk and the log are looked at once a second, what a source has in store at every request.
    said = dict.fromkeys(fast)
    assert {status for status, _, _ in said} == {200, 429}
    assert all(
        text == b"max requests limit reached\n" and int(wait) > 0 for status, text, wait in said if status == 429
    )
    assert [status for status, _, _ in hoard] == [200] * 10 + [503] * 2
    assert hoard[-1] == (503, b"service unavailable\n", "10")
    assert honest == [200] * 12

    lost = until(lambda: (sources := penstock.status()["sources"])["hoard"]["lost"] and sources)
    assert lost["fast"]["lost"] == {"quota": 500 * sum(status == 429 for status, _, _ in fast)}
    assert (lost["hoard"]["lost"], lost["server"]["lost"]) == ({"share": 1_000}, {})
    metrics = http("GET", f"{penstock.admin_url}/metrics")[2].decode()
    assert 'penstock_ingest_possibly_lost_total{reason="share",source="hoard"} 1000.0' in metrics
    told = penstock_command("status", "--config", penstock.config, env=penstock.env).stdout.decode()
    assert "hoard: possibly lost: share 1000" in told
    assert "web: every page may send with its key" in told
    assert penstock.log.read_text().count("events_refused") == 2


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_sdk_that_sends_as_fast_as_it_can_meets_no_default_quota(start):
    from rudderstack.analytics.client import Client

    penstock = start(destination="enabled = false")
    failures = []
    # As much as it can hold back, all at once.
    client = Client(
        KEYS["web"], host=penstock.url, max_queue_size=10_000, on_error=lambda *error: failures.append(error)
    )
    for n in range(10_000):
        client.track(f"user {n % 50}", "Opened", {"n": n})
    client.shutdown()

    assert failures == []
    until(lambda: penstock.status()["accepted"] == {"web": 10_000})
    assert penstock.status()["sources"]["web"]["lost"] == {}


def test_a_stranger_with_the_key_of_a_page_changes_no_customer(start, sandbox):
    penstock = start(source=PAGE)
    known = {"email": "ana@example.com", "plan": "pro", "company": {"id": "acme"}}
    penstock.send({"type": "group", "userId": "ana", "groupId": "acme", "messageId": "g1", "traits": {"name": "Acme"}})
    penstock.send({"type": "identify", "userId": "ana", "messageId": "i1", "traits": known})
    penstock.until_settled()
    attack = {"email": "eve@evil.test", "plan": "free", "theme": "dark", "unsubscribedFromEmails": True}
    events = [
        {
            "type": "identify",
            "userId": "ana",
            "messageId": "i2",
            "traits": attack | {"company": {"id": "acme", "remove": 1}},
        },
        {
            "type": "group",
            "userId": "ana",
            "groupId": "acme",
            "messageId": "g",
            "traits": {"name": "Owned", "churned": True},
        },
        {"type": "track", "userId": "ana", "event": "Opened", "messageId": "t", "properties": {"company_id": "rival"}},
    ]
    body, key = json.dumps({"batch": events}).encode(), basic("page-key", "")
    assert http("POST", f"{penstock.url}/v1/batch", body, key | {"Origin": "https://evil.test"})[0] == 403
    assert http("POST", f"{penstock.url}/v1/batch", body, key | {"Origin": "https://app.example.com"})[0] == 200

    assert penstock.until_settled()["outcomes"]["filtered"] == 1
    ana = sandbox.person("ana")
    assert (ana["email"], ana.get("unsubscribed_from_emails")) == ("ana@example.com", None)
    assert ana["custom_attributes"] == {"plan": "pro", "theme": "dark"}
    assert ana["companies"] == [sandbox.company("acme")["id"]]
    assert (sandbox.company("acme")["name"], sandbox.company("acme").get("churned")) == ("Acme", None)
    assert [event["name"] for event in sandbox.events()] == ["Opened"]
    told = penstock_command("explain", "i2", "--config", penstock.config, env=penstock.env).stdout.decode()
    assert "email of /people is not taken from this source: its trust is `traits`" in told
    assert "eve@evil.test" not in "".join(str(call) for call in sandbox.requests())


def test_a_plan_says_what_another_trust_would_change(penstock, tmp_path):
    file = tmp_path / "crm.toml"
    shop = '[sources.shop]\ntype = "web"\nwrite_key = "shop-key"\n'
    crm = '[destinations.crm]\ntype = "custify"\napi_key = "k"\nbase_url = "http://127.0.0.1:9"\n'
    connection = '[[connections]]\nfrom = "shop"\nto = "crm"\n'
    file.write_text(shop + crm + connection)
    assert penstock_command("apply", file, "--config", penstock.config, env=penstock.env).returncode == 0
    identify = json.dumps({"userId": "ana", "messageId": "i", "traits": {"plan": "pro"}}).encode()
    until(lambda: http("POST", f"{penstock.url}/v1/identify", identify, basic("shop-key", ""))[0] == 200)
    file.write_text(f'{shop}trust = "events"\n{crm}{connection}')

    planned = penstock_command("plan", file, "--config", penstock.config, env=penstock.env).stdout.decode()

    assert 'sources.shop.trust = "events"' in planned
    assert "crm: 1 of the newest 1 events would become other calls" in planned
    assert "not sent: its source may not write what this event says" in planned


def test_the_settings_are_checked_and_a_page_for_everybody_is_warned_about(tmp_path):
    config = tmp_path / "penstock.toml"
    config.write_text('[sources.web]\ntype = "web"\nwrite_key = "k"\n[sources.server]\nwrite_key = "s"\n')

    done = penstock_command("validate", "--config", config)

    assert done.returncode == 0
    assert b"note: source web: every page may send with its key" in done.stderr
    assert b"source server: every" not in done.stderr
