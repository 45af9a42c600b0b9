"""Whatever strangers have stored, a page has so many bytes at most and costs so much work at most; the rest is behind a link.

Work is counted: values converted by Explain, and bytes of events read. Nothing here measures time.
"""

import dataclasses
import html
import json
import re
import urllib.parse

import pytest

from dashboard_world import MAPPING, World
from penstock.buffer.port.control import Role, Sort, User
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.port.selection import Selection
from penstock.buffer.sqlite.control.orders import SqliteOrders
from penstock.explain import trials
from penstock.explain.questions import newest_first
from penstock.ledger.guard import Suspicion
from penstock.ledger.record import Delta

# Its store takes long to fill: one of it is enough.
pytestmark = pytest.mark.xdist_group("hostile store")

PAGE_BYTES_MAX, PARTS = 400_000, 6
# What HTML writes with five letters each.
LONG = "\"<&'" * 250_000
MANY = 6_000
OWN = {"userId": "u" * 500, "groupId": "g" * 500}


def hostile() -> dict[str, list[dict]]:
    """Return large events by what is large in them; sent as one request each."""
    texts = {f"k{n}": f"value {n}" for n in range(MANY)}
    return {
        "many": [{"type": "identify", "traits": texts, "messageId": "many"}],
        "nested": [{"type": "group", "traits": {"a": [{"b": n} for n in range(MANY)]}, "messageId": "nested"}],
        "names": [{"type": "track", "event": LONG, "properties": {LONG: LONG}, "messageId": "long"}],
        "type": [{"type": LONG, "messageId": "typed"}],
        "deep": [{"type": "identify", "traits": nested(3_000), "messageId": "deep"}],
        "digits": [
            {"type": "identify", "traits": {f"n{n}": int("9" * 300) for n in range(3_000)}, "messageId": "digits"}
        ],
        "people": [
            {"type": "identify", "userId": f"{n:04}" + "p" * 500, "messageId": f"{n:04}" + "m" * 500}
            for n in range(300)
        ],
        "attributes": [
            {"type": "identify", "traits": {f"t{n}-{m}": m for m in range(100)}, "messageId": f"a{n}"}
            for n in range(100)
        ],
    }


def nested(depth: int) -> object:
    document: object = 1
    for _ in range(depth // 10):
        document = {"d": document}
    return document


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("hostile"))
    # What an operator may have set: pages are bounded by themselves, and not by what events may name.
    world.environ |= {"PENSTOCK_EVENT_NAMES_MAX": "1000000", "PENSTOCK_EVENT_NAME_CHARS_MAX": "10000000"}
    admin = world.set_up()
    for number, events in enumerate(hostile().values()):
        world.receive(*({**OWN, **event} for event in events))
        world.settle(
            Outcome.DEAD,
            cause=f"custify.refused.{number}",
            reason=f"refused: {LONG[:20_000]}",
            answer=json.dumps({"error": LONG[:20_000]}),
            looked_up=[f"/people?email={LONG[:500]}"] * (60 if events[0]["messageId"] == "many" else 1),
            learned=learned() if number == 0 else {},
        )
    refused = [
        {"status": 401, "text": LONG[:120], "method": f"M{n}", "path": LONG[:120], "key": "k", "agent": LONG[:120]}
        | {"count": 1, "last_at": 1.0}
        for n in range(5_000)
    ]
    world.snapshots.write("accept", {"refused": refused})
    world.snapshots.write("deliver", {"custify": {"hold_reason": LONG, "hold_cause": "custify.refused.401"}})
    chatter(world)
    admin.post("/mapping/custify", **MAPPING)
    told(world)
    return world


def told(world) -> None:
    """Let very much be told to very many."""
    block = {"type": "email", "to": [f"{n}{'x' * 50}@example.com" for n in range(20)], "sender": "a@example.com"}
    block |= {"server": "smtp.example.com:587"}
    world.desk.change(lambda document: document["alerts"].update(ops=block), by="admin", note="")
    world.reader.settings = dataclasses.replace(world.desk.settings(), alert_after_s=0.0)
    for _ in range(4):
        world.alarm.test("ops", by=LONG[:60])
    world.alarm.look()


def learned() -> dict:
    record = Delta(
        fields={f"custom_attributes.f{n}": LONG[:50] for n in range(6_000)},
        companies={f"c{n}" * 50: 1 for n in range(5_000)},
        last_group="c1",
    )
    strange = [
        Suspicion(attribute=f"people.{n}{LONG[:2_000]}", type="string", why=LONG[:2_000], message_id=f"{n}" + "m" * 500)
        for n in range(300)
    ]
    return {f"user:{OWN['userId']}": record.learn} | {each.subject: each.learn for each in strange}


def chatter(world) -> None:
    """Let people do very much."""
    for number in range(120):
        world.privacy.asking.suppress(
            frozenset({f"user:{number} {LONG[:400]}"}), world.reader.settings, by=f"admin {LONG[:500]}"
        )
    for number in range(120):
        world.control.note("admin", f"looked at {number} {LONG[:2_000]}")
        world.control.note(f"admin {LONG[:500]}", f"saw {number} {LONG[:2_000]}", sort=Sort.LOOK)
    for number in range(120):
        world.control.put_user(User(name=f"user {number}", role=Role.VIEWER))
        world.access.share(User(name="user 1", role=Role.ADMIN), shared(number), seconds=600)
    with_orders(world)
    for number in range(60):
        keys = {f"s{n}": {"type": "web", "write_key": f"k{number}-{n}"} for n in range(60)}
        document = world.desk.document()
        document["sources"] = {**document["sources"], **keys}
        world.control.save(document, by="admin", note=LONG[:2_000])


def shared(number: int) -> str:
    return json.dumps({"destination": "custify", "person": f"{number} {LONG[:500]}"})


def with_orders(world) -> None:
    orders = SqliteOrders(world.folder, clock=world.clock)
    for number in range(70):
        orders.ask_replay("custify", Selection(person=f"{number}", event_name=LONG[:50_000]), by="admin")


def addresses(world) -> list[str]:
    """Return an address of every page, filled with what is largest there."""
    found = []
    for route in world.routes:
        is_page = "GET" in route.methods and not route.path.startswith(
            ("/api", "/changes", "/payloads", "/shared", "/alerts/mute")
        )
        for message in ("many", "nested", "long", "typed", "deep", "digits") if "message_id" in route.path else ("",):
            names = {"destination": "custify", "cause": "custify.refused.7", "invitation": "x", "message_id": message}
            names["name"] = {"sources": "web", "users": "user 1", "alerts": "ops"}.get(
                route.path.split("/")[1], "custify"
            )
            names |= {
                "sort": "refusal",
                "type": "email" if route.path.startswith("/alerts") else "custify",
                "number": "1",
            }
            # A receipt is a file, as a payload is, and all events that fit are one.
            if is_page and not route.path.endswith(("/receipt", "/export")):
                found.append(re.sub(r"{(\w+)(?::\w+)?}", lambda m, names=names: names[m[1]], route.path))
    person, company = (urllib.parse.quote(OWN[name]) for name in ("userId", "groupId"))
    found += [f"{path}?rerun=1&values=3000&attempts=20" for path in found if path.startswith("/events/")]
    found += [
        f"/people?person={person}&field=k7", f"/people?company={company}", f"/ledger/custify?person={person}",
        "/mapping/custify?preview=1&nested=flatten&mapping=rudderstack", "/mapping/custify?people=5000&unsent=100",
        f"/problems/custify?person={person}", "/live?state=dead", f"/live?person={person}", "/activity?deeds=100", "/activity/look", "/activity/look?deeds=100",
        "/live?event_name=" + "x" * 10_000, "/people?person=" + "x" * 10_000, f"/people?person={person}&fields=5000",
    ]  # fmt: skip
    return found


# The pages are large and many: a part of them at a time, within what one test may take on a busy machine.
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("role", [Role.ADMIN, Role.VIEWER])
def test_every_page_has_a_bounded_number_of_bytes(world, role, part):
    visitor = world.visitor(role)
    for path in addresses(world)[part::PARTS]:
        answer = visitor.get(path)
        assert answer.status_code in {200, 303, 403}, path
        assert len(answer.content) < PAGE_BYTES_MAX, (path, len(answer.content))


def test_a_page_explains_within_a_bounded_number_of_steps(world, monkeypatch):
    admin, spent = world.visitor(Role.ADMIN), []
    real = trials.TrialSteps

    class Counted(real):
        def __init__(self) -> None:
            super().__init__()
            spent.append(self)

    monkeypatch.setattr("penstock.explain.explain.TrialSteps", Counted)
    monkeypatch.setattr(trials, "TrialSteps", Counted)
    for path in (each for each in addresses(world) if each.startswith(("/events", "/mapping", "/people?person"))):
        spent.clear()
        admin.get(path)
        assert len(spent) <= (60 if path.startswith("/mapping") else 3), path
        assert all(steps.left > -trials.STEPS_MAX for steps in spent), path


def test_a_page_reads_a_bounded_number_of_bytes_of_events(world):
    read = list(newest_first(world.reader.shelf, "custify", 10_000, bytes_max=3_000_000))

    assert sum(len(story.event.body) for story in read[:-1]) < 3_000_000
    assert len(read) > 100


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("/events/custify/many", "values="),
        ("/events/custify/many", "attempts="),
        ("/live", "before="),
        ("/live", "refused="),
        ("/mapping/custify", "people="),
        ("/problems/custify", "after="),
        ("/replays", "replays="),
        ("/alerts", "messages="),
        ("/activity", "deeds="),
        ("/activity/look", "deeds="),
        ("/users", "users="),
        ("/users/user 1", "carried="),
        (f"/ledger/custify?person={OWN['userId']}", "fields="),
        (f"/ledger/custify?person={OWN['userId']}", "companies="),
        ("/ledger/custify", "suspicions="),
    ],
)
def test_what_is_left_out_is_behind_a_link(world, path, what):
    admin = world.visitor(Role.ADMIN)
    page = admin.get(path).text
    links = [html.unescape(link) for link in re.findall(r'href="(/[^"]+)"', page) if what in link]

    assert links, page[-3000:]
    rest = admin.get(links[-1])
    assert rest.status_code == 200
    assert rest.text != page


def test_who_has_very_many_tokens_sees_them_in_parts(world):
    admin = world.visitor(Role.ADMIN)
    for number in range(120):
        world.access.issue_token(world.access.find("admin"), f"{number} {LONG[:60]}")
    page = admin.get("/tokens").text

    assert "1 to 50 of 120 tokens" in page
    assert len(page) < PAGE_BYTES_MAX


@pytest.mark.parametrize("role", [Role.ADMIN, Role.VIEWER])
def test_an_event_is_downloaded_whole(world, role):
    page = world.visitor(role).get("/events/custify/many").text
    whole = world.visitor(role).get("/payloads/custify/many")

    assert "Only a part of it is shown" in page
    assert len(whole.json()["traits"]) == MANY
    assert "attachment" in whole.headers["content-disposition"]
    assert len(world.visitor(role).get("/payloads/custify/many?calls=1").json()[0]["body"]["custom_attributes"]) == MANY


def test_the_api_explains_page_by_page(world):
    answers, first = [], 0
    while first is not None and len(answers) < 3:
        answer = world.visitor(Role.ADMIN).get(f"/api/v1/events/many/explain?from={first}&limit=50").json()
        answers.append(answer["accounts"][0]["explanation"])
        first = answers[-1]["next"]

    sources = [line["source"] for answer in answers for line in answer["lines"]]
    assert len(sources) == len(set(sources))
    assert len(sources) > 100
    assert world.visitor(Role.ADMIN).get("/api/v1/events/many/explain?limit=x").status_code == 400
