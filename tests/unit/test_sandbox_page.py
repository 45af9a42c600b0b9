"""The page shows what a customer success manager would see, whatever was sent."""

import re

from penstock.sandbox.rules import READINGS
from sandbox_client import Sandbox

NASTY = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}"


async def test_an_empty_sandbox_says_how_to_begin():
    got = await Sandbox().get("/", key="")

    assert got.status == 200
    assert "No person yet" in got.body.decode()


async def test_people_companies_events_and_dropped_events_are_shown():
    sandbox = Sandbox()
    await sandbox.post("/company", {"company_id": "acme", "name": "Acme Ltd", "churned": True})
    await sandbox.post("/people", {"user_id": "u1", "name": "Alex Keener", "companies": [{"company_id": "acme"}]})
    await sandbox.post("/event", {"user_id": "u1", "name": "Order Completed", "metadata": {"value": 0, "none": None}})
    await sandbox.post("/event", {"company_id": "acme", "name": "Invoice paid", "metadata": None})
    await sandbox.post("/event", {"user_id": "nobody", "name": "Lost"})

    text = re.sub("<[^>]+>", " ", (await sandbox.get("/")).body.decode())

    for shown in ("Alex Keener", "Acme Ltd", "churned", "Order Completed", "Lost", "unknown person", "POST /event"):
        assert shown in text
    assert re.search(r"value\s+0\s+number", text)


async def test_a_deleted_company_leaves_no_gap_in_the_page():
    sandbox = Sandbox()
    await sandbox.post("/company", {"company_id": "acme"})
    await sandbox.post("/people", {"user_id": "u1", "companies": [{"company_id": "acme"}]})
    await sandbox.post("/event", {"user_id": "u1", "name": "Order Completed"})
    await sandbox.delete("/company?company_id=acme")

    assert "Order Completed" in (await sandbox.get("/")).body.decode()


async def test_hostile_payloads_are_shown_as_text():
    sandbox = Sandbox()
    nasty = {"custom_attributes": {NASTY: NASTY}, "name": NASTY}
    await sandbox.post("/company", {"company_id": NASTY, "plan": NASTY, "industry": NASTY, **nasty})
    links = [{"company_id": NASTY}]
    await sandbox.post("/people", {"user_id": NASTY, "email": NASTY, NASTY: 1, "companies": links, **nasty})
    await sandbox.post(
        "/event", {"user_id": NASTY, "name": NASTY, "metadata": {NASTY: NASTY}, "deduplication_id": NASTY}
    )
    await sandbox.post("/event", {"user_id": NASTY * 2, "email": NASTY, "company_id": NASTY, "name": NASTY})
    await sandbox.post("/event", NASTY.encode())
    await sandbox.call("GET", f"/{NASTY}".replace("?", ""))
    await sandbox.get("/people?user_id=%3Cscript%3E&%3Cscript%3E=1")

    got = await sandbox.get("/")
    page = got.body.decode()

    assert "<script" not in page
    assert "<img" not in page
    assert "{{ 7*7 }}" in page
    assert page.count("&lt;script&gt;") > 10


async def test_no_script_may_run_on_the_page():
    got = await Sandbox().get("/")

    policy = got.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "script-src" not in policy
    assert got.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"<style|\sstyle=|<script|\son\w+=", got.body.decode())


async def test_the_page_brings_its_style_for_light_and_dark():
    sandbox = Sandbox()
    (href,) = re.findall(r'rel="stylesheet" href="([^"]+)"', (await sandbox.get("/")).body.decode())

    got = await sandbox.get(href, key="")

    assert got.headers["content-type"].startswith("text/css")
    assert b"color-scheme: light dark" in got.body


async def test_faults_that_are_on_are_shown():
    sandbox = Sandbox()
    await sandbox.post("/_sandbox/faults", {"status": 503, "times": 5})

    page = (await sandbox.get("/")).body.decode()

    assert "Faults are on" in page
    assert "status = 503" in page


async def test_every_reading_of_the_manual_is_shown_with_its_evidence():
    page = (await Sandbox().get("/")).body.decode()

    assert page.count('<li><span class="tag">') == len(READINGS)


async def test_a_page_of_many_shows_the_newest():
    sandbox = Sandbox()
    for number in range(60):
        sandbox.now += 1
        await sandbox.post("/people", {"user_id": f"user-{number:02}"})

    page = (await sandbox.get("/")).body.decode()

    assert "The newest 50 of 60." in page
    assert "<code>user-59</code>" in page
    assert "<code>user-09</code>" not in page
