"""What a source never stores is nowhere on the disk, whatever a request is like; all else is stored, and told, as it came."""

import base64
import json
import logging

import msgspec
import pytest
import structlog

from accept_client import AUTH, Client
from penstock.accept.minimising import Minimising
from penstock.accept.suppressing import Suppressing
from penstock.cli.explain_text import account_lines
from penstock.event import Batch
from penstock.explain.questions import accounts_of
from penstock.inspect.stored_event import removed_of, stored_event
from penstock.privacy.suppressed import SUPPRESS
from penstock.settings import Connection, Destination, Settings, Source
from privacy_world import DESTINATION, PrivacyWorld

SECRET = ["ann.secret@example.com", "+49555017", "hidden-company", "4111111111111111", "203.0.113.77", "Geheimnis"]
WEB = Source(
    name="web",
    type="web",
    write_key="web-key",
    never_store=("traits.email", "traits.company.name", "properties.items.*.card", "**.geheim", "traits.id"),
    store_hashed=("traits.phone",),
)
EMAIL, PHONE, COMPANY, CARD, ADDRESS, WORD = SECRET
IDENTIFY = {
    "userId": "u1",
    "messageId": "m1",
    "traits": {"email": EMAIL, "phone": PHONE, "plan": "pro", "company": {"id": "c1", "name": COMPANY}},
    "context": {"ip": ADDRESS, "traits": {"email": EMAIL, "deep": [{"geheim": WORD}]}},
}
ODD = [
    b'{"type":"track","event":"A","userId":"u1","messageId":"o1","traits":{"email":"%b"},"traits":{"plan":"x"}}',
    b'{"type":"track","event":"B","userId":"u1","messageId":"o2","traits":{"e\\u006dail":"%b"}}',
    b'{"type":"track","event":"C","userId":7,"messageId":"o3","traits":{"email":"%b\\ud800"}}',
    b'{"type":"track","event":"D","userId":"u1","messageId":"o4","properties":{"x":NaN,"geheim":"%b"}}',
    b'{"type":"track","event":"E","userId":"u1","messageId":"o5","x":'
    + b"[" * 900
    + b"]" * 900
    + b',"traits":{"email":"%b"}}',
    b'{"type":"track","messageId":"o6","traits":{"email":"%b"}}',
    b'{"type":"track","event":"F" "traits":{"email":"%b"}}',
    b'["email","%b",{"traits":{"email":"%b"}}]',
    b'{"type":"track","event":"G","userId":"u1","traits":{"email":"%b","bad":"\xff\xfe"}}',
]


class Door:
    """A gateway over real files, with rules."""

    def __init__(self, world: PrivacyWorld, *sources: Source) -> None:
        self.world, self.sources = world, {source.name: source for source in sources}
        self.minimising = Minimising(Suppressing(world.store.log, world.people), world.vault.derived)
        self.minimising.follow(self.sources)
        self.client = Client(buffer=self.minimising.door)
        self.client.gateway.ruled_log = self.minimising
        self.client.gateway.sources.replace(self.sources)

    async def send(self, path: str, body: bytes, **scope) -> int:
        return (await self.client("POST", path, body, AUTH, **scope)).status

    def stored(self) -> dict[str, object]:
        return {story.event.message_id: story.event for story in self.world.store.stories()}


@pytest.fixture
async def world(tmp_path):
    world = await PrivacyWorld(tmp_path).open()
    yield world
    await world.close()


def lines(body: bytes, word: str) -> bytes:
    return body.replace(b"%b", word.encode())


async def test_removed_values_are_nowhere_on_the_disk_nor_in_what_is_told(world, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    door = Door(world, WEB)
    with structlog.testing.capture_logs() as said:
        assert await door.send("/v1/identify", msgspec.json.encode(IDENTIFY), client=f"{ADDRESS}:1") == 200
        group = {"userId": "u1", "type": "group", "messageId": "m2", "traits": {"id": COMPANY, "email": EMAIL}}
        bought = {"items": [{"card": CARD, "n": 1}, [{"card": CARD}]]}
        order = {"userId": "u1", "type": "track", "event": "Order", "messageId": "m3", "properties": bought}
        shared = {"context": {"ip": ADDRESS, "traits": {"email": EMAIL}}}
        batch = msgspec.json.encode(
            {"batch": [group, order, {"userId": "u2", "type": "page", "messageId": "m4"}], **shared}
        )
        assert await door.send("/v1/batch", batch) == 200
        odd = b'{"batch":[' + b",".join(lines(body, EMAIL) for body in ODD) + b"]}"
        assert await door.send("/v1/batch", odd) == 200
        for body in ODD:
            assert await door.send("/v1/track", lines(body, EMAIL)) in {200, 400}
        query = f"writeKey=web-key&event=Seen&userId=u1&traits.email={EMAIL}&context.ip={ADDRESS}"
        assert (await door.client("GET", "/pixel/v1/track", query_string=query, client=f"{ADDRESS}:1")).status == 200
        large = {**IDENTIFY, "messageId": "m5", "x": [["y" * 100] * 200] * 10}
        assert await door.send("/v1/identify", msgspec.json.encode(large)) == 200
    await world.settle(seconds=5)
    assert world.found_of(*SECRET) == []
    assert world.found_of("Order"), "what is looked for would be found"
    assert world.found_of("Seen")
    told = json.dumps(door.client.gateway.facts()) + str(said) + caplog.text
    assert [word for word in SECRET if word in told] == []
    assert {"m1", "m2", "m3", "m4", "m5", "o1", "o2", "o3", "o4", "o5"} <= door.stored().keys()


async def test_what_stays_is_what_came_to_the_byte(world) -> None:
    door = Door(world, WEB)
    text = b'{ "type":"track","event":"A", "userId":"u1","messageId":"a", "properties":{"n":1.0e2, "big":123456789012345678901234567890} }'
    await door.send("/v1/track", text)
    other = b'{ "userId":"u1","messageId":"b","traits":{"x":1.50 , "email":"ann.secret@example.com", "y":"\\u00e9"} }'
    await door.send("/v1/identify", other)
    stored = door.stored()
    assert (stored["a"].body, stored["a"].minimised) == (text, "")
    assert stored["b"].body == b'{ "userId":"u1","messageId":"b","traits":{"x":1.50 , "y":"\\u00e9"} }'


async def test_a_source_without_rules_hands_on_the_very_request(world) -> None:
    taken = []

    class Log:
        async def append(self, batches):
            taken.append(batches)
            return 1

    minimising = Minimising(Suppressing(Log(), world.people), world.vault.derived)
    minimising.follow({"web": WEB, "server": Source(name="server", write_key="s")})
    batches = [msgspec.convert(["server", 1, [["m", "track", "u", "", "", ADDRESS]], b"{}"], type=Batch)]
    await minimising.append(batches)
    assert taken == [batches]
    assert taken[0] is batches


async def test_addresses_of_browsers_and_phones_are_shortened_and_of_servers_kept(world) -> None:
    door = Door(
        world,
        Source(name="web", type="web", write_key="web-key"),
        Source(name="phone", type="mobile", write_key="p"),
        Source(name="server", write_key="s"),
        Source(name="none", write_key="n", ip_addresses="drop"),
        Source(name="all", type="web", write_key="a", ip_addresses="keep"),
    )
    own = (
        b'{"userId":"u","event":"E","messageId":"%b","request_ip":"198.51.100.9","context":{"ip":"2001:db8:aa:bb::1"}}'
    )
    for key in ("web-key", "p", "s", "n", "a"):
        auth = {"authorization": f"Basic {base64.b64encode(f'{key}:'.encode()).decode()}"}
        await door.client(
            "POST",
            "/v1/track",
            b'{"userId":"u","event":"E","messageId":"%b"}' % key.encode(),
            auth,
            client=f"{ADDRESS}:9",
        )
        await door.client("POST", "/v1/track", own.replace(b"%b", b"own-" + key.encode()), auth, client=f"{ADDRESS}:9")
    stored = door.stored()
    assert [stored[key].request_ip for key in ("web-key", "p", "s", "n", "a")] == [
        "203.0.113.0", "203.0.113.0", ADDRESS, "", ADDRESS,
    ]  # fmt: skip
    assert stored["own-p"].request_ip == "198.51.100.0"
    assert b'"request_ip":"198.51.100.0","context":{"ip":"2001:db8:aa::"}' in stored["own-p"].body
    assert b"198.51" not in stored["own-n"].body
    assert b'"context":{}' in stored["own-n"].body
    assert b'"request_ip":"198.51.100.9","context":{"ip":"2001:db8:aa:bb::1"}' in stored["own-a"].body


async def test_explain_says_what_was_removed_and_by_which_rule_and_never_the_value(world) -> None:
    door = Door(world, WEB)
    await door.send("/v1/identify", msgspec.json.encode(IDENTIFY))
    await world.settle(seconds=3)
    await world.crash_and_reopen()
    sentences = removed_of(door.stored()["m1"])
    assert sentences == [
        "the last part of the IP address was removed before the event was stored: ip_addresses truncate",
        "1 value removed before the event was stored: never_store **.geheim",
        "1 value removed before the event was stored: never_store traits.company.name",
        "2 values removed before the event was stored: never_store traits.email",
        "1 value stored as a keyed hash: store_hashed traits.phone",
    ]
    destination = Destination(name=DESTINATION, api_key="k")
    connection = Connection(from_="web", to=DESTINATION)
    settings = Settings(sources={"web": WEB}, destinations={DESTINATION: destination}, connections=(connection,))
    (account,) = accounts_of(world.store.shelf, settings, "m1", [DESTINATION])
    assert set(sentences) <= {line.strip() for line in account_lines(account)}
    assert list(stored_event(account.story).removed) == sentences


async def test_equal_values_are_one_hash_also_after_a_restart(world) -> None:
    for name in ("a", "b"):
        door = Door(world, WEB)
        await door.send(
            "/v1/identify", msgspec.json.encode({"userId": name, "messageId": name, "traits": {"phone": PHONE}})
        )
    hashes = {msgspec.json.decode(event.body)["traits"]["phone"] for event in door.stored().values()}
    assert len(hashes) == 1
    assert hashes.pop().startswith("hmac:")


async def test_who_is_suppressed_by_an_address_that_is_never_stored_is_known_by_it(world) -> None:
    door = Door(world, WEB)
    world.people.add([f"email:{EMAIL}"], what=SUPPRESS, request="1", at_ms=1)
    await door.send("/v1/identify", msgspec.json.encode(IDENTIFY))
    (event,) = door.stored().values()
    assert (event.type, event.user_id, event.body) == ("SUPPRESSED", "", b"{}")


HASHED = Source(name="web", type="web", write_key="web-key", store_hashed=("traits.email", "traits.id"))


async def test_who_is_erased_by_an_address_that_is_stored_hashed_is_found_by_its_hash(world) -> None:
    door, address = Door(world, HASHED), "Ann.Secret@Example.com"
    calls = [
        {"userId": "u1", "messageId": "named", "traits": {"email": address}},
        {"userId": "u1", "messageId": "later"},
        {"anonymousId": "v1", "messageId": "unnamed", "traits": {"email": f" {EMAIL}"}},
        {"anonymousId": "v2", "messageId": "by_id", "traits": {"id": "u1"}},
        {"userId": "bob", "messageId": "other", "traits": {"email": "bob@example.com"}},
    ]
    for call in calls:
        assert await door.send("/v1/identify", msgspec.json.encode(call)) == 200
    await world.settle(seconds=3)

    world.asking.erase(frozenset({f"email:{EMAIL}"}), world.settings, by="admin")
    await world.until_done()

    left = {message_id for message_id, event in door.stored().items() if event.body != b"{}"}
    assert left == {"other"}
    assert world.searching.everything(frozenset({f"email:{EMAIL}", "user:u1"})).counts == {}
    world.people.look()
    await door.send("/v1/identify", msgspec.json.encode({"messageId": "late", "traits": {"email": address}}))
    assert door.stored().keys() == {"other"} | {k for k, event in door.stored().items() if event.body == b"{}"}


async def test_a_large_event_is_gone_through_with_pauses(world, monkeypatch) -> None:
    monkeypatch.setattr("penstock.minimise.cutting.VALUES_OF_A_SLICE", 10)
    pauses = []

    async def sleep(_):
        pauses.append(1)

    monkeypatch.setattr("penstock.accept.minimising.asyncio.sleep", sleep)
    door = Door(world, WEB)
    event = {"userId": "u", "messageId": "m", "traits": {f"n{i}": "v" * 50 for i in range(1_000)} | {"email": EMAIL}}
    assert await door.send("/v1/identify", msgspec.json.encode(event)) == 200
    assert len(pauses) >= 50
    assert world.found_of(EMAIL) == []
