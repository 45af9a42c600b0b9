"""Times as SDKs and languages print them, and when an event happened."""

import datetime as dt
import email.utils
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.destinations.custify.convert import convert
from penstock.destinations.custify.convert.dates import as_date, as_date_attribute, as_listed, as_sign_up, is_no_date
from penstock.destinations.custify.options import Mapping
from penstock.destinations.plan import Plan
from penstock.destinations.times import happened, when
from penstock.explain.explain import explain
from penstock.timestamps import moment, parsed, to_text

ARRIVAL = "2024-05-06T07:08:09.000Z"
MOMENT = dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=dt.UTC)
moments = st.datetimes(dt.datetime(2001, 9, 10), dt.datetime(2200, 1, 1)).map(  # noqa: DTZ001 - they get a zone below
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=dt.UTC)
)
offsets = st.integers(-12 * 4, 14 * 4).map(lambda quarters: dt.timezone(dt.timedelta(minutes=15 * quarters)))


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-06 07:08:09 UTC",  # Ruby
        "2024-05-06 07:08:09 +0000 UTC",  # Go
        "2024-05-06 04:08:09 -0300 -03",  # Go, in a zone without a name
        "2024-05-06 12:38:09.000000001 +0530 IST m=+0.000012345",  # the offset says what the name does not
        "2024-05-06 07:08:09 +0000",  # Swift, Ruby
        "2024-05-06 7:08:09.0 +00:00:00",  # Rust's time
        "2024-05-06 07:08:09.0",  # java.sql.Timestamp
        "2024-05-06 07:08:09+00",  # PostgreSQL
        "2024-05-06T09:08:09+02:00[Europe/Berlin]",  # Java's ZonedDateTime
        "2024-05-06T07:08:09.0000000Z",  # .NET
        "2024-05-06t07:08:09z",  # RFC 3339 allows small letters
        "2024-05-06T07:08:09+00:00Z",  # Python's isoformat, with a Z behind it
        "2024-05-06T09:08:09 02:00",  # out of an address, where + is a space
        "2024/05/06 07:08:09",
        "2024-5-6 7:08:09",
        "2024-05-06 07:08:09 AM",  # Java's hh:mm:ss a
        "2024-05-06 07:08:09 Etc/UTC",
        "2024-05-06T09:08:09+02:00[GMT+02:00]",
        "2024-05-06T07:08:09.000\u221200:00",
        "May 6, 2024 7:08:09 AM",  # Java's Gson
        "May 6, 2024, 7:08:09\u202fAM",  # the same with a newer ICU
        "6 May 2024 at 07:08:09",
        "Mon 06 May 2024 07:08:09 AM UTC",  # the command `date`, in English
        "Mon May  6 07:08:09 AM UTC 2024",
        "Mon 6 May 07:08:09 UTC 2024",
        "Mon May 06 04:08:09 BRT 2024",
        "2024-W19-1T07:08:09Z",
        "2024-05-06T07:08:09,000Z",  # ISO 8601 allows a comma
        "Mon May 06 2024 09:08:09 GMT+0200 (Central European Summer Time)",  # JavaScript
        "Mon May 06 2024 09:08:09 GMT+0200",  # the same, in an old engine
        "Mon May 06 2024 15:08:09 GMT+0800 (中国标准时间)",  # and in another language
        "Mon May 06 09:08:09 CEST 2024",  # Java
        "Mon May 06 09:08:09 GMT+02:00 2024",  # Java, in a zone without a name
        "Mon May  6 07:08:09 2024",  # C
        "Mon May 06 07:08:09 +0000 2024",  # Twitter's API
        "Mon, 06 May 2024 07:08:09 GMT",
        "Mon, 6 May 2024 03:08:09 EDT",
        "6 May 2024 07:08:09 +0000",
        "Mon, 06 May 2024 07:08:09 +0000 (UTC)",
        "Monday, 06-May-24 07:08:09 UTC",  # RFC 850
        "20240506T070809Z",
        "/Date(1714979289000-0700)/",
        "Mon, 06 May 2024 09:08:09.000000000 CEST +02:00",  # Rails
        "Mon, 06 May 2024 12:38:09 IST +05:30",  # the offset says what the name does not
        "\u202a2024-05-06 07:08:09\u202c",
    ],
)
def test_a_moment_is_read_however_a_language_prints_it(text):
    assert parsed(text) == MOMENT
    assert as_date(text) == ARRIVAL


@pytest.mark.parametrize(
    "text",
    [
        "05/06/2024",
        "6.5.2024",
        "5/6/2024, 7:08:09 AM",
        "1780111512345",
        "2024-02-30",
        "2024-05-06 25:00",
        "2024-05-06T07:08:09+99:99:99x",
        "2024-05-06T07:08:09+02:00Z",
        "2024-05-06 07:08 09:00",
        "2024-05-06 13:08 AM",
        "2024-W19",
        "2024-W54-1",
        "Maybe 6, 2024 7:08:09",
        "Mon May 06 07:08:09 IST 2024",
        "Mon May 06 07:08:09 XYZ 2024",
        "Mon May flowers",
        "2024-05-06 or so",
        "yesterday",
        "N/A",
        "undefined",
        "Invalid Date",
        "Invalid date",
        "NaN",
        "0000-00-00",
        "0000-00-00 00:00:00",
        "\uff12\uff10\uff12\uff14-05-06",
        "",
    ],
)
def test_what_is_not_certain_is_no_date(text):
    assert parsed(text) is None
    assert as_listed(text) == text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1714979289, ARRIVAL),
        (1714979289000, ARRIVAL),
        (1714979289000.0, ARRIVAL),
        (1714979289000000, ARRIVAL),
        (1714979289000000000, ARRIVAL),
        ("1714979289", ARRIVAL),
        (" 1714979289000 ", ARRIVAL),
        ("1714979289.25", "2024-05-06T07:08:09.250Z"),
        (0, None),
        (1, None),
        (True, None),
        (171497928, None),
        (20240506, None),
        (1e300, None),
        (float("nan"), None),
        ("17149792890", None),
        (946684800000, "2000-01-01T00:00:00.000Z"),
        ("946684800000", "2000-01-01T00:00:00.000Z"),
        (94668480000, None),
        ([2024, 5, 6, 7, 8, 9], ARRIVAL),
        ([2024, 5, 6, 7, 8], "2024-05-06T07:08:00.000Z"),
        ([2024, 5, 6, 7], None),
        ([2024, 5, 6, 7, 8, 9, 10**9], None),
        ([2024, True, 6], None),
        ([2024, 2, 30], None),
        ([], None),
        ({"seconds": "1714979289", "nanos": 0}, ARRIVAL),
        ({"seconds": "soon", "nanos": 0}, None),
    ],
)
def test_a_number_is_a_moment_only_where_it_can_be_nothing_else(value, expected):
    assert as_date(value) == expected


@given(moment=moments, zone=offsets)
def test_every_form_of_a_moment_is_the_same_moment(moment, zone):
    local = moment.astimezone(zone)
    second = moment.replace(microsecond=0)
    whole = second.astimezone(zone)
    for text in (
        local.isoformat(),
        str(local),
        f"{whole:%Y-%m-%d %H:%M:%S %z}",
        f"{whole:%a %b %d %Y %H:%M:%S} GMT{whole:%z}",
    ):
        assert parsed(text) == (moment if text in {local.isoformat(), str(local)} else second)
    assert parsed(email.utils.format_datetime(whole)) == second
    assert moment_of_epochs(moment) == {to_text(moment)}


def moment_of_epochs(at: dt.datetime) -> set[str]:
    epoch_ms = round(at.timestamp() * 1000)
    numbers = (epoch_ms, epoch_ms / 1000, epoch_ms * 1000, epoch_ms * 1_000_000)
    return {to_text(found) if (found := moment(number)) else "none" for number in (*numbers, str(epoch_ms))}


anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40)
dates = anything | moments.map(str) | moments.map(to_text) | st.from_regex(r"[0-9 :TZ+.-]{8,26}", fullmatch=True)


@given(value=dates)
def test_what_was_read_once_is_read_the_same_again(value):
    for read in (as_date, as_sign_up, as_date_attribute):
        once = read(value)
        assert once is None or read(once) == once
    if isinstance(value, str):
        assert as_listed(as_listed(value)) == as_listed(value)
    assert is_no_date(value) in {True, False}


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({}, ARRIVAL),
        ({"timestamp": "2024-01-01T00:00:00+02:00"}, "2023-12-31T22:00:00.000Z"),
        ({"timestamp": "2024-01-01"}, "2024-01-01T00:00:00.000Z"),
        ({"timestamp": "2024-01-01T00:00:00.123456789Z"}, "2024-01-01T00:00:00.123Z"),
        ({"timestamp": 1704067200}, "2024-01-01T00:00:00.000Z"),
        ({"timestamp": "1704067200000"}, "2024-01-01T00:00:00.000Z"),
        ({"timestamp": "soon"}, ARRIVAL),
        ({"timestamp": {"$date": 1704067200000}}, "2024-01-01T00:00:00.000Z"),
        ({"timestamp": {"$date": {"$numberLong": {}}}}, ARRIVAL),
        ({"timestamp": {"seconds": 1704067200, "nanos": "0"}}, ARRIVAL),
        ({"timestamp": {"seconds": 10**300, "nanos": 0}}, ARRIVAL),
        ({"timestamp": {"date": [], "timezone_type": 3, "timezone": {}}}, ARRIVAL),
        ({"originalTimestamp": "2024-05-06T07:00:00Z"}, "2024-05-06T07:00:00.000Z"),
        ({"sentAt": "2024-05-06T07:08:00Z"}, ARRIVAL),
        ({"originalTimestamp": "2020-01-01T00:00:00Z", "sentAt": "2020-01-01T00:01:00Z"}, "2024-05-06T07:07:09.000Z"),
        ({"timestamp": "2020-01-01T00:00:00Z", "sentAt": "2020-01-01T00:01:00Z"}, "2024-05-06T07:07:09.000Z"),
        ({"timestamp": "2050-01-01T00:00:00Z", "sentAt": "2050-01-01T00:01:00Z"}, "2024-05-06T07:07:09.000Z"),
        ({"timestamp": "2019-01-01", "sentAt": ARRIVAL}, "2019-01-01T00:00:00.000Z"),
        ({"timestamp": "2099-01-01T00:00:00Z", "sentAt": ARRIVAL}, ARRIVAL),
        ({"timestamp": "2024-05-07T07:08:09Z"}, "2024-05-07T07:08:09.000Z"),
        ({"timestamp": "2024-05-07T07:08:10Z"}, ARRIVAL),
        (
            {"timestamp": "0001-01-01T00:00:00Z", "originalTimestamp": "2024-05-06T07:00:00Z"},
            "2024-05-06T07:00:00.000Z",
        ),
        ({"timestamp": "0001-01-01T00:00:00Z", "sentAt": "0001-01-01T00:00:00Z"}, ARRIVAL),
        ({"timestamp": "9999-12-31T23:59:59.999Z", "sentAt": "0002-01-01"}, ARRIVAL),
    ],
)
def test_an_event_happened_when_it_says_with_a_wrong_clock_taken_out_or_when_it_arrived(times, expected):
    assert happened({**times, "receivedAt": ARRIVAL}, Mapping()).text == expected


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({}, ARRIVAL),
        ({"timestamp": "2024-01-01T00:00:00+02:00"}, "2023-12-31T22:00:00.000Z"),
        ({"timestamp": "Mon, 01 Jan 2024 00:00:00 GMT"}, "2024-01-01T00:00:00.000Z"),
        ({"timestamp": 1704067200}, ARRIVAL),
        ({"timestamp": "soon"}, ARRIVAL),
        ({"timestamp": "2099-01-01T00:00:00Z"}, "2099-01-01T00:00:00.000Z"),
        ({"originalTimestamp": "2024-05-06T07:00:00Z"}, "2024-05-06T07:00:00.000Z"),
        ({"sentAt": "2024-05-06T07:08:00Z"}, "2024-05-06T07:08:18.000Z"),
        ({"originalTimestamp": "2020-01-01T00:00:00Z", "sentAt": "2020-01-01T00:01:00Z"}, "2024-05-06T07:07:09.000Z"),
        ({"timestamp": "2020-01-01T00:00:00Z", "sentAt": "2020-01-01T00:01:00Z"}, "2020-01-01T00:00:00.000Z"),
        ({"originalTimestamp": "9999-12-31T23:59:59Z", "sentAt": "0001-01-01"}, ARRIVAL),
    ],
)
def test_the_mapping_rudderstack_reads_times_as_rudderstacks_server_does(times, expected):
    event = {"type": "track", "userId": "a", "event": "Paid", **times, "receivedAt": ARRIVAL}

    meaning = convert(event, Mapping(name="rudderstack"))

    assert isinstance(meaning, Plan)
    assert meaning.calls[0].body["created_at"] == expected


@given(timestamp=dates, original=dates, sent=dates, received=dates, ahead_s_max=st.floats(0.001, 1e12))
def test_whatever_an_event_says_of_its_time_it_never_happened_long_after_it_arrived(
    timestamp, original, sent, received, ahead_s_max
):
    found = when(timestamp=timestamp, original=original, sent=sent, received=received, ahead_s_max=ahead_s_max)

    arrived = moment(received)
    if found.at and arrived and arrived.year < 9999 and found.at != arrived:
        assert (found.at - arrived).total_seconds() <= ahead_s_max
    assert found.why


def said_of(event: dict, source: str | None, **options: object) -> list[tuple[str, str]]:
    lines = explain({"type": "track", "userId": "a", "event": "Paid", **event}, Mapping(**options)).lines  # type: ignore[arg-type]
    return [(line.reason, line.why) for line in lines if line.source == source]


def test_explain_says_that_a_time_of_the_future_was_brought_back():
    event = {"timestamp": "2099-01-01T00:00:00Z", "receivedAt": ARRIVAL}

    assert said_of(event, "timestamp") == [
        ("no-time", "further ahead of its arrival than the 86400 s that a clock may be wrong (clock_ahead_s_max)")
    ]
    [(reason, why)] = said_of(event, "receivedAt")
    assert (reason, why[:39]) == ("same", "when the event arrived: timestamp is fu")


def test_explain_says_by_how_much_a_clock_was_wrong():
    event = {"timestamp": "2024-05-06T09:08:00Z", "sentAt": "2024-05-06T09:08:05Z", "receivedAt": ARRIVAL}

    why = "when the event happened: as sentAt shows, the sender's clock was 7196.000 s fast"
    assert said_of(event, "timestamp") == said_of(event, "sentAt") == said_of(event, "receivedAt") == [("steers", why)]
    assert said_of(event, None)[0] == ("corrected", why)


def test_explain_says_that_a_date_attribute_takes_dates():
    event = {"properties": {"renewal": "soon"}}

    assert said_of(event, "properties.renewal", date_attributes=("renewal",)) == [
        ("wrong-type", "metadata.renewal takes a date, and this is none")
    ]


def test_an_event_of_the_future_and_its_explanation_are_json():
    event = {"type": "identify", "userId": "a", "timestamp": "2099-01-01", "receivedAt": ARRIVAL}

    assert json.dumps([line.why for line in explain(event, Mapping()).lines])
