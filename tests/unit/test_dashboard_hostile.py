"""What a stranger sends is shown on every page and run on none: every field an SDK can send, keys and values."""

import html
import html.parser
import re

import pytest

from dashboard_world import World
from penstock.admin import routes
from penstock.buffer.port.outcomes import Outcome
from penstock.ledger.guard import Suspicion
from penstock.ledger.record import Delta

EVIL = "<img src=x onerror=alert(1)>\"'{{7*7}}</script><svg/onload=alert(2)>"
OURS = "/static/app.js"


def everywhere(value: str) -> dict:
    """Return an event with a text in every field of RudderStack's and Segment's SDKs, as a key and as a value."""
    nest = {value: value, "list": [value, {value: value}], "company": {"id": value, "name": value, value: value}}
    context = {
        name: {"name": value, "version": value, "id": value, "type": value, "token": value, value: value}
        for name in ("app", "campaign", "device", "library", "network", "os", "page", "screen", "referrer", "location")
    }
    context |= {"locale": value, "ip": value, "userAgent": value, "timezone": value, "groupId": value, "traits": nest}
    return {
        "userId": value, "anonymousId": value, "event": value, "name": value, "category": value, "groupId": value,
        "previousId": value, "channel": value, "timestamp": value, "originalTimestamp": value, "sentAt": value,
        "version": value, "rudderId": value, "request_ip": value, "traits": nest | {"email": value, "name": value},
        "properties": nest | {"company_id": value, "email": value}, "context": context, "integrations": {value: True},
        value: value,
    }  # fmt: skip


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def admin(world):
    return world.set_up()


class Reader(html.parser.HTMLParser):
    """Reads a page as a browser does, and notes what could run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple] = []

    def handle_starttag(self, tag, attributes) -> None:
        self.found += [(tag, name) for name, _ in attributes if name.startswith("on") or name == "style"]
        if tag in {"img", "iframe", "object", "embed", "style"} or (
            tag == "script" and ("src", OURS) not in attributes
        ):
            self.found.append((tag, ""))


def runs(page: str) -> list[tuple]:
    """Return what a stranger would have brought onto a page."""
    reader = Reader()
    reader.feed(page)
    return reader.found + ([("template", "49")] if ">49<" in page or "'49" in page else [])


@pytest.mark.parametrize("type_", ["identify", "track", "group", "page", "screen", "alias", EVIL])
def test_every_page_shows_every_field_escaped(world, admin, type_):
    world.receive(everywhere(EVIL) | {"type": type_, "messageId": f"m/{EVIL}"})
    strange = Suspicion(attribute=f"people.{EVIL}", type="string", why=EVIL, message_id=EVIL)
    known = Delta(fields={EVIL: EVIL}, companies={EVIL: 1}, last_group=EVIL)
    shared = Delta(fields={"email": EVIL}, asserted_at=1.0)
    two = {f"user:{number}{EVIL}": shared.learn for number in (1, 2)}
    world.settle(
        Outcome.DEAD,
        cause="custify.refused.422",
        reason=f"refused: {EVIL}",
        answer=f'{{"msg":"{EVIL}"}}',
        learned={f"user:{EVIL}": known.learn, strange.subject: strange.learn, **two},
    )
    world.snapshots.write("deliver", {"custify": {"hold_reason": EVIL, "hold_cause": "custify.refused.401"}})
    world.alarm.look()
    pages = ["/", "/live", "/alerts", "/problems", "/problems/custify", "/problems/custify/custify.refused.422"]
    pages += ["/people", "/people/merges"]
    pages += [
        "/mapping/custify",
        "/mapping/custify?preview=1&nested=json&page_views=on&anonymous_fallback=on",
        "/activity",
    ]
    answers = {path: admin.get(path) for path in pages}
    answers["/people?person"] = admin.client.get("/people", params={"person": EVIL})
    answers["/people?company"] = admin.client.get("/people", params={"company": EVIL})
    answers["/ledger"] = admin.client.get("/ledger/custify", params={"person": EVIL})
    links = re.findall(r'href="(/events/[^"]+)"', answers["/live"].text)
    answers["event"] = admin.get(html.unescape(links[0]))
    answers["rerun"] = admin.get(f"{html.unescape(links[0])}?rerun=1")

    for path, answer in answers.items():
        assert answer.status_code == 200, path
        assert runs(answer.text) == [], path
    for path in ("event", "/people/merges"):
        assert html.escape(EVIL[:20], quote=False) in answers[path].text


def test_what_a_stranger_is_called_by_himself_is_escaped_where_refusals_are_listed(world, admin):
    refused = {
        "status": 401,
        "text": EVIL,
        "method": EVIL,
        "path": EVIL,
        "key": EVIL,
        "agent": EVIL,
        "count": 1,
        "last_at": 1,
    }
    world.snapshots.write("accept", {"refused": [refused]})

    page = admin.get("/live").text
    assert "Refused at the door" in page
    assert runs(page) == []


def test_what_is_searched_for_is_escaped(admin):
    for path in ("/live", "/people", "/problems/custify"):
        fields = ("person", "company", "event_name", "message_id", "source", "type", "state", "destination", "before")
        assert runs(admin.client.get(path, params=dict.fromkeys(fields, EVIL)).text) == [], path


def test_a_shared_page_is_as_careful(world, admin):
    world.receive(everywhere(EVIL) | {"type": "identify"})
    page = admin.post("/links", destination="custify", person=EVIL, days="7").text
    link = re.search(r"/shared/[\w-]+", page)[0]

    assert runs(page) == []
    assert runs(world.visitor().get(link).text) == []


def test_all_pages_that_show_events_are_tried_here():
    """A page that is added has to be thought of: this is the list as it was looked at."""
    source = routes._pages.__code__.co_names
    pages = {name for name in source if name.endswith("Pages")} - {"Pages"}

    assert pages == {
        "AccessPages", "ActivityPages", "AlertPages", "DoorPages", "EventPages", "LedgerPages", "LivePages", "MappingPages", "NamesPages", "OverviewPages", "PeoplePages", "ProblemPages",
        "RadarPages", "SourcePages", "DestinationPages", "HelpPages", "SetUpPages", "PrivacyPages", "SavedViewPages", "ReplayPages",
    }  # fmt: skip
