"""The flow of the seed page, in a browser: sign in, add a source, pick Custify, watch events, mend a key."""

import datetime as dt
import importlib.util
import json
import re
import shutil

import pytest
import pytest_asyncio

from acceptance.conftest import API_KEY, NODE, PASSWORD, Penstock, http, missing, sign_in_link, until
from acceptance.every_page import ALERTS, PATHS, set_up_here, traffic
from acceptance.screenshots import LOOKS
from acceptance.test_sdks import CHROMIUM_ARGUMENTS, RUDDER_BUNDLES, RUDDER_PAGE

AXE = NODE / "node_modules" / "axe-core" / "axe.min.js"
AXE_RUN = "axe.run(%s).then(r => JSON.stringify(r.violations.map(v => [v.id, v.nodes[0].html])))"
# One browser for all of them.
pytestmark = [pytest.mark.xdist_group("dashboard"), pytest.mark.asyncio(loop_scope="module")]


class Unset(Penstock):
    """A Penstock without sources and destinations: everything is set up in the dashboard."""

    def write_settings(self, **_: str) -> None:
        self.config.write_text("")

    def counts(self) -> dict:
        counts = until(self.status)["destinations"]["Custify EU"]
        assert counts["received"] == counts["waiting"] + sum(counts["outcomes"].values()), counts
        return counts


@pytest.fixture
def unset(tmp_path, sandbox):
    running = Unset(tmp_path, sandbox)
    yield running
    running.end()
    print(running.log.read_text()[-4000:])


@pytest.fixture(scope="module")
def busy(share):
    """Return a Penstock with some traffic behind it, of which tests show pages."""
    penstock = share(password=PASSWORD, source=ALERTS)
    traffic(penstock, penstock.sandbox)
    return penstock


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser():
    missing("chromium", shutil.which("chromium"), "make setup-browser")
    missing("playwright", importlib.util.find_spec("playwright"), "make setup")
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser):
    """Return a page of somebody who was never here before."""
    context = await browser.new_context()
    page = await context.new_page()
    page.set_default_timeout(15_000)
    page.complaints = []
    page.on("console", lambda message: page.complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    yield page
    await context.close()


async def sign_in(page, penstock) -> None:
    """Sign in as the administrator: with the password of the file, or the first time, with the link of the log."""
    if penstock.password:
        await page.goto(f"{penstock.admin_url}/signin")
        await page.fill("#name", "admin")
        await page.fill("#password", penstock.password)
        await page.click("main button")
        return
    await page.goto(sign_in_link(penstock))
    await page.fill("#password", PASSWORD)
    await page.click("text=Set password")


async def add_source_and_destination(page, penstock, sandbox, *, api_key: str) -> str:
    """Walk the page's way; return the write key."""
    await page.click("nav >> text=Sources")
    await page.click("text=Add a source")
    await page.fill("#name", "web shop")
    await page.select_option("#type", "web")
    await page.click("button:has-text('Add source')")
    key = await page.inner_text("#key")
    assert key in await page.inner_text("#snippet-1")
    await page.click("nav >> text=Destinations")
    await page.click("text=Add a destination")
    await page.click("text=Select Custify")
    await page.fill("#name", "Custify EU")
    await page.click("text=Continue")
    await page.fill("#api_key", api_key)
    await page.select_option("#region", "other")
    await page.fill("#base_url", sandbox.url)
    await page.click("button:has-text('Add destination')")
    return key


async def change_key(page, api_key: str) -> None:
    await page.goto(re.sub(r"(/destinations/[^/?]+).*", r"\1", page.url))
    await page.fill("#api_key", api_key)
    await page.click("button:has-text('Save') >> nth=1")


def send(penstock, key: str, *events: dict) -> int:
    import base64

    headers = {"Authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()}
    return http("POST", f"{penstock.url}/v1/batch", json.dumps({"batch": events}).encode(), headers)[0]


async def test_the_flow_of_the_page_from_the_first_sign_in_to_a_mended_key(unset, sandbox, page, site):
    await sign_in(page, unset)
    assert "Nothing is set up yet" in await page.inner_text("main")

    key = await add_source_and_destination(page, unset, sandbox, api_key="a-wrong-key")
    await page.click("text=Test connection")
    assert "The key was refused (401)" in await page.inner_text("#tested")
    await change_key(page, API_KEY)
    await page.click("text=Test connection")
    assert "took the key" in await page.inner_text("#tested")

    until(lambda: send(unset, key, {"type": "identify", "userId": "first"}) == 200, what="the key was not taken")
    missing("the JavaScript SDK", RUDDER_BUNDLES["rj"].exists(), "make setup-browser")
    shop = await page.context.browser.new_page()
    await shop.goto(site(RUDDER_PAGE.replace("web-key", key) % {"url": unset.url}, rsa=RUDDER_BUNDLES["rj"]))
    await page.click("nav >> text=Live")
    await page.locator("#events td", has_text="rj-1").first.wait_for()
    await page.locator("#events tr[data-href]", has_text="rj-1").locator("text=identify").first.click()
    explained = await page.inner_text("main")
    assert "POST /people" in explained
    assert "traits.country" in explained
    until(lambda: sandbox.person("rj-1"))
    await page.goto(f"{unset.admin_url}/people?person=rj-1")
    await page.locator("td >> text=delivered").first.wait_for()
    unset.until_settled()

    await page.goto(f"{unset.admin_url}/destinations/Custify%20EU")
    changed = unset.log.read_text().count("destination_changed")
    await change_key(page, "another-wrong-key")
    until(lambda: unset.log.read_text().count("destination_changed") > changed)
    send(unset, key, *({"type": "track", "userId": "rj-1", "event": "Paid", "messageId": f"t{i}"} for i in range(3)))
    until(lambda: unset.status()["destinations"]["Custify EU"]["state"] == "held")
    await page.goto(f"{unset.admin_url}/")
    assert "Custify EU is held: 3 events wait, none is lost." in await page.inner_text("main")
    await page.goto(f"{unset.admin_url}/destinations/Custify%20EU")
    await change_key(page, API_KEY)
    until(lambda: len(sandbox.events("Paid")) == 3)

    assert API_KEY not in await page.content()
    assert API_KEY.encode() not in b"".join(p.read_bytes() for p in (unset.folder / "data").glob("control.db*"))
    assert page.complaints == []


async def test_from_the_first_sign_in_to_the_first_event_in_the_sandbox_takes_nine_clicks(unset, sandbox, page):
    clicks = 0

    async def click(what: str) -> None:
        nonlocal clicks
        clicks += 1
        await page.click(what)

    await page.goto(sign_in_link(unset))
    await page.fill("#password", PASSWORD)
    await click("text=Set password")
    await click("#first-steps >> a:has-text('Add a source')")
    await page.fill("#name", "web shop")
    await click("button:has-text('Add source')")
    await click("main >> text=Add a destination")
    await click("text=Select Custify")
    assert await page.locator("main form [name]").count() == 1, "fields before Continue"
    await page.fill("#name", "Custify EU")
    await click("text=Continue")
    await page.select_option("#region", "other")
    await page.fill("#base_url", sandbox.url)
    await page.fill("#api_key", "a-wrong-key")
    await page.click("button:has-text('Test')")
    await page.locator("#tested", has_text="The key was refused (401)").wait_for()
    assert await page.input_value("#api_key") == "a-wrong-key", "what was typed stays"
    await page.fill("#api_key", API_KEY)
    await click("button:has-text('Test')")
    await page.locator("#tested", has_text="took the key").wait_for()
    await click("button:has-text('Add destination')")
    assert "Waiting for the first event" in await page.inner_text("#steps")
    until(lambda: "Custify EU" in unset.status()["destinations"])
    await click("button:has-text('Send a test event')")
    # Nobody reloads: the page waits for the event, and shows it.
    await page.locator("#first-event", has_text="delivered").wait_for()
    assert sandbox.person("penstock-test")
    assert clicks == 9
    # The browser says of the refused test what it was answered; nothing else went wrong.
    assert [each for each in page.complaints if "422" not in each] == []


async def test_removing_a_destination_asks_what_becomes_of_what_waits(unset, sandbox, page):
    await sign_in(page, unset)
    key = await add_source_and_destination(page, unset, sandbox, api_key="a-wrong-key")
    event = {"type": "identify", "userId": "ana", "messageId": "m1"}
    until(lambda: send(unset, key, event) == 200)
    until(lambda: (s := unset.status()["destinations"]["Custify EU"])["state"] == "held" and s["waiting"] == 1)
    await page.reload()
    assert "1 events wait" in await page.inner_text("main")
    await page.click("text=Rename or remove")
    await page.check("input[value=discard]")
    await page.click("text=Remove this destination")
    until(lambda: "destination_left" in unset.log.read_text())

    await page.goto(f"{unset.admin_url}/destinations/new/custify")
    await page.fill("#name", "Custify EU")
    await page.click("text=Continue")
    await page.fill("#api_key", API_KEY)
    await page.select_option("#region", "other")
    await page.fill("#base_url", sandbox.url)
    await page.click("button:has-text('Add destination')")
    assert until(lambda: unset.counts()["outcomes"]["dead"]) == 1
    assert sandbox.person("ana") is None
    await page.goto(f"{unset.admin_url}/problems/Custify%20EU/destination.discarded")
    await page.click("text=Send 1 events again")
    until(lambda: sandbox.person("ana"))


async def test_what_a_stranger_sends_is_shown_and_never_run(unset, sandbox, page):
    await sign_in(page, unset)
    key = await add_source_and_destination(page, unset, sandbox, api_key=API_KEY)
    evil = '<img src=x onerror="document.title=1">"\'{{7*7}}</script><script>document.title=1</script>'
    event = {
        "type": "track", "userId": evil, "anonymousId": evil, "event": evil, "messageId": f"evil/{evil}", "groupId": evil,
        "properties": {evil: evil, "company_id": evil}, "context": {"traits": {evil: evil, "email": evil}},
    }  # fmt: skip
    identify = event | {"type": "identify", "messageId": "i"}
    until(lambda: send(unset, key, identify, event, event | {"type": evil, "messageId": evil}) == 200)
    unset.until_settled()
    for path in ("/", "/live", "/problems", f"/people?person={evil}", "/sources", "/activity"):
        await page.goto(f"{unset.admin_url}{path}")
        assert await page.title() != "1"
        assert await page.locator("main img").count() == 0
        assert "49" not in await page.inner_text("h1")
    await page.goto(f"{unset.admin_url}/live")
    await page.click("#events tr[data-href] a[href^='/events/'] >> nth=0")
    assert evil[:20] in await page.inner_text("main")
    assert await page.locator("main img").count() == 0


async def test_the_first_mistake_is_visible_and_a_test_event_shows_the_way(unset, sandbox, page):
    await sign_in(page, unset)
    await add_source_and_destination(page, unset, sandbox, api_key=API_KEY)
    await page.click("nav >> text=Live")
    assert "curl -u" in await page.inner_text("#first")

    send(unset, "a-key-of-nobody", {"type": "identify", "userId": "ana"})
    await page.locator("#events", has_text="invalid write key").wait_for()
    assert "a-ke…" in await page.inner_text("#events")
    assert "a-key-of-nobody" not in await page.content()

    await page.click("text=Send a test event")
    await page.locator("#events tr[data-href]", has_text="penstock-test").wait_for()
    until(lambda: sandbox.person("penstock-test"))
    # Nobody reloads: the page is told when the event has ended, also when that was before it began to listen.
    await page.locator("#events tr[data-href]", has_text="delivered").wait_for()
    assert page.complaints == []


async def test_the_keyboard_is_enough_and_a_paused_page_stands_still(start, sandbox, page):
    penstock = start()
    penstock.send(*({"type": "identify", "userId": f"u{n}", "messageId": f"m{n}"} for n in range(3)))
    penstock.until_settled()
    await sign_in(page, penstock)
    await page.goto(f"{penstock.admin_url}/live")
    await page.keyboard.press("?")
    assert await page.locator("#keys").is_visible()
    await page.keyboard.press("Escape")
    # The browser closes a dialog in its own time; a key pressed before that is the dialog's.
    await page.locator("#keys").wait_for(state="hidden")
    await page.keyboard.press("/")
    await page.locator("#person:focus").wait_for()
    await page.evaluate("document.activeElement.blur()")

    await page.click("text=Pause updates")
    penstock.send({"type": "identify", "userId": "later", "messageId": "later"})
    penstock.until_settled()
    assert await page.locator("#events tr[data-href]", has_text="later").count() == 0
    await page.click("text=Go on")
    await page.locator("#events tr[data-href]", has_text="later").wait_for()

    for key in ("j", "j", "k", "j"):
        await page.keyboard.press(key)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/events/custify/m2")
    await page.keyboard.press("/")
    await page.wait_for_url("**/live#person")
    await page.locator("#person:focus").wait_for()
    assert penstock.stop() == 0, "an open page must not hold the server up"


async def test_every_page_is_useful_without_javascript(busy, browser):
    context = await browser.new_context(java_script_enabled=False)
    plain = await context.new_page()
    await sign_in(plain, busy)
    for path in PATHS.values():
        answer = await plain.goto(busy.admin_url + path)
        assert answer.status == 200, path
        assert await plain.locator("h1").count() == 1, path
    await plain.goto(f"{busy.admin_url}/live?destination=custify&person=u2")
    await plain.click("#events tr[data-href] a[href^='/events/'] >> nth=0")
    assert await plain.locator("svg.diagram path").count() > 0
    await context.close()


async def test_times_are_the_viewers_own_with_utc_under_the_pointer(busy, browser):
    context = await browser.new_context(timezone_id="Asia/Kolkata")
    page = await context.new_page()
    await sign_in(page, busy)
    for path, at, form in (
        ("/events/custify/m2", "main time", "%Y-%m-%d %H:%M:%S"),
        ("/live", "#events tr[data-href] time", "%H:%M:%S"),
    ):
        await page.goto(busy.admin_url + path)
        time = page.locator(f"{at} >> nth=0")
        in_utc = dt.datetime.fromisoformat(await time.get_attribute("datetime"))
        shown = (in_utc + dt.timedelta(hours=5, minutes=30)).strftime(form)
        assert shown in await time.inner_text()
        assert await time.get_attribute("title") == f"{in_utc:%Y-%m-%d %H:%M:%S} UTC"
    assert (await time.inner_text()).endswith(" ago")
    await context.close()


async def test_a_link_for_cs_opens_without_signing_in(busy, page):
    await sign_in(page, busy)
    await page.goto(f"{busy.admin_url}/people?destination=custify&person=u2")
    await page.click("text=Make a link")
    link = await page.inner_text("#link")

    stranger = await (await page.context.browser.new_context()).new_page()
    await stranger.goto(link)
    assert "Last taken" in await stranger.inner_text("main")
    assert "ana@example.com" not in await stranger.content()


async def test_axe_finds_nothing_on_any_page_light_dark_or_narrow(busy, page):
    missing("axe-core", AXE.exists(), "make setup-browser")
    found = []
    await page.goto(f"{busy.admin_url}/signin")
    found += await violations_of_page(page, "signin")
    await sign_in(page, busy)
    ours = await set_up_here(page, busy.admin_url, busy.sandbox.url)
    for name, path in [*PATHS.items(), *ours.items()]:
        await page.goto(busy.admin_url + path)
        found += await violations_of_page(page, name)

    assert found == []


async def violations_of_page(page, name: str) -> list[tuple[str, ...]]:
    """Run axe on a page in all its looks, in a world of its own that the page's policy does not bind."""
    session = await page.context.new_cdp_session(page)
    frame = (await session.send("Page.getFrameTree"))["frameTree"]["frame"]["id"]
    world = await session.send("Page.createIsolatedWorld", {"frameId": frame, "worldName": "axe"})
    await session.send("Runtime.evaluate", {"expression": AXE.read_text(), "contextId": world["executionContextId"]})
    found = []
    for look, wanted in LOOKS.items():
        await page.emulate_media(color_scheme=wanted["color_scheme"])
        await page.set_viewport_size(wanted["viewport"])
        # In the dark the same page has other colours, and nothing else.
        only = {"runOnly": ["color-contrast"]} if look == "dark" else {}
        run = AXE_RUN % json.dumps({"resultTypes": ["violations"], "preload": False} | only)
        evaluate = {"expression": run, "contextId": world["executionContextId"], "awaitPromise": True}
        done = await session.send("Runtime.evaluate", evaluate | {"returnByValue": True})
        found += [(name, look, *violation) for violation in json.loads(done["result"]["value"])]
        is_wide = await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        assert not is_wide, f"{name} is wider than the window ({look})"
    await session.detach()
    return found
