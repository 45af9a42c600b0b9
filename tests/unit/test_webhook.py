"""The webhook as a destination: what an event becomes, how it is signed, and which settings cannot work."""

import dataclasses
import json

import pytest
from standardwebhooks.webhooks import Webhook as Verifier

from dashboard_world import World
from penstock import causes
from penstock.buffer.port.control import Role
from penstock.buffer.port.shelf import Counts
from penstock.clock import ManualClock
from penstock.deliver.decide import RetryPolicy, decide
from penstock.destinations import kinds
from penstock.destinations.answer import Accepted, Barred, Down, Refused, Singled, Throttled, Unavailable
from penstock.destinations.every import PACKAGES, convert
from penstock.destinations.plan import Plan, Unmappable
from penstock.destinations.webhook.api import WebhookApi
from penstock.destinations.webhook.convert import Whole
from penstock.destinations.webhook.signature import signed
from penstock.errors import SettingsError
from penstock.explain.explain import explain
from penstock.inspect.standing import standing_of
from penstock.ledger.rules import OFF, rules_of
from penstock.machine.pulse import RoleStatus
from penstock.origin import address_of
from penstock.settings import Destination, Settings, load
from penstock.signing_secret import secret_of

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EVENT = {"type": "Track ", "event": "Paid", "userId": "ana", "messageId": "m1", "timestamp": "2024-01-02T03:04:05Z"}
MIRROR = Destination(name="mirror", type="webhook", api_key=SECRET, base_url="https://hooks.example.com/in")


def test_an_event_is_passed_on_whole_with_its_type_its_time_and_how_far_its_source_is_believed():
    plan = convert(EVENT, Whole(source="shop", trust="events"))

    assert isinstance(plan, Plan)
    [call] = plan.calls
    assert call.about == "event"
    assert call.body == {
        "type": "track",
        "timestamp": "2024-01-02T03:04:05.000Z",
        "source": "shop",
        "trust": "events",
        "data": EVENT,
    }


@pytest.mark.parametrize("call", [[], "text", None, {"userId": "ana"}, {"type": 7}, {"type": "  "}])
def test_what_is_no_call_is_said_to_be_none(call):
    assert isinstance(convert(call, Whole()), Unmappable)


@pytest.mark.parametrize("body", [b"{}", b'{"a":"\xc3\xa4"}'])
def test_a_receiver_that_follows_the_standard_verifies_the_signature(body):
    import time

    headers = signed(secret_of(SECRET), id_="m1", at_s=int(time.time()), body=body)

    Verifier(SECRET).verify(body, headers)
    with pytest.raises(Exception, match=r"(?i)signature"):
        Verifier(SECRET).verify(body + b" ", headers)


class Answers(WebhookApi):
    """A webhook whose receiver is asked here, without a network."""

    def __init__(self, answer=None) -> None:
        super().__init__(MIRROR, Settings(), ManualClock())
        self.answer, self.asked = answer or Accepted(200, ""), []

    async def ask(self, method, path, body, *, headers, bytes_max=0):
        self.asked.append((method, path, headers, json.loads(body)))
        return self.answer


async def test_each_try_of_an_event_has_its_message_id_and_goes_to_the_address_with_its_path():
    api = Answers()
    [call] = convert(EVENT, Whole()).calls
    await api.send(call)
    await api.send(call)

    assert [(method, path) for method, path, *_ in api.asked] == [("POST", "/in")] * 2
    assert {headers["webhook-id"] for _, _, headers, _ in api.asked} == {"m1"}


@pytest.mark.parametrize("id_", ["", " m1", "m\r\nx: y", "ä", "x" * 500, 7, None, ["m1"]])
async def test_an_id_that_is_no_header_becomes_the_same_digest_each_time(id_):
    api = Answers()
    plan = convert(EVENT | {"messageId": id_}, Whole())
    for call in [*plan.calls, *plan.calls]:
        await api.send(call)
    first, second = (headers["webhook-id"] for _, _, headers, _ in api.asked)

    assert first == second
    assert first.isascii()
    assert first.isprintable()


@pytest.mark.parametrize(
    ("answer", "reached", "words"),
    [
        (Accepted(204, ""), True, "took a signed ping with 204"),
        (Throttled(1.0, ""), True, "asks for fewer calls"),
        (Barred(401, "no"), False, "The webhook refused the secret with 401: no."),
        (Refused(422, "what is a ping?"), False, "refuses a signed ping with 422: what is a ping?"),
        (Unavailable(503, ""), False, "gives no usable answer (503)"),
        (Unavailable(None, ""), False, "gives no usable answer."),
    ],
)
def test_the_test_of_a_connection_says_in_words_what_the_receiver_said(answer, reached, words):
    found, said = Answers().in_words(answer)

    assert found is reached
    assert words in said


def test_the_ledger_has_no_part_in_what_keeps_no_records():
    assert rules_of(MIRROR) is OFF
    assert PACKAGES["webhook"].naming(Whole()) is None


def test_explain_shows_where_each_value_stands_in_what_is_sent():
    explanation = explain(EVENT | {"properties": {"plan": "pro"}}, Whole())

    told = {line.source: (line.call, line.field, line.sent) for line in explanation.lines}
    assert told["properties.plan"] == (0, "data.properties.plan", "pro")
    assert explanation.untold == 0


def test_explain_says_of_every_value_why_nothing_is_sent():
    explanation = explain({"userId": "ana"}, Whole())

    assert explanation.meaning.cause == causes.NO_TYPE
    assert "nothing is sent" in explanation.lines[0].why


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"base_url": "http://hooks.example.com/in"}, "destinations.mirror.base_url"),
        ({"base_url": "https://hooks.example.com/in?key=1"}, "destinations.mirror.base_url"),
        ({"base_url": "https://ana:pw@hooks.example.com/in"}, "destinations.mirror.base_url"),
        ({"base_url": "https://10.0.0.1/in"}, "destinations.mirror.base_url"),
        ({"base_url": "https://hooks.example.com/in#part"}, "destinations.mirror.base_url"),
        ({"api_key": "not a secret"}, "destinations.mirror.api_key"),
        ({"api_key": "whsec_c2hvcnQ="}, "destinations.mirror.api_key"),
        ({"type": "web"}, "destinations.mirror.type"),
    ],
)
def test_an_address_or_a_secret_that_cannot_work_is_refused_and_the_secret_is_not_shown(changed, named):
    block = {"type": "webhook", "base_url": "https://hooks.example.com/in", "api_key": SECRET} | changed

    with pytest.raises(SettingsError) as found:
        load(None, {}, dashboard={"destinations": {"mirror": block}})
    assert found.value.name == named
    assert block["api_key"] not in str(found.value)
    assert "pw" not in str(found.value)


@pytest.mark.parametrize(
    ("text", "origin", "path"),
    [
        ("https://hooks.example.com", "https://hooks.example.com", "/"),
        ("HTTPS://Hooks.Example.com:8443/a/b%20c", "https://hooks.example.com:8443", "/a/b%20c"),
    ],
)
def test_an_address_is_an_origin_and_a_path(text, origin, path):
    found = address_of(text)

    assert (str(found.origin), found.path) == (origin, path)


def test_a_webhook_is_set_up_in_the_dashboard_and_its_pages_speak_of_it(tmp_path):
    world = World(tmp_path)
    admin = world.visitor(Role.ADMIN)
    admin.post("/sources/new", name="web", type="web")
    assert "Select Webhook" in admin.get("/destinations/new").text
    page = admin.get("/destinations/new/webhook?name=mirror").text
    assert 'value="whsec_' in page
    assert "Fall back to anonymousId" not in page

    block = {"name": "mirror", "base_url": MIRROR.base_url, "api_key": SECRET, "source:web": "on"}
    assert admin.post("/destinations/new/webhook", **block).status_code == 303
    kept = world.desk.settings().destinations["mirror"]
    assert dataclasses.replace(kept, consent_categories=()) == MIRROR
    page = admin.get("/destinations/mirror").text
    assert SECRET not in page
    assert "/mapping/mirror" not in page
    assert '<td data-label="Kind">Webhook</td>' in admin.get("/destinations").text
    assert admin.change("/destinations/mirror", mode="shadow").status_code == 303
    assert "nothing is written to the webhook" in " ".join(admin.get("/destinations/mirror").text.split())
    assert admin.change("/destinations/mirror", mode="live").status_code == 303
    assert "passed on whole" in admin.get("/mapping/mirror").text
    assert admin.change("/destinations/mirror", calls_per_s_max="5").status_code == 303
    assert world.desk.settings().destinations["mirror"].calls_per_s_max == 5.0


def test_there_is_no_other_type_to_be_set_up(tmp_path):
    answer = World(tmp_path).visitor(Role.ADMIN).get("/destinations/new/carrier-pigeon?name=x")

    assert answer.status_code == 422
    assert "custify or webhook" in answer.text


WAITING = Counts(received=1, waiting=1, retrying=0, parked=0, outcomes={}, oldest_received_at_ms=0)
BY_WEBHOOK = RetryPolicy(who="The webhook", credential="secret", causes="webhook", give_up_after_s=100.0)
BAD_ANSWERS = [
    (Refused(422, "no"), "webhook.refused.422"),
    (Refused(418, "no"), "webhook.refused.418"),
    (Unavailable(503, ""), "webhook.unavailable"),
    (Down(None, "nobody"), "webhook.unavailable"),
    (Singled(Barred(403, "no"), counts=True), "webhook.refused.403"),
    (Singled(Barred(403, "<html>", causes.NOT_THE_API), counts=True), "webhook.not_the_api"),
    (Barred(401, "no"), "webhook.key_rejected"),
    (Barred(302, ""), "webhook.redirected"),
    (Barred(402, ""), "webhook.account"),
    (Barred(405, ""), "webhook.route"),
    (Barred(None, "", causes.CERTIFICATE), "webhook.certificate"),
    (Barred(None, "", causes.ADDRESS), "webhook.address"),
]


@pytest.mark.parametrize(("answer", "code"), BAD_ANSWERS)
def test_what_a_webhook_refuses_is_told_apart_from_what_custify_refuses(answer, code):
    verdict = decide(answer, attempt=2, failing_for_s=101.0, jitter=0.0, policy=BY_WEBHOOK)

    assert verdict.cause == code
    told = kinds.explained(code)
    assert "Custify" not in verdict.reason + told.meaning + told.advice
    assert told.meaning != kinds.CAUSES[causes.UNKNOWN].meaning


def test_what_an_older_version_wrote_down_of_a_webhook_can_still_be_read():
    assert "422" in kinds.explained("custify.refused.422").meaning


def test_a_webhook_that_is_down_or_asks_for_a_wait_is_said_to_be_so():
    live = {"hold_reason": "nobody", "hold_cause": "webhook.unavailable"}
    wait = {"wait_until": 1_700_000_000.0, "who": "The webhook", "causes": "webhook"}
    running = RoleStatus(state="running", beat_age_s=0.0)

    stands = [standing_of(facts, WAITING, running, enabled=True, steady=0.0) for facts in (live, wait)]

    assert [(each.state, each.cause) for each in stands] == [
        ("down", live["hold_cause"]),
        ("throttled", "webhook.throttled"),
    ]
    assert stands[1].reason.startswith("The webhook asked us to wait")


def test_a_webhook_without_an_address_is_not_sent_to_where_another_kind_is(tmp_path):
    toml = tmp_path / "penstock.toml"
    toml.write_text('[destinations.crm]\ntype = "webhook"\napi_key = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"\n')

    with pytest.raises(SettingsError, match=r"destinations\.crm\.base_url: expected the address of a webhook"):
        load(toml, {})
