"""What a page of another site gets from a sandbox on the same machine: nothing, whatever it calls itself."""

import pytest

from penstock.sandbox.app import create_app
from sandbox_client import Sandbox

CONTROL = [("POST", "/_sandbox/faults"), ("POST", "/_sandbox/reset"), ("GET", "/_sandbox/state"), ("GET", "/")]


@pytest.mark.parametrize(("method", "path"), [*CONTROL, ("GET", "/people/all"), ("GET", "/_sandbox/requests")])
async def test_a_site_that_gave_its_name_our_address_gets_nothing(method, path):
    sandbox = Sandbox()
    await sandbox.post("/people", {"user_id": "u1", "name": "Alex Keener"})

    # As a browser sends it over http to a site that is not loopback by name: without Sec-Fetch-Site.
    got = await sandbox.call(
        method, path, {}, headers={"host": "evil.example:8090", "origin": "http://evil.example:8090"}
    )
    plain = await sandbox.call(method, path, {}, headers={"host": "EVIL.example"})

    assert (got.status, plain.status) == (403, 403)
    assert b"Alex" not in got.body + plain.body
    assert len((await sandbox.state())["people"]) == 1


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:8081", "https://127.0.0.1:9"])
async def test_a_page_from_elsewhere_changes_nothing_though_it_asks_by_address(origin):
    sandbox = Sandbox()
    got = await sandbox.post("/_sandbox/faults", {"status": 503}, headers={"host": "127.0.0.1:8090", "origin": origin})

    assert got.status == 403
    assert (await sandbox.get("/_sandbox/faults")).json == {}


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_browser_that_says_where_the_page_is_from_is_believed(site):
    sandbox = Sandbox()
    got = await sandbox.post("/_sandbox/reset", headers={"host": "127.0.0.1:8090", "sec-fetch-site": site})

    assert got.status == 403


async def test_a_link_on_another_page_leads_to_the_page():
    headers = {"host": "127.0.0.1:8090", "sec-fetch-site": "same-site", "sec-fetch-mode": "navigate"}

    assert (await Sandbox().get("/", headers=headers)).status == 200


@pytest.mark.parametrize("host", ["127.0.0.1:8090", "[::1]:8090", "localhost:8090", "sandbox:8090", "10.0.0.7", ""])
async def test_programs_and_the_own_page_may_do_everything(host):
    sandbox = Sandbox()
    own = {"origin": f"http://{host}", "sec-fetch-site": "same-origin"} if host else {}

    assert (await sandbox.post("/_sandbox/faults", {"status": 500}, headers={"host": host})).status == 200
    assert (await sandbox.post("/_sandbox/reset", headers={"host": host, **own})).status == 200


async def test_a_name_that_was_allowed_is_answered():
    sandbox = Sandbox()
    sandbox.app = create_app(hosts={"Custify.example"})

    assert (await sandbox.get("/_sandbox/state", headers={"host": "custify.example:8090"})).status == 200
