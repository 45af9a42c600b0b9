"""What people see of the ledger, and what they may ask of it."""

import pytest

from dashboard_world import World
from penstock.buffer.port.backlog import CallCount
from penstock.buffer.port.control import Role
from penstock.buffer.port.outcomes import Outcome
from penstock.causes import SHADOW
from penstock.ledger.guard import Suspicion
from penstock.ledger.record import Delta
from penstock.settings.revisions import toml_of
from unit.test_dashboard_pages import ANA, text_of

STRANGE = Suspicion(
    attribute="people.planName", type="string", why="it is new, and nearly repeats plan", message_id="m1"
)
KNOWN = Delta(
    fields={"email": "ana@example.com", "custom_attributes.plan": "pro"}, companies={"acme": 1}, asserted_at=1.0
)
COUNTS = [CallCount("/people", "planned", 4), CallCount("/people", "sent", 1), CallCount("/people", "saved", 3)]


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.set_up()
    world.receive(ANA)
    world.settle(learned={"user:ana": KNOWN.learn, STRANGE.subject: STRANGE.learn}, calls=COUNTS)
    return world


@pytest.fixture
def admin(world):
    return world.visitor(Role.ADMIN)


def test_the_page_says_what_was_saved_and_what_custify_holds(admin):
    page = text_of(admin.get("/ledger/custify?person=ana"))

    assert "75 % of the upserts were not needed" in page
    assert "custom_attributes.plan pro" in page
    assert "company acme member" in page
    assert "people.signed_up_at set_once only the first value is sent" in page


def test_nothing_is_known_of_a_person_never_sent(admin):
    assert "Nothing is known of user:nobody" in text_of(admin.get("/ledger/custify?person=nobody"))


def test_the_overview_and_a_persons_page_say_it_too(admin):
    assert "upserts saved 75 %" in text_of(admin.get("/"))
    assert "What Custify holds" in text_of(admin.get("/people?person=ana"))


def test_a_strange_attribute_is_approved_by_a_button(world, admin):
    admin.change("/destinations/custify", base_url="http://127.0.0.1:9", attribute_guard="hold", enabled="on")
    assert "people.planName string it is new, and nearly repeats plan m1 Approve" in text_of(
        admin.get("/ledger/custify")
    )

    admin.post("/ledger/custify/approve", attribute="people.planName")

    assert world.ledger_orders.asked("custify", after=0).approved == {"people.planName"}
    assert "m1 approved" in text_of(admin.get("/ledger/custify"))
    assert "attribute people.planName was approved at custify" in text_of(admin.get("/activity"))


def test_forgetting_is_an_order_for_one_or_for_all(world, admin):
    admin.post("/ledger/custify/forget", person="ana")
    admin.post("/ledger/custify/forget", all="on")
    admin.post("/ledger/custify/forget")

    assert [order.prefix for order in world.ledger_orders.asked("custify", after=0).forgets] == ["user:ana", ""]


def test_what_shadow_kept_back_is_sent_by_a_button_once_the_destination_is_live(world, admin):
    world.receive(ANA | {"messageId": "m2"})
    world.settle(Outcome.FILTERED, cause=SHADOW)

    assert "1 events were kept back before this destination went live" in text_of(admin.get("/destinations/custify"))
    admin.post("/replays", destination="custify", cause=SHADOW)
    assert "cause mode.shadow" in text_of(admin.get("/replays"))

    admin.change("/destinations/custify", base_url="http://127.0.0.1:9", mode="shadow", enabled="on")
    page = text_of(admin.get("/destinations/custify"))
    assert "nothing is written to Custify" in page
    assert "Send 1 events now" not in page


def test_policies_are_set_a_line_each_and_exported(world, admin):
    lines = "people.custom_attributes.plan = latest\ncompany.plan=owner"
    fields = {"base_url": "http://127.0.0.1:9", "enabled": "on"}
    admin.change("/destinations/custify", policies=lines, **fields)
    assert dict(world.desk.settings().destinations["custify"].policies) == {
        "people.custom_attributes.plan": "latest",
        "company.plan": "owner",
    }
    assert "traits.plan latest 100 % pro" in text_of(admin.get("/mapping/custify"))
    assert '"people.custom_attributes.plan" = "latest"' in toml_of(world.desk.document())

    refused = admin.change("/destinations/custify", policies="people.plan = sometimes", **fields)

    assert refused.status_code == 422 or "sometimes" in refused.text
    assert world.desk.settings().destinations["custify"].policies["company.plan"] == "owner"


def test_who_may_not_see_what_names_a_person_sees_it_masked(world, admin, monkeypatch):
    monkeypatch.setattr(world.reader, "settings", world.masking("email"))

    page = text_of(world.visitor(Role.VIEWER).get("/ledger/custify?person=ana"))

    assert "ana@example.com" not in page
    assert "custom_attributes.plan pro" in page


def test_the_page_of_a_coalesced_event_leads_to_the_one_that_carried_it(world, admin):
    world.receive(ANA | {"messageId": "m/2"}, ANA | {"messageId": "m3"})
    world.settle(Outcome.COALESCED, reason="sent with the call of m/2")

    assert 'href="/events/custify/m/2"' in admin.get("/events/custify/m3").text
