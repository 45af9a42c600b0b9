# ruff: noqa: F811 - fixtures of another module have the names of arguments
"""Two people at their work, in a browser: CS asks why an account is quiet; an operator mends what went wrong. Clicks are counted."""

import json

import pytest

from acceptance.conftest import PASSWORD, http, until
from acceptance.test_dashboard import browser, page  # noqa: F401 - fixtures

pytestmark = [pytest.mark.xdist_group("dashboard"), pytest.mark.asyncio(loop_scope="module")]


@pytest.fixture(scope="module")
def shared(share):
    return share(password=PASSWORD)


class Walk:
    """Somebody on their way: every click is one."""

    def __init__(self, page) -> None:
        self.page, self.clicks = page, 0

    async def click(self, what: str) -> None:
        self.clicks += 1
        await self.page.click(what)


async def signed_in(page, penstock, name: str, role: str) -> Walk:
    """Return the walk of a user who was invited, and has chosen a password."""
    headers = penstock.admin_auth() | {"Content-Type": "application/json"}
    body = json.dumps({"name": name, "role": role}).encode()
    _, _, answer = http("POST", f"{penstock.admin_url}/api/v1/users", body, headers)
    await page.goto(penstock.admin_url + json.loads(answer)["link"])
    await page.fill("#password", PASSWORD)
    await page.click("text=Set password")
    return Walk(page)


def refuse(penstock, *events: dict) -> None:
    """Let Custify refuse these."""
    penstock.sandbox.faults(status=422, times=len(events))
    penstock.send(*events)
    until(lambda: penstock.counts()["waiting"] == 0)
    penstock.sandbox.faults()


async def test_cs_finds_out_why_an_account_is_quiet_shares_it_and_has_its_events_sent_again(shared, sandbox, page):
    member = {"userId": "ana", "groupId": "gull-42"}
    shared.send(
        {"type": "identify", "userId": "ana", "messageId": "w1", "traits": {"email": "ana@gull.example"}},
        {"type": "group", "messageId": "w2", **member, "traits": {"name": "Grey Gull Ltd"}},
    )
    shared.until_settled()
    refuse(shared, {"type": "group", "messageId": "w3", **member, "traits": {"plan": "gold"}})
    walk = await signed_in(page, shared, "carla", "cs")

    await walk.click("nav >> text=Accounts")
    await page.fill("#q", "gull l")
    await walk.click("button:has-text('Show')")
    await walk.click("#directory a:has-text('Grey Gull Ltd')")
    assert "Not everything got through" in await page.inner_text("main")
    await walk.click("text=Make a link")
    assert "/shared/" in await page.inner_text("#link")
    await page.go_back()
    await walk.click("text=See them, and send them again")
    assert "422" in await page.inner_text("main")
    await walk.click("button:has-text('Send 1 events again')")

    shared.until_settled()
    until(lambda: "gold" in json.dumps(sandbox.company("gull-42")))
    assert walk.clicks == 6
    assert page.complaints == []


async def test_an_operator_sees_a_problem_takes_it_on_mends_it_and_it_is_gone(shared, sandbox, page):
    refuse(shared, {"type": "identify", "userId": "bo", "messageId": "w4", "traits": {"plan": "silver"}})
    walk = await signed_in(page, shared, "olga", "operator")
    assert "Open problems" in await page.inner_text("main")

    await walk.click("#overview >> text=custify.refused.422")
    await walk.click("button:has-text('Assign')")
    assert "olga" in await page.inner_text("main section.card >> nth=0")
    await walk.click("button:has-text('Send 1 events again')")
    shared.until_settled()
    until(lambda: sandbox.person("bo"))

    await walk.click("nav >> text=Problems")
    assert "Nothing needs you" in await page.inner_text("main")
    await walk.click("nav >> text=Overview")
    assert await page.locator(".verdict .good").count() == 1
    assert walk.clicks == 5
    assert page.complaints == []
