"""What is planted in every field of an SDK is on no page and in no answer for those who may not see it.

Routes are taken from the application: a new one is looked at here without anybody thinking of it.
"""

import collections
import dataclasses
import html
import json
import re
import urllib.parse

import pytest
from starlette.testclient import TestClient

from dashboard_world import World
from penstock.buffer.port.control import Role, User
from penstock.buffer.port.outcomes import Outcome
from penstock.ledger.guard import Suspicion
from penstock.ledger.record import Delta

# What is planted fills one store, for all of them.
pytestmark = pytest.mark.xdist_group("planted store")

# Each looks like something else, and none is part of another.
SECRETS = {
    "email": "planted.email@example.com",
    "phone": "+351 912 000 111",
    "ssn": "078-05-1120",
    "card": "4111 1111 1111 1234",
    "iban": "DE89370400440532013999",
    "ip": "203.0.113.77",
    "word": "Plantedname",
    "url": "https://example.com/i?token=plantedtoken",
    "prose": "Planted prose that somebody wrote about somebody else, and that nobody has to read here.",
}
IDS = {
    "userId": "planted-user-77",
    "anonymousId": "planted-anon-77",
    "groupId": "planted-company-77",
    "previousId": "planted-old-77",
}
PAGES_MAX = 150
KINDS = ("identify", "track", "group", "page")
PLANTED = [*SECRETS.values(), *IDS.values(), "plantedtoken"]
#: Fields of RudderStack's and Segment's SDKs, and what people put beside them.
TRAITS = (
    "email", "work_email", "name", "firstName", "last_name", "phone", "mobile", "ssn", "address", "city", "birthday",
    "username", "avatar", "title", "description", "website", "employer", "favouriteColour", "plan", "status", "industry",
    "owners_csm", "notes", "credit_card", "ibanNumber", "hobby",
)  # fmt: skip


def planted(secret: str) -> dict:
    """Return the fields of an event with a secret in every one of them that is not an id."""
    nest = dict.fromkeys(TRAITS, secret) | {"list": [secret], "deep": {"deeper": [{"x": secret}]}}
    nest |= {"company": {"id": IDS["groupId"], "name": secret}, "id": IDS["userId"]}
    names = ("app", "campaign", "device", "library", "network", "os", "page", "screen", "referrer", "location")
    context = {
        name: dict.fromkeys(("name", "version", "model", "token", "path", "url", "title", "search", "referrer"), secret)
        for name in names
    }
    context |= dict.fromkeys(("locale", "ip", "userAgent", "timezone"), secret) | {"traits": nest}
    return {
        "name": secret, "category": secret, "channel": secret, "traits": nest, "context": context,
        "properties": nest | {"company_id": IDS["groupId"], "url": secret, "path": secret, "search": secret},
        "request_ip": secret, secret: secret,
    }  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("planted"))
    admin = world.set_up()
    email, numbers = SECRETS["email"], iter(range(100))
    strange = Suspicion(attribute=f"people.{email}", type="string", why=f"like {email}", message_id=f"m-{email}")
    facts = {"email": email, "custom_attributes.hobby": SECRETS["word"], "custom_attributes.mobile": SECRETS["phone"]}
    known = Delta(fields=facts, companies={IDS["groupId"]: 1}, last_group=IDS["groupId"])
    learned = {f"user:{IDS['userId']}": known.learn, strange.subject: strange.learn}
    looked_up = [f"/people?email={urllib.parse.quote(email)}", f"/people/{IDS['userId']}"]
    for secret in SECRETS.values():
        world.receive(*(event_of(kind, secret) | {"messageId": f"m{next(numbers)}"} for kind in KINDS))
        # Custify repeats what it was sent, and what looks like somebody's of others.
        said = ", ".join(
            [secret, *(other for name, other in SECRETS.items() if name not in {"word", "prose"}), *IDS.values()]
        )
        answer = {"error": said, "email": email, "user_id": IDS["userId"], "friend": SECRETS["word"]}
        world.settle(
            Outcome.DEAD,
            cause="custify.refused.422",
            reason=f"refused: {said}",
            answer=json.dumps(answer),
            looked_up=looked_up,
            learned=learned,
        )
    world.receive({"type": "identify", "messageId": f"m-{email}"} | IDS | planted(email))
    refused = {"status": 401, "text": email, "method": "GET", "path": f"/v1/{email}", "key": "plan…", "agent": email}
    world.snapshots.write("accept", {"refused": [refused | {"count": 1, "last_at": 1}]})
    hold = {"hold_reason": f"401: {email} is locked", "hold_cause": "custify.refused.422"}
    world.snapshots.write("deliver", {"custify": hold})
    deeds(world, admin)
    return world


def event_of(kind: str, secret: str) -> dict:
    # A name on its own looks like nothing: where only its looks could tell, it is not expected to be found.
    is_word = secret == SECRETS["word"]
    name = {"event": "Signed up" if is_word else secret} if kind == "track" else {}
    return {"type": kind} | IDS | (without_shown(planted(secret)) if is_word else planted(secret)) | name


def without_shown(value):
    """Return a document without the fields whose texts are shown: their names say that nothing of a person is in them."""
    shown = {
        "channel",
        "category",
        "plan",
        "status",
        "industry",
        "version",
        "model",
        "locale",
        "timezone",
        SECRETS["word"],
    }
    if isinstance(value, dict):
        return {key: without_shown(inner) for key, inner in value.items() if key not in shown}
    return [without_shown(inner) for inner in value] if isinstance(value, list) else value


def deeds(world, admin) -> None:
    """Do whatever writes an id down."""
    person = IDS["userId"]
    admin.post("/links", destination="custify", person=person, days="7")
    admin.post("/ledger/custify/forget", person=person)
    admin.post("/ledger/custify/forget", email=SECRETS["email"])
    admin.post("/replays", destination="custify", person=person, event_name=SECRETS["email"])
    admin.change("/destinations/custify", base_url="http://127.0.0.1:9", enabled="on", canary_companies=IDS["groupId"])
    admin.post("/sources/web/rotate")
    world.control.note("admin", f"the ledger of custify was told to forget user:{person}")
    assert world.reader.settings.destinations["custify"].canary_companies == (IDS["groupId"],)


def keys(world) -> list[str]:
    source = world.desk.settings().sources["web"]
    return [source.write_key, source.old_write_key]


def addresses(world) -> list[str]:
    """Return an address of every route that shows something, filled with what there is; links come from pages."""
    found = []
    for route in world.routes:
        if "GET" not in route.methods or route.path.startswith(("/changes", "/signin", "/welcome", "/shared")):
            continue
        for message in (
            ("m0", "m5", "m25", "m30", "m33", f"m-{SECRETS['email']}") if "message_id" in route.path else ("",)
        ):
            names = {"destination": "custify", "cause": "custify.refused.422", "job": "1", "message_id": message}
            names["name"] = {"sources": "web", "users": "admin"}.get(route.path.split("/")[1], "custify")
            names |= {"sort": "look", "hash": "none", "token": "none", "type": "custify", "number": "1"}
            found.append(
                re.sub(r"{(\w+)(?::\w+)?}", lambda m, names=names: urllib.parse.quote(names[m[1]]), route.path)
            )
    found += [f"{path}?rerun=1" for path in found if path.startswith("/events/")]
    found += [f"{path}?calls=1" for path in found if path.startswith("/payloads/")]
    found += ["/mapping/custify?preview=1&nested=json&page_views=on&mapping=rudderstack", "/api/v1/status", "/metrics"]
    return found


def leaks(text: str, secrets: list[str]) -> list[str]:
    """Return which secrets are in a page or an answer, however they are written there."""
    plain = urllib.parse.unquote(html.unescape(text)).lower()
    return [secret for secret in secrets if secret.lower() in plain]


def hidden_from(role: Role) -> list[str]:
    """Return what a role may not see: CS sees ids, and words that stand where names do."""
    shown = [*IDS.values(), SECRETS["word"]] if role is Role.CS else []
    return [secret for secret in PLANTED if secret not in shown]


def own_links(page: str) -> set[str]:
    """Return where a page leads to; of events, those that the list of routes does not have."""
    return {html.unescape(link) for link in re.findall(r'href="(/(?:people|events|payloads|live|ledger)[^"]*)"', page)}


# Some hundred pages about events with a secret in every field: most of a minute alone on a slow machine.
@pytest.mark.timeout(400)
@pytest.mark.parametrize("role", [Role.VIEWER, Role.CS])
def test_no_page_shows_what_a_role_may_not_see(world, role):
    visitor = world.visitor(role)
    seen, rest = set(), collections.deque(addresses(world))
    while rest:
        path = rest.popleft()
        if path in seen or len(seen) > PAGES_MAX:
            continue
        seen.add(path)
        answer = visitor.get(path)
        asked = [secret for secret in PLANTED if leaks(path, [secret])]
        assert leaks(answer.text, [s for s in hidden_from(role) + keys(world) if s not in asked]) == [], path
        assert answer.status_code < 500, path
        if not path.startswith("/payloads"):
            rest.extend(own_links(answer.text) - seen)


@pytest.mark.parametrize(
    ("role", "scope"),
    [(Role.VIEWER, "everything"), (Role.CS, "everything"), (Role.VIEWER, "read"), (Role.ADMIN, "figures")],
)
def test_no_answer_of_the_api_does_either(world, role, scope):
    client = caller(world, role, scope)
    paths = [path for path in addresses(world) if path.startswith(("/api/", "/metrics"))]
    paths += [f"/api/v1/explain?person={IDS['userId']}&field={field}" for field in ("email", "hobby", "name")]
    paths += [f"/api/v1/destinations/custify/ledger?person={IDS['userId']}", "/api/v1/people?prefix=planted"]
    for path in paths:
        answer = client.get(path)
        asked = [secret for secret in PLANTED if leaks(path, [secret])]
        found = leaks(answer.text, [s for s in hidden_from(role) + keys(world) if s not in asked])
        assert found == [], path


def test_a_token_for_figures_gets_no_list_of_anybody(world):
    client = caller(world, Role.ADMIN, "figures")

    allowed = {path for path in addresses(world) if path.startswith("/api/") and client.get(path).status_code == 200}

    assert allowed == {"/api/v1/status", "/api/openapi.json", "/api/v1/tokens"}


def test_a_pseudonym_is_the_same_everywhere_and_its_links_work(world):
    viewer = world.visitor(Role.VIEWER)
    live = viewer.get("/live").text
    [shown] = set(re.findall(r'href="/people[^"]*">(~[\w-]{10})</a>', live))

    assert shown in viewer.get("/problems/custify").text
    links = [link for link in own_links(viewer.get("/people").text) if "person=" in link]
    pages = [viewer.get(link).text for link in links]
    assert any(f"<h1>{shown}</h1>" in page and "/events/custify/m" in page for page in pages)


def test_who_may_see_ids_sees_them_and_a_pseudonyms_link_too(world):
    link = next(link for link in own_links(world.visitor(Role.VIEWER).get("/people").text) if "person=" in link)
    page = world.visitor(Role.OPERATOR).get(link).text

    assert "planted-" in page


def test_ids_can_be_shown_by_a_setting(world, monkeypatch):
    monkeypatch.setattr(world.reader, "settings", dataclasses.replace(world.reader.settings, shown_fields="userId"))

    assert IDS["userId"] in world.visitor(Role.VIEWER).get("/live").text


def test_a_write_key_is_shown_to_who_may_change_it_alone(world):
    pages = ("/sources/web", "/activity")
    for role in (Role.ADMIN, Role.OPERATOR, Role.VIEWER):
        texts = [world.visitor(role).get(path).text for path in pages]
        for key in keys(world):
            assert [key in text for text in texts] == [role is Role.ADMIN] * 2
    operator = caller(world, Role.OPERATOR, "everything")
    assert leaks(operator.get("/api/v1/revisions").text, keys(world)) == []


def test_a_shared_link_shows_the_timeline_and_no_payload(world):
    admin = world.visitor(Role.ADMIN)
    link = re.search(
        r"/shared/[\w-]+", admin.post("/links", destination="custify", person=IDS["userId"], days="1").text
    )[0]

    page = world.visitor().get(link).text

    assert IDS["userId"] in page
    assert leaks(page, [SECRETS["word"], SECRETS["prose"]]) == []


def caller(world, role: Role, scope: str) -> TestClient:
    user = world.access.find(role.value) or User(name=role.value, role=role)
    world.access.users.put_user(user)
    token = world.access.issue_token(user, "test", scope=scope)
    return TestClient(world.app, headers={"Authorization": f"Bearer {token}"})


def test_the_reason_of_a_hold_is_in_the_status_without_what_custify_repeats(world):
    reason = caller(world, Role.ADMIN, "everything").get("/api/v1/status").json()["destinations"]["custify"]["reason"]
    assert SECRETS["email"] in reason

    for role, scope in ((Role.ADMIN, "figures"), (Role.VIEWER, "everything"), (Role.CS, "everything")):
        shown = caller(world, role, scope).get("/api/v1/status").json()["destinations"]["custify"]["reason"]
        assert shown == "401: (masked) is locked"
