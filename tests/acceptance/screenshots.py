"""Writes a picture of every page, light, dark and 360 px wide: make screenshots. For people's eyes, not for tests."""

import asyncio
import contextlib
import shutil
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from acceptance.conftest import API_KEY, KEYS, PASSWORD, Penstock, Sandbox, basic, http, sign_in_link, until
from acceptance.test_sdks import CHROMIUM_ARGUMENTS

PATHS = {
    "overview": "/", "overview_month": "/?range=30d&split=source", "overview_outcomes": "/?split=outcome", "live": "/live", "problems": "/problems", "mapping": "/mapping/custify?preview=1&nested=flatten&page_views=on",
    "problem": "/problems/custify/custify.refused.422",
    "event": "/events/custify/m2", "dead": "/events/custify/m0", "people": "/people?person=u2&field=plan", "sources": "/sources",
    "source": "/sources/web", "source_new": "/sources/new", "destinations": "/destinations", "destination": "/destinations/custify",
    "destination_pick": "/destinations/new", "destination_name": "/destinations/new/custify",
    "destination_new": "/destinations/new/custify?name=Custify%20US", "webhook_new": "/destinations/new/webhook?name=mirror", "replays": "/replays",
    "activity": "/activity", "users": "/users", "tokens": "/tokens", "links": "/links", "rerun": "/events/custify/m2?rerun=1",
    "problems_all": "/problems/custify?person=u1", "account": "/people?company=acme", "people_all": "/people",
    "ledger": "/ledger/custify", "ledger_record": "/ledger/custify?person=u2",
    "alerts": "/alerts", "alert_channel": "/alerts/new/email", "alert_service": "/alerts/new/service",
    "help": "/help", "help_settings": "/help/settings", "password": "/password", "user": "/users/admin", "looks": "/activity/look", "refusals": "/activity/refusal",
}  # fmt: skip
#: Pages of what `set_up_here` sets up.
OURS = {"source_ours": "/sources/web%20shop", "destination_ours": "/destinations/Custify%20EU"}
#: Who is told: nobody listens there, so the page shows what waits.
ALERTS = (
    '[alerts.ops]\ntype = "email"\nto = ["ops@example.com", "cs@example.com"]\nsender = "penstock@example.com"\n'
    'server = "127.0.0.1:9"\nsecurity = "none"\nquiet_hours = "22:00-22:01"\n'
    '[alerts.pager]\ntype = "webhook"\nurl = "http://127.0.0.1:9/hook"\nsecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"\n'
    'rules = ["destination", "role"]\n'
)
LOOKS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    "narrow": {"color_scheme": "light", "viewport": {"width": 360, "height": 740}},
}


def traffic(penstock, sandbox) -> None:
    """Let some events arrive, some be refused, one be unmappable, one filtered."""
    sandbox.faults(status=422, times=2)
    for i in range(2):
        penstock.send(
            {"type": "identify", "userId": f"u{i}", "messageId": f"m{i}", "traits": {"email": f"u{i}@example.com"}}
        )
    penstock.until_settled()
    traits = {
        "name": "Ana Lima",
        "email": "ana@example.com",
        "plan": "pro",
        "tags": ["a", "b"],
        "company": {"id": "acme"},
    }
    penstock.send({"type": "identify", "userId": "u2", "messageId": "m2", "traits": traits})
    penstock.send(
        {"type": "group", "userId": "u2", "groupId": "acme", "messageId": "m3", "traits": {"name": "Acme", "mrr": 900}}
    )
    penstock.send(
        {"type": "track", "userId": "u2", "event": "Plan Changed", "messageId": "m4", "properties": {"seats": 5}}
    )
    penstock.send({"type": "page", "userId": "u2", "messageId": "m5", "name": "Pricing"})
    penstock.send({"type": "identify", "anonymousId": "visitor", "messageId": "m6"})
    http("POST", f"{penstock.url}/v1/track", b"{}", basic("a-wrong-key", ""))
    http("POST", f"{penstock.url}/v1/track", b"{", penstock.auth())
    penstock.until_settled()


async def set_up_here(page, admin_url: str, sandbox_url: str) -> None:
    """Set up a source and a destination in the dashboard, and do what leaves a trace."""
    await page.goto(f"{admin_url}/sources/new")
    await page.fill("#name", "web shop")
    await page.click("button:has-text('Add source')")
    await page.click("text=Rotate the key")
    await page.goto(f"{admin_url}/destinations/new/custify")
    await page.fill("#name", "Custify EU")
    await page.click("text=Continue")
    await page.fill("#api_key", API_KEY)
    await page.select_option("#region", "other")
    await page.fill("#base_url", sandbox_url)
    for name in KEYS:
        await page.uncheck(f"input[name='source:{name}']")
    await page.click("button:has-text('Add destination')")
    await page.click("main >> button:has-text('Pause')")
    await page.goto(f"{admin_url}/people?destination=custify&person=u2")
    await page.click("text=Make a link")
    await page.goto(f"{admin_url}/users")
    await page.fill("#name", "cleo")
    await page.select_option("#role", "cs")
    await page.click("text=Make a one-time link")


def weeks_of_it(data_dir: Path) -> None:
    """Draw weeks of traffic into the charts, for nobody wants to wait for them."""
    now = int(time.time() // 60)
    rows = [("custify", now - n, "delivered", 40 + (n * 37) % 53 + (90 if 20 < n < 28 else 0)) for n in range(2, 60)]
    rows += [("custify", now - n, "dead", (n * 7) % 19) for n in range(20, 28)]
    days = [(day * 24 + hour, 200 + (hour * 37 + day * 11) % 260) for day in range(3, 40) for hour in range(24)]
    hours = [("custify", now // 60 - ago, ("web", "server")[ago % 2], "delivered", count) for ago, count in days]
    with contextlib.closing(sqlite3.connect(data_dir / "delivery.db", timeout=10, isolation_level=None)) as delivery:
        delivery.executemany(
            "INSERT INTO minute (destination, minute, source, outcome, count) VALUES (?, ?, 'web', ?, ?)", rows
        )
        delivery.executemany("INSERT INTO hour VALUES (?, ?, ?, ?, ?)", hours)


async def shoot(penstock, folder: Path) -> list[str]:
    from playwright.async_api import async_playwright

    complaints, link = [], sign_in_link(penstock)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_ARGUMENTS)
        for look, options in LOOKS.items():
            context = await browser.new_context(**options)
            page = await context.new_page()
            await page.goto(link if look == "light" else f"{penstock.admin_url}/signin")
            if look != "light":
                await page.fill("#name", "admin")
            await page.fill("#password", PASSWORD)
            await page.screenshot(path=folder / f"signin-{look}.png", full_page=True)
            await page.click("main button")
            if look == "light":
                await set_up_here(page, penstock.admin_url, penstock.sandbox.url)
            for name, path in {**PATHS, **OURS}.items():
                await page.goto(penstock.admin_url + path)
                await page.screenshot(path=folder / f"{name}-{look}.png", full_page=True)
                if await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
                    complaints.append(f"{name} is wider than the window ({look})")
            await context.close()
        await browser.close()
    return complaints


def main(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        sandbox = Sandbox(Path(home))
        top = "alert_after_s = 0\nalert_bad_events = 1\n"
        penstock = Penstock(Path(home), sandbox, api_key=API_KEY, top=top, source=ALERTS)
        try:
            traffic(penstock, sandbox)
            weeks_of_it(Path(home) / "data")
            until(penstock.status)
            complaints = asyncio.run(shoot(penstock, folder))
        finally:
            penstock.end()
            sandbox.end()
    print(*complaints, f"{len(list(folder.glob('*.png')))} pictures in {folder}", sep="\n")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
