"""What stands on a batch, and batches of which not every event can be used."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock import causes
from penstock.accept.one_by_one import batch_in_slices, read_batch, read_one
from penstock.accept.sdk_request import Arrival, TooManyEvents
from penstock.cli.convert import decoded
from penstock.clock import SeededDice
from penstock.destinations.custify.options import Mapping
from penstock.destinations.every import convert
from penstock.destinations.plan import Filtered, Plan, Unmappable
from penstock.destinations.reading import meaning_of
from penstock.destinations.wanted import Wishes
from penstock.errors import SdkError
from penstock.event import enriched, in_one_go

ORIGIN = Arrival("web", 1_700_000_000_000, "10.0.0.7")
TRACK = {"type": "track", "userId": "ana", "event": "Paid"}


def events_of(batch: object, **options):
    body = batch if isinstance(batch, bytes) else json.dumps(batch).encode()
    return read_batch(body, origin=ORIGIN, dice=SeededDice(1), **options).events()


def body_of(batch: object) -> dict[str, object]:
    [event] = events_of(batch)
    meaning = meaning_of(event, Mapping(), Wishes())
    assert isinstance(meaning, Plan), meaning
    return meaning.calls[0].body


def test_the_time_of_sending_on_the_batch_corrects_each_of_its_events():
    call = TRACK | {"originalTimestamp": "2027-11-28T07:00:00.000Z"}

    body = body_of({"batch": [call], "sentAt": "2027-11-28T07:00:05.000Z"})

    assert body["created_at"] == "2023-11-14T22:13:15.000Z"  # five seconds before it came


def test_the_flush_of_the_batch_is_never_the_time_of_an_event():
    call = TRACK | {"originalTimestamp": "2023-11-14T22:00:00.000Z", "sentAt": "2023-11-14T22:13:20.000Z"}

    assert body_of({"batch": [call], "timestamp": "2020-01-01T00:00:00.000Z"})["created_at"].startswith(
        "2023-11-14T22:00"
    )


@pytest.mark.parametrize(
    ("call", "company"),
    [
        ({}, "acme"),
        ({"context": None}, "acme"),
        ({"context": {"locale": "de"}}, "acme"),
        ({"context": {"groupId": "beta"}}, "beta"),
    ],
)
def test_a_call_is_in_the_context_of_its_batch_and_its_own_wins(call, company):
    assert body_of({"batch": [TRACK | call], "context": {"groupId": "acme"}})["company_id"] == company


@pytest.mark.parametrize("mapping", ["custify/1", "rudderstack"])
@pytest.mark.parametrize(
    ("call", "shared", "wanted"),
    [
        ({}, {"All": False}, False),
        ({"integrations": {}}, {"All": False}, False),
        ({"integrations": {"All": True}}, {"custify": False}, False),
        ({"integrations": {"Custify": True}}, {"All": False}, True),
        ({"integrations": {"All": True}}, {"All": False}, True),
        ({}, {"All": True}, True),
    ],
)
def test_an_opt_out_on_the_batch_counts_for_every_mapping(call, shared, wanted, mapping):
    [event] = events_of({"batch": [TRACK | call], "integrations": shared})

    meaning = meaning_of(event, Mapping(name=mapping), Wishes())

    assert isinstance(meaning, Plan if wanted else Filtered), meaning


def test_consent_on_the_batch_counts_too():
    shared = {"consent": {"categoryPreferences": {"ads": False}}}
    [event] = events_of({"batch": [TRACK], "context": shared})

    meaning = meaning_of(event, Mapping(), Wishes(consent_categories=("ads",)))

    assert meaning == Filtered("the person did not consent to ads", causes.CONSENT)


def test_rudderstacks_mapping_does_not_see_what_stands_on_the_batch():
    [event] = events_of({"batch": [TRACK], "context": {"traits": {"email": "ana@example.com"}}, "userId": "bo"})

    [call] = meaning_of(event, Mapping(name="rudderstack"), Wishes()).calls

    assert (call.body["user_id"], call.body.get("email")) == ("ana", None)


@pytest.mark.parametrize(
    ("call", "shared", "ids"),
    [
        ({}, {"userId": "u"}, ("u", "")),
        ({"userId": None}, {"userId": "u", "anonymousId": "a"}, ("u", "a")),
        ({"userId": " "}, {"userId": 7}, ("7", "")),
        ({"userId": "own"}, {"userId": "u", "anonymousId": "a"}, ("own", "a")),
        ({"anonymousId": "own"}, {"userId": "u"}, ("u", "own")),
    ],
)
def test_the_person_named_on_the_batch_is_meant_by_calls_without_ids(call, shared, ids):
    [event] = events_of({"batch": [{"type": "track"} | call]} | shared)

    assert (event.user_id, event.anonymous_id) == ids
    assert enriched(event).get("userId", "") in {ids[0], 7}


def test_a_batch_that_shares_nothing_is_stored_without_an_envelope():
    batch = read_batch(
        json.dumps({"batch": [TRACK], "timestamp": "x", "writeKey": "secret", "messageId": "m"}).encode(),
        origin=ORIGIN,
        dice=SeededDice(1),
    )

    assert batch.envelope == b""


def test_an_envelope_is_no_larger_than_an_event_may_be():
    with pytest.raises(SdkError, match="413"):
        events_of({"batch": [TRACK], "context": {"x": "y" * 40_000}})


GOOD = b'{"type":"track","userId":"ana","event":"E"}'


@pytest.mark.parametrize(
    ("item", "cause", "body"),
    [
        (b'{"type":"track","event":"X"}', causes.NO_IDENTITY, b'{"type":"track","event":"X"}'),
        (b'{"type":"identify","userId":"","traits":{"a":1}}', causes.NO_IDENTITY, None),
        (b"null", causes.NOT_AN_OBJECT, b"null"),
        (b'"x"', causes.NOT_AN_OBJECT, b'"x"'),
        (b"7", causes.NOT_AN_OBJECT, b"7"),
        (b"[1, 2]", causes.NOT_AN_OBJECT, b"[1, 2]"),
        (b'{"userId":"bo","x":unsaid}', causes.NOT_AN_OBJECT, rb'"{\"userId\":\"bo\",\"x\":unsaid}"'),
        (b"{'userId': 'bo'}", causes.NOT_AN_OBJECT, b"\"{'userId': 'bo'}\""),
        (b'{"userId":"bo" "x":1}', causes.NOT_AN_OBJECT, None),
        (b"0\x01", causes.NOT_AN_OBJECT, rb'"0\u0001"'),
        (b'{"userId":"bo","x":' + b"[" * 50_000 + b"]" * 50_000 + b"}", causes.NOT_AN_OBJECT, None),
    ],
    ids=lambda value: value[:40] if isinstance(value, bytes) else None,
)
@pytest.mark.parametrize("mapping", ["custify/1", "rudderstack"])
def test_one_unusable_event_is_rejected_and_the_others_are_as_they_came(item, cause, body, mapping):
    first, bad, last = events_of(b'{"batch":[%b, %b,\n%b]}' % (GOOD, item, GOOD))

    assert (first.body, last.body, first.user_id, last.user_id) == (GOOD, GOOD, "ana", "ana")
    assert body is None or bad.body == body
    assert (bad.user_id, bad.anonymous_id, bad.company_id) == ("", "", "")
    meaning = meaning_of(bad, Mapping(name=mapping), Wishes())
    assert isinstance(meaning, Unmappable)
    assert meaning.cause == cause


def test_a_rejected_event_keeps_its_id_so_that_a_repeated_batch_stores_it_once():
    _, bad = events_of(b'{"batch":[%b,{"type":"track","messageId":"m7"}]}' % GOOD)

    assert (bad.message_id, bad.type) == ("m7", "track")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"batch":[]}', "empty batch payload"),
        (b'{"batch":[null,7]}', "event is not a valid rudder event"),
        (b'{"batch":[{"event":"x"},{"event":"y"}]}', "request neither has anonymousId nor userId"),
        (b'{"batch":[{"event":"x"},null]}', "event is not a valid rudder event"),
        (b'{"batch":5}', "event is not a valid rudder event"),
        (b"[%b]" % GOOD, "event is not a valid rudder event"),
        (b'{"batch":[%b' % GOOD, "invalid json"),
        (b'{"batch":[%b,{"x":[}]}' % GOOD, "invalid json"),
        (b'{"batch":[%b]}{"batch":[%b]}' % (GOOD, GOOD), "invalid json"),
        (b'{"batch":[%b],"context":}' % GOOD, "invalid json"),
    ],
)
def test_a_batch_without_one_usable_event_or_without_an_end_is_refused_as_the_contract_has_it(body, text):
    with pytest.raises(SdkError) as refusal:
        events_of(body)

    assert (refusal.value.status, refusal.value.text) == (400, text)


@pytest.mark.parametrize("item", [b"null", b'{"event":"x"}', b'{"userId":"a","x":unsaid}'])
def test_rudderstacks_answer_for_the_whole_batch_is_a_setting(item):
    with pytest.raises(SdkError):
        events_of(b'{"batch":[%b,%b]}' % (GOOD, item), all_or_nothing=True)


def test_a_batch_of_bad_items_is_not_read_beyond_its_limit():
    body = b'{"batch":[%b,%b]}' % (GOOD, b",".join([b"1"] * 300_000))

    with pytest.raises(TooManyEvents) as refusal:
        in_one_go(batch_in_slices(body, origin=ORIGIN, dice=SeededDice(1), events_max=100))

    assert refusal.value.count == 101


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (b'\xef\xbb\xbf{"userId":"a"}', b'{"userId":"a"}'),
        ('{"userId":"a"}'.encode("utf-16"), b'{"userId":"a"}'),
        (b'{"userId":"a","n":NaN,"m":-Infinity,"i":Infinity}', b'{"userId":"a","n":null,"m":null,"i":null}'),
        # C, Lua and Perl print them so; and a template with a variable of JavaScript that nobody set.
        (b'{"userId":"a","n":nan,"m":-inf,"x":undefined}', b'{"userId":"a","n":null,"m":null,"x":null}'),
        (b'{"userId":"a","nan":"inf"}', b'{"userId":"a","nan":"inf"}'),
        (b'\xef\xbb\xbf\xef\xbb\xbf {"userId":"a"}', b'{"userId":"a"}'),
        (b' \xef\xbb\xbf{"userId":"a"}', b'{"userId":"a"}'),
        ('{"userId":"a"}'.encode("utf-16-le"), b'{"userId":"a"}'),
        ('{"userId":"a"}'.encode("utf-16-be"), b'{"userId":"a"}'),
        (b'{"userId":"a","tags":[1,2, ],}', b'{"userId":"a","tags":[1,2 ]}'),
        (b'{"userId":"a","t":"NaN, ],}"}', b'{"userId":"a","t":"NaN, ],}"}'),
        (b'{"userId":"a","t":"one\ntwo\t","n":NaN}', rb'{"userId":"a","t":"one\u000atwo\u0009","n":null}'),
        (b'{"userId":"a"}\0\0', b'{"userId":"a"}'),
        (b'{"userId":"a"};', b'{"userId":"a"}'),
        (b'{"userId":"a"}}', b'{"userId":"a"}'),
    ],
)
def test_what_is_broken_with_a_certain_meaning_is_mended_and_convert_reads_it_alike(sent, stored):
    assert read_one(sent, type_="track", origin=ORIGIN, dice=SeededDice(1)).text == stored
    assert decoded(sent) == json.loads(stored)


@pytest.mark.parametrize("number", [b"1e400", b"-1e400", b"9" * 5_000])
def test_a_number_that_is_too_large_costs_the_event_nothing_else(number):
    sent = b'{"type":"track","userId":"a","event":"E","properties":{"n":%b,"plan":"Pro"}}' % number
    [event] = read_one(sent, type_="track", origin=ORIGIN, dice=SeededDice(1)).events()

    ours, theirs = (convert(enriched(event), Mapping(name=name)) for name in ("custify/1", "rudderstack"))

    assert ours.calls[0].body["metadata"] == {"plan": "Pro"}
    assert msgspec.json.decode(msgspec.json.encode(theirs.calls[0].body))["metadata"]["n"] is None


@pytest.mark.parametrize(
    "sent", [b'{"userId":"a"}{"userId":"b"}', b'{"userId":"a"} "b"', b'{"userId":"a"', b"{'userId':'a'}"]
)
def test_what_may_mean_two_things_is_not_guessed(sent):
    with pytest.raises(SdkError, match="400 invalid json"):
        read_one(sent, type_="track", origin=ORIGIN, dice=SeededDice(1))


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b""])
@pytest.mark.parametrize("end", [b",]}", b"]}", b"],}", b"]}\0"])
def test_a_batch_is_mended_around_its_events_too(mark, end):
    events = events_of(
        b"%b" % mark + b'{"sentAt":"2023-11-14T22:13:20Z","batch":[%b,{"userId":"b","n":NaN}%b' % (GOOD, end)
    )

    assert [event.user_id for event in events] == ["ana", "b"]
    assert all(event.envelope == b'{"sentAt":"2023-11-14T22:13:20Z"}' for event in events)


json_like = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["userId", "a", "batch"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    items=st.lists(json_like, max_size=5),
    shared=st.dictionaries(st.sampled_from(["context", "userId", "x"]), json_like),
)
def test_every_item_of_a_batch_is_stored_once_in_its_order_or_none_is(items, shared):
    good = {"userId": "ana", "n": len(items)}
    events = events_of({**shared, "batch": [*items, good]})

    assert [json.loads(event.body) for event in events] == [*items, good]


@given(body=st.binary(max_size=80))
def test_whatever_stands_in_a_batch_it_is_read_or_refused(body):
    try:
        events = events_of(b'{"batch":[%b,%b]}' % (GOOD, body))
    except SdkError as refusal:
        assert refusal.status in {400, 413}
        return
    for event in events:
        assert isinstance(enriched(event)["receivedAt"], str)
