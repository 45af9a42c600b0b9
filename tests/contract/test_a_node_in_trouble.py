"""One node of several while its disk is full, its engine is gone, or its clock was moved: it waits, says so, and goes on."""

import asyncio
import contextlib
from types import SimpleNamespace

import pytest

from contract.worlds import event
from penstock.buffer.sqlite.file import CONTROL, DELIVERY, EVENTS, open_writer
from penstock.buffer.sqlite.replica import node as nodes
from penstock.buffer.sqlite.replica.node import DeliveryNode
from penstock.clock import ManualClock, SeededDice
from penstock.errors import BufferUnavailable, SettingsError, WitnessUnreachable
from penstock.event import Batch
from penstock.run.node import LateStreams, NodeLog, Turns
from penstock.run.telling import FactsTold
from penstock.settings import Settings
from penstock.timeline import Timeline
from penstock.witness.memory import MemoryEngine, MemoryWitness, Weather


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def engine(clock):
    return MemoryEngine(clock, SeededDice(1))


@pytest.fixture
def weather(monkeypatch):
    monkeypatch.setattr("penstock.witness.memory.ANSWER_S_MAX", 0.0)
    return Weather()


@pytest.fixture
def log(engine, weather):
    """Return accept's log, and count how often the engine is asked."""

    async def connect():
        return MemoryWitness(engine, weather)

    return NodeLog(LateStreams(connect))


def batch(*ids):
    return Batch.of(*(event(each, "u1") for each in ids))


async def test_accept_is_ready_again_as_soon_as_the_engine_answers_though_no_events_come(log, weather):
    weather.is_cut = True
    with pytest.raises(BufferUnavailable):
        await log.open()
    assert "unreachable" in log.problem()

    weather.is_cut = False
    await log.look()

    assert log.problem() == ""
    assert await log.append([batch("m1")]) == 1
    await log.close()


async def test_who_sends_is_not_kept_waiting_for_an_engine_that_is_known_to_be_gone(log, weather, monkeypatch):
    await log.open()
    weather.is_cut = True
    await log.look()

    monkeypatch.setattr(log.witness, "append", None)
    with pytest.raises(BufferUnavailable) as refused:
        await log.append([batch("m1")])

    assert refused.value.retry_after_s > 0
    await log.close()


async def test_a_stream_that_was_made_by_hand_stops_the_start_and_later_is_said_to_senders(log, monkeypatch):
    async def span(_):
        raise SettingsError("engine nats, stream PENSTOCK_EVENTS, num_replicas", expected="3", got=1)

    await log.open()
    monkeypatch.setattr(log.witness, "span", span)

    await log.look()
    assert "num_replicas" in log.problem()
    with pytest.raises(SettingsError, match="num_replicas: expected 3, got 1"):
        await log.open()
    await log.close()


@pytest.fixture
def opened(tmp_path, engine, clock):
    """Return a function that opens a node; all are closed at the end."""
    for file in (EVENTS, DELIVERY, CONTROL):
        open_writer(tmp_path / file).close()
    with contextlib.ExitStack() as stack:

        def open_(**more):
            node = DeliveryNode(tmp_path, MemoryWitness(engine), node="a", clock=clock, **more)
            node.open()
            stack.callback(node.close)
            return node

        yield open_


@pytest.mark.parametrize("trouble", [BufferUnavailable("the disk is full"), WitnessUnreachable("nats", "no quorum")])
async def test_events_are_followed_again_once_there_is_room(opened, log, monkeypatch, trouble):
    monkeypatch.setattr(nodes, "WAIT_S", 0.0)
    node, taking_in = opened(), EventsInTrouble(trouble)
    monkeypatch.setattr(node.events, "step", taking_in.around(node.events.step))
    await log.append([batch("m1", "m2")])

    following = asyncio.create_task(node.follow_events())
    while node.events.place.number == 0:
        assert not following.done()
        await asyncio.sleep(0)
    following.cancel()

    assert taking_in.failed
    await log.close()


class EventsInTrouble:
    """A step that fails at first."""

    def __init__(self, trouble):
        self.trouble, self.failed = trouble, False

    def around(self, step):
        async def stepping(**bounds):
            if not self.failed:
                self.failed = True
                raise self.trouble
            return await step(**bounds)

        return stepping


async def test_a_lease_ends_when_it_should_though_times_go_on_where_another_machine_left_them(
    tmp_path, engine, clock, monkeypatch
):
    async def connect(_):
        return MemoryWitness(engine)

    monkeypatch.setattr("penstock.run.node.connected", connect)
    process = SimpleNamespace(settings=Settings(data_dir=tmp_path, node="a"), clock=Timeline(clock, boot="here"))
    turns = Turns(process)
    await turns.open()
    store, keeper = await turns.node.until_owner(), turns.node.keeper
    left_s = keeper.until - keeper.clock.steady()

    # The owner before was a machine whose clock was a year behind.
    process.clock.steady_from = process.clock.steady_from[0] - 31_536_000, process.clock.steady_from[1]

    assert 0 < keeper.until - keeper.clock.steady() <= left_s
    # What is stored goes by the times that go on.
    assert store.clock is process.clock
    await turns.node.step_down(store)
    await turns.close()


async def test_every_node_knows_how_destinations_are_of_which_the_owner_alone_has_word(engine, clock):
    behind, owner, other = ManualClock(clock.now() - 3_600), MemoryWitness(engine), MemoryWitness(engine)
    here, there = FactsTold(owner, clock=clock), FactsTold(other, clock=behind)
    await here.tell({"custify": {"hold_reason": "the key is refused"}})

    await there.hear()
    assert there.heard == {"custify": {"hold_reason": "the key is refused"}}

    # Now the other one owns them, and its clock is an hour behind.
    await there.tell({"custify": {"paused_by": "ann"}})
    await here.hear()
    assert here.heard == {"custify": {"paused_by": "ann"}}


async def test_an_owner_that_did_not_hear_the_one_before_is_heard_all_the_same(engine, clock):
    behind, reader = ManualClock(clock.now() - 3_600), FactsTold(MemoryWitness(engine), clock=clock)
    await FactsTold(MemoryWitness(engine), clock=clock).tell({"custify": {"n": 1}})
    late = FactsTold(MemoryWitness(engine), clock=behind)

    await late.tell({"custify": {"n": 2}})
    await late.tell({"custify": {"n": 2}})

    await reader.hear()
    assert reader.heard == {"custify": {"n": 2}}


async def test_what_did_not_change_is_not_told_again(engine, clock):
    telling = FactsTold(MemoryWitness(engine), clock=clock)
    await telling.tell({"custify": {}})
    told = telling.number
    clock.advance(2.0)

    await telling.tell({"custify": {}})

    assert telling.number == told
