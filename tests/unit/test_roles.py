"""Roles that fit: CS sees names and companies, sends again and shares; what is masked is set per role; passwords are people's own."""

import html
import re

import pytest
from click.testing import CliRunner

from dashboard_world import World
from penstock.buffer.port.control import Role, Sort
from penstock.buffer.port.outcomes import Outcome
from penstock.cli import penstock
from penstock.inspect.masking import Mask, MaskRules
from penstock.ledger.record import Delta

ANA = {
    "type": "identify", "userId": "ana", "messageId": "m1",
    "traits": {"name": "Ana Lima", "email": "ana@example.com", "company": {"id": "acme", "name": "Acme Tools"}},
}  # fmt: skip
GROUP = {
    "type": "group",
    "userId": "ana",
    "groupId": "acme",
    "messageId": "m2",
    "traits": {"name": "Acme Tools", "owner": "Bo"},
}
VIEWER = MaskRules(masked="name, email", shown="plan", pseudonym=lambda _: "~")


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.set_up()
    known = Delta(fields={"name": "Ana Lima", "email": "ana@example.com"}, companies={"acme": 1})
    named = Delta(fields={"name": "Acme Tools"})
    world.receive(ANA, GROUP)
    world.settle(
        Outcome.DEAD,
        cause="custify.refused.422",
        reason="ana@example.com is no",
        learned={"user:ana": known.learn, "company:acme": named.learn},
    )
    return world


def text_of(answer) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def test_cs_sees_names_and_companies_and_not_what_else_is_personal(world):
    page = text_of(world.visitor(Role.CS).get("/people?person=ana"))

    assert "Ana Lima" in page
    assert "company acme" in page
    assert "ana@example.com" not in page
    assert "Ana Lima" not in text_of(world.visitor(Role.VIEWER).get("/people?person=ana"))


def test_what_is_masked_is_set_for_each_role(world):
    world.environ |= {"PENSTOCK_MASKED_FIELDS_CS": "name", "PENSTOCK_SHOWN_FIELDS_CS": "email"}
    world.reader.settings = world.desk.settings()

    assert "Ana Lima" not in text_of(world.visitor(Role.CS).get("/people?person=ana"))


@pytest.mark.parametrize("role", [Role.VIEWER, Role.CS])
def test_the_name_of_a_company_is_never_masked(world, role):
    assert "Acme Tools" in text_of(world.visitor(role).get("/people?company=acme"))


def test_the_name_of_a_company_is_shown_in_its_event_and_wherever_it_is_repeated():
    mask = Mask(VIEWER, GROUP)

    assert mask.value(GROUP)["traits"] == {"name": "Acme Tools", "owner": "(masked)"}
    assert mask.value({"name": "Acme Tools"}, "body") == {"name": "Acme Tools"}
    assert Mask(VIEWER, GROUP | {"groupId": "c-77"}).text("there is no Acme Tools") == "there is no Acme Tools"
    assert Mask(VIEWER, ANA).value(ANA)["traits"]["company"]["name"] == "Acme Tools"
    assert Mask(VIEWER, ANA).value(ANA)["traits"]["name"] == "(masked)"


def test_a_person_who_is_called_as_their_company_is_masked_all_the_same():
    event = {"type": "identify", "traits": {"name": "Ana Lima", "company": {"name": "Ana Lima"}}}

    assert "Ana Lima" not in str(Mask(VIEWER, event).value(event))


def test_cs_finds_what_did_not_get_through_and_sends_it_again(world):
    cs = world.visitor(Role.CS)
    account = cs.get("/people?company=acme")
    [link] = re.findall(r'href="(/problems/custify\?company=acme)"', account.text)
    found = cs.get(link)

    assert "Send 2 events again" in found.text
    assert "/events/" not in found.text
    assert cs.post("/replays", destination="custify", company="acme").status_code == 303
    assert "company acme" in cs.get("/replays").text
    assert cs.post("/destinations/custify/pause").status_code == 403


def test_cs_shares_what_it_sees_and_no_more(world):
    link = re.search(
        r"/shared/[\w-]+", world.visitor(Role.CS).post("/links", destination="custify", person="ana", days="7").text
    )[0]
    page = world.visitor().get(link)

    assert page.status_code == 200
    assert "ana@example.com" not in page.text


# The administrator's, here, stands in a file.
@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_everybody_finds_the_page_where_they_change_their_own_password(world, role):
    visitor = world.visitor(role)
    assert 'href="/password"' in visitor.get("/tokens").text
    changed = visitor.post("/password", present="correct horse battery", password="another long one")

    assert changed.status_code == 303
    assert world.visitor().sign_in(role.value, "another long one").headers["location"] == "/"


def test_cs_who_opens_the_list_of_people_has_looked_at_them(world):
    world.visitor(Role.CS).get("/people")
    world.access.audit.flush()

    assert any(deed.what == "saw people and accounts" for deed in world.control.deeds(sort=Sort.LOOK))


def run(world, monkeypatch, *arguments: str):
    monkeypatch.setattr("penstock.cli.user.settings_to_look_with", lambda _: world.reader.settings)
    return CliRunner().invoke(penstock, ["user", *arguments])


def test_a_lost_password_is_reset_with_a_link_that_works_once(world, monkeypatch):
    bo = world.visitor(Role.CS)
    said = run(world, monkeypatch, "reset", "cs")

    assert said.exit_code == 0
    [link] = said.output.splitlines()
    assert link.startswith("http://127.0.0.1:8081/welcome/")
    assert bo.get("/").status_code == 303, "the sessions there were have ended"
    path = link.removeprefix("http://127.0.0.1:8081")
    assert bo.client.post(path, data={"password": "a quite new one"}).status_code == 303
    assert bo.client.post(path, data={"password": "and another one"}).status_code == 422
    assert "the password of cs was reset" in str(world.control.deeds(limit=10))


def test_a_name_that_nobody_has_is_refused_with_those_there_are(world, monkeypatch):
    said = run(world, monkeypatch, "reset", "admim")

    assert said.exit_code == 2
    assert "did you mean admin?" in said.output
    assert "admin\tadmin" in run(world, monkeypatch, "list").output
