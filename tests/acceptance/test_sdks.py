"""Unmodified SDKs, set up as their users would, pointed at Penstock: what they send arrives with the right fields."""

import asyncio
import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
import urllib.parse
from pathlib import Path

import pytest

from acceptance.conftest import KEYS, NODE, missing, until
from penstock.settings import Source
from penstock.settings.snippets import snippets

JAVA, PYTHON, RUST = (NODE.parent / each for each in ("java", "python", "rust"))
# Installed beside those of today, whose names they share.
OLDER = NODE.parents[2] / ".venv-sdks"
CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


pytestmark = pytest.mark.xdist_group("sdks")


@pytest.fixture(scope="module")
def penstock(share):
    return share()


@pytest.fixture
def sandbox(running_sandbox):
    """Return what all SDKs send to: each sends events of a person of its own."""
    return running_sandbox


def tracks(sandbox, user_id: str, name: str | None = None) -> list[dict]:
    return [event for event in sandbox.events(name) if event["user_id"] == user_id]


def arrived(penstock, sandbox, user_id: str) -> None:
    """Wait until the last that an SDK sends is there, and nothing waits: all delivered, or carried by another's call."""
    until(lambda: tracks(sandbox, user_id), what="the SDK's events did not come")
    counts = penstock.until_settled()
    assert counts["outcomes"]["delivered"] + counts["outcomes"]["coalesced"] == counts["received"], counts


def belongs(sandbox, user_id: str, company_id: str) -> bool:
    return sandbox.company(company_id)["id"] in sandbox.person(user_id)["companies"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_rudderstack_python(penstock, sandbox):
    from rudderstack.analytics.client import Client

    client = Client(KEYS["server"], host=penstock.url)
    client.identify("rp-1", {"name": "Ana Lima", "email": "ana@example.com", "country": "PT", "sessionCount": 3})
    client.group("rp-1", "rp-acme", {"name": "Acme", "industry": "Logistics", "seats": 0})
    client.track("rp-1", "Order Completed", {"value": 120, "gift": False}, message_id="rp-m1")
    client.shutdown()

    arrived(penstock, sandbox, "rp-1")
    person = sandbox.person("rp-1")
    assert (person["name"], person["email"], person["session_count"]) == ("Ana Lima", "ana@example.com", 3)
    assert person["custom_attributes"] == {"country": "PT"}
    assert sandbox.company("rp-acme")["custom_attributes"] == {"seats": 0}
    assert belongs(sandbox, "rp-1", "rp-acme")
    [event] = tracks(sandbox, "rp-1", "Order Completed")
    assert (event["metadata"], event["deduplication_id"]) == ({"value": 120, "gift": False}, "rp-m1")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_segment_python(penstock, sandbox):
    from segment.analytics.client import Client

    client = Client(KEYS["server"], host=penstock.url, gzip=True)
    client.identify("sp-1", {"firstName": "Bo", "lastName": "Berg", "email": "bo@example.com"})
    client.group("sp-1", "sp-acme", {"name": "Acme", "plan": "Pro"})
    client.track("sp-1", "Plan Changed", {"to": "Pro"}, context={"groupId": "sp-acme"})
    client.shutdown()

    arrived(penstock, sandbox, "sp-1")
    assert sandbox.person("sp-1")["name"] == "Bo Berg"
    assert sandbox.company("sp-acme")["plan"] == "Pro"
    assert belongs(sandbox, "sp-1", "sp-acme")
    [event] = tracks(sandbox, "sp-1", "Plan Changed")
    assert (event["metadata"], event["company_id"]) == ({"to": "Pro"}, "sp-acme")


def test_rudderstack_node(penstock, sandbox, node):
    node("rudder.js", penstock.url, KEYS["server"])

    arrived(penstock, sandbox, "rn-1")
    assert sandbox.person("rn-1")["custom_attributes"] == {"country": "PT"}
    assert (sandbox.company("rn-acme")["size"], sandbox.company("rn-acme")["monthly_revenue"]) == (150, 1200)
    assert belongs(sandbox, "rn-1", "rn-acme")
    [event] = tracks(sandbox, "rn-1", "Order Completed")
    assert (event["metadata"], event["deduplication_id"]) == ({"value": 120, "quantity": 0}, "rn-m1")


def test_segment_node(penstock, sandbox, node):
    node("segment.js", penstock.url, KEYS["server"])

    arrived(penstock, sandbox, "sn-1")
    assert sandbox.person("sn-1")["signed_up_at"] == "2022-04-27T10:00:00.000Z"
    assert belongs(sandbox, "sn-1", "sn-acme")
    [event] = tracks(sandbox, "sn-1", "Plan Changed")
    assert event["metadata"] == {"to": "Pro", "seats": 5}


def test_segment_java_hears_that_its_events_were_taken(penstock, sandbox):
    missing("java", shutil.which("java"), "make setup-java")
    missing("Segment's Java SDK", (JAVA / "lib").exists(), "make setup-java")
    command = ["java", "-cp", "lib/*", "SegmentSdk.java", penstock.url, KEYS["server"], "100"]

    done = subprocess.run(command, cwd=JAVA, capture_output=True, timeout=120, check=False)

    assert (done.stdout.decode().strip(), done.stderr.decode()) == ("101", "")
    until(lambda: len(tracks(sandbox, "jv-1")) == 100, what="not all of the SDK's events came")
    assert sandbox.person("jv-1")["name"] == "Jo Vik"


def knows(penstock, sandbox, *names: str) -> None:
    """Wait for what the programs of several SDKs say alike, each of a person and a company of its own."""
    for name in names:
        arrived(penstock, sandbox, f"{name}-1")
        person = sandbox.person(f"{name}-1")
        assert (person["name"], person["email"]) == ("Ana Lima", f"ana-{name}@example.com")
        assert person["custom_attributes"] == {"country": "PT"}
        assert sandbox.company(f"{name}-acme")["size"] == 150
        assert belongs(sandbox, f"{name}-1", f"{name}-acme")
        [event] = tracks(sandbox, f"{name}-1", "Order Completed")
        assert event["metadata"] == {"value": 120, "quantity": 0}


def test_older_node_sdks_and_the_one_of_service_workers(penstock, sandbox, node):
    node("legacy.js", penstock.url, KEYS["server"])

    knows(penstock, sandbox, "r1", "an", "sw")
    assert {tracks(sandbox, f"{name}-1")[0]["deduplication_id"] for name in ("r1", "an", "sw")} == {
        "r1-m1",
        "an-m1",
        "sw-m1",
    }


def test_older_python_sdks(penstock, sandbox):
    missing("older Python SDKs", OLDER.exists(), "make setup-python")

    ran(sys.executable, "-W", "ignore", "older.py", penstock.url, KEYS["server"], cwd=PYTHON, PYTHONPATH=str(OLDER))

    knows(penstock, sandbox, "ap", "r0")


def test_rust_sdks(penstock, sandbox):
    program = RUST / "target/debug/sdk-tests"
    missing("the Rust SDKs", program.exists(), "make setup-rust")

    ran(str(program), penstock.url, KEYS["server"], cwd=RUST)

    knows(penstock, sandbox, "rr", "sr")


def test_the_lines_to_paste_arrive_as_they_stand(penstock, sandbox):
    source = Source(name="server", write_key=KEYS["server"])
    lines = {each.title: each.text for each in snippets(source, penstock.url, shows_key=True)}
    # An application goes on running; these end at once, so they say when to send.
    node, python = ["node", "-e"], [sys.executable, "-c"]
    programs = {
        "RudderStack Node": (node, "analytics.flush();"), "Segment Node": (node, "analytics.closeAndFlush();"),
        "RudderStack Python": (python, ""), "Segment Python": (python, ""), "curl": (["sh", "-c"], ""),
    }  # fmt: skip
    if not shutil.which("curl"):
        del programs["curl"]
    for number, (title, (run, at_end)) in enumerate(programs.items()):
        ran(*run, f"{lines[title]}\n{at_end}".replace("user-1", f"pasted-{number}"), cwd=NODE)

    for number, title in enumerate(programs):
        until(lambda n=number: sandbox.person(f"pasted-{n}"), what=f"the lines of {title} did not arrive")


def ran(*command: str, cwd: Path, **env: str) -> None:
    """Run a program that sends with an SDK."""
    done = subprocess.run(command, cwd=cwd, env=os.environ | env, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()


@contextlib.asynccontextmanager
async def browser_page():
    """A page in Debian's chromium, headless."""
    missing("chromium", shutil.which("chromium"), "make setup-browser")
    missing("playwright", importlib.util.find_spec("playwright"), "make setup")
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_ARGUMENTS)
        try:
            yield await browser.new_page()
        finally:
            await browser.close()


RUDDER_BUNDLES = {
    "rj": NODE / "node_modules/@rudderstack/analytics-js/dist/npm/modern/bundled/umd/index.js",
    "ro": NODE / "node_modules/rudder-sdk-js/dist/npm/index.js",
}
RUDDER_PAGE = """<!doctype html><title>shop</title>
<script src="rsa.js"></script>
<script>
  const sdk = window.rudderanalytics;
  const analytics = sdk.RudderAnalytics ? new sdk.RudderAnalytics() : sdk;
  analytics.load("web-key", "%(url)s", { configUrl: "%(url)s" });
  analytics.identify("rj-1", { name: "Cy Otto", email: "cy@example.com", country: "USA" });
  analytics.group("rj-acme", { name: "Acme", plan: "Pro" });
  analytics.track("Report Exported", { rows: 4096, empty: 0 });
  document.title = "sent";
</script>"""


class Visit:
    """A page that is open, what it said, and where it went: nothing of it leaves this machine, but all of it is listed."""

    def __init__(self, page) -> None:
        self.page, self.said, self.requests = page, list[str](), list[str]()

    async def begin(self) -> None:
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.context.on("request", lambda request: self.requests.append(request.url))
        await self.page.context.route(lambda url: not is_here(url), lambda route: route.abort())
        # Time is the test's: what an SDK does after half a minute, it does when it is told that it passed.
        await self.page.clock.install()

    async def minutes_pass(self) -> None:
        for _ in range(4):
            await self.page.clock.run_for(31_000)

    def elsewhere(self, *origins: str) -> list[str]:
        """Return what was asked of others than these."""
        return [url for url in self.requests if not url.startswith((*origins, "data:", "blob:"))]


def is_here(url: str) -> bool:
    return urllib.parse.urlsplit(url).hostname == "127.0.0.1"


@pytest.mark.parametrize("name", RUDDER_BUNDLES)
async def test_rudderstack_javascript_in_a_browser(penstock, sandbox, site, name):
    missing("the JavaScript SDK", RUDDER_BUNDLES[name].exists(), "make setup-browser")
    page_of_name = (RUDDER_PAGE % {"url": penstock.url}).replace("rj-", f"{name}-")
    url = site(page_of_name, rsa=RUDDER_BUNDLES[name])

    async with browser_page() as page:
        visit = Visit(page)
        await visit.begin()
        await page.goto(url)
        assert await page.title() == "sent", visit.said
        await _eventually(lambda: tracks(sandbox, f"{name}-1"), visit)
        await visit.minutes_pass()

    assert visit.elsewhere(url, penstock.url) == []
    arrived(penstock, sandbox, f"{name}-1")
    person = sandbox.person(f"{name}-1")
    assert (person["name"], person["email"], person["custom_attributes"]) == (
        "Cy Otto",
        "cy@example.com",
        {"country": "USA"},
    )
    assert sandbox.company(f"{name}-acme")["plan"] == "Pro"
    assert belongs(sandbox, f"{name}-1", f"{name}-acme")
    [event] = tracks(sandbox, f"{name}-1", "Report Exported")
    assert (event["metadata"], event["user_id"]) == ({"rows": 4096, "empty": 0}, f"{name}-1")


SEGMENT_BUNDLES = NODE / "node_modules/@segment/analytics-next/dist/umd"
SEGMENT_PAGE = """<!doctype html><title>shop</title>
<script src="index.js"></script>
<script>
  const { AnalyticsBrowser } = window.AnalyticsNext;
  const analytics = AnalyticsBrowser.load({ writeKey: "web-key", cdnURL: "%(url)s" }, %(options)s);
  analytics.identify("sj-1", { name: "Di Fox", email: "di@example.com", country: "FR" });
  analytics.group("sj-acme", { name: "Acme", plan: "Pro" });
  analytics.track("Report Exported", { rows: 4096, empty: 0 });
</script>"""


@pytest.mark.parametrize(
    "options", ["{}", '{"integrations":{"Segment.io":{"deliveryStrategy":{"strategy":"batching"}}}}']
)
async def test_segment_javascript_in_a_browser_over_plain_http(penstock, sandbox, site, options):
    missing("Segment's JavaScript SDK", SEGMENT_BUNDLES.exists(), "make setup-browser")
    bundles = {path.name.removesuffix(".js"): path for path in SEGMENT_BUNDLES.glob("*.js")}
    person = f"sj-{len(options)}"
    url = site((SEGMENT_PAGE % {"url": penstock.url, "options": options}).replace("sj-1", person), **bundles)

    async with browser_page() as page:
        visit = Visit(page)
        await visit.begin()
        await page.goto(url)
        await _eventually(lambda: tracks(sandbox, person), visit)
        await visit.minutes_pass()

    assert visit.elsewhere(url, penstock.url) == []
    assert [each for each in visit.requests if each.endswith("/v1/m")] == []
    arrived(penstock, sandbox, person)
    assert (sandbox.person(person)["name"], sandbox.company("sj-acme")["plan"]) == ("Di Fox", "Pro")
    assert belongs(sandbox, person, "sj-acme")
    [event] = tracks(sandbox, person, "Report Exported")
    assert event["metadata"] == {"rows": 4096, "empty": 0}


async def _eventually(condition, visit: Visit) -> None:
    for _ in range(300):
        if condition():
            return
        await visit.page.clock.run_for(1_000)
        await visit.page.wait_for_load_state()
        await asyncio.sleep(0.05)
    raise AssertionError(f"nothing came; the page said {visit.said} and asked {visit.requests}")
