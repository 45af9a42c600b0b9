"""The questions to the real Custify, asked of sandboxes: one that is as assumed, and others that are not."""

import asyncio
import json

import pytest

from penstock.destinations.custify.probe.asking import Asking, Stopped
from penstock.destinations.custify.probe.names import MARK, RunNames
from penstock.destinations.custify.probe.removing import all_of, remove
from penstock.destinations.custify.probe.report import as_json, otherwise, report
from penstock.destinations.custify.probe.run import QUESTIONS, Examination, examine
from penstock.sandbox.assumptions import ASSUMPTIONS
from sandbox_client import Sandbox

RUN = RunNames("00c0ffee")


class World:
    """A sandbox asked as Custify is, by a clock that never waits."""

    def __init__(self) -> None:
        self.sandbox, self.slept, self.told, self.calls = Sandbox(), 0.0, [], []

    async def exchange(self, method: str, path: str, body: bytes | None):
        self.calls.append((method, path, json.loads(body) if body else None))
        got = await self.sandbox.call(method, path, body)
        if not got.whole:
            raise OSError("the connection was closed")
        return got.status, got.headers, got.body.decode()

    async def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.sandbox.now += seconds
        await asyncio.sleep(0)

    def asking(self, **bounds) -> Asking:
        return Asking(self, **{"sleep": self.sleep, "calls_max": 500, "calls_per_s_max": 4.0, **bounds})

    async def examine(self, *, wait_s: float = 0.0, **bounds) -> Examination:
        return await examine(
            self.asking(**bounds), self.asking(), RUN, patience_s=60.0, wait_s=wait_s, tell=self.told.append
        )

    async def made(self) -> list[dict]:
        state = await self.sandbox.state()
        return state["people"] + state["companies"]


@pytest.fixture
def world() -> World:
    return World()


async def test_the_sandbox_answers_every_question_as_it_is_assumed(world):
    findings = await world.examine()

    assert findings.found.keys() == set(QUESTIONS) == set(ASSUMPTIONS)
    assert {name: found.why for name, found in findings.found.items() if not found.answer} == {}
    assert otherwise(findings, ASSUMPTIONS) == []
    assert (findings.left, findings.stopped) == ([], "")


def test_every_answer_that_is_assumed_is_one_that_can_be_given():
    for name, assumption in ASSUMPTIONS.items():
        assert assumption.assumed in assumption.answers, name


async def test_whatever_it_made_is_gone_and_no_others_were_touched(world):
    theirs = [
        {"user_id": "25", "email": "jo@example.com"},
        {"user_id": f"{MARK}-other"},
        {"email": "PENSTOCK@example.com"},
    ]
    for person in theirs:
        await world.sandbox.post("/people", {**person, "phone": "5"})
    await world.sandbox.post("/company", {"company_id": "25", "name": "Acme"})
    before = await world.made()

    findings = await world.examine()

    assert await world.made() == before
    assert findings.left == []
    written = [body for method, _, body in world.calls if method == "POST"]
    ids = [body[name] for body in written for name in ("user_id", "email", "company_id") if body.get(name)]
    assert all(RUN.owns(id_) for id_ in ids)


async def test_it_is_never_faster_than_it_was_told_and_never_makes_more_calls_than_it_may(world):
    findings = await world.examine(calls_per_s_max=2.0, calls_max=40)

    assert findings.stopped == "40 calls were made, and no more are made in one run"
    assert world.slept >= 20
    assert findings.left == []
    assert await world.made() == []


@pytest.mark.parametrize("after", [3, 25, 60, 100])
async def test_an_interrupted_run_removes_what_it_made(world, after):
    task = asyncio.current_task()
    exchange = world.exchange

    async def interrupted(method, path, body):
        if len(world.calls) == after:
            task.cancel()
        return await exchange(method, path, body)

    world.exchange = interrupted
    findings = await world.examine()

    assert findings.stopped == "it was interrupted"
    assert findings.left == []
    assert await world.made() == []
    assert "not asked: it was interrupted" in report(findings, ASSUMPTIONS, origin="x", when="y")


async def test_removing_is_not_interrupted(world):
    task = asyncio.current_task()
    exchange = world.exchange

    async def interrupted(method, path, body):
        if method == "DELETE" and "?" not in path:
            task.cancel()
        return await exchange(method, path, body)

    world.exchange = interrupted
    findings = await world.examine()

    assert (findings.stopped, findings.left) == ("", [])
    assert await world.made() == []


@pytest.mark.parametrize("after", [10, 60, 100])
async def test_a_key_that_is_refused_meanwhile_ends_it_and_what_is_left_is_named(world, after):
    exchange = world.exchange

    async def refused(method, path, body):
        if len(world.calls) == after:
            await world.sandbox.post("/_sandbox/faults", {"reject_keys": True})
        return await exchange(method, path, body)

    world.exchange = refused
    findings = await world.examine()

    assert "the key was refused (401)" in findings.stopped
    assert findings.left
    assert all(f"{MARK}-{RUN.run}" in sentence or str(RUN.number) in sentence for sentence in findings.left)
    assert f"--clean-up {RUN.run}" in report(findings, ASSUMPTIONS, origin="x", when="y")

    await world.sandbox.post("/_sandbox/faults", {})
    world.exchange = exchange
    assert await remove(all_of(RUN, world.asking()), world.asking()) == []
    assert await world.made() == []


async def test_it_waits_as_it_is_told_and_gives_up_if_that_never_ends(world):
    await world.sandbox.post("/_sandbox/faults", {"status": 429, "retry_after_s": 7, "times": 3})
    findings = await world.examine()

    assert (findings.throttled, findings.stopped) == (3, "")
    assert findings.limits == {"retry-after": "7"}
    assert world.slept >= 21

    await world.sandbox.post("/_sandbox/faults", {"status": 429})
    assert "asked 10 times for fewer calls" in (await world.examine()).stopped


async def test_an_outage_leaves_questions_open_and_ends_nothing(world):
    await world.sandbox.post("/_sandbox/faults", {"status": 503, "times": 9})
    findings = await world.examine()

    open_ = [name for name, found in findings.found.items() if not found.answer]
    assert len(open_) == 3
    assert findings.left == []


async def test_lost_answers_are_no_reason_to_leave_anybody_behind(world):
    world.sandbox.throw = 0.0
    await world.sandbox.post("/_sandbox/faults", {"drop_answers": 1.0})
    exchange = world.exchange

    async def healed(method, path, body):
        if len(world.calls) == 30:
            await world.sandbox.post("/_sandbox/faults", {})
        return await exchange(method, path, body)

    world.exchange = healed
    findings = await world.examine()

    assert findings.left == []
    assert await world.made() == []


async def test_a_write_that_is_applied_after_its_call_was_given_up_is_removed_too(world):
    exchange, sleep, late = world.exchange, world.sleep, []

    async def unanswered(method, path, body):
        if path == "/people" and b"-large" in (body or b""):
            late.append((method, path, body))
            raise OSError("no answer in time")
        return await exchange(method, path, body)

    async def meanwhile(seconds):
        if seconds >= 60:
            for call in late:
                await exchange(*call)
        await sleep(seconds)

    world.exchange, world.sleep = unanswered, meanwhile
    findings = await world.examine()

    assert late
    assert findings.left == []
    assert await world.made() == []


class Otherwise(World):
    """A Custify that is another one in one point."""

    def __init__(self, point: str) -> None:
        super().__init__()
        self.point = point

    async def exchange(self, method, path, body):
        given = json.loads(body) if body else {}
        change = getattr(self, self.point)(method, path, given)
        if isinstance(change, tuple):
            self.calls.append((method, path, given))
            return change[0], {}, json.dumps(change[1])
        answer = await super().exchange(method, path, json.dumps(given).encode() if body else None)
        return self.read(path, answer) if method == "GET" else answer

    def read(self, path, answer):
        if self.point == "keeps_numbers" and path.startswith("/people?"):
            return answer[0], answer[1], answer[2].replace(f'"user_id":"{RUN.number}"', f'"user_id":{RUN.number}')
        return answer

    def refuses_numbers(self, _method, _path, body):
        return (422, {}) if any(isinstance(body.get(n), int) for n in ("user_id", "company_id")) else None

    def keeps_numbers(self, _method, _path, _body):
        return None

    def ignores_nulls(self, _method, _path, body):
        for part in (body, body.get("custom_attributes", {})):
            for name in [name for name, value in part.items() if value is None]:
                del part[name]

    def has_no_deduplication(self, _method, path, body):
        if path == "/event":
            body.pop("deduplication_id", None)

    def tells_people_apart(self, _method, path, body):
        if path == "/event" and "deduplication_id" in body:
            body["deduplication_id"] += body["user_id"]

    def refuses_events_of_nobody(self, _method, path, body):
        return (404, {"msg": "no such person"}) if path == "/event" and body["user_id" if "user_id" in body else "name"].endswith("unknown") else None  # fmt: skip

    def takes_nested(self, _method, _path, body):
        for name in ("custom_attributes", "metadata"):
            body[name] = {key: "{}" if isinstance(item, dict) else item for key, item in body.get(name, {}).items()}

    def keeps_the_deleted(self, method, path, _body):
        return (200, {"msg": "ok"}) if method == "DELETE" and "?user_id=" in path and "deleted" in path else None

    def knows_no_404(self, method, path, _body):
        return (200, {"msg": "ok"}) if method == "DELETE" and path.endswith("unknown") else None

    def reads_offsets(self, _method, _path, body):
        for name in ("signed_up_at", "created_at"):
            if str(body.get(name)).endswith("+02:00"):
                body[name] = "2024-01-02T01:04:05.000Z"

    def counts_no_capitals(self, _method, _path, body):
        if body.get("email"):
            body["email"] = body["email"].lower()

    def answers_with_everybody(self, method, path, _body):
        people = [{"id": "5e" + "0" * 22, "user_id": "somebody", "email": "jo@example.com"}]
        return (200, [{"people": people, "total": 1}]) if method == "GET" and path.startswith("/people?") else None

    def hides_events(self, _method, path, _body):
        return (200, []) if path.startswith("/company/usage/") else None


@pytest.mark.parametrize(
    ("point", "differing"),
    [
        ("refuses_numbers", {"numeric_user_id": "refused", "numeric_company_id": "refused"}),
        ("keeps_numbers", {"numeric_user_id": "number"}),
        ("ignores_nulls", {"null_field": "ignored", "null_attribute": "ignored", "null_of_company": "ignored"}),
        ("has_no_deduplication", {"deduplication": "counted", "deduplication_scope": "narrower", "deduplication_later": "counted"}),
        ("tells_people_apart", {"deduplication_scope": "narrower"}),
        ("refuses_events_of_nobody", {"event_of_unknown_person": "refused"}),
        ("takes_nested", {"nested_attribute": "kept", "event_nested_metadata": "kept"}),
        ("keeps_the_deleted", {"deletion": "remains"}),
        ("knows_no_404", {"deletion_of_nobody": "taken"}),
        ("reads_offsets", {"date_with_offset": "instant", "event_date_with_offset": "instant"}),
        ("counts_no_capitals", {"event_email_case": "ignored"}),
        ("hides_events", {}),
    ],
)  # fmt: skip
async def test_a_custify_that_is_otherwise_is_reported_as_such(point, differing):
    world = Otherwise(point)

    findings = await world.examine()
    text = report(findings, ASSUMPTIONS, origin="https://api.custify.com", when="today")

    assert {name: findings.found[name].answer for name in otherwise(findings, ASSUMPTIONS)} == differing
    assert ("## Otherwise" in text) is bool(differing)
    for name, answer in differing.items():
        assert f"Custify: {ASSUMPTIONS[name].answers[answer]}." in text
        assert ASSUMPTIONS[name].relies in text
    assert findings.left == []
    assert await world.made() == []


async def test_what_cannot_be_found_out_is_said_and_no_guess_is_made():
    findings = await Otherwise("hides_events").examine()

    assert {name for name, found in findings.found.items() if not found.answer} == {
        name for name in QUESTIONS if name.startswith(("event_", "dedup"))
    } - {"event_nested_metadata"}
    assert "no event was seen in /company/usage within 60 s" in report(findings, ASSUMPTIONS, origin="x", when="y")


async def test_people_found_by_a_search_that_finds_all_are_never_deleted():
    world = Otherwise("answers_with_everybody")

    findings = await world.examine()

    assert all(
        "did not make; it was left alone" in sentence for sentence in findings.left if "company_id" not in sentence
    )
    assert findings.left
    assert not [path for method, path, _ in world.calls if method == "DELETE" and "/people/5e" in path]
    assert findings.found["null_field"].why.startswith("no person is found by user_id")


async def test_a_number_that_is_a_persons_is_left_alone(world):
    await world.sandbox.post("/people", {"user_id": RUN.number, "phone": "5", "email": "jo@example.com"})
    before = await world.made()

    findings = await world.examine()

    assert findings.found["numeric_user_id"].why == f"a person with the user id {RUN.number} is there already"
    assert await world.made() == before


async def test_the_report_for_programs_has_every_question_with_its_calls(world):
    facts = as_json(await world.examine(wait_s=3600.0), ASSUMPTIONS, origin="x", when="y")

    assert [each["question"] for each in facts["answers"]] == list(QUESTIONS)
    assert all(each["answer"] == each["assumed"] and each["calls"] for each in facts["answers"])
    assert facts["identifier_repeated_after_s"] >= 3600
    json.dumps(facts)


async def test_a_run_whose_first_call_is_refused_asks_nothing_more(world):
    await world.sandbox.post("/_sandbox/faults", {"reject_keys": True})
    with pytest.raises(Stopped):
        await world.asking().ask("GET", "/people/all")

    findings = await world.examine()
    assert (findings.found, findings.left) == ({}, [])
