"""The adapter to Custify over a real socket: every kind of trouble is an answer with a name, never an exception."""

import asyncio
import contextlib
import json
import ssl
import subprocess
from pathlib import Path

import pytest

from penstock.clock import ManualClock
from penstock.destinations.answer import Accepted, Barred, Refused, Throttled, Unavailable
from penstock.destinations.custify.api import LIST_BYTES_MAX, CustifyApi
from penstock.destinations.custify.calls import ATTRIBUTE_LISTS
from penstock.destinations.custify.calls import CustifyCall as Call
from penstock.destinations.http import ANSWER_BYTES_MAX

KEY = "a-secret-key"
CALL = Call("/people", {"user_id": "u1"})


@contextlib.asynccontextmanager
async def far_side(
    answer: bytes,
    *,
    heard: list[bytes] | None = None,
    tls: ssl.SSLContext | None = None,
    allowed: tuple[str, ...] = (),
    call_s_max: float = 2.0,
    byte_s: float = 0.0,
):
    """A socket that answers each request with the same bytes, one in `byte_s` if that is not 0, and an adapter to it."""

    serving: set[asyncio.Task] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
            body = await reader.readexactly(length)
            if heard is not None:
                heard.append(head + body)
            for part in (bytes([byte]) for byte in answer) if byte_s else [answer]:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(byte_s)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    api = CustifyApi(
        base_url=url,
        api_key=KEY,
        call_s_max=call_s_max,
        in_flight_max=4,
        clock=ManualClock(),
        allowed_private_hosts=allowed,
    )
    try:
        yield api
    finally:
        await api.close()
        server.close()
        if serving:
            # A long answer is still under way when whoever asked has read enough of it.
            await asyncio.wait(serving, timeout=5)


def http(status: str, body: bytes = b"{}", headers: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n"
    return head.encode() + body


async def test_a_call_carries_the_key_and_the_body():
    heard: list[bytes] = []
    async with far_side(http("200 OK", b'{"id":"1"}'), heard=heard) as api:
        answer = await api.send(CALL)

    assert answer == Accepted(200, '{"id":"1"}')
    assert heard[0].startswith(b"POST /people HTTP/1.1\r\n")
    assert b"authorization: bearer a-secret-key" in heard[0].lower()
    assert heard[0].endswith(b'{"user_id":"u1"}')


async def test_a_probe_is_a_read():
    heard: list[bytes] = []
    async with far_side(http("200 OK"), heard=heard) as api:
        await api.probe()

    assert heard[0].startswith(b"GET /company/all?itemsPerPage=1 ")


async def test_a_throttle_brings_its_time():
    async with far_side(http("429 Too Many Requests", headers="Retry-After: 7\r\n")) as api:
        assert await api.send(CALL) == Throttled(7.0, "{}")


async def test_a_refusal_keeps_what_custify_said():
    async with far_side(http("422 Unprocessable", b'{"error":"bad field"}')) as api:
        assert await api.send(CALL) == Refused(422, '{"error":"bad field"}')


async def test_a_redirect_is_not_followed():
    async with far_side(http("302 Found", headers="Location: http://127.0.0.1:1/people\r\n")) as api:
        answer = await api.send(CALL)

    assert isinstance(answer, Barred)
    assert answer.status == 302


async def test_an_answer_that_quotes_the_key_is_kept_without_it():
    async with far_side(http("401 Unauthorized", b"unknown key a-secret-key")) as api:
        assert await api.send(CALL) == Barred(401, "unknown key [key]")


async def test_an_endless_answer_is_read_only_so_far():
    async with far_side(http("400 Bad Request", b"x" * (10 * ANSWER_BYTES_MAX))) as api:
        answer = await api.send(CALL)

    assert isinstance(answer, Refused)
    assert len(answer.text) <= ANSWER_BYTES_MAX


async def test_a_list_of_attributes_is_read_whole():
    attributes = [{"name": f"attribute_{n}", "type": "string", "description": "x" * 200} for n in range(10_000)]
    text = json.dumps(attributes)
    assert ANSWER_BYTES_MAX < len(text) < LIST_BYTES_MAX
    async with far_side(http("200 OK", text.encode())) as api:
        for path in ATTRIBUTE_LISTS.values():
            assert await api.read(path) == Accepted(200, text)


async def test_an_endless_list_of_attributes_is_read_only_so_far():
    async with far_side(http("200 OK", b"x" * (2 * LIST_BYTES_MAX))) as api:
        answer = await api.read("/customer/attributes")

    assert isinstance(answer, Accepted)
    assert len(answer.text) <= LIST_BYTES_MAX


async def test_bytes_that_are_not_text_are_kept_as_well_as_they_can_be():
    async with far_side(http("400 Bad Request", b"\xff\xfe")) as api:
        assert isinstance(await api.send(CALL), Refused)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Le", b"nonsense\r\n\r\n"])
async def test_an_answer_that_breaks_off_may_be_tried_again(answer):
    async with far_side(answer) as api:
        assert isinstance(await api.send(CALL), Unavailable)


async def test_a_body_that_breaks_off_may_be_tried_again():
    async with far_side(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}") as api:
        assert isinstance(await api.send(CALL), Unavailable)


class NoNames:
    async def addresses(self, host):
        raise OSError("no such name")


@pytest.mark.parametrize(
    "answer",
    [
        http("200 OK", b"x" * 1_000),
        b"HTTP/1.1 200 OK\r\n" + b"X-Slow: 1\r\n" * 100,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_000,
    ],
    ids=["the body", "the head", "no end"],
)
async def test_an_answer_that_trickles_in_is_none_once_the_call_has_lasted_as_long_as_it_may(answer):
    # The pauses between its bytes are far shorter than a call may take.
    async with far_side(answer, call_s_max=0.4, byte_s=0.01) as api:
        assert isinstance(await api.send(CALL), Unavailable)
        assert isinstance(await api.probe(), Unavailable)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "https://no-such-host.invalid"])
async def test_an_address_without_a_server_may_be_tried_again(url):
    api = CustifyApi(
        base_url=url, api_key=KEY, call_s_max=2.0, in_flight_max=4, clock=ManualClock(), resolver=NoNames()
    )

    answer = await api.send(CALL)
    await api.close()

    assert isinstance(answer, Unavailable)


async def test_a_certificate_that_cannot_be_trusted_holds(tmp_path: Path):
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    async with far_side(http("200 OK"), tls=tls, allowed=("127.0.0.1",)) as api:
        answer = await api.send(CALL)

    assert isinstance(answer, Barred)
    assert "certificate" in answer.text
