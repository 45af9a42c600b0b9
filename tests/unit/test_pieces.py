"""What `penstock send` reads is sent in requests that are small enough, in order."""

import io
import json

import click
import pytest

from penstock.cli.pieces import PIECE_BYTES_MAX, PIECE_EVENTS_MAX, pieces_of
from penstock.cli.send import _lines

EVENTS = [b'{"n":%d,"text":"%s"}' % (n, b"x" * (n % 90)) for n in range(5_000)]


@pytest.mark.parametrize(("bytes_max", "events_max"), [(4_096_000, 10_000), (2_000, 10_000), (4_096_000, 7), (60, 3)])
def test_pieces_are_within_the_limits_and_nothing_is_lost(bytes_max, events_max):
    pieces = list(pieces_of(EVENTS, bytes_max=bytes_max, events_max=events_max))

    sent = [event for piece in pieces for event in json.loads(piece.body)["batch"]]
    assert sent == [json.loads(event) for event in EVENTS]
    for piece in pieces:
        assert piece.count <= min(events_max, PIECE_EVENTS_MAX)
        assert len(piece.body) <= min(bytes_max, PIECE_BYTES_MAX) or piece.count == 1
    assert [piece.first for piece in pieces] == [1 + sum(p.count for p in pieces[:n]) for n in range(len(pieces))]


def test_what_is_too_large_alone_is_sent_alone():
    events = [b'"a"', b'"%s"' % (b"x" * 700_000), b'"b"']

    assert [piece.count for piece in pieces_of(events, bytes_max=4_096_000, events_max=10)] == [1, 1, 1]


def test_an_event_stays_as_it_was_written():
    event = b'{"a" : 1.0, "a" : 12345678901234567890}'

    [piece] = pieces_of([event], bytes_max=100, events_max=10)

    assert event in piece.body


@pytest.mark.parametrize(
    "written",
    [
        b'\xef\xbb\xbf{"n":1}\r\n\r\n{"n":2}\r\n',
        '{"n":1}\n{"n":2}'.encode("utf-16"),
        b'\xef\xbb\xbf{"n":1}\n  {"n":2}  ',
    ],
)
def test_a_file_is_read_as_windows_writes_it(written):
    assert _lines(io.BytesIO(written)) == [b'{"n":1}', b'{"n":2}']


def test_a_line_that_accept_mends_is_sent_as_it_is_and_one_that_it_does_not_is_named():
    assert _lines(io.BytesIO(b'{"n":NaN}\n')) == [b'{"n":NaN}']
    with pytest.raises(click.BadParameter, match="line 3: expected JSON"):
        _lines(io.BytesIO(b'{"n":1}\n\n{"n":\n'))
