"""What an owner's transactions change is the same at every view, and what cannot be the same is refused."""

import asyncio
import contextlib
import re
import shutil
from pathlib import Path

import msgspec
import pytest

from contract.worlds import DESTINATION, event
from penstock import buffer
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.sqlite.connections import connect, connect_to_read
from penstock.buffer.sqlite.delivery.delivery import DeliveryStore
from penstock.buffer.sqlite.file import CONTROL, DELIVERY, EVENTS, SCHEMAS, open_writer, transaction
from penstock.buffer.sqlite.replica import changes, messages, snapshots
from penstock.buffer.sqlite.replica.events import STREAM, EventsView, StreamedLog
from penstock.buffer.sqlite.replica.follower import FileView
from penstock.buffer.sqlite.replica.messages import ViewPlace, What, chained, encoded, message_of
from penstock.buffer.sqlite.replica.recorder import Recorder
from penstock.clock import ManualClock, SeededDice
from penstock.errors import BufferUnavailable, SteppedDown, ViewRefused
from penstock.event import Batch
from penstock.witness.memory import MemoryEngine, MemoryWitness, Weather

STATE = "STATE"


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def engine(clock):
    return MemoryEngine(clock, SeededDice(1))


def appended(engine, stream=STATE):
    """Return the messages of a stream."""
    return [msgspec.msgpack.decode(e.message, type=messages.StreamMessage) for e in engine.stream(stream).entries]


@pytest.fixture(scope="module")
def fresh_folder(tmp_path_factory):
    """Make the files of a folder once: what they are at first is not what is tried here."""
    folder = tmp_path_factory.mktemp("fresh")
    for file in (EVENTS, DELIVERY, CONTROL):
        open_writer(folder / file).close()
    return folder


class Node:
    """A folder with an owner's delivery.db over a log that the stream of events makes."""

    def __init__(self, folder, engine, clock, *, weather=None, holds=lambda: True):
        self.folder, self.engine, self.clock = folder, engine, clock
        self.witness = MemoryWitness(engine, weather)
        self.events = EventsView(folder / EVENTS, STREAM, self.witness)
        self.recorder = Recorder(STATE, self.witness, schema=len(SCHEMAS[DELIVERY]), epoch=1, holds=holds)

    async def open(self):
        self.events.open()
        await self.events.catch_up()
        self.store = DeliveryStore(self.folder, clock=self.clock, recorder=self.recorder)
        await self.store.open()
        self.backlog = self.store.backlog(DESTINATION, lambda: ["web"])
        return self

    async def append(self, *events):
        await StreamedLog(self.witness).append([Batch.of(each) for each in events])
        await self.events.catch_up()

    async def deliver(self, limit=100):
        leases = await self.backlog.lease(limit=limit, lease_s=30.0)
        await self.backlog.settle(*(Ending(lease=lease, outcome=Outcome.DELIVERED) for lease in leases))
        return [lease.event.message_id for lease in leases]


@pytest.fixture
async def opened(fresh_folder):
    """Open nodes and views, and close them all."""
    async with contextlib.AsyncExitStack() as stack:

        async def node(folder, *arguments, **options):
            shutil.copytree(fresh_folder, folder)
            made = await Node(folder, *arguments, **options).open()
            stack.callback(made.events.close)
            stack.push_async_callback(made.store.abandon)
            return made

        def view(folder, engine, *, kind=FileView, file=DELIVERY, stream=STATE):
            if not folder.exists():
                shutil.copytree(fresh_folder, folder)
            made = kind(folder / file, stream, MemoryWitness(engine))
            made.open()
            stack.callback(made.close)
            return made

        node.view = view
        yield node


def sums_of(path):
    with contextlib.closing(connect_to_read(path)) as connection:
        return changes.sums_of(connection)


@pytest.mark.parametrize("file", [DELIVERY, CONTROL])
def test_every_table_of_a_file_that_is_recorded_is_in_its_changesets(tmp_path, file):
    with contextlib.closing(open_writer(tmp_path / file)) as connection:
        assert list(changes.unrecorded(connection)) == []


def test_the_log_would_lose_what_its_triggers_do_and_is_made_of_events_instead(tmp_path):
    with contextlib.closing(open_writer(tmp_path / EVENTS)) as connection:
        assert [sentence for sentence in changes.unrecorded(connection) if "trigger" not in sentence] == []
        assert len(list(changes.unrecorded(connection))) == 2


def test_a_table_without_a_key_or_with_null_in_it_is_found(tmp_path):
    with contextlib.closing(connect(tmp_path / "any.db")) as connection:
        connection.execute(
            "CREATE TABLE bare (a); CREATE TABLE maybe (a TEXT PRIMARY KEY); CREATE TABLE good (a INTEGER PRIMARY KEY)"
        )

        assert list(changes.unrecorded(connection)) == [
            "bare has no primary key",
            "maybe may have NULL in its primary key",
        ]


async def test_a_standby_has_row_for_row_what_the_owner_has(tmp_path, engine, clock, opened):
    owner = await opened(tmp_path / "a", engine, clock)
    await owner.append(*(event(f"m{i}", f"u{i % 3}", company=f"c{i % 2}" if i % 4 == 0 else "") for i in range(20)))
    assert await owner.deliver(2)
    [lease, *_] = await owner.backlog.lease(limit=1, lease_s=30.0)
    await owner.backlog.retry(lease, at=clock.steady() + 5.0, first_failed_at=clock.awake(), counts=True)
    await owner.store.prune(destinations=[DESTINATION])

    standby = opened.view(tmp_path / "b", engine)
    assert await standby.catch_up() > 2

    assert sums_of(tmp_path / "b" / DELIVERY) == sums_of(tmp_path / "a" / DELIVERY)
    assert standby.place == owner.recorder.place


async def test_verdicts_that_come_together_are_one_append(tmp_path, engine, clock, opened):
    owner = await opened(tmp_path / "a", engine, clock)
    await owner.append(*(event(f"m{i}", f"u{i}") for i in range(10)))
    leases, before = await owner.backlog.lease(limit=10, lease_s=30.0), len(appended(engine))

    ends = [Ending(lease=lease, outcome=Outcome.DELIVERED) for lease in leases]
    await asyncio.gather(*(owner.backlog.settle(end) for end in ends))

    assert len(appended(engine)) == before + 1


async def test_a_look_that_changes_nothing_appends_nothing(tmp_path, engine, clock, opened):
    owner = await opened(tmp_path / "a", engine, clock)
    await owner.backlog.lease(limit=1, lease_s=30.0)
    before = len(appended(engine))

    assert await owner.backlog.notes() == {}
    assert await owner.backlog.lease(limit=1, lease_s=30.0) == ()

    assert len(appended(engine)) == before


async def test_who_is_not_the_owner_any_more_keeps_nothing_and_goes_no_further(tmp_path, engine, clock, opened):
    owner = await opened(tmp_path / "a", engine, clock)
    await owner.append(event("m1", "u1"))
    leases = await owner.backlog.lease(limit=1, lease_s=30.0)
    other = opened.view(tmp_path / "b", engine)
    await other.catch_up()
    fence = chained(message_of(What.OWNER, b"b", schema=other.schema), other.place, epoch=2)
    await other.witness.append(STATE, encoded(fence), expected=other.place.number, id="b-1")
    before = sums_of(tmp_path / "a" / DELIVERY)

    for _ in range(2):
        with pytest.raises(SteppedDown):
            await owner.backlog.settle(Ending(lease=leases[0], outcome=Outcome.DELIVERED))
    with pytest.raises(SteppedDown):
        await owner.backlog.lease(limit=1, lease_s=30.0)

    assert sums_of(tmp_path / "a" / DELIVERY) == before
    assert await other.catch_up() == 1
    assert sums_of(tmp_path / "b" / DELIVERY) == before


async def test_who_may_not_hold_the_lease_hands_nothing_out(tmp_path, engine, clock, opened):
    held = [True]
    owner = await opened(tmp_path / "a", engine, clock, holds=lambda: held[0])
    await owner.append(event("m1", "u1"))
    held.clear()
    held.append(False)

    with pytest.raises(SteppedDown):
        await owner.backlog.lease(limit=1, lease_s=30.0)


class Losing(MemoryWitness):
    """Appends, and says nothing of it, so many times."""

    times, lost = 0, staticmethod(lambda: None)

    async def append(self, *arguments, **options):
        number = await super().append(*arguments, **options)
        if self.times:
            self.times -= 1
            self.lost()
            raise TimeoutError
        return number


async def test_an_answer_that_was_lost_is_asked_for_again_and_the_message_is_there_once(
    tmp_path, engine, clock, opened, monkeypatch
):
    monkeypatch.setattr("penstock.buffer.sqlite.replica.recorder.REST_S", 0.0)
    owner = await opened(tmp_path / "a", engine, clock)
    await owner.append(event("m1", "u1"), event("m2", "u2"))
    owner.recorder.witness = Losing(engine)
    leases, before = await owner.backlog.lease(limit=2, lease_s=30.0), len(appended(engine))
    owner.recorder.witness.times = 3

    await owner.backlog.settle(Ending(lease=leases[0], outcome=Outcome.DELIVERED))
    await owner.backlog.settle(Ending(lease=leases[1], outcome=Outcome.DELIVERED))

    assert len(appended(engine)) == before + 2
    standby = opened.view(tmp_path / "b", engine)
    await standby.catch_up()
    assert sums_of(tmp_path / "b" / DELIVERY) == sums_of(tmp_path / "a" / DELIVERY)


async def test_an_engine_without_room_keeps_nothing_and_the_owner_stays(tmp_path, engine, clock, opened):
    owner = await opened(tmp_path / "a", engine, clock)
    await owner.append(event("m1", "u1"))
    leases = await owner.backlog.lease(limit=1, lease_s=30.0)
    engine.is_full = True
    with pytest.raises(BufferUnavailable):
        await owner.backlog.settle(Ending(lease=leases[0], outcome=Outcome.DELIVERED))
    engine.is_full = False

    await owner.backlog.settle(Ending(lease=leases[0], outcome=Outcome.DELIVERED))

    assert not owner.recorder.stepped_down


async def test_an_owner_that_dies_between_the_append_and_the_commit_takes_its_own_change_in(
    tmp_path, engine, clock, opened
):
    owner = await opened(tmp_path / "a", engine, clock)
    await owner.append(event("m1", "u1"))
    leases = await owner.backlog.lease(limit=1, lease_s=30.0)

    def dies(_):
        raise OSError("power is gone")

    owner.recorder.written.commit_at = dies
    with pytest.raises(SteppedDown):
        await owner.backlog.settle(Ending(lease=leases[0], outcome=Outcome.DELIVERED))
    await owner.store.abandon()

    again = opened.view(tmp_path / "a", engine)
    assert await again.catch_up() == 1

    standby = opened.view(tmp_path / "b", engine)
    await standby.catch_up()
    assert sums_of(tmp_path / "a" / DELIVERY) == sums_of(tmp_path / "b" / DELIVERY)


async def stream_of_three(tmp_path, engine, clock, opened):
    owner = await opened(tmp_path / "a", engine, clock)
    await owner.append(event("m1", "u1"), event("m2", "u2"), event("m3", "u3"))
    for _ in range(3):
        assert len(await owner.deliver(1)) == 1
    return owner


def forge(engine, place, **fields):
    """Put another message in the place of one."""
    stream = engine.stream(STATE)
    entry = stream.entries[place]
    message = msgspec.structs.replace(msgspec.msgpack.decode(entry.message, type=messages.StreamMessage), **fields)
    stream.entries[place] = type(entry)(entry.number, encoded(message))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"schema": 99}, "schema"),
        ({"schema": 3}, "schema"),
        ({"body": b"other"}, "other bytes"),
        ({"chain": b"0123456789abcdef"}, "another one"),
    ],
)
async def test_a_message_that_does_not_fit_stops_the_view_where_it_was(
    tmp_path, engine, clock, opened, fields, expected
):
    await stream_of_three(tmp_path, engine, clock, opened)
    standby = opened.view(tmp_path / "b", engine)
    forge(engine, -2, **fields)

    with pytest.raises(ViewRefused, match=expected):
        await standby.catch_up()

    assert standby.place == ViewPlace()


async def test_a_stream_with_a_message_less_is_noticed(tmp_path, engine, clock, opened):
    await stream_of_three(tmp_path, engine, clock, opened)
    del engine.stream(STATE).entries[-2]
    standby = opened.view(tmp_path / "b", engine)

    with pytest.raises(ViewRefused, match="another one"):
        await standby.catch_up()


async def test_a_stream_that_ends_before_what_was_seen_is_refused(tmp_path, engine, clock, opened):
    await stream_of_three(tmp_path, engine, clock, opened)
    standby = opened.view(tmp_path / "b", engine)
    await standby.catch_up()
    del engine.streams[STATE]

    with pytest.raises(ViewRefused, match="a stream of"):
        await standby.step()


async def test_rows_that_are_not_as_the_owner_changed_them_are_refused(tmp_path, engine, clock, opened):
    owner = await stream_of_three(tmp_path, engine, clock, opened)
    standby = opened.view(tmp_path / "b", engine)
    await standby.catch_up()
    standby.connection.execute("DELETE FROM tally")
    await owner.append(event("m4", "u4"))
    await owner.deliver()

    with pytest.raises(ViewRefused, match="the rows that the owner changed"):
        await standby.catch_up()


async def test_a_body_that_was_taken_out_leaves_the_chain_standing(tmp_path, engine, clock, opened):
    owner = await stream_of_three(tmp_path, engine, clock, opened)
    place = ViewPlace()
    forge(engine, -2, body=b"")
    for entry in engine.stream(STATE).entries:
        message = messages.read(STATE, entry.message, number=entry.number)
        messages.check(STATE, message, place, number=entry.number, schema=len(SCHEMAS[DELIVERY]))
        place = messages.place_behind(place, message, entry.number)

    assert place == owner.recorder.place


async def test_a_node_that_was_away_for_longer_than_the_stream_keeps_begins_from_a_snapshot(
    tmp_path, engine, clock, opened
):
    owner = await stream_of_three(tmp_path, engine, clock, opened)
    late = opened.view(tmp_path / "b", engine)
    identity = late.connection.execute("SELECT identity FROM folder").fetchone()
    number = await snapshots.put(tmp_path / "a" / DELIVERY, STATE, owner.witness)
    await owner.witness.prune(STATE, through=number)
    await owner.append(event("m4", "u4"))
    await owner.deliver()

    await late.catch_up()

    assert sums_of(tmp_path / "b" / DELIVERY) == sums_of(tmp_path / "a" / DELIVERY)
    assert late.connection.execute("SELECT identity FROM folder").fetchone() == identity
    assert late.place == owner.recorder.place
    assert sorted(path.name for path in (tmp_path / "b").iterdir() if path.name.startswith("delivery.db.")) == []


async def test_without_a_snapshot_it_says_so(tmp_path, engine, clock, opened):
    owner = await stream_of_three(tmp_path, engine, clock, opened)
    await owner.witness.prune(STATE, through=owner.recorder.place.number)

    with pytest.raises(ViewRefused, match="a snapshot of"):
        await opened.view(tmp_path / "b", engine).step()


async def test_numbers_that_a_table_gave_are_given_at_no_view_again(tmp_path, engine, opened):
    view, name = opened.view(tmp_path / "b", engine, file=CONTROL, stream="CONTROL"), "CONTROL 1"
    insert = "INSERT INTO forget_order (destination, prefix, asked_at, asked_by) VALUES ('custify', 'u', 1.0, 'ana')"
    with contextlib.closing(open_writer(tmp_path / CONTROL)) as owner, transaction(owner):
        session = changes.recording(owner)
        owner.execute(insert)
        owner.execute(insert)
        # The second leaves no trace but in the sequence.
        owner.execute("DELETE FROM forget_order WHERE id = 2")
        said = message_of(What.CHANGES, session.changeset(), schema=view.schema, sequences=changes.sequences_of(owner))
        session.close()

    view.change(view.connection, said, name=name)

    assert view.connection.execute(insert + " RETURNING id").fetchone() == (3,)


async def test_events_get_the_same_numbers_at_every_node(tmp_path, engine, clock, opened):
    log = StreamedLog(MemoryWitness(engine))
    first, second = (opened.view(tmp_path / n, engine, kind=EventsView, file=EVENTS, stream=STREAM) for n in "ab")
    for i in range(0, 30, 3):
        # Each is sent twice, and one of them stands in the next request again.
        batch = Batch.of(*(event(f"m{j}", f"u{j}") for j in range(i, i + 4)))
        await asyncio.gather(log.append([batch]), log.append([batch]))
        await first.catch_up()

    await second.catch_up()

    both = [sums_of(tmp_path / n / EVENTS) for n in "ab"]
    assert both[0]["accepted"] == both[1]["accepted"]
    assert numbers(first) == numbers(second) == {f"m{i}": i + 1 for i in range(31)}
    await log.close()


def numbers(view):
    from penstock.buffer.sqlite.log.segments import events_after

    return {each.message_id: seq for seq, each in events_after(view.connection, 0)}


async def test_what_is_removed_is_said_in_the_stream_and_an_id_is_known_as_long_as_its_event(tmp_path, engine, opened):
    log = StreamedLog(MemoryWitness(engine))
    first, second = (opened.view(tmp_path / n, engine, kind=EventsView, file=EVENTS, stream=STREAM) for n in "ab")
    await log.append([Batch.of(event("m1", "u1"), event("m2", "u2"))])
    await first.catch_up()
    await log.append([Batch.of(event("m3", "u3"))])
    await first.catch_up()

    assert await first.prune(settled_below=3, older_than_ms=2 * 10**12) == 3
    assert await first.prune(settled_below=3, older_than_ms=0) == 0
    # One is gone and new again, the other is stored still.
    await log.append([Batch.of(event("m1", "u1"), event("m3", "u3"))])
    for view in (first, second):
        await view.catch_up()

    assert numbers(first) == numbers(second) == {"m3": 3, "m1": 4}
    assert first.place == second.place
    await log.close()


async def test_a_view_of_events_that_is_opened_again_goes_on_where_it_was(tmp_path, engine, opened):
    log = StreamedLog(MemoryWitness(engine))
    view = opened.view(tmp_path / "a", engine, kind=EventsView, file=EVENTS, stream=STREAM)
    await log.append([Batch.of(event("m1", "u1"))])
    await view.catch_up()
    view.close()
    await log.append([Batch.of(event("m1", "u1"), event("m2", "u2"))])

    again = opened.view(tmp_path / "a", engine, kind=EventsView, file=EVENTS, stream=STREAM)
    await again.catch_up()

    assert numbers(again) == {"m1": 1, "m2": 2}
    await log.close()


async def test_events_that_no_answer_came_for_are_told_to_come_again(engine, monkeypatch):
    monkeypatch.setattr("penstock.witness.memory.ANSWER_S_MAX", 0.0)
    weather = Weather(is_cut=True)
    log = StreamedLog(MemoryWitness(engine, weather))

    with pytest.raises(BufferUnavailable):
        await log.append([Batch.of(event("m1", "u1"))])
    assert log.problem()
    weather.is_cut = False

    assert await log.append([Batch.of(event("m1", "u1"))]) == 1
    assert not log.problem()
    await log.close()


def test_on_one_machine_none_of_it_is_loaded():
    package = Path(buffer.__file__).parents[1]
    for file in [*package.rglob("buffer/**/*.py"), *package.rglob("deliver/*.py"), *package.rglob("accept/*.py")]:
        if "replica" not in file.parts:
            # At the beginning of a line: for types alone it stands further in.
            assert not re.search(
                r"^from penstock\.(buffer\.sqlite\.replica|witness)", file.read_text(), re.MULTILINE
            ), file
