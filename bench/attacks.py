"""What a stranger can send, each kind as a coroutine that attacks until it is told to stop. Used by abuse.py.

An attack knows the address and the public write key of a web page, as whoever reads the page's source does. The process
that attacks spends at most a share of one processor: otherwise the machine's scheduler would be measured, not Penstock.
"""

import asyncio
import base64
import collections
import contextlib
import gzip
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

WEB_KEY = "web-key-of-the-page"
ADMIN = "admin"
#: Of one processor, for all attackers together.
CPU_SHARE_MAX = 0.25

Answers = collections.Counter[str]


class Target:
    """Where to send, and what was answered."""

    def __init__(self, ingest: int, admin: int) -> None:
        self.ingest, self.admin, self.answers = ingest, admin, Answers()
        self.began, self.spent = time.monotonic(), time.process_time()

    async def breathe(self) -> None:
        """Wait until this process has spent no more than its share."""
        owed = (time.process_time() - self.spent) / CPU_SHARE_MAX - (time.monotonic() - self.began)
        await asyncio.sleep(max(0.0, owed))

    @contextlib.asynccontextmanager
    async def connection(self, port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Open a connection and close it afterwards, whatever the other side does."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    async def ask(
        self, port: int, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[str, bytes]:
        """Make one request on a connection of its own, and count what was answered."""
        try:
            async with self.connection(port) as (reader, writer):
                lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close"]
                lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
                writer.write("\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body)
                answer = await asyncio.wait_for(reader.read(-1), 60)
        except (OSError, TimeoutError) as error:
            self.answers[type(error).__name__] += 1
            return "", b""
        head, _, rest = answer.partition(b"\r\n\r\n")
        status = head.split(b" ", 2)[1].decode() if head.startswith(b"HTTP/") else "hung up"
        self.answers[status] += 1
        return status, rest


Attack = Callable[[Target], Awaitable[None]]


def basic(name: str, password: str = "") -> dict[str, str]:
    """Return the header of HTTP Basic."""
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


async def again_and_again(target: Target, once: Callable[[int], Awaitable[object]], *, at_once: int, most: int) -> None:
    """Do something from several connections, each one time after the other, within the share of the processor."""
    numbers = iter(range(most))

    async def one() -> None:
        for number in numbers:
            await target.breathe()
            await once(number)

    await asyncio.gather(*(one() for _ in range(at_once)))


def identify(user: str, traits: object) -> bytes:
    """Return an identify call."""
    return json.dumps({"type": "identify", "userId": user, "traits": traits}).encode()


async def thousands_of_names(target: Target) -> None:
    """Events with 30 000 trait names that nobody has seen before."""

    async def once(number: int) -> None:
        body = identify(f"names-{number}", {f"name_{number}_{n}_of_many": n for n in range(30_000)})
        await target.ask(target.ingest, "POST", "/v1/identify", body, basic(WEB_KEY))

    await again_and_again(target, once, at_once=2, most=20)


async def a_batch_of_almost_nothing(target: Target) -> None:
    """270 000 events in a request of some kilobytes."""
    body = gzip.compress(b'{"batch":[' + b",".join([b'{"userId":"a"}'] * 270_000) + b"]}", 9)
    headers = basic(WEB_KEY) | {"Content-Encoding": "gzip"}
    await again_and_again(
        target, lambda _: target.ask(target.ingest, "POST", "/v1/batch", body, headers), at_once=4, most=200
    )


async def batches_as_large_as_allowed(target: Target) -> None:
    """Batches just within the limits of a request, all for one lane that needs no call."""
    body = gzip.compress(b'{"batch":[' + b",".join([b'{"userId":"a"}'] * 10_000) + b"]}", 9)
    headers = basic(WEB_KEY) | {"Content-Encoding": "gzip"}
    await again_and_again(
        target, lambda _: target.ask(target.ingest, "POST", "/v1/batch", body, headers), at_once=4, most=200
    )


async def brackets(target: Target) -> None:
    """Four megabytes that nest, or never end."""
    bodies = (b"[" * 4_000_000, b'{"batch":[' + b'{"a":' * 700_000, b'{"userId":"' + b"\\u0000" * 650_000 + b'"}')

    async def once(number: int) -> None:
        await target.ask(target.ingest, "POST", "/v1/batch", bodies[number % len(bodies)], basic(WEB_KEY))

    await again_and_again(target, once, at_once=4, most=200)


async def a_flood(target: Target) -> None:
    """As many single events as the share of the processor allows, of ever new people."""

    async def once(number: int) -> None:
        body = json.dumps({"type": "track", "userId": f"flood-{number}", "event": f"Flood {number}"}).encode()
        await target.ask(target.ingest, "POST", "/v1/track", body, basic(WEB_KEY))

    await again_and_again(target, once, at_once=64, most=200_000)


async def huge_headers(target: Target) -> None:
    """1 030 requests whose Authorization has 390 kB, no two the same."""

    async def once(number: int) -> None:
        await target.ask(target.ingest, "POST", "/v1/track", b"{}", basic(f"{number:06}" * 48_750))

    await again_and_again(target, once, at_once=8, most=1_030)


async def half_bodies(target: Target) -> None:
    """150 uploads that stop half way and stay."""

    async def one() -> None:
        async with target.connection(target.ingest) as (reader, writer):
            head = f"POST /v1/batch HTTP/1.1\r\nHost: a\r\nAuthorization: {basic(WEB_KEY)['Authorization']}\r\n"
            writer.write(f"{head}Content-Length: 4000000\r\n\r\n".encode() + b"[" * 2_000_000)
            await _hold(target, reader)

    await asyncio.gather(*(one() for _ in range(150)))


async def silence(target: Target) -> None:
    """300 connections that say nothing, on each listener."""

    async def one(port: int) -> None:
        async with target.connection(port) as (reader, _):
            await _hold(target, reader)

    await asyncio.gather(*(one(port) for port in (target.ingest, target.admin) for _ in range(300)))


async def drops(target: Target) -> None:
    """300 connections that send a header a letter at a time."""

    async def one() -> None:
        async with target.connection(target.ingest) as (reader, writer):
            writer.write(b"POST /v1/track HTTP/1.1\r\nHost: a\r\nX-Slow: ")
            while not reader.at_eof():
                await target.breathe()
                writer.write(b"a")
                await asyncio.sleep(1)
            target.answers["hung up"] += 1

    await asyncio.gather(*(one() for _ in range(300)))


async def wrong_keys(target: Target) -> None:
    """Keys, paths, programs and event types that nobody has used before: every table that counts them could grow."""

    async def once(number: int) -> None:
        headers = basic(f"key-{number}") | {"User-Agent": f"program {number} " + "x" * 5_000}
        await target.ask(target.ingest, "POST", f"/v1/{'track' if number % 2 else number}", b"{}", headers)

    await again_and_again(target, once, at_once=32, most=100_000)


async def guesses(target: Target) -> None:
    """Wrong passwords for the administrator, on every way in."""

    async def once(number: int) -> None:
        await target.ask(target.admin, "GET", "/api/v1/status", b"", basic(ADMIN, f"wrong-{number}"))
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        await target.ask(target.admin, "POST", "/signin", f"name=admin&password=wrong-{number}".encode(), form)

    await again_and_again(target, once, at_once=8, most=100_000)


async def _hold(target: Target, reader: asyncio.StreamReader) -> None:
    """Stay until the other side hangs up."""
    try:
        answer = await reader.read(-1)
        target.answers[answer.split(b" ", 2)[1].decode() if answer.startswith(b"HTTP/") else "hung up"] += 1
    except OSError:
        target.answers["hung up"] += 1


ATTACKS: tuple[Attack, ...] = (
    thousands_of_names,
    a_batch_of_almost_nothing,
    batches_as_large_as_allowed,
    brackets,
    a_flood,
    huge_headers,
    half_bodies,
    silence,
    drops,
    wrong_keys,
    guesses,
)


def attack(name: str, ingest: int, admin: int, seconds: float, tell: Callable[[object], None]) -> None:
    """Run one attack for a while, in a process of its own."""

    async def run() -> None:
        target = Target(ingest, admin)
        chosen = next(each for each in ATTACKS if each.__name__ == name)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(chosen(target), seconds)
        tell(dict(target.answers))

    asyncio.run(run())
