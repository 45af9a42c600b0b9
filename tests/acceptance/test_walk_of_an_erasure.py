# ruff: noqa: F811 - fixtures of another module have the names of arguments
"""A person asks to be erased: one administrator asks, another agrees, and what came of it is printed, and checked by anybody."""

import json

import pytest
from click.testing import CliRunner

from acceptance.conftest import PASSWORD, until
from acceptance.test_dashboard import browser, page, sign_in  # noqa: F401 - fixtures
from acceptance.test_walks import signed_in
from penstock.cli import penstock

pytestmark = [pytest.mark.xdist_group("dashboard"), pytest.mark.asyncio(loop_scope="module")]

NEEDS_TWO = "erasure_needs_approval = true\n"
NAMES = ("rosa", "Rosa Lund", "+4670123456")


@pytest.fixture(scope="module")
def shared(share):
    return share(password=PASSWORD, top=NEEDS_TWO)


async def download(page, text: str) -> bytes:
    async with page.expect_download() as started:
        await page.click(f"text={text}")
    path = await (await started.value).path()
    return path.read_bytes()


async def test_an_erasure_is_asked_for_agreed_to_done_printed_and_checked(shared, sandbox, page, tmp_path):
    traits = {"email": "rosa@example.com", "name": "Rosa Lund", "phone": "+4670123456"}
    shared.send({"type": "identify", "userId": "rosa", "anonymousId": "rosas-phone", "traits": traits})
    shared.send({"type": "track", "userId": "rosa", "event": "Opened"}, {"type": "identify", "userId": "olof"})
    until(lambda: sandbox.person("rosa") and sandbox.person("olof"))
    shared.until_settled()

    await sign_in(page, shared)
    other = await (await page.context.browser.new_context()).new_page()
    second = (await signed_in(other, shared, "second", "admin")).page
    await page.goto(f"{shared.admin_url}/people?destination=custify&person=rosa")
    await page.click("text=Erase, suppress or export")
    await page.click("text=Show what would be erased")
    shown = await page.inner_text("main")
    assert "events.db: 2 events" in shown
    assert "email:rosa@example.com" in shown, "by what their own events said of them"
    await page.click("text=Ask for approval")
    assert "proposed" in await page.inner_text("main")
    assert await page.locator("button:has-text('Agree')").count() == 0, "nobody agrees to what they asked for"
    assert sandbox.person("rosa"), "nothing goes before"

    await second.goto(f"{shared.admin_url}/privacy")
    await second.click("tbody a")
    await second.click("button:has-text('Agree')")
    while "Receipt of an erasure" not in await second.inner_text("main"):
        await second.reload()
    assert sandbox.person("rosa") is None
    assert sandbox.person("olof")

    printed = await second.pdf(prefer_css_page_size=True)
    # One sheet; with the wider letters of another machine's fonts it may be two.
    assert printed.count(b"/Type /Page\n") in {1, 2}
    await second.emulate_media(media="print")
    sheet = await second.inner_text("body")
    assert "asked by admin" in sheet.lower().replace("utc by", "asked by")
    assert "penstock verify receipt-000001.json" in sheet
    for of_the_screen in (
        "Sign out",
        "Overview",
        "Download the receipt",
        "Let their events in again",
        "Skip to the content",
    ):
        assert of_the_screen not in sheet
    assert not [name for name in NAMES if name.lower() in sheet.lower()]

    await second.emulate_media(media="screen")
    receipt = tmp_path / "receipt.json"
    receipt.write_bytes(await download(second, "Download the receipt"))
    arguments = ["verify", str(receipt), "--config", str(shared.config)]
    env = {"PENSTOCK_DATA_DIR": str(shared.folder / "data")}
    assert CliRunner().invoke(penstock, arguments, env=env).exit_code == 0
    document = json.loads(receipt.read_bytes())
    document["receipt"]["removed"]["events"] = 1
    receipt.write_text(json.dumps(document))
    assert CliRunner().invoke(penstock, arguments, env=env).exit_code == 1
