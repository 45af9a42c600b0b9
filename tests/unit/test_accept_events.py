"""From the bytes of a request to events: ids, types, companies, hostile texts."""

import json
import zlib

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from penstock.accept.codings import unpacking
from penstock.accept.one_by_one import read_batch, read_one
from penstock.accept.sdk_request import Arrival
from penstock.clock import SeededDice
from penstock.errors import SdkError
from penstock.event import Event, enriched, in_one_go, mended

ORIGIN = Arrival("web", 1_700_000_000_000, "10.0.0.7")


def one(event: object, type_: str = "track") -> Event:
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    [event] = read_one(body, type_=type_, origin=ORIGIN, dice=SeededDice(1)).events()
    return event


@pytest.mark.parametrize(
    ("user_id", "text"),
    [("ana", "ana"), ("  ana ", "ana"), (7, "7"), (0, "0"), (1.5, "1.5"), (True, "true"), ({"a": 1}, '{"a":1}')],
)
def test_any_user_id_counts_as_text(user_id, text):
    assert one({"userId": user_id}).user_id == text


def test_a_numeric_message_id_is_kept_as_text():
    assert one({"userId": "a", "messageId": 12}).message_id == "12"


@pytest.mark.parametrize("message_id", [None, "", "  ", {}, [], True])
def test_a_missing_message_id_is_made_up(message_id):
    assert len(one({"userId": "a", "messageId": message_id}).message_id) == 36


@pytest.mark.parametrize(
    ("event", "company"),
    [
        ({"groupId": "acme"}, "acme"),
        ({"groupId": 7}, "7"),
        ({"traits": {"groupId": "acme"}}, "acme"),
        ({"traits": {"company_id": "acme", "id": "x"}}, "acme"),
        ({"traits": {"id": "acme"}}, "acme"),
        ({"traits": "none"}, ""),
        ({}, ""),
    ],
)
def test_a_group_call_names_the_company_it_writes(event, company):
    assert one({"userId": "a"} | event, "group").company_id == company
    assert one({"userId": "a"} | event, "track").company_id == ""


def test_the_body_is_kept_as_it_came_digits_and_all():
    body = b'{ "userId":"a", "n":12345678901234567890123, "x":1.10 }'

    assert one(body).body == body


@pytest.mark.parametrize("text", [b"\xff\xfe", rb"\ud800", b"caf\xc3"])
def test_an_event_with_broken_text_is_still_an_event(text):
    event = one(b'{"userId":"a","event":"' + text + b'"}')

    assert enriched(event)["event"] in {
        "\N{REPLACEMENT CHARACTER}" * 2,
        "\N{REPLACEMENT CHARACTER}",
        "caf\N{REPLACEMENT CHARACTER}",
    }


def test_one_odd_event_of_a_batch_changes_nothing_for_the_others():
    plain, odd = b'{"userId":"ana","x":1.50}', b'{"userId":7,"messageId":12}'

    batch = read_batch(b'{"batch":[%b,%b,%b]}' % (plain, odd, plain), origin=ORIGIN, dice=SeededDice(1))

    assert [(event.user_id, event.body) for event in batch.events()] == [("ana", plain), ("7", odd), ("ana", plain)]


def test_a_batch_that_does_not_count_mends_nothing_of_the_one_that_does():
    event = b'{"userId":"ana","x":"\xff"}'
    body = b'{"batch":[{"userId":"\xff"}],"batch":[%b]}' % event

    [read] = read_batch(body, origin=ORIGIN, dice=SeededDice(1)).events()

    assert read.body == event


def test_an_escaped_backslash_is_no_escape():
    assert mended(rb'"\\ud800"') == rb'"\\ud800"'


def test_the_times_of_an_event_stay_as_they_came():
    """What they mean is each mapping's own reading; only the arrival is ours."""
    times = {"timestamp": 1714978089000, "originalTimestamp": "soon", "sentAt": None}

    event = enriched(one({"userId": "a", **times}, "track"))

    assert {field: event[field] for field in times} == times


def test_what_accept_knows_stands_beside_what_the_event_says():
    event = one({"userId": "a", "type": "other", "receivedAt": "2000-01-01T00:00:00Z"}, "identify")

    assert enriched(event) | {} == enriched(event)
    assert (enriched(event)["type"], enriched(event)["receivedAt"]) == ("identify", "2023-11-14T22:13:20.000Z")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
event_like = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("userId", "anonymousId", "messageId", "type", "groupId", "traits", "timestamp", "sentAt"), json_values
    ),
)


@given(body=st.binary(max_size=300) | json_values.map(lambda v: json.dumps(v).encode()))
def test_whatever_the_bytes_the_answer_is_events_or_a_refusal(body):
    for read in (
        lambda: read_one(body, type_="track", origin=ORIGIN, dice=SeededDice(1)),
        lambda: read_batch(body, origin=ORIGIN, dice=SeededDice(1)),
    ):
        try:
            batch = read()
        except SdkError as refusal:
            assert refusal.status in {400, 413}
        else:
            assert all(event.user_id or event.anonymous_id for event in batch.events())


@given(events=st.lists(event_like, min_size=1, max_size=4))
def test_whatever_the_events_they_are_read_and_enriched_or_refused_together(events):
    try:
        read = read_batch(json.dumps({"batch": events}).encode(), origin=ORIGIN, dice=SeededDice(1)).events()
    except SdkError as refusal:
        assert refusal.status == 400
        return
    assert len(read) == len(events)
    for event in read:
        assert isinstance(enriched(event)["receivedAt"], str)


PACKERS = {
    "gzip": lambda body: zlib.compress(body, wbits=31),
    "deflate": zlib.compress,
    "zstd": zstandard.compress,
}


@given(
    body=st.binary(max_size=200).map(lambda body: b"{" + body),
    packed=st.booleans(),
    coding=st.sampled_from(list(PACKERS)),
    limit=st.integers(1, 300),
)
def test_unpacking_never_gives_more_than_the_limit(body, packed, coding, limit):
    data = PACKERS[coding](body) if packed else body[:limit]
    try:
        assert len(in_one_go(unpacking(data, [coding], bytes_max=limit))) <= limit
    except SdkError as refusal:
        assert refusal.status in {400, 413}
