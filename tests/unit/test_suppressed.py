"""Events of suppressed people: nothing of them is stored, they are counted, and everybody else's come in as they came."""

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from penstock.accept.one_by_one import read_batch, read_one
from penstock.accept.sdk_request import Arrival
from penstock.accept.suppressing import Suppressing
from penstock.clock import SeededDice
from penstock.errors import SettingsError
from penstock.event import Batch, Event
from penstock.identity import SUPPRESSED, names_in
from penstock.privacy.suppressed import ERASE, RELEASE, SUPPRESS, SuppressedList, read_list

NOW_MS = 1_800_000_000_000
ORIGIN = Arrival(source="web", received_at_ms=NOW_MS, ip="10.0.0.1")


class Kept:
    """A log that keeps batches as they come."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    async def append(self, batches: Sequence[Batch]) -> int:
        self.batches += batches
        return sum(len(batch.heads) for batch in batches)


def key(purpose: bytes) -> bytes:
    return (purpose * 64)[:64]


def listed(folder: Path, *names: str, what: str = SUPPRESS) -> SuppressedList:
    people = SuppressedList(folder, key)
    people.add(names, what=what, request="1", at_ms=NOW_MS)
    return people


def one(**call: object) -> Batch:
    body = msgspec.json.encode({"messageId": "m", "event": "Opened", **call})
    return read_one(body, type_=str(call.get("type", "track")), origin=ORIGIN, dice=SeededDice(1))


def many(*calls: dict[str, object], **shared: object) -> Batch:
    numbered = [{"messageId": f"m{n}", "type": "track", **call} for n, call in enumerate(calls)]
    return read_batch(msgspec.json.encode({"batch": numbered, **shared}), origin=ORIGIN, dice=SeededDice(1))


def stored(people: SuppressedList, batch: Batch) -> list[Event]:
    log = Kept()
    asyncio.run(Suppressing(log, people).append([batch]))
    return [event for each in log.batches for event in each.events()]


@pytest.mark.parametrize(
    "call",
    [
        {"userId": "ann"},
        {"userId": " ann "},
        {"anonymousId": "f3"},
        {"userId": "other", "anonymousId": "f3"},
        {"type": "identify", "anonymousId": "new", "traits": {"email": " Ann@Example.com"}},
        {"type": "identify", "anonymousId": "new", "context": {"traits": {"email": "ann@example.com"}}},
        {"type": "identify", "anonymousId": "new", "traits": {"userId": "ann"}},
        {"type": "identify", "anonymousId": "new", "traits": {"id": "ann"}},
        {"type": "alias", "userId": "new", "previousId": "ann"},
        {"type": "alias", "userId": "new", "previousId": "f3"},
        {"type": "group", "userId": "new", "groupId": "g", "traits": {"traits": {"email": "ann@example.com"}}},
        {"userId": "ANN@example.com"},
        {"userId": "bob", "traits": {"anonymousId": "f3"}},
        {"userId": "bob", "previousId": "f3"},
        {"type": "identify", "userId": "bob", "traits": {"user_id": "ann"}},
        {"type": "identify", "userId": "bob", "context": {"traits": {"id": " ann "}}},
        {"type": "group", "userId": "bob", "groupId": "g", "traits": {"traits": {"userId": "ann"}}},
    ],
)
def test_nothing_of_a_suppressed_persons_event_is_stored(tmp_path: Path, call: dict[str, object]) -> None:
    people = listed(tmp_path, "user:ann", "anon:f3", "email:ann@example.com")

    [left] = stored(people, one(context={"ip": "10.1.2.3"}, **call) if "context" not in call else one(**call))

    assert (left.type, left.body, left.envelope) == (SUPPRESSED, b"{}", b"")
    assert not any((left.user_id, left.anonymous_id, left.company_id, left.request_ip))
    assert left.message_id != "m"
    assert left.received_at_ms == NOW_MS


def test_an_address_that_is_written_with_escapes_is_the_same(tmp_path: Path) -> None:
    people = listed(tmp_path, "email:ann@example.com")
    body = rb'{"messageId":"m","anonymousId":"n","traits":{"email":"ann\u0040example.com"}}'

    [left] = stored(people, read_one(body, type_="identify", origin=ORIGIN, dice=SeededDice(1)))

    assert left.type == SUPPRESSED


@pytest.mark.parametrize(
    "traits",
    [
        rb'{"user\u0049d":"ann"}',
        rb'{"userId":"\u0061nn"}',
        rb'{"userId" : "ann" }',
        rb'{"id":101.0}',
        rb'{"id":1010e-1}',
    ],
)
def test_however_an_id_among_traits_is_written_it_is_the_same(tmp_path: Path, traits: bytes) -> None:
    people = listed(tmp_path, "user:ann", "user:101")
    body = rb'{"messageId":"m","userId":"bob","traits":%b}' % traits

    for _ in range(2):
        [left] = stored(people, read_one(body, type_="track", origin=ORIGIN, dice=SeededDice(1)))
        assert left.type == SUPPRESSED


def test_what_is_looked_at_is_what_names_are_read_from(tmp_path: Path) -> None:
    people, dice = listed(tmp_path, "user:ann", "anon:f3", "email:ann@x.io"), random.Random(18)
    ids = ("ann", "bob", "f3", "ann@x.io", " ann ", 7, 7.5, None, "", "cy\u00fc", {"id": "ann"})
    door = Suppressing(Kept(), people)  # type: ignore[arg-type]

    def some(depth: int) -> dict[str, object]:
        keys = dice.sample(("userId", "anonymousId", "id", "user_id", "previousId", "email", "plan"), k=2)
        inner = {key: some(depth - 1) for key in dice.sample(("traits", "context", "properties"), k=2)} if depth else {}
        return {key: dice.choice(ids) for key in keys} | inner

    for _ in range(1000):
        body = msgspec.json.encode(
            {**some(3), "messageId": "m", "userId": "bob", "anonymousId": dice.choice(("v", "f3"))}
        )
        [came] = (batch := read_one(body, type_="track", origin=ORIGIN, dice=SeededDice(1))).events()
        [kept] = door.kept_of(batch).events()
        assert (kept.type == SUPPRESSED) == any(map(people.has, names_in(came))), body


def test_a_suppressed_company_writes_nothing_about_itself_any_more(tmp_path: Path) -> None:
    people = listed(tmp_path, "company:acme")

    group, track = stored(people, many({"type": "group", "userId": "bob", "groupId": "acme"}, {"userId": "bob"}))

    assert (group.type, track.user_id) == (SUPPRESSED, "bob")


@pytest.mark.parametrize(
    "call",
    [
        {"userId": "bob"},
        {"userId": "Ann"},
        {"userId": "annabel", "properties": {"invited": "ann@example.com"}},
        {"userId": "bob", "properties": {"email": "ann@example.com"}},
        {"userId": "f3"},
        {"anonymousId": "ann"},
        {"type": "group", "userId": "bob", "groupId": "ann", "traits": {"id": "ann"}},
    ],
)
def test_events_of_everybody_else_are_stored_as_they_came(tmp_path: Path, call: dict[str, object]) -> None:
    people, batch = listed(tmp_path, "user:ann", "anon:f3", "email:ann@example.com"), one(**call)

    assert stored(people, batch) == batch.events()


def test_of_a_batch_the_others_events_are_kept_byte_for_byte(tmp_path: Path) -> None:
    people = listed(tmp_path, "user:ann")
    batch = many(
        {"userId": "bob", "n": 1}, {"userId": "ann"}, {"userId": "cy", "n": 2.50}, sentAt="2026-01-01T00:00:00Z"
    )

    kept = stored(people, batch)

    came = batch.events()
    assert [kept[0], kept[2]] == [came[0], came[2]]
    assert kept[1].type == SUPPRESSED


def test_what_a_batch_says_of_its_person_goes_with_that_person(tmp_path: Path) -> None:
    people = listed(tmp_path, "user:ann", "email:ann@example.com")
    context = {"app": {"name": "shop"}, "traits": {"email": "ann@example.com"}}
    own = {"userId": "bob", "context": {"traits": {"email": "bob@example.com"}}}

    left, kept = stored(people, many({"n": 1}, own, userId="ann", context=context))

    assert left.type == SUPPRESSED
    assert kept.user_id == "bob"
    assert msgspec.json.decode(kept.envelope) == {"context": {"app": {"name": "shop"}}}


def test_an_event_that_is_sent_again_is_known_by_what_is_left_of_it(tmp_path: Path) -> None:
    people = listed(tmp_path, "user:ann")

    again = [stored(people, one(userId="ann"))[0].message_id for _ in range(2)]

    assert again[0] == again[1]


def test_the_list_has_digests_and_no_names(tmp_path: Path) -> None:
    people = listed(tmp_path, "user:ann-of-acme", "email:ann@example.com")

    text = people.path.read_text()

    assert "ann" not in text
    assert people.path.stat().st_mode & 0o077 == 0
    assert people.digest_of("user:ann-of-acme") != SuppressedList(tmp_path / "x", bytes.upper).digest_of(
        "user:ann-of-acme"
    )


def test_another_process_follows_the_list(tmp_path: Path) -> None:
    there = SuppressedList(tmp_path, key)
    here = listed(tmp_path, "user:ann")
    assert not there.has("user:ann")

    assert there.is_changed()
    there.look()
    assert there.has("user:ann")
    assert not there.is_changed()

    here.take_back(list(here.entries.values()), request="2", at_ms=NOW_MS - 1)
    there.look()
    assert not there.has("user:ann")
    assert not there.dropped


def test_a_line_that_a_crash_cut_off_is_neither_believed_nor_in_the_way(tmp_path: Path) -> None:
    people = listed(tmp_path, "user:ann")
    with people.path.open("a") as file:
        file.write("2026-01-01T00:00:00.000Z suppressed user 00")

    people.look()
    people.add(["user:bob"], what=SUPPRESS, request="2", at_ms=NOW_MS)

    assert [entry.what for entry in read_list(people.path)] == [SUPPRESS, SUPPRESS]
    assert SuppressedList(tmp_path, key).path.read_text().count("\n") == 3


def test_a_list_of_another_key_is_refused_and_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    listed(tmp_path, "user:ann")

    with pytest.raises(SettingsError, match="secret_key_file"):
        SuppressedList(tmp_path, lambda purpose: key(purpose[::-1])).look()


def test_merged_lists_know_what_either_knew(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    a, b = listed(tmp_path / "a", "user:ann", what=ERASE), listed(tmp_path / "b", "user:bob")
    a.take_back(list(a.entries.values()), request="2", at_ms=NOW_MS)

    b.merge(read_list(a.path))

    assert b.has("user:bob")
    assert not b.has("user:ann")
    assert b.digest_of("user:ann") in b.erased
    assert b.merge(read_list(a.path)) == 0
    assert [entry.what for entry in read_list(b.path)] == [SUPPRESS, ERASE, RELEASE]


def test_with_a_hundred_thousand_on_the_list_known_people_cost_no_digest_and_no_second_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = listed(
        tmp_path, *(f"{kind}:gone-{n}@x.example" for kind in ("user", "anon", "email") for n in range(33_334))
    )
    door = Suppressing(Kept(), people)
    batch = many(*({"userId": f"u{n % 7}", "anonymousId": f"a{n % 7}", "to": f"u{n % 7}@x.example"} for n in range(50)))
    assert door.kept_of(batch) is batch
    counted: list[str] = []
    monkeypatch.setattr(people.digests, "of", counted.append)
    monkeypatch.setattr(Batch, "events", lambda _: pytest.fail("a batch of others is not read"))

    for _ in range(100):
        assert door.kept_of(batch) is batch

    assert counted == []


@pytest.mark.parametrize(
    "call",
    [
        {"userId": 101.0},
        {"userId": "undefined", "context": {"traits": {"id": 101.0}}},
        {"userId": "null", "traits": {"user_id": "101"}},
        {"anonymousId": "v1", "context": {"traits": {"userId": "101"}}},
    ],
)
def test_a_person_who_is_named_as_a_number_or_among_traits_alone_is_known_at_the_door(
    tmp_path: Path, call: dict[str, object]
) -> None:
    [event] = stored(listed(tmp_path, "user:101"), one(**call))

    assert event.type == SUPPRESSED


def test_placeholders_tie_nobody_to_anybody(tmp_path: Path) -> None:
    [event] = stored(listed(tmp_path, "user:bob"), one(userId="undefined", context={"traits": {"id": 101.0}}))

    assert names_in(event) == {"user:101"}
