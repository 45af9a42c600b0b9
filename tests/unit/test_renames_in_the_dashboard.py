"""Renaming in the dashboard is one step; what looks like a rename and says nothing is asked about before it happens."""

import pytest

from dashboard_world import CUSTIFY, World
from penstock import causes
from penstock.buffer.port.outcomes import Outcome
from penstock.errors import SettingsError
from penstock.inspect.beginnings import to_send
from penstock.inspect.issue_names import IssuesByName, name_of_now

BLOCK = {"api_key": CUSTIFY["api_key"], "base_url": CUSTIFY["base_url"]}


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.admin = world.set_up()
    world.receive({"type": "identify", "userId": "u1", "messageId": "m1", "traits": {"plan": "pro"}})
    return world


def rename(world, old: str, new: str):
    return world.admin.post(f"/destinations/{old}/rename", name=new)


def test_a_form_renames_with_connections_and_remembers_the_old_name(world):
    answer = rename(world, "custify", "crm")

    settings = world.desk.settings()
    assert answer.headers["location"].startswith("/destinations/crm")
    assert settings.destinations["crm"].renamed_from == ("custify",)
    assert settings.destinations["crm"].api_key == CUSTIFY["api_key"]
    assert settings.sources_of("crm") == ("web",)
    assert list(settings.destinations) == ["crm"]
    assert "custify is called crm now" in world.admin.get(answer.headers["location"]).text


@pytest.mark.parametrize("new", ["", "new", "none", "a/b", "custify"])
def test_a_name_that_cannot_be_one_or_is_taken_is_refused(world, new):
    assert rename(world, "custify", new).status_code == 422
    assert list(world.desk.settings().destinations) == ["custify"]


def test_going_back_to_an_earlier_revision_gives_the_name_back(world):
    before = world.desk.revision()
    rename(world, "custify", "crm")

    settings = world.desk.roll_back(before, by="ana")

    assert list(settings.destinations) == ["custify"]
    assert settings.destinations["custify"].renamed_from == ("crm",)


def test_a_page_of_a_destination_of_unknown_origin_asks_and_takes_the_answer(world):
    world.snapshots.write("deliver", {"custify": {"hold_reason": "?", "hold_cause": causes.RENAMED, "was": "crm"}})

    page = world.admin.get("/destinations/custify").text
    assert "Is this crm under another name?" in page
    world.admin.post("/destinations/custify/was", old="crm")
    assert world.desk.settings().destinations["custify"].renamed_from == ("crm",)
    world.admin.post("/destinations/custify/was", old="none")
    assert world.desk.settings().destinations["custify"].renamed_from == ("none",)
    assert world.reader.read().destinations["custify"].state == "held"


def test_a_document_that_renames_without_a_word_is_refused_before_anything_is_sent(world):
    document = {**world.desk.document(), "destinations": {"crm": BLOCK}, "connections": [{"from": "web", "to": "crm"}]}

    for way in (world.desk.preview, lambda document: world.desk.put(document, by="ana", note="")):
        with pytest.raises(SettingsError, match="which is gone"):
            way(document)
    assert list(world.desk.settings().destinations) == ["custify"]


def test_a_document_that_says_so_sends_nothing_again(world):
    block = {**BLOCK, "renamed_from": ["custify"]}
    document = {**world.desk.document(), "destinations": {"crm": block}, "connections": [{"from": "web", "to": "crm"}]}
    before = world.desk.settings()

    after = world.desk.put(document, by="ana", note="")

    assert to_send(before, after, world.reader.shelf, world.begun, now=world.clock.now()) == {}


def test_one_that_says_it_is_new_is_told_how_much_it_will_be_sent(world):
    block = {**BLOCK, "renamed_from": ["none"], "deliver_from": "all"}
    document = {**world.desk.document(), "destinations": {"crm": block}, "connections": [{"from": "web", "to": "crm"}]}
    before = world.desk.settings()

    after = world.desk.preview(document)

    assert to_send(before, after, world.reader.shelf, world.begun, now=world.clock.now()) == {"web to crm": 1}


OTHER = {"api_key": "another-key", "base_url": CUSTIFY["base_url"]}


def two(world, **blocks):
    """Return a document of two destinations that are fed by the one source."""
    return {
        **world.desk.document(),
        "destinations": blocks,
        "connections": [{"from": "web", "to": name} for name in blocks],
    }


def test_an_exchange_is_refused_until_it_is_said_and_then_sends_nothing_again(world):
    world.desk.put(two(world, custify=BLOCK, crm=OTHER), by="ana", note="")
    before = world.desk.settings()
    with pytest.raises(SettingsError, match="has another one now"):
        world.desk.put(two(world, custify=OTHER, crm=BLOCK), by="ana", note="")

    said = two(world, custify=OTHER | {"renamed_from": ["crm"]}, crm=BLOCK | {"renamed_from": ["custify"]})
    after = world.desk.put(said, by="ana", note="")

    assert to_send(before, after, world.reader.shelf, world.begun, now=world.clock.now()) == {}


def test_going_back_to_the_revision_before_an_exchange_is_an_exchange(world):
    world.desk.put(two(world, custify=BLOCK, crm=OTHER), by="ana", note="")
    before = world.desk.revision()
    said = two(world, custify=OTHER | {"renamed_from": ["crm"]}, crm=BLOCK | {"renamed_from": ["custify"]})
    world.desk.put(said, by="ana", note="")

    settings = world.desk.roll_back(before, by="ana")

    assert {name: (each.api_key, each.renamed_from) for name, each in settings.destinations.items()} == {
        "custify": (BLOCK["api_key"], ("crm",)),
        "crm": (OTHER["api_key"], ("custify",)),
    }


def test_a_chain_sends_nothing_again_either(world):
    world.desk.put(two(world, custify=BLOCK, crm=OTHER), by="ana", note="")
    before = world.desk.settings()
    said = two(
        world, crm=BLOCK | {"renamed_from": ["custify"]}, third=OTHER | {"renamed_from": ["crm"], "deliver_from": "all"}
    )
    after = world.desk.put(said, by="ana", note="")

    assert to_send(before, after, world.reader.shelf, world.begun, now=world.clock.now()) == {}


def test_what_was_decided_about_a_problem_goes_with_the_name_and_old_links_lead_there(world):
    world.settle(Outcome.DEAD, cause="custify.refused.422", reason="no")
    world.admin.post("/problems/custify/custify.refused.422/dismiss", reason="known, and harmless")
    rename(world, "custify", "crm")
    world.reader.settings = world.desk.settings()

    decided = IssuesByName(world.store.issues, lambda: world.reader.settings).decided()
    assert decided["crm", "custify.refused.422"].reason == "known, and harmless"
    answer = world.admin.get("/problems/custify/custify.refused.422")
    assert (answer.status_code, answer.headers["location"]) == (303, "/problems/crm/custify.refused.422")
    assert world.admin.get("/problems/nobody/x").status_code == 404


def test_a_new_destination_with_an_old_name_keeps_its_own_decisions(world):
    rename(world, "custify", "crm")
    world.admin.post("/destinations/new/custify", **CUSTIFY | {"api_key": "another"})
    settings = world.desk.settings()

    assert name_of_now(settings, "custify") == ""
    assert name_of_now(settings, "crm") == ""
