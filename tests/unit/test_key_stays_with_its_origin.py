"""Who may change settings need not know the API key: it is never sent to an origin it was not entered for."""

import pytest

from dashboard_world import CUSTIFY, World
from penstock.buffer.port.control import Role
from penstock.errors import SettingsError
from penstock.ledger.record import Delta

THEIRS = "https://evil.example"


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def admin(world):
    admin = world.visitor(Role.ADMIN)
    admin.post("/destinations/new/custify", **CUSTIFY)
    return admin


def in_force(world) -> tuple[str, str]:
    destination = world.desk.settings().destinations["custify"]
    return destination.api_key, destination.base_url


@pytest.mark.parametrize("origin", [THEIRS, "http://127.0.0.1:10", "http://localhost:9", "https://api.custify.com"])
def test_a_form_that_changes_the_origin_needs_the_key_again(world, admin, origin):
    refused = admin.change("/destinations/custify", base_url=origin, enabled="on")
    changed = admin.change("/destinations/custify", base_url=origin, enabled="on", api_key="its-own-key")

    assert refused.status_code == 422
    assert "entered again" in refused.text
    assert changed.status_code == 303
    assert in_force(world) == ("its-own-key", origin)


def test_another_spelling_of_the_origin_is_no_other_origin(world, admin):
    assert admin.change("/destinations/custify", base_url="HTTP://127.0.0.1:9/", enabled="on").status_code == 303


@pytest.mark.parametrize("key", [None, "(set)", "sealed"])
@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize("name", ["custify", "another"])
def test_nor_does_a_document_take_a_kept_key_elsewhere(world, admin, key, dry_run, name):
    before = in_force(world)
    block = {"type": "custify", "base_url": THEIRS}
    if key is not None:
        # What a backup of control.db has.
        block["api_key"] = world.desk.document()["destinations"]["custify"]["api_key"] if key == "sealed" else key
    body = {"destinations": {name: block}, "dry_run": dry_run}

    assert admin.client.post("/api/v1/settings", json=body).status_code == 422
    assert in_force(world) == before


def test_leaving_the_origin_out_is_a_change_too(world, admin):
    body = {"destinations": {"custify": {"type": "custify"}}}

    assert admin.client.post("/api/v1/settings", json=body).status_code == 422


def test_a_sealed_key_of_an_older_revision_goes_nowhere_else(world, admin):
    older = world.desk.document()["destinations"]["custify"]["api_key"]
    admin.change("/destinations/custify", base_url=THEIRS, enabled="on", api_key="their-own-key")
    body = {"destinations": {"custify": {"type": "custify", "base_url": THEIRS, "api_key": older}}}

    assert admin.client.post("/api/v1/settings", json=body).status_code == 422


def test_a_document_with_the_key_itself_may_change_the_origin(world, admin):
    block = {"type": "custify", "base_url": THEIRS, "api_key": "their-own-key"}
    world.desk.put({"sources": {}, "destinations": {"custify": block}, "connections": []}, by="ana", note="applied")

    assert in_force(world) == ("their-own-key", THEIRS)


def test_an_older_revision_comes_back_with_its_own_key_and_its_own_origin(world, admin):
    before = in_force(world)
    admin.change("/destinations/custify", base_url=THEIRS, enabled="on", api_key="their-own-key")
    admin.post("/activity/1/back")

    assert in_force(world) == before


def test_no_way_of_changing_settings_gets_round_it(world, admin):
    with pytest.raises(SettingsError, match="entered again"):
        world.desk.change(lambda document: document["destinations"]["custify"].update(base_url=THEIRS), by="a", note="")

    assert in_force(world)[1] == CUSTIFY["base_url"]


@pytest.mark.parametrize("same", [False, True])
def test_save_says_what_another_address_costs_and_offers_to_keep_it(tmp_path, same):
    world = World(tmp_path)
    admin = world.set_up()
    world.receive({"type": "identify", "userId": "ana", "messageId": "m1"})
    world.settle(learned={"user:ana": Delta(fields={"plan": "pro"}, asserted_at=1.0).learn})

    page = admin.get("/destinations/custify").text
    assert "Another address leads to the same workspace" in page
    assert "known of 1 people and companies" in " ".join(page.split())
    kept = {"same_workspace": "on"} if same else {}
    admin.change("/destinations/custify", base_url=THEIRS, enabled="on", api_key="their-own-key", **kept)
    said = admin.get("/destinations/custify").text

    assert ("what is known is kept" in said) is same
    assert ("is forgotten once the key was accepted there, and not before" in said.partition("<h2>")[0]) is not same
    assert world.desk.settings().destinations["custify"].moved_from == ((CUSTIFY["base_url"],) if same else ())
