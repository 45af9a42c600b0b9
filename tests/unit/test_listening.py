"""What the server itself bounds: connections, headers, and how long it waits for them."""

import asyncio
import contextlib
import resource

import pytest
from granian.constants import Interfaces

from penstock.admin.doors import bodies
from penstock.admin.doors.bodies import read_body
from penstock.machine import listening
from penstock.machine.listening import OWN_FILES, serve
from penstock.run.process import raise_open_files
from ports import free_port


@pytest.fixture
def few_files():
    """Let this process have few files for a while."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_process_may_open_as_many_files_as_it_can(few_files):
    raise_open_files()

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft == hard


def test_no_more_connections_are_taken_than_there_are_files_for(few_files):
    assert listening._connections(200) == 200
    assert listening._connections(4_096) == 300 - OWN_FILES


async def hello(scope, protocol) -> None:
    protocol.response_bytes(200, [], b"hello")


@contextlib.asynccontextmanager
async def serving(app, *, interface=Interfaces.RSGI, connections_max=64):
    port, stop = free_port(), asyncio.Event()
    server = asyncio.create_task(
        serve(app, interface=interface, host="127.0.0.1", port=port, connections_max=connections_max, stop=stop)
    )

    async def connect(sent: bytes = b"") -> asyncio.StreamReader:
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                break
            await asyncio.sleep(0.02)
        writers.append(writer)
        writer.write(sent)
        return reader

    writers: list[asyncio.StreamWriter] = []
    yield connect
    for writer in writers:
        writer.close()
    stop.set()
    await server


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET / HT", b"GET / HTTP/1.1\r\nhost: x\r\nx-y: z", b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"],
    ids=["silent", "half a line", "half the headers", "idle after an answer"],
)
async def test_a_connection_that_sends_no_request_is_closed(monkeypatch, sent):
    monkeypatch.setattr(listening, "HEADERS_MS_MAX", 200)
    async with serving(hello) as connect, asyncio.timeout(20):
        reader = await connect(sent)
        while await reader.read(1_000):
            pass


async def test_silent_connections_make_way_for_others(monkeypatch):
    monkeypatch.setattr(listening, "HEADERS_MS_MAX", 200)
    async with serving(hello, connections_max=5) as connect, asyncio.timeout(20):
        silent = [await connect() for _ in range(20)]
        honest = await connect(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")

        assert (await honest.readline()).startswith(b"HTTP/1.1 200")
        assert len(silent) == 20


async def test_headers_without_end_are_refused():
    async with serving(hello) as connect, asyncio.timeout(20):
        reader = await connect(b"GET / HTTP/1.1\r\nhost: x\r\nx-y: " + b"a" * 400_000)

        assert (await reader.readline()).startswith(b"HTTP/1.1 431")


async def test_a_body_of_the_admin_listener_has_a_deadline(monkeypatch):
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse

    async def app(scope, receive, send) -> None:
        try:
            body = await read_body(Request(scope, receive), bytes_max=1_000)
        except TimeoutError:
            body = b"late"
        await PlainTextResponse(body)(scope, receive, send)

    monkeypatch.setattr(bodies, "BODY_S_MAX", 0.2)
    async with serving(app, interface=Interfaces.ASGINL) as connect, asyncio.timeout(20):
        late = await connect(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc")
        whole = await connect(b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 3\r\n\r\nabc")

        assert (await late.read()).endswith(b"late")
        assert (await whole.read()).endswith(b"abc")
