"""What a witness promises, tried on every engine: memory, JetStream with three servers, PostgreSQL with a standby."""

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest

from contract.witness_worlds import MemoryWitnessWorld, WitnessWorld
from penstock.errors import SnapshotReplaced
from penstock.witness.port import MESSAGE_BYTES_MAX, PIECE_BYTES_MAX, NotAppended, Span

NAMES = itertools.count()


# The servers of each engine are started once, by one worker.
pytestmark = pytest.mark.xdist_group("engines")


@pytest.fixture(params=["memory", "nats", "postgres"])
def world(request) -> WitnessWorld:
    if request.param == "memory":
        return MemoryWitnessWorld()
    return request.getfixturevalue(f"{request.param}_world")


@pytest.fixture
async def witness(world):
    async with world.node() as witness:
        yield witness


@pytest.fixture
def stream() -> str:
    """Return a stream that no other test has; names of destinations may have any letters."""
    return f"STATE.Custify (EU) / é* {next(NAMES)}"


async def appended(witness, stream: str, *messages: bytes) -> list[int]:
    """Append messages one after the other; return their numbers."""
    return [
        await witness.append(stream, each, expected=None, id=f"{stream.encode().hex()}-{each.hex()}")
        for each in messages
    ]


async def read_all(witness, stream: str, after: int = 0) -> list[bytes]:
    """Return every message that follows."""
    found = list[bytes]()
    while entries := await witness.read(stream, after=after):
        assert not isinstance(entries, Span)
        found += [entry.message for entry in entries]
        after = entries[-1].number
    return found


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_what_was_appended_is_read_in_its_order_by_everybody(world, witness, stream):
    numbers = await appended(witness, stream, b"one", b"two", b"three")

    assert numbers == sorted(set(numbers))
    assert numbers[0] >= 1
    async with world.node() as other:
        entries = await other.read(stream, after=0)
        assert [(entry.number, entry.message) for entry in entries] == list(
            zip(numbers, [b"one", b"two", b"three"], strict=True)
        )
        assert [entry.message for entry in await other.read(stream, after=numbers[1])] == [b"three"]
        assert not await other.read(stream, after=numbers[2])


async def test_a_stream_that_never_was_is_empty(witness, stream):
    assert await witness.span(stream) == Span(pruned=0, last=0)
    assert not await witness.read(stream, after=0)


async def test_streams_know_nothing_of_each_other(witness, stream):
    await appended(witness, stream, b"one")

    for near in (stream.upper(), stream + " ", stream.replace("*", ">"), stream.replace(" ", "_")):
        assert await witness.span(near) == Span(pruned=0, last=0), near


async def test_messages_that_come_at_once_are_all_there_and_everybody_reads_one_order(world, stream):
    async with world.node() as one, world.node() as other:
        nodes = itertools.cycle((one, other))
        coming = [(next(nodes), f"{place}".encode()) for place in range(40)]
        numbers = await asyncio.gather(
            *(node.append(stream, message, expected=None, id=message.decode()) for node, message in coming)
        )

        assert len(set(numbers)) == len(coming)
        expected = [message for _, message in sorted(zip(numbers, (each for _, each in coming), strict=True))]
        assert await read_all(one, stream) == await read_all(other, stream) == expected


async def test_a_reader_never_sees_a_number_before_those_that_come_ahead_of_it(world, stream):
    async with world.node() as one, world.node() as other, world.node() as reader:
        nodes = itertools.cycle((one, other))
        writing = [
            asyncio.create_task(next(nodes).append(stream, f"{place}".encode(), expected=None, id=f"{place}"))
            for place in range(60)
        ]
        seen, after = list[tuple[int, bytes]](), 0
        while len(seen) < len(writing):
            for entry in await reader.read(stream, after=after, wait_s=5):
                seen.append((entry.number, entry.message))
                after = entry.number
        numbers = await asyncio.gather(*writing)

        assert seen == sorted(zip(numbers, (f"{place}".encode() for place in range(60)), strict=True))


async def test_a_message_that_is_said_again_keeps_the_number_it_got_first(world, witness, stream):
    first = await witness.append(stream, b"one", expected=0, id="a")
    await witness.append(stream, b"two", expected=first, id="b")

    async with world.node() as after_a_restart:
        assert await after_a_restart.append(stream, b"one", expected=0, id="a") == first
        assert await after_a_restart.append(stream, b"one", expected=None, id="a") == first
    assert await read_all(witness, stream) == [b"one", b"two"]


async def test_the_same_id_in_another_stream_is_another_message(witness, stream):
    await witness.append(stream, b"one", expected=0, id="a")

    assert await witness.append(stream + "'", b"one", expected=0, id="a") >= 1


async def test_an_acknowledgement_that_is_lost_costs_nothing(world, stream):
    """What was appended unheard is not appended again, and the answer is the number it has."""
    async with world.node() as witness:
        [first] = await appended(witness, stream, b"before")
        await world.append_unheard(witness, stream, b"unheard", expected=first, message_id="u")

        number = await witness.append(stream, b"unheard", expected=first, id="u")

        assert await read_all(witness, stream) == [b"before", b"unheard"]
        assert (await witness.span(stream)).last == number


async def test_of_two_owners_the_second_is_refused_and_told_where_the_stream_ends(world, stream):
    async with world.node() as old, world.node() as new:
        first = await old.append(stream, b"old", expected=0, id="o1")
        second = await new.append(stream, b"new", expected=first, id="n1")

        assert await old.append(stream, b"late", expected=first, id="o2") == NotAppended(last=second)
        assert await old.append(stream, b"later", expected=0, id="o3") == NotAppended(last=second)
        assert await old.append(stream, b"too soon", expected=second + 7, id="o4") == NotAppended(last=second)
        assert await read_all(new, stream) == [b"old", b"new"]


async def test_of_owners_that_write_at_once_one_is_heard(world, stream):
    async with world.node() as one, world.node() as other:
        for turn in range(5):
            last = (await one.span(stream)).last
            answers = await asyncio.gather(
                *(
                    node.append(stream, f"{turn} {place}".encode(), expected=last, id=f"{turn}-{place}")
                    for place, node in enumerate((one, other, one, other))
                )
            )
            numbers = [answer for answer in answers if isinstance(answer, int)]
            assert len(numbers) == 1
            assert {each.last for each in answers if isinstance(each, NotAppended)} == {numbers[0]}


async def test_a_reader_that_waits_hears_of_the_next_message(world, witness, stream):
    async with world.node() as reader:
        waiting = asyncio.create_task(reader.read(stream, after=0, wait_s=30))
        await asyncio.sleep(0)
        await appended(witness, stream, b"one")

        assert [entry.message for entry in await waiting] == [b"one"]


async def test_a_reader_waits_no_longer_than_it_wants(witness, stream):
    [number] = await appended(witness, stream, b"one")

    assert not await witness.read(stream, after=number, wait_s=0.01)


async def test_what_was_pruned_is_gone_and_what_follows_keeps_its_numbers(world, witness, stream):
    numbers = await appended(witness, stream, b"one", b"two", b"three")

    await witness.prune(stream, through=numbers[1])
    await witness.prune(stream, through=numbers[0])

    async with world.node() as other:
        assert await other.span(stream) == Span(pruned=numbers[1], last=numbers[2])
        [entry] = await other.read(stream, after=numbers[1])
        assert (entry.number, entry.message) == (numbers[2], b"three")


async def test_a_reader_that_was_away_for_too_long_is_told_so(witness, stream):
    numbers = await appended(witness, stream, b"one", b"two", b"three")
    await witness.prune(stream, through=numbers[1])

    assert await witness.read(stream, after=numbers[0]) == Span(pruned=numbers[1], last=numbers[2])
    assert await witness.read(stream, after=0, wait_s=5) == Span(pruned=numbers[1], last=numbers[2])


async def test_a_reader_of_another_stream_is_told_so(witness, stream):
    [number] = await appended(witness, stream, b"one")

    assert await witness.read(stream, after=number + 5) == Span(pruned=0, last=number)


async def test_a_stream_that_was_pruned_to_its_end_goes_on_where_it_was(world, witness, stream):
    numbers = await appended(witness, stream, b"one", b"two")

    await witness.prune(stream, through=numbers[1] + 100)

    assert await witness.span(stream) == Span(pruned=numbers[1], last=numbers[1])
    assert not await witness.read(stream, after=numbers[1])
    async with world.node() as other:
        number = await other.append(stream, b"three", expected=numbers[1], id="3")
        assert number > numbers[1]
        assert await read_all(other, stream, after=numbers[1]) == [b"three"]


async def test_a_message_of_megabytes_comes_whole_between_small_ones(world, witness, stream):
    """What an engine takes at once is less than what a request may have."""
    large = bytes(range(256)) * (4 * 2**20 // 256)
    before = await witness.append(stream, b"before", expected=0, id="b")
    number = await witness.append(stream, large, expected=before, id="large")

    assert await witness.append(stream, large, expected=before, id="large") == number
    assert await witness.append(stream, large, expected=before, id="another") == NotAppended(last=number)
    after = await witness.append(stream, b"after", expected=number, id="a")
    async with world.node() as other:
        assert await read_all(other, stream) == [b"before", large, b"after"]
        assert await read_all(other, stream, after=before) == [large, b"after"]
        assert await read_all(other, stream, after=number) == [b"after"]
        await other.prune(stream, through=before)
        assert await read_all(other, stream, after=before) == [large, b"after"]
        await other.prune(stream, through=number)
        assert await other.span(stream) == Span(pruned=number, last=after)


async def test_large_messages_of_several_nodes_are_never_mixed(world, stream):
    async with world.node() as one, world.node() as other:
        large = [bytes([place]) * 2_500_000 for place in range(4)]
        nodes = itertools.cycle((one, other))
        await asyncio.gather(
            *(next(nodes).append(stream, each, expected=None, id=f"{each[0]}") for each in large),
            *(next(nodes).append(stream, b"small", expected=None, id=f"s{place}") for place in range(8)),
        )

        assert sorted(await read_all(one, stream)) == sorted([*large, *[b"small"] * 8])


async def test_what_no_engine_can_take_is_refused_by_all(witness, stream):
    with pytest.raises(ValueError, match="a message has"):
        await witness.append(stream, b"", expected=None, id="a")
    with pytest.raises(ValueError, match="a message has"):
        await witness.append(stream, bytes(MESSAGE_BYTES_MAX + 1), expected=None, id="a")
    with pytest.raises(ValueError, match="an id has"):
        await witness.append(stream, b"one", expected=None, id="a\r\nb")
    with pytest.raises(ValueError, match="a name has"):
        await witness.append("a\nb", b"one", expected=None, id="a")
    with pytest.raises(ValueError, match="a lease lasts"):
        await witness.lease(stream, owner="one", ttl_s=0.5)


async def test_a_lease_has_one_owner_and_each_new_one_a_higher_epoch(world, witness, stream):
    mine = await witness.lease(stream, owner="one", ttl_s=60)
    async with world.node() as other:
        assert await other.lease(stream, owner="two", ttl_s=60) == mine
        assert await witness.lease(stream, owner="one", ttl_s=60) == mine
        await other.release(stream, owner="two")
        assert (await other.owners())[stream] == mine

        await witness.release(stream, owner="one")
        assert stream not in await other.owners()
        theirs = await other.lease(stream, owner="two", ttl_s=60)

    assert (mine.owner, theirs.owner) == ("one", "two")
    assert theirs.epoch > mine.epoch
    await witness.release(stream, owner="two")
    again = await witness.lease(stream, owner="one", ttl_s=60)
    assert again.epoch > theirs.epoch


async def test_of_several_that_want_a_lease_one_gets_it(world, stream):
    async with world.node() as one, world.node() as other:
        wanted = [node.lease(stream, owner=f"{place}", ttl_s=60) for place, node in enumerate((one, other) * 4)]

        assert len(set(await asyncio.gather(*wanted))) == 1


async def test_a_lease_runs_out_when_its_owner_is_silent(world, witness, stream):
    mine = await witness.lease(stream, owner="one", ttl_s=1)
    async with world.node() as other:
        theirs = await world.lease_when_free(other, stream, owner="two", ttl_s=60)

    assert theirs.owner == "two"
    assert theirs.epoch > mine.epoch
    assert await witness.lease(stream, owner="one", ttl_s=60) == theirs


async def test_the_newest_snapshot_is_given_to_whoever_comes(world, witness, stream):
    assert await witness.get_snapshot(stream) is None
    whole = [bytes([place]) * PIECE_BYTES_MAX for place in range(5)] + [b"end"]
    assert await witness.put_snapshot(stream, number=7, pieces=pieces(*whole))

    async with world.node() as other:
        assert not await other.put_snapshot(stream, number=7, pieces=pieces(b"as old"))
        assert not await other.put_snapshot(stream, number=3, pieces=pieces(b"older"))
        kept = await other.get_snapshot(stream)
        assert kept.number == 7
        assert b"".join([piece async for piece in kept.pieces]) == b"".join(whole)

        assert await other.put_snapshot(stream, number=8, pieces=pieces(b"newer"))
    kept = await witness.get_snapshot(stream)
    assert (kept.number, [piece async for piece in kept.pieces]) == (8, [b"newer"])


async def test_a_snapshot_that_is_not_whole_was_never_put(world, witness, stream):
    async def torn():
        yield b"new"
        raise OSError("the disk")

    await witness.put_snapshot(stream, number=1, pieces=pieces(b"old"))
    with pytest.raises(OSError, match="the disk"):
        await witness.put_snapshot(stream, number=2, pieces=torn())

    kept = await witness.get_snapshot(stream)
    assert (kept.number, [piece async for piece in kept.pieces]) == (1, [b"old"])
    assert await witness.put_snapshot(stream, number=2, pieces=pieces(b"new"))


async def test_who_reads_a_snapshot_that_is_replaced_begins_again(world, witness, stream):
    await witness.put_snapshot(stream, number=1, pieces=pieces(*[b"old" * 100_000] * 20))
    kept = await witness.get_snapshot(stream)
    await anext(kept.pieces)
    await witness.put_snapshot(stream, number=2, pieces=pieces(b"new"))

    with pytest.raises(SnapshotReplaced):
        [piece async for piece in kept.pieces]
