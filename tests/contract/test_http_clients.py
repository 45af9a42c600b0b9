"""What both clients promise, over real sockets with and without TLS: ours, on either loop, and the one for proxies."""

import asyncio
import contextlib
import functools
import re
import ssl

import pytest
import uvloop

from penstock.clock import ManualClock
from penstock.destinations import trust
from penstock.destinations.egress import Way
from penstock.destinations.reqwest import Reqwest
from penstock.destinations.wire import IDLE_S_MAX, Wire
from penstock.origin import Origin
from unit.test_egress import certificate

NAME, BYTES_MAX = "custify.example", 1_000
CLIENTS = {"ours": asyncio.run, "ours on uvloop": uvloop.run, "pyreqwest": asyncio.run}


class FarSide:
    """A server that answers each request as it is told to, and remembers what it heard, connection by connection."""

    def __init__(self) -> None:
        self.connections: list[list[bytes]] = []
        self.answer = lambda _: ok(b"{}")
        self.writers: list[asyncio.StreamWriter] = []
        self.port = 0

    @property
    def heard(self) -> list[bytes]:
        return [request for requests in self.connections for request in requests]

    @contextlib.asynccontextmanager
    async def listening(self, tls: ssl.SSLContext | None):
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for writer in self.writers:
                writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard: list[bytes] = []
        self.connections.append(heard)
        self.writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"content-length: (\d+)", head.lower())
                heard.append(head + await reader.readexactly(int(length[1]) if length else 0))
                answer = self.answer(heard[-1])
                writer.write(answer.removesuffix(b"END"))
                if answer.endswith(b"END"):
                    writer.close()
        writer.close()


def ok(body: bytes, headers: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n%b" % (headers, len(body), body)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """Return a server's TLS, and make its authority the one that is trusted."""
    folder = tmp_path_factory.mktemp("authority")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))
        yield certificate(folder, NAME)


@pytest.fixture(params=["http", "https"])
def scheme(request):
    return request.param


@pytest.fixture(params=list(CLIENTS))
def told(request, scheme, authority):
    """Return a function that runs a story with a client and a server, on the client's loop."""
    return functools.partial(tell, request.param, scheme, authority)


@pytest.fixture(params=["ours", "ours on uvloop"])
def ours(request, scheme, authority):
    """Return a function that runs a story about what our own client alone promises."""
    return functools.partial(tell, request.param, scheme, authority)


def tell(name_of_client, scheme, authority, story, *, name: str = NAME, call_s_max: float = 10.0) -> None:
    async def whole():
        async with FarSide().listening(authority if scheme == "https" else None) as far:
            way = Way(Origin(scheme, name, far.port), "127.0.0.1")
            if name_of_client == "pyreqwest":
                client = Reqwest(way, call_s_max=call_s_max, in_flight_max=8)
            else:
                own = trust.trust() if scheme == "https" else None
                client = Wire(way, clock=ManualClock(), call_s_max=call_s_max, kept_max=8, trust=own)
            await story(client, far)

    CLIENTS[name_of_client](whole())


async def asked(client, path: str = "/people", body: bytes | None = b"{}", **headers: str):
    return await client.ask("POST" if body else "GET", path, body, headers=headers, bytes_max=BYTES_MAX)


def test_a_request_says_its_host_what_it_carries_and_how_long_it_is(told):
    async def story(client, far):
        await client.ask("POST", "/people?a=%20b", b'{"a":1}', headers={"Authorization": "Bearer é"}, bytes_max=9)
        await client.ask("GET", "/a b", None, headers={}, bytes_max=9)
        post, get = far.heard
        assert post.startswith(b"POST /people?a=%20b HTTP/1.1\r\n")
        assert post.endswith(b'\r\n\r\n{"a":1}')
        assert get.startswith(b"GET /a%20b HTTP/1.1\r\n")
        lines = post.lower().split(b"\r\n")
        assert {f"host: {NAME}:{far.port}".encode(), b"user-agent: penstock", b"content-length: 7"} <= set(lines)
        assert "authorization: bearer é".encode() in lines
        assert b"content-length" not in get.lower()

    told(story)


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\0b"])
def test_what_would_be_another_header_is_no_request(told, value):
    async def story(client, far):
        with pytest.raises(ValueError):
            await asked(client, Authorization=value)
        assert far.heard == []

    told(story)


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (ok(b'{"a":1}'), 200, b'{"a":1}'),
        (b"HTTP/1.1 422 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", 422, b"abc"),
        (b"HTTP/1.1 500 Oh\r\n\r\nuntil the endEND", 500, b"until the end"),
        (b"HTTP/1.0 200 OK\r\n\r\nabcEND", 200, b"abc"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", 302, b""),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + ok(b"a"), 200, b"a"),
        (b"HTTP/1.1 200 OK\nContent-Length: 1\n\na", 200, b"a"),
        (ok(b"x" * 100_000), 200, b"x" * BYTES_MAX),
    ],
)
def test_an_answer_is_read_as_it_is_framed(told, answer, status, body):
    async def story(client, far):
        far.answer = lambda _: answer
        reply = await asked(client)
        assert (reply.status, reply.body) == (status, body)
        assert (await asked(client)).status == status, "and so is the next"

    told(story)


def test_headers_of_one_name_come_as_lines(told):
    async def story(client, far):
        far.answer = lambda _: ok(b"", b"Retry-After: 1\r\nX: y\r\nRETRY-AFTER: 2\r\n")
        assert (await asked(client)).lines(b"retry-after") == "1\n2"

    told(story)


@pytest.mark.parametrize("answer", [b"END", b"HTTP/1.1 200 OK\r\nContent-LeEND", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\naEND",
                                    b"nonsense\r\n\r\nEND", b"HTTP/1.1 abc x\r\n\r\nEND"])  # fmt: skip
def test_an_answer_that_breaks_off_is_none_and_nothing_is_sent_twice(told, answer):
    async def story(client, far):
        far.answer = lambda _: answer
        with pytest.raises(OSError):
            await asked(client)
        assert len(far.heard) == 1

    told(story)


def test_who_does_not_answer_in_time_has_not_answered(told):
    async def story(client, far):
        far.answer = lambda _: b"HTTP/1.1 200 OK\r\n"
        with pytest.raises(TimeoutError):
            await asked(client)

    told(story, call_s_max=0.3)


def test_an_address_without_a_server_gives_no_answer(told):
    async def story(client, far):
        way = client.way
        with pytest.raises(OSError):
            await asked(type(client)(Way(Origin(way.origin.scheme, NAME, 1), "127.0.0.1"), **how(client)))

    told(story)


def how(client) -> dict:
    if isinstance(client, Reqwest):
        return {"call_s_max": 10.0, "in_flight_max": 1}
    return {"call_s_max": 10.0, "kept_max": 1, "clock": client.clock, "trust": client.trust}


@pytest.mark.parametrize("scheme", ["https"], indirect=True)
def test_a_certificate_counts_for_its_own_name_alone(told):
    async def story(client, far):
        with pytest.raises(OSError, match="certificate not valid for name"):
            await asked(client)
        assert far.heard == []

    told(story, name="another.example")


@pytest.mark.parametrize("scheme", ["https"], indirect=True)
def test_a_certificate_of_an_untrusted_authority_is_none(told, tmp_path, monkeypatch):
    certificate(tmp_path, NAME)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))

    async def story(client, far):
        with pytest.raises(OSError, match="certificate"):
            await asked(client)
        assert far.heard == []

    told(story)


def test_calls_at_once_get_each_its_own_answer_and_calls_in_a_row_share_a_connection(told):
    async def story(client, far):
        far.answer = lambda request: ok(request.partition(b"\r\n\r\n")[2])
        for _ in range(5):
            assert (await asked(client, body=b"one")).body == b"one"
        assert len(far.connections) == 1
        bodies = [f"call {number}".encode() for number in range(20)]
        replies = await asyncio.gather(*(asked(client, body=body) for body in bodies))
        assert [reply.body for reply in replies] == bodies

    told(story)


async def until(condition) -> None:
    while not condition():
        await asyncio.sleep(0)


def test_a_connection_that_the_far_side_closed_is_not_used_again(ours):
    async def story(client, far):
        for count in range(1, 4):
            far.answer = lambda _: ok(b"{}") + b"END"
            assert (await asked(client)).status == 200
            await until(lambda: not client.idle[0].is_open)
            assert len(far.connections) == count

    ours(story)


def test_a_connection_that_was_idle_for_longer_than_servers_wait_is_not_used_again(ours):
    async def story(client, far):
        await asked(client)
        client.clock.advance(IDLE_S_MAX)
        await asked(client)
        assert len(far.connections) == 1
        client.clock.advance(IDLE_S_MAX + 0.1)
        await asked(client)
        assert len(far.connections) == 2

    ours(story)


def test_a_request_that_was_written_and_not_answered_is_not_sent_again(ours):
    async def story(client, far):
        await asked(client)
        far.answer = lambda _: b"END"
        with pytest.raises(OSError, match=r"closed before the answer|reset"):
            await asked(client)
        assert len(far.heard) == 2

    ours(story)


def test_a_second_answer_to_one_question_is_never_that_of_the_next(ours):
    async def story(client, far):
        far.answer = lambda _: ok(b"mine") + ok(b"smuggled")
        assert (await asked(client)).body == b"mine"
        assert (await asked(client)).body == b"mine"
        far.answer = lambda _: ok(b"mine")
        assert (await asked(client)).body == b"mine"
        far.writers[-1].write(ok(b"smuggled"))
        await until(lambda: not client.idle[0].is_open)
        assert (await asked(client)).body == b"mine"

    ours(story)


def test_who_speaks_before_it_is_asked_is_not_asked(ours):
    async def story(client, far):
        conversation = await client._begun()
        await until(lambda: far.writers)
        far.writers[0].write(ok(b"early"))
        await until(lambda: not conversation.is_open)
        client.idle.append(conversation)
        assert (await asked(client)).body == b"{}"
        assert far.connections[0] == []

    ours(story)


def test_the_answer_to_a_call_that_is_given_up_is_not_read(ours):
    async def story(client, far):
        far.answer = lambda request: b"" if b"first" in request else ok(b"second")
        first = asyncio.ensure_future(asked(client, body=b"first"))
        await until(lambda: far.heard)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert client.idle == []
        await until(far.writers[0].is_closing)
        assert (await asked(client, body=b"second")).body == b"second"

    ours(story, call_s_max=3_600.0)


def test_no_more_connections_are_kept_than_calls_may_be_under_way_and_none_once_the_way_is_left(ours):
    async def story(client, far):
        await asyncio.gather(*(asked(client) for _ in range(12)))
        assert len(client.idle) == client.kept_max
        kept = list(client.idle)
        under_way = asyncio.ensure_future(asked(client))
        await asyncio.sleep(0)
        client.leave()
        assert (await under_way).status == 200
        assert client.idle == []
        assert not any(each.is_open for each in kept)

    ours(story)
