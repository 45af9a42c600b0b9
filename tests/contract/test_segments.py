"""Events are packed together and come out as they went in; what was damaged on the disk is never taken for an event."""

import contextlib
import json
import sqlite3

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.worlds import SqliteWorld, event, file_of_schema, incompressible
from penstock.accept.one_by_one import read_batch
from penstock.accept.sdk_request import Arrival
from penstock.buffer.sqlite import file as sqlite
from penstock.buffer.sqlite.connections import connect
from penstock.buffer.sqlite.doctor.doctor import Doctor
from penstock.buffer.sqlite.doctor.salvage import salvage
from penstock.buffer.sqlite.file import EVENTS, open_writer
from penstock.buffer.sqlite.log import packing
from penstock.buffer.sqlite.log.segments import BYTES_MAX, EVENTS_MAX, event_at, events_after, events_before, part
from penstock.clock import ManualClock, SeededDice
from penstock.errors import BufferUnavailable, StoreDamaged
from penstock.event import Batch, Event, items_of

ORIGIN = Arrival("web", 1_700_000_000_000, "10.0.0.7")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
any_events = st.lists(
    st.builds(
        Event,
        source=st.sampled_from(["web", "sérver"]),
        message_id=texts,
        type=texts,
        user_id=texts,
        anonymous_id=texts,
        company_id=texts,
        received_at_ms=st.integers(0, 2**53),
        request_ip=texts,
        body=st.binary(max_size=300),
    ),
    min_size=1,
    max_size=40,
)


def folder_of_schema(number: int, folder, *statements: tuple[str, list]) -> None:
    file_of_schema(number, folder, EVENTS, *statements)


@given(any_events)
def test_what_is_packed_comes_out_as_it_went_in(events):
    frame = packing.packed([packing.encoded(Batch.of(event)) for event in events])

    assert packing.unpacked(frame, count=len(events)) == events
    assert [packing.unpacked_one(frame, index, count=len(events)) for index in range(len(events))] == events
    names = packing.unpacked_names(frame, count=len(events))
    assert names == [(each.source, each.message_id) for each in events]


@given(st.lists(any_events, min_size=1, max_size=4))
def test_frames_that_are_packed_together_are_the_same_as_each_alone(segments):
    encodings = [[packing.encoded(Batch.of(event)) for event in events] for events in segments]

    assert packing.packed_each(encodings) == [packing.packed(each) for each in encodings]


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(
    st.lists(st.dictionaries(texts, json_values, max_size=4), min_size=2, max_size=8),
    st.sampled_from(["", " ", "\n\t"]),
)
def test_the_events_of_a_request_keep_their_bytes(events, space):
    bodies = [json.dumps(event | {"userId": "ana"}, indent=len(space)).encode() for event in events]
    text = b"[" + f"{space},{space}".encode().join(bodies) + space.encode() + b"]"
    batch = read_batch(b'{"writeKey":"secret","batch":' + text + b"}", origin=ORIGIN, dice=SeededDice(1))

    assert batch.text == text
    frame = packing.packed([packing.encoded(batch)])
    assert [event.body for event in packing.unpacked(frame, count=len(events))] == bodies
    assert [packing.unpacked_one(frame, n, count=len(events)).body for n in range(len(events))] == bodies


def test_what_accept_could_read_is_read_however_deep_the_reader_is():
    def read(frames_deeper: int, text: bytes) -> list[bytes]:
        return read(frames_deeper - 1, text) if frames_deeper else [bytes(item) for item in items_of(text)]

    deepest = next(n for n in range(2_000, 0, -1) if is_read(b"[%b]" % (b"[" * n + b"]" * n)))
    deep = b'{"userId":"ana","x":%b}' % (b"[" * (deepest - 2) + b"]" * (deepest - 2))

    assert read(50, b"[%b, %b]" % (deep, b'{"a":"],["}')) == [deep, b'{"a":"],["}']


def is_read(text: bytes) -> bool:
    try:
        return bool(msgspec.json.decode(text, type=list[msgspec.Raw]))
    except RecursionError:
        return False


def test_what_is_stored_today_is_read_tomorrow():
    # MessagePack as schema 4 has it, uncompressed: whoever changes the order of the fields cannot read it.
    head = "96a26d31a5747261636ba3616e61a27631a461636d65a33a3a31"
    stored = bytes.fromhex(f"94a3776562cf0000018bcfe5680091{head}c4077b2261223a317d")

    [read] = packing.decoded(stored).events()

    assert read == Event(
        source="web",
        message_id="m1",
        type="track",
        user_id="ana",
        anonymous_id="v1",
        company_id="acme",
        received_at_ms=1_700_000_000_000,
        request_ip="::1",
        body=b'{"a":1}',
    )


def test_what_stands_on_a_batch_is_stored_beside_its_events_and_read_tomorrow():
    # The same with an envelope: it comes last, as everything that was added later.
    head = "96a26d31a5747261636ba3616e61a27631a461636d65a33a3a31"
    stored = bytes.fromhex(f"95a3776562cf0000018bcfe5680091{head}c4077b2261223a317dc40a7b22736e74223a317d20")

    [read] = packing.decoded(stored).events()

    assert (read.body, read.envelope) == (b'{"a":1}', b'{"snt":1} ')
    assert packing.encoded(Batch.of(read)) == stored
    # A note of what was removed before it was stored comes last in the head, if there is one.
    noted = msgspec.structs.replace(read, minimised="01 traits.email")
    assert packing.encoded(Batch.of(noted))[15:16] == b"\x97"
    assert packing.decoded(packing.encoded(Batch.of(noted, read))).events() == [noted, read]
    assert packing.decoded(stored[:-12].replace(b"\x95", b"\x94", 1)).events()[0].envelope == b""


@pytest.mark.parametrize("count", [3, EVENTS_MAX + 40])
async def test_every_event_of_a_batch_keeps_what_stood_on_it(tmp_path, count):
    world = await SqliteWorld(tmp_path).open()
    shared = b'{"context":{"x":"%b"}}' % (b"y" * 20_000)
    calls = b",".join(b'{"userId":"u%d","messageId":"m%d"}' % (number, number) for number in range(count))
    body = b'{"batch":[%b],%b' % (calls, shared[1:])
    batch = read_batch(body, origin=ORIGIN, dice=SeededDice(1))

    await world.log.append([batch])
    # Some of them again, with others: what is stored anew keeps it too.
    await world.log.append([read_batch(body.replace(b'"m1"', b'"new"'), origin=ORIGIN, dice=SeededDice(1))])

    stories = world.stories()
    assert len(stories) == count + 1
    assert all(story.event.envelope == shared for story in stories)
    size = sum(file.stat().st_size for file in tmp_path.glob("events.db*"))
    assert size < 450_000, "written once for many events, not once for each"
    await world.close()


async def test_a_frame_of_the_third_schema_is_brought_forward(tmp_path):
    one = bytes.fromhex(
        "99a3776562a26d31a5747261636ba3616e61a27631a461636d65cf0000018bcfe56800a33a3a31c4077b2261223a317d"
    )
    insert = "INSERT INTO segment VALUES (?, ?, ?, ?, ?)"
    folder_of_schema(
        3, tmp_path, (insert, [5, 2, "web", 1, packing.compressed(b"\x92" + one + one.replace(b"m1", b"m2"))])
    )

    world = await SqliteWorld(tmp_path).open()
    assert await world.append(event("m1", "ana"), event("new", "ana")) == 1
    stored = list(events_after(world.log.connection, 0))
    await world.close()

    assert [(seq, each.message_id) for seq, each in stored] == [(4, "m1"), (5, "m2"), (6, "new")]
    assert (stored[0][1].company_id, stored[0][1].request_ip, stored[0][1].body) == ("acme", "::1", b'{"a":1}')


async def test_a_request_that_repeats_an_event_keeps_the_others(sqlite_world):
    bodies = [b'{"userId":"ana","messageId":"m%d"}' % n for n in (1, 2, 1, 3)]
    batch = read_batch(b'{"batch":[%b]}' % b", ".join(bodies), origin=ORIGIN, dice=SeededDice(1))

    assert await sqlite_world.log.append([batch]) == 3
    assert await sqlite_world.log.append([batch]) == 0
    assert [each.body for _, each in events_after(sqlite_world.log.connection, 0)] == [bodies[0], bodies[1], bodies[3]]


async def test_a_request_too_large_for_a_segment_is_stored_event_by_event(sqlite_world):
    bodies = [b'{"userId":"ana","messageId":"m%d"}' % n for n in range(3 * EVENTS_MAX)]
    few = [b'{"userId":"ana","messageId":"f%d","x":"%b"}' % (n, b"x" * BYTES_MAX) for n in range(3)]
    for some in (bodies, few):
        request = b'{"batch":[%b]}' % b",".join(some)
        await sqlite_world.log.append([read_batch(request, origin=ORIGIN, dice=SeededDice(1))])

    counts = [row[0] for row in sqlite_world.log.connection.execute("SELECT count FROM segment ORDER BY last_seq")]
    assert counts == [EVENTS_MAX] * 3 + [1] * 3
    assert [each.body for _, each in events_after(sqlite_world.log.connection, 0)] == bodies + few


async def test_a_hundred_similar_events_take_less_room_than_ten(sqlite_world):
    body = json.dumps({"context": {"locale": "en-GB", "page": {"path": "/checkout"}}, "event": "Order Completed"})
    similar = [msgspec.structs.replace(event(f"m{i}", "ana"), body=body.encode()) for i in range(100)]
    await sqlite_world.append(*similar)

    stored = sqlite_world.log.connection.execute("SELECT sum(length(frame)) FROM segment").fetchone()[0]

    assert stored < sum(len(each.body) for each in similar) / 10


async def test_single_events_that_come_at_once_share_a_segment(sqlite_world):
    group = sqlite_world.log.group
    await group.run(lambda _: [sqlite_world.log.appends.take([part]) for part in parts_of("web", 10)])
    await group.run(lambda _: [sqlite_world.log.appends.take([part]) for part in parts_of("server", 200)])

    rows = sqlite_world.log.connection.execute("SELECT count, source FROM segment ORDER BY last_seq").fetchall()
    assert rows == [(10, "web"), (EVENTS_MAX, "server"), (200 - EVENTS_MAX, "server")]


def parts_of(source: str, count: int):
    return [part(Batch.of(event(f"m{i}", "ana", source=source))) for i in range(count)]


async def test_a_segment_of_large_events_is_bounded(sqlite_world):
    large = [msgspec.structs.replace(event(f"m{i}", "ana"), body=incompressible(i).encode() * 100) for i in range(40)]
    endless = msgspec.structs.replace(event("endless", "ana"), body=b"{" * 3 * BYTES_MAX)
    await sqlite_world.append(*large, endless)

    rows = sqlite_world.log.connection.execute("SELECT count, frame FROM segment ORDER BY last_seq").fetchall()
    sizes = [sum(len(each.body) for each in packing.unpacked(packed, count=count)) for count, packed in rows]
    assert all(size <= BYTES_MAX for size in sizes[:-1])
    assert rows[-1][0] == 1
    assert [each for _, each in events_after(sqlite_world.log.connection, 0)] == [*large, endless]


async def test_a_flipped_bit_is_found_and_the_other_events_are_saved(tmp_path):
    world = await SqliteWorld(tmp_path).open()
    for start in range(0, 300, 50):
        await world.append(*(event(f"m{i}", f"u{i}") for i in range(start, start + 50)))
    connection = world.log.connection
    last, packed = connection.execute(
        "SELECT last_seq, frame FROM segment ORDER BY last_seq LIMIT 1 OFFSET 2"
    ).fetchone()
    middle = len(packed) // 2
    flipped = packed[:middle] + bytes([packed[middle] ^ 1]) + packed[middle + 1 :]
    connection.execute("UPDATE segment SET frame = ? WHERE last_seq = ?", [flipped, last])

    for read in (lambda: event_at(connection, last), lambda: list(events_after(connection, 0))):
        with pytest.raises(StoreDamaged, match="penstock doctor --repair"):
            read()
    with pytest.raises(StoreDamaged):
        list(events_before(connection, 300))
    assert event_at(connection, last + 1).message_id == f"m{last}"
    await world.close()
    # accept must not start with half of the ids: it would store again what it did not read.
    with pytest.raises(StoreDamaged):
        await SqliteWorld(tmp_path).open()
    doctor = Doctor(tmp_path, sources_of={"custify": ["web"]}, clock=ManualClock())
    assert [finding.sentence[:44] for finding in doctor.damaged()] == ["damaged: 1 segments cannot be unpacked; pens"]

    saved = salvage(tmp_path / EVENTS, stamp="1")

    assert saved.rows["events"] == 250
    assert doctor.damaged() == []


async def test_a_file_of_the_second_schema_is_brought_forward(tmp_path):
    heads = [["m1", "track", "ana", "", "", 1_700_000_000_001, "::1"], ["m\0", "töck", "", "x", "", 2, ""]]
    bodies = [b'{"a":1}', b"\x00\xff"]
    insert = "INSERT INTO segment VALUES (?, ?, ?, ?, ?, ?, ?)"
    two = [5, 2, "web", 1_700_000_000_001, json.dumps([7, 9]), json.dumps(heads), b"".join(bodies)]
    gone = [9, 1, "web", 3, "[0]", json.dumps(heads[:1]), b""]
    statements = [(insert, two), (insert, gone), ("DELETE FROM segment WHERE last_seq = 9", [])]
    folder_of_schema(2, tmp_path, *statements)

    world = await SqliteWorld(tmp_path).open()
    assert await world.append(event("m1", "ana"), event("m\0", "ana"), event("new", "ana")) == 1
    stored = list(events_after(world.log.connection, 0))
    await world.close()

    assert [seq for seq, _ in stored] == [4, 5, 10]
    fields = ("message_id", "type", "user_id", "anonymous_id", "company_id", "received_at_ms", "request_ip")
    assert [[getattr(each, field) for field in fields] for _, each in stored[:2]] == heads
    assert [(each.source, each.body) for _, each in stored[:2]] == [("web", body) for body in bodies]


async def test_a_wrong_count_does_not_give_one_the_event_of_another(sqlite_world):
    await sqlite_world.append(event("m1", "ana"), event("m2", "bo"), event("m3", "cy"))
    connection = sqlite_world.log.connection
    connection.execute("UPDATE segment SET count = 2")

    with pytest.raises(StoreDamaged, match="2 events are said to be there, 3 are"):
        event_at(connection, 2)


HEADS = [["m1", "track", "ana", "", "", 1, ""]]
DAMAGED = [(1, 1, "web", 3, "no JSON", "[]", b""), (1, 1, "web", 3, "[0, 0]", json.dumps(HEADS), b"")]
WHOLE = (2, 1, "web", 3, "[2]", json.dumps(HEADS), b"{}")


def test_how_long_a_start_waits_for_a_process_that_brings_the_file_forward_is_a_matter_of_its_own(
    tmp_path, monkeypatch
):
    folder_of_schema(3, tmp_path)
    monkeypatch.setattr(sqlite, "MIGRATION_MS", 1)
    with contextlib.closing(connect(tmp_path / EVENTS)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(BufferUnavailable, match="locked"):
            open_writer(tmp_path / EVENTS)
        other.execute("COMMIT")

    with contextlib.closing(open_writer(tmp_path / EVENTS)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == len(sqlite.SCHEMAS[EVENTS])
        # From then on it waits as for anybody.
        assert connection.execute("PRAGMA busy_timeout").fetchone()[0] == sqlite.BUSY_MS > sqlite.MIGRATION_MS


@pytest.mark.parametrize("damaged", DAMAGED)
def test_a_file_that_cannot_be_brought_forward_stays_as_it_was_and_what_can_be_read_is_saved(tmp_path, damaged):
    insert = "INSERT INTO segment VALUES (?, ?, ?, ?, ?, ?, ?)"
    folder_of_schema(2, tmp_path, (insert, list(damaged)), (insert, list(WHOLE)))

    with pytest.raises(StoreDamaged, match="penstock doctor --repair"):
        open_writer(tmp_path / EVENTS)

    with sqlite3.connect(tmp_path / EVENTS) as connection:
        assert connection.execute("SELECT * FROM segment").fetchall() == [damaged, WHOLE]
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()
    assert "packed_segment" not in tables
    doctor = Doctor(tmp_path, sources_of={}, clock=ManualClock())
    assert [finding.file for finding in doctor.damaged()] == [EVENTS]
    assert salvage(tmp_path / EVENTS, stamp="1").rows["events"] == 1
    assert doctor.damaged() == []


def test_what_can_be_read_of_a_file_of_the_first_schema_is_saved(tmp_path):
    insert = "INSERT INTO events VALUES (?, 'web', ?, 'track', 'ana', '', '', 5, '::1', ?)"
    folder_of_schema(1, tmp_path, *((insert, [seq, f"m{seq}", b'{"a":1}']) for seq in (3, 4)))

    assert salvage(tmp_path / EVENTS, stamp="1").rows["events"] == 2

    connection = open_writer(tmp_path / EVENTS)
    found = [(seq, each.message_id, each.user_id, each.body) for seq, each in events_after(connection, 0)]
    connection.close()
    assert found == [(3, "m3", "ana", b'{"a":1}'), (4, "m4", "ana", b'{"a":1}')]
