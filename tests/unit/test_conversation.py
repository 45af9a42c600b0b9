"""One connection as hostile as it can be, without a socket: whatever arrives, in whatever pieces, is one right answer or none."""

import asyncio
import itertools
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.destinations.conversation import HEAD_BYTES_MAX, Conversation, HttpReply

BYTES_MAX = 1_000
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class FarSide:
    """The transport, as whoever answers sees it."""

    def __init__(self) -> None:
        self.written, self.is_closed, self.unwritten_bytes = b"", False, 0
        self.conversation = Conversation()
        self.conversation.connection_made(self)

    def write(self, data: bytes) -> None:
        self.written += data

    def abort(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed

    def get_write_buffer_size(self) -> int:
        return self.unwritten_bytes

    def ask(self, *, bytes_max: int = BYTES_MAX, until: float | None = None) -> asyncio.Future[HttpReply]:
        when = asyncio.get_running_loop().time() + 3_600 if until is None else until
        return self.conversation.ask(b"GET / HTTP/1.1\r\n\r\n", bytes_max, until=when)

    def say(self, data: bytes) -> None:
        if not self.is_closed:
            self.conversation.data_received(data)

    def hang_up(self, error: Exception | None = None) -> None:
        self.is_closed = True
        self.conversation.connection_lost(error)


async def told(*pieces: bytes, hangs_up: bool = False, bytes_max: int = BYTES_MAX) -> tuple[HttpReply | str, bool]:
    """Return the answer or what went wrong, and whether the connection goes on."""
    far = FarSide()
    answer = far.ask(bytes_max=bytes_max)
    for piece in pieces:
        far.say(piece)
    if hangs_up:
        far.hang_up()
    assert answer.done(), "somebody still waits"
    said = str(answer.exception()) if answer.exception() else answer.result()
    far.conversation.close()
    return said, far.conversation.may_go_on


@pytest.mark.parametrize(
    ("answer", "status", "body", "goes_on"),
    [
        (OK, 200, b"{}", True),
        (b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}", 200, b"{}", True),
        (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, b"", True),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\n{\r\n1\r\n}\r\n0\r\nX: y\r\n\r\n",
            200,
            b"{}",
            True,
        ),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, b"", True),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK, 200, b"{}", True),
        (b"HTTP/1.1 429 Slow\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", 429, b"{}", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200, b"{}", False),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", 204, b"", False),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nfoo", 101, b"", False),
        (b"HTTP/1.1 700 What\r\nContent-Length: 0\r\n\r\n", 700, b"", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\n", 200, b"{}", False),
        (OK + b"garbage", 200, b"{}", False),
        (OK + OK, 200, b"{}", False),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}garbage", 200, b"{}", False),
    ],
)
async def test_an_answer_is_one_however_it_is_framed_and_cut(answer, status, body, goes_on):
    for pieces in ([answer], [answer[:7], answer[7:]]):
        said, may_go_on = await told(*pieces)
        assert (said.status, said.body, may_go_on) == (status, body, goes_on)
    for at in range(len(answer)):
        # Byte by byte what comes behind an answer comes after it: then nobody asked.
        far = FarSide()
        waiting = far.ask()
        for byte in answer[:at], answer[at:]:
            far.say(byte)
        assert (waiting.result().status, waiting.result().body) == (status, body)
        far.conversation.close()


async def test_an_answer_without_a_length_ends_with_its_connection():
    said, may_go_on = await told(b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n", b"ab", b"c", hangs_up=True)

    assert (said.status, said.body, may_go_on) == (200, b"abc", False)


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 099 Low\r\n\r\n", b"HTTP/2.0 100 Continue\r\n\r\n", b"SSH-2.0-OpenSSH\r\n"]
)
async def test_what_cannot_become_an_answer_is_not_waited_for(answer):
    assert isinstance((await told(answer))[0], str)


async def test_headers_of_one_name_come_as_lines():
    said, _ = await told(b"HTTP/1.1 429 Slow\r\nRetry-After: 1\r\nX:\r\nRETRY-AFTER: 2\r\nContent-Length: 0\r\n\r\n")

    assert said.lines(b"retry-after") == "1\n2"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"hello",
        b"HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"ICE/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 99 Low\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX y\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
async def test_what_is_no_whole_answer_is_none(answer):
    said, may_go_on = await told(answer, hangs_up=True)

    assert isinstance(said, str), said
    assert said
    assert not may_go_on


@pytest.mark.parametrize(
    ("first", "more"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X: yyyyyyyy\r\n" * 100),
        (b"HTTP/1.1 200 OK\r\nX: ", b"y" * 1_000),
        (b"HTTP/1.1 ", b"2" * 1_000),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 40),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x" * 1_000),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: yyyyyyyy\r\n" * 100),
    ],
    ids=["headers", "a header", "a status", "interim answers", "an extension of a chunk", "trailers"],
)
async def test_a_head_or_what_frames_a_body_has_an_end(first, more):
    far = FarSide()
    answer = far.ask()
    far.say(first)
    for _ in range(2 * HEAD_BYTES_MAX // len(more)):
        far.say(more)

    assert far.is_closed
    assert isinstance(answer.exception(), ConnectionError)


async def test_a_long_body_is_read_only_so_far_and_nothing_is_drained():
    for head in (b"Content-Length: 10000000\r\n", b"Transfer-Encoding: chunked\r\n", b""):
        far = FarSide()
        answer = far.ask()
        far.say(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + (b"10000\r\n" if b"chunked" in head else b""))
        far.say(b"x" * (BYTES_MAX - 1))
        assert not answer.done()
        far.say(b"x" * 500)
        assert answer.result().body == b"x" * BYTES_MAX
        assert far.is_closed


async def test_bytes_that_were_not_asked_for_end_the_connection():
    for early in (True, False):
        far = FarSide()
        if not early:
            await_ = far.ask()
            far.say(OK)
            assert await_.result().status == 200
            assert not far.is_closed
        far.say(OK)
        assert far.is_closed
        assert isinstance(far.ask().exception(), ConnectionError)
        assert far.written.count(b"GET") == (0 if early else 1), "nothing is written on a connection that is closed"


async def test_an_answer_before_the_whole_request_was_written_is_one_and_the_last():
    far = FarSide()
    answer = far.ask()
    far.unwritten_bytes = 1
    far.say(OK)

    assert answer.result().status == 200
    assert far.is_closed


async def test_what_is_too_late_is_no_answer():
    far = FarSide()
    answer = far.ask(until=asyncio.get_running_loop().time())
    with pytest.raises(TimeoutError):
        await answer
    far.say(OK)

    assert far.is_closed


async def test_the_time_of_one_call_is_not_that_of_the_next():
    far, loop = FarSide(), asyncio.get_running_loop()
    first = far.ask(until=loop.time())
    far.say(OK)
    second = far.ask(until=loop.time() + 3_600)
    while far.conversation.alarm is None or far.conversation.alarm.when() < loop.time() + 3_000:
        await asyncio.sleep(0)
    assert first.result().status == 200
    assert not second.done()
    far.say(OK)
    assert second.result().status == 200
    far.conversation.close()


async def test_a_call_that_does_not_wait_any_more_gets_nothing_and_no_other_does():
    far = FarSide()
    answer = far.ask()
    answer.cancel()
    far.say(OK)
    far.hang_up()

    assert answer.cancelled()


# What nobody thought of.

TOKENS = [b"HTTP/1.1 ", b"200", b" OK", b"\r\n", b"\n", b"\0", b"Content-Length: ", b"2", b"-1", b"{}", b"99", b" ", b":", b"0",
          b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"HTTP/1.0 500 X\r\n\r\n", b"\r\n\r\n", b"5\r\n", OK,
          b"HTTP/1.1 100 C\r\n\r\n", b"HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", b"HTTP/1.1 204 N\r\n\r\n",
          b"Trailer: x\r\n", b"\xff", b"ffffffffffffffff\r\n", b"x" * 600]  # fmt: skip
HOSTILE = st.lists(st.sampled_from(TOKENS) | st.binary(max_size=20), max_size=14)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Return data in pieces."""
    at = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[a:b] for a, b in itertools.pairwise(at)]


@settings(max_examples=400, deadline=None)
@given(pieces=HOSTILE, hangs_up=st.sampled_from(["", "reset", "ends"]))
def test_whatever_arrives_is_a_bounded_answer_or_none_and_is_never_an_exception(pieces, hangs_up):
    async def story() -> None:
        far = FarSide()
        answer = far.ask()
        for piece in pieces:
            far.say(piece)
            assert answer.done() or not far.is_closed, "whoever waits for a closed connection waits for ever"
        far.hang_up(ConnectionResetError("reset") if hangs_up == "reset" else None)
        assert answer.done()
        if answer.exception() is None:
            assert 100 <= answer.result().status <= 999
            assert len(answer.result().body) <= BYTES_MAX
        else:
            assert isinstance(answer.exception(), OSError)

    asyncio.run(story())


@settings(max_examples=200, deadline=None)
@given(
    bodies=st.lists(st.binary(max_size=300), min_size=1, max_size=4),
    framings=st.lists(st.sampled_from(["length", "chunked", "interim"]), min_size=4, max_size=4),
    places=st.lists(st.integers(0, 10_000), max_size=6),
    behind=st.sampled_from([b"", b"x", OK, b"\0"]),
)
def test_each_question_gets_its_own_answer_however_it_is_cut_and_what_stands_behind_ends_the_rest(
    bodies, framings, places, behind
):
    async def story() -> None:
        far = FarSide()
        for body, framing in zip(bodies, framings, strict=False):
            if far.is_closed:
                break
            answer = far.ask()
            is_last = body is bodies[-1]
            for piece in cut(framed(body, framing) + (behind if is_last else b""), places):
                far.say(piece)
            mark = str(zlib.crc32(body))
            assert (answer.result().body, answer.result().lines(b"x-mark")) == (body, mark)
            assert far.is_closed == bool(is_last and behind)
        far.conversation.close()

    asyncio.run(story())


def framed(body: bytes, framing: str) -> bytes:
    """Return an answer with a body."""
    head = b"HTTP/1.1 200 OK\r\nX-Mark: %d\r\n" % zlib.crc32(body)
    if framing == "chunked":
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:7], body[7:]) if part)
        return head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    interim = b"HTTP/1.1 100 Continue\r\nX-Mark: none\r\n\r\n" if framing == "interim" else b""
    return interim + head + b"Content-Length: %d\r\n\r\n" % len(body) + body
