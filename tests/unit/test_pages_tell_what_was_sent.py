"""A made-up day through the engine into the sandbox: pages, API and command line tell what the sandbox took down, byte for byte."""

import asyncio
import collections
import json

import pytest
from click.testing import CliRunner

from dashboard_world import World
from day import Size, day
from penstock.buffer.port.outcomes import GIVEN, Outcome
from penstock.buffer.port.selection import Selection
from penstock.buffer.sqlite.control.orders import SqliteOrders
from penstock.buffer.sqlite.delivery.delivery import DeliveryStore
from penstock.cli import penstock
from penstock.clock import SeededDice
from penstock.deliver.fleet import Fleet
from penstock.destinations.answer import Refused, Unavailable, read_answer
from penstock.destinations.custify.api import CustifyApi
from sandbox_client import Sandbox

FEW = Size(people=10, companies=3, sessions=(1, 2), page_loads=(1, 3))
REFUSED, FAILED_ONCE = "refused", "failed-once"
STRANGER = {"type": "track", "event": "Opened", "userId": "nobody-knows", "messageId": "parked"}


class Recorded(CustifyApi):
    """The real client, with the sandbox of this process in the place of the network; `taken` is what it wrote down."""

    def __init__(self, sandbox: Sandbox, **given) -> None:
        super().__init__(call_s_max=5, in_flight_max=4, **given)
        self.sandbox, self.taken, self.refusing, self.failing = sandbox, [], True, {FAILED_ONCE}

    async def ask(self, method, path, body, *, headers, bytes_max=65_536):
        if method == "POST":
            self.taken.append((path, body))
            id_ = json.loads(body).get("deduplication_id", "")
            if id_ == REFUSED and self.refusing:
                return Refused(422, '{"error":"no"}')
            if id_ in self.failing:
                self.failing.remove(id_)
                return Unavailable(503, "busy")
        got = await self.sandbox.call(method, path, body)
        types = {"content-type": "application/json", "retry-after": ""}
        return read_answer(got.status, headers=types, text=got.body.decode(), now=0.0)


class Told:
    """A day that went through, and who tells of it."""

    def __init__(self, folder) -> None:
        self.world = World(folder)
        self.admin = self.world.set_up()
        self.world.reader.settings = self.world.desk.settings()
        self.api = Recorded(Sandbox(), base_url="http://127.0.0.1:9", api_key="k" * 20, clock=self.world.clock)
        events = [*day(FEW), STRANGER]
        somebody = next(event["userId"] for event in events if event["type"] == "identify")
        events += [{**STRANGER, "userId": somebody, "messageId": name} for name in (REFUSED, FAILED_ONCE)]
        self.names = [event["messageId"] for event in events]
        for first in range(0, len(events), 50):
            self.world.receive(*events[first : first + 50])
        asyncio.run(self.deliver())
        self.states = {self.story(name).state for name in self.names}

    async def deliver(self) -> None:
        """Let deliver run until nothing waits but what is parked."""
        world, api = self.world, self.api

        class Served(Fleet):
            def _connect(self, destination):
                return api

        store = DeliveryStore(world.folder, clock=world.clock)
        await store.open()
        fleet = Served(
            backlog_of=store.backlog,
            ledger_of=store.ledger,
            orders=SqliteOrders(world.folder, clock=world.clock),
            ledger_orders=world.ledger_orders,
            clock=world.clock,
            dice=SeededDice(1),
        )
        stopping = asyncio.Event()
        fleet.follow(world.reader.settings)
        running = asyncio.create_task(fleet.until(stopping))
        for _ in range(2_000):
            await asyncio.sleep(0.02)
            world.clock.advance(1.0)
            counts = world.reader.shelf.counts("custify", ["web"])
            jobs = fleet.orders.replays()
            is_replayed = all((found := self.progress(job.id)) and found.is_read and not found.waiting for job in jobs)
            if counts.waiting == counts.parked and is_replayed:
                break
        stopping.set()
        await running
        await fleet.stop()
        await store.close()

    def progress(self, job):
        from penstock.buffer.sqlite.read.dead import SqliteDeadLetters

        return SqliteDeadLetters(self.world.folder).progress(job)

    def story(self, name):
        return self.world.reader.shelf.story("custify", name)

    def sent(self, name) -> list[dict]:
        return self.admin.get(f"/api/v1/events/{name}/sent").json()["sent"]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    return Told(tmp_path_factory.mktemp("day"))


def test_all_that_the_sandbox_took_down_is_told_byte_for_byte(told):
    by_api = collections.Counter(
        (each["path"], each["body"].encode()) for name in told.names for each in told.sent(name)
    )

    assert by_api == collections.Counter(told.api.taken)
    assert told.states >= {"delivered", "no-op", "coalesced", "parked", "dead"}


def test_the_page_and_the_command_line_tell_the_same(told):
    environ = {**told.world.environ, "PENSTOCK_CONFIG": ""}
    for name in (REFUSED, FAILED_ONCE, told.names[0], told.names[5]):
        for each in told.sent(name):
            page = told.admin.get(f"/payloads/custify/{name}?sent={each['attempt']}")
            assert page.content == each["body"].encode()
    assert len(told.sent(FAILED_ONCE)) == 2
    del environ["PENSTOCK_CONFIG"]
    shown = CliRunner().invoke(penstock, ["explain", REFUSED, "--sent", "--json"], env=environ, catch_exceptions=False)
    assert json.loads(shown.output)["sent"] == told.sent(REFUSED)


def test_bodies_are_kept_only_where_the_event_does_not_give_them_again(told):
    for name in told.names:
        story = told.story(name)
        for attempt in story.attempts if story.event.type == "track" else ():
            assert attempt.body is None or attempt.body.startswith(GIVEN)
    plain = [a for name in told.names for a in told.story(name).attempts if a.body_sum is not None and a.body is None]
    assert len(plain) > len(told.api.taken) / 4


def test_what_the_ledger_added_is_named_with_its_value(told):
    given = [
        each for name in told.names for sent in told.sent(name) if sent["path"] == "/event" for each in sent["added"]
    ]

    assert given
    assert {each["field"] for each in given} == {"company_id"}
    assert all("only company" in each["why"] for each in given)


def test_calls_that_were_not_made_say_why_and_lead_to_the_event_that_carried_them(told):
    by_state = {told.story(name).state: name for name in told.names}

    assert "all of it is held there already" in told.admin.get(f"/events/custify/{by_state['no-op']}").text
    coalesced = told.admin.get(f"/events/custify/{by_state['coalesced']}").text
    carrier = told.story(by_state["coalesced"]).reason.rpartition(" ")[2]
    assert f'<a href="/events/custify/{carrier}">the event whose call carried it</a>' in coalesced


def test_an_account_is_everything_that_was_sent_for_it(told):
    sent = {
        body["deduplication_id"]: body.get("company_id", "")
        for path, raw in told.api.taken
        if path == "/event"
        for body in [json.loads(raw)]
    }
    people = {name: told.story(name).event.user_id for name in told.names}
    for company in {company for company in sent.values() if company}:
        members = asyncio.run(members_of(told.api.sandbox, company))
        by_api, before = [], None
        while True:
            more = f"&before={before}" if before else ""
            page = told.admin.get(f"/api/v1/events?destination=custify&company={company}&limit=40{more}").json()
            by_api += [each["message_id"] for each in page["events"]]
            if (before := page["next"]) is None:
                break
        assert {name for name, sent_for in sent.items() if sent_for == company} <= set(by_api)
        assert not {name for name in by_api if sent.get(name, company) not in {company, ""}}
        upserts = {n for n in told.names if people[n] in members and told.story(n).event.type == "identify"}
        assert upserts <= set(by_api)
        page = told.admin.get(f"/people?company={company}").text
        assert by_api[0] in page or f"/events/custify/{by_api[0]}" in page


async def members_of(sandbox, company) -> set[str]:
    state = await sandbox.state()
    [own] = [each["id"] for each in state["companies"] if each["company_id"] == company]
    return {person["user_id"] for person in state["people"] if own in person["companies"]}


def test_what_a_replay_would_send_is_what_it_then_sends(told):
    page = told.admin.get(f"/events/custify/{REFUSED}").text
    replay = page[page.index('id="replay"') :]
    assert "POST /event" in replay[: replay.index("<h2")]

    told.api.refusing, before = False, len(told.api.taken)
    SqliteOrders(told.world.folder, clock=told.world.clock).ask_replay(
        "custify", Selection(message_id=REFUSED), by="ana"
    )
    asyncio.run(told.deliver())

    [(_, body)] = told.api.taken[before:]
    assert told.story(REFUSED).state == Outcome.DELIVERED
    assert told.sent(REFUSED)[-1]["body"].encode() == body
    for field, value in json.loads(body).items():
        assert field in replay
        assert not isinstance(value, str) or value in replay
