"""The association table of RudderStack's Custify page: person and company, there or not, all four rows."""

import pytest

pytestmark = pytest.mark.xdist_group("association")


@pytest.fixture(scope="module")
def penstock(share):
    return share()


@pytest.fixture
def sandbox(running_sandbox):
    """Return what all tests of this module send to: each has a person and a company of its own."""
    return running_sandbox


def identify(user_id, **traits):
    return {"type": "identify", "userId": user_id, "traits": traits}


def group(user_id, company_id, **traits):
    return {"type": "group", "userId": user_id, "groupId": company_id, "traits": traits}


def linked(sandbox, user_id, company_id) -> bool:
    return sandbox.company(company_id)["id"] in sandbox.person(user_id)["companies"]


@pytest.mark.parametrize("person_is_there", [True, False])
@pytest.mark.parametrize("company_is_there", [True, False])
def test_the_person_ends_in_the_company_whoever_was_there_before(penstock, sandbox, person_is_there, company_is_there):
    user, company = f"ana-{person_is_there}-{company_is_there}", f"acme-{person_is_there}-{company_is_there}"
    before = [identify(user, name="Ana")] * person_is_there + [group("bo", company, name="Acme")] * company_is_there
    if before:
        assert penstock.send(*before)[0] == 200
        penstock.until_settled()

    assert penstock.send(group(user, company, plan="Pro"))[0] == 200

    assert penstock.until_settled()["outcomes"]["dead"] == 0
    assert linked(sandbox, user, company)
    assert sandbox.company(company)["plan"] == "Pro"
    assert len([p for p in sandbox.state()["people"] if p["user_id"] == user]) == 1


def test_a_person_is_removed_from_a_company(penstock, sandbox):
    penstock.send(group("leaver", "left", name="Acme"))
    penstock.until_settled()
    assert linked(sandbox, "leaver", "left")

    penstock.send(identify("leaver", country="USA", company={"id": "left", "remove": True}))

    penstock.until_settled()
    assert not linked(sandbox, "leaver", "left")
    assert sandbox.person("leaver")["custom_attributes"]["country"] == "USA"


def test_the_anonymous_fallback_is_off_unless_set(penstock, sandbox):
    penstock.send({"type": "identify", "anonymousId": "stranger", "traits": {"plan": "Pro"}})

    assert penstock.until_settled()["outcomes"]["rejected"] == 1
    assert sandbox.person("stranger") is None


def test_the_anonymous_fallback_names_the_person_when_set(start, sandbox):
    penstock = start(destination="anonymous_fallback = true")
    penstock.send({"type": "identify", "anonymousId": "visitor", "traits": {"plan": "Pro"}})

    assert penstock.until_settled()["outcomes"]["delivered"] == 1
    assert sandbox.person("visitor")["custom_attributes"] == {"plan": "Pro"}


def test_all_four_rows_hold_with_the_rudderstack_mapping_too(start, sandbox):
    penstock = start(destination='mapping = "rudderstack"')
    penstock.send(group("rudy", "rudder", name="Acme"))

    penstock.until_settled()
    assert linked(sandbox, "rudy", "rudder")
