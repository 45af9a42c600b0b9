"""Every page of the dashboard, with something to see on it: for pictures, and for tests that look at all of them."""

import urllib.parse

from acceptance.conftest import API_KEY, KEYS, basic, http

PATHS = {
    "overview": "/", "overview_month": "/?range=30d&split=source", "overview_outcomes": "/?split=outcome", "live": "/live", "problems": "/problems", "mapping": "/mapping/custify?preview=1&nested=flatten&page_views=on",
    "problem": "/problems/custify/custify.refused.422",
    "event": "/events/custify/m2", "dead": "/events/custify/m0", "people": "/people?person=u2&field=plan", "sources": "/sources",
    "source": "/sources/web", "source_new": "/sources/new", "destinations": "/destinations", "destination": "/destinations/custify",
    "destination_pick": "/destinations/new", "destination_name": "/destinations/new/custify",
    "destination_new": "/destinations/new/custify?name=Custify%20US", "webhook_new": "/destinations/new/webhook?name=mirror", "replays": "/replays", "replay_new": "/replays/new?destination=custify",
    "activity": "/activity", "users": "/users", "tokens": "/tokens", "links": "/links", "rerun": "/events/custify/m2?rerun=1",
    "problems_all": "/problems/custify?person=u1", "account": "/people?company=acme", "people_all": "/people", "accounts": "/accounts", "merges": "/people/merges",
    "ledger": "/ledger/custify", "ledger_record": "/ledger/custify?person=u2",
    "alerts": "/alerts", "alert_channel": "/alerts/new/email", "alert_service": "/alerts/new/service", "alert_changed": "/alerts/channels/ops",
    "privacy": "/privacy", "privacy_of": "/privacy?user_id=u2",
    "help": "/help", "help_settings": "/help/settings", "password": "/password", "user": "/users/admin", "looks": "/activity/look", "refusals": "/activity/refusal",
}  # fmt: skip
#: Pages of what `set_up_here` sets up.
OURS = {"source_ours": "/sources/web%20shop", "destination_ours": "/destinations/Custify%20EU"}
#: What is asked for with GET and is no page: feeds, files and answers to programs; and why a page is looked at elsewhere.
NO_PAGES = {
    "/livez": "for probes", "/readyz": "for probes", "/metrics": "for Prometheus", "/static/{name}": "a file", "/changes": "a feed",
    "/live/export": "a file", "/privacy/{number}/receipt": "a file", "/payloads/{destination}/{message_id:path}": "a document",
    "/v1/regulations": "an API", "/v2/regulations": "an API", "/regulations/{number}": "an API",
    "/signin": "seen on the way in", "/alerts/mute/{token}": "its link is in a message: tests/acceptance/test_alerts.py",
}  # fmt: skip
#: Who is told: nobody listens there, so the page shows what waits.
ALERTS = (
    '[alerts.ops]\ntype = "email"\nto = ["ops@example.com", "cs@example.com"]\nsender = "penstock@example.com"\n'
    'server = "127.0.0.1:9"\nsecurity = "none"\nquiet_hours = "22:00-22:01"\n'
    '[alerts.pager]\ntype = "webhook"\nurl = "http://127.0.0.1:9/hook"\nsecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"\n'
    'rules = ["destination", "role"]\n'
)
#: Who is erased before the pictures are drawn.
GONE = "u9"


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
    penstock.send({"type": "identify", "userId": GONE, "messageId": "m7", "traits": {"email": "gone@example.com"}})
    http("POST", f"{penstock.url}/v1/track", b"{}", basic("a-wrong-key", ""))
    http("POST", f"{penstock.url}/v1/track", b"{", penstock.auth())
    penstock.until_settled()


async def set_up_here(page, admin_url: str, sandbox_url: str) -> dict[str, str]:
    """Set up a source and a destination in the dashboard, and do what leaves a trace; return the pages that there are then."""
    ours = {"erased": await erase_somebody(page, admin_url)}
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
    ours["shared"] = _path_of(await page.inner_text("#link"))
    await page.goto(f"{admin_url}/users")
    await page.fill("#name", "cleo")
    await page.select_option("#role", "cs")
    await page.click("text=Make a one-time link")
    ours["welcome"] = _path_of(await page.inner_text("#link"))
    return {**OURS, **ours}


async def erase_somebody(page, admin_url: str) -> str:
    """Have a person erased who is in no other picture; return where the receipt is."""
    await page.goto(f"{admin_url}/privacy?user_id={GONE}")
    await page.click("text=Show what would be erased")
    await page.click("text=Erase all of this")
    request = _path_of(page.url)
    while "Receipt of an erasure" not in await page.inner_text("main"):
        await page.reload()
    return request


def _path_of(url: str) -> str:
    return urllib.parse.urlsplit(url).path
