"""Unmodified SDKs, set up as their users would, pointed at Penstock: what they send arrives with the right fields."""

import contextlib
import importlib.util
import shutil

import pytest

from acceptance.conftest import KEYS, NODE, missing, until

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


RUDDER_BUNDLE = NODE / "node_modules/@rudderstack/analytics-js/dist/npm/modern/bundled/umd/index.js"
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


async def test_rudderstack_javascript_in_a_browser(penstock, sandbox, site):
    missing("the JavaScript SDK", RUDDER_BUNDLE.exists(), "make setup-browser")
    url = site(RUDDER_PAGE % {"url": penstock.url}, rsa=RUDDER_BUNDLE)

    async with browser_page() as browser:
        said: list[str] = []
        browser.on("console", lambda message: said.append(message.text))
        browser.on("pageerror", lambda error: said.append(str(error)))
        await browser.goto(url)
        assert await browser.title() == "sent", said
        await _eventually(lambda: tracks(sandbox, "rj-1"), browser, said)

    arrived(penstock, sandbox, "rj-1")
    person = sandbox.person("rj-1")
    assert (person["name"], person["email"], person["custom_attributes"]) == (
        "Cy Otto",
        "cy@example.com",
        {"country": "USA"},
    )
    assert sandbox.company("rj-acme")["plan"] == "Pro"
    assert belongs(sandbox, "rj-1", "rj-acme")
    [event] = tracks(sandbox, "rj-1", "Report Exported")
    assert (event["metadata"], event["user_id"]) == ({"rows": 4096, "empty": 0}, "rj-1")


async def _eventually(condition, browser, said) -> None:
    for _ in range(300):
        if condition():
            return
        await browser.wait_for_timeout(50)
    raise AssertionError(f"nothing came; the page said: {said}")
