"""The dashboard of a destination that is a webhook: it is called by its own name, and what was entered for it a secret."""

import pytest

from dashboard_world import World
from penstock.buffer.port.control import Role
from penstock.buffer.port.outcomes import Outcome
from penstock.destinations.kinds import KINDS
from unit.test_dashboard_pages import ANA, text_of

HOOK = {"name": "crm", "api_key": "whsec_" + "A" * 32, "base_url": "https://hooks.example.com/penstock"}


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def admin(world):
    """Return an administrator whose one destination is a webhook, which has taken an event."""
    admin = world.visitor(Role.ADMIN)
    admin.post("/sources/new", name="web", type="web")
    assert admin.post("/destinations/new/webhook", **HOOK, **{"source:web": "on"}).status_code < 400
    world.receive(ANA)
    world.settle(Outcome.DELIVERED, destination="crm")
    return admin


@pytest.mark.parametrize(
    "page", ["/", "/destinations", "/destinations/crm", "/live", "/people", "/people?person=ana", "/problems"]
)
def test_pages_about_a_webhook_do_not_speak_of_custify(admin, page):
    got = admin.get(page)

    assert got.status_code == 200
    assert "Custify" not in text_of(got)
    assert "API key" not in text_of(got)


def test_every_kind_of_destination_is_offered_in_its_own_words(admin):
    page = text_of(admin.get("/destinations/new"))

    for kind in KINDS.values():
        assert f"{kind.title} {kind.purpose} Select {kind.title}" in page


def test_a_webhook_without_a_secret_is_not_asked_for_an_api_key(admin):
    got = admin.post("/destinations/new/webhook", **HOOK | {"name": "erp", "api_key": ""})

    assert got.status_code == 422
    assert "Custify" not in text_of(got)
    assert "whsec_" in text_of(got)
