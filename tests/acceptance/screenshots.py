"""Writes a picture of every page, light, dark and 360 px wide: make screenshots. For people's eyes, not for tests."""

import asyncio
import contextlib
import shutil
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from acceptance.conftest import API_KEY, PASSWORD, Penstock, Sandbox, sign_in_link, until
from acceptance.every_page import ALERTS, PATHS, set_up_here, traffic
from acceptance.test_sdks import CHROMIUM_ARGUMENTS

LOOKS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    "narrow": {"color_scheme": "light", "viewport": {"width": 360, "height": 740}},
}


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
                ours = await set_up_here(page, penstock.admin_url, penstock.sandbox.url)
            for name, path in {**PATHS, **ours}.items():
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
