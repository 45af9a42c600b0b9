"""The near side: what SDKs send, as fast as it is taken, or by a schedule that waits for nobody."""

import asyncio
import base64
import dataclasses
import os
import sys
import time
from collections.abc import Callable, Iterator

import uvloop

KEY = "key-of-the-bench"
LOST_S_MAX = 60.0
#: An event's text; the number makes its id another one each time, with no order among them, as an SDK's.
TRACK = (
    '{"type":"track","messageId":"%016x","userId":"user-%d","event":"Order Completed","timestamp":"2026-11-28T07:00:00.000Z",'
    '"properties":{"at":%.6f,"category":"books","value":1.5,"currency":"EUR","coupon":"SPRING","items":[1,2,3]},'
    '"context":{"library":{"name":"bench","version":"1"},"locale":"en-GB","page":{"path":"/checkout"}}}'
)
IDENTIFY = (
    '{"type":"identify","messageId":"%016x","userId":"user-%d","timestamp":"2026-11-28T07:00:00.000Z",'
    '"traits":{"at":%.6f,"email":"ana@example.com","name":"Ana Lima","plan":"Pro","seats":5},'
    '"context":{"library":{"name":"bench","version":"1"}}}'
)


@dataclasses.dataclass(kw_only=True)
class Traffic:
    """What is sent: events of so many people, so many in a request, from one number on."""

    people: int = 2_000
    batch: int = 1
    number: int = 0
    text: str = TRACK
    keys: tuple[str, ...] = (KEY,)

    def __post_init__(self) -> None:
        path = b"/v1/batch" if self.batch > 1 else b"/v1/" + self.text.split('"')[3].encode()
        self.heads = [
            b"POST %b HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic %b\r\nContent-Length: "
            % (path, base64.b64encode(f"{key}:".encode()))
            for key in self.keys
        ]

    def event(self, at: float) -> str:
        """Return the next event, due at a time."""
        self.number += 1
        return self.text % (
            self.number * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF,
            self.number * 7_919 % self.people,
            at,
        )

    def request(self, at: float = 0.0) -> bytes:
        """Return the next request."""
        head = self.heads[self.number // self.batch % len(self.heads)]
        if self.batch == 1:
            body = self.event(at).encode()
        else:
            body = b'{"batch":[%b]}' % ",".join([self.event(at) for _ in range(self.batch)]).encode()
        return b"%b%d\r\n\r\n%b" % (head, len(body), body)


class Line(asyncio.Protocol):
    """A connection: sends one request after the other, as `next_request` gives them; None lets it rest."""

    def __init__(self, next_request: Callable[["Line"], bytes | None]) -> None:
        self.next_request, self.unread = next_request, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def go_on(self) -> None:
        """Send what comes next."""
        if (request := self.next_request(self)) is not None:
            self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.unread += data
        if not self.unread.startswith(b"HTTP/1.1 200"):
            # An exception here would end the connection alone, and the measure would wait for it.
            print(f"not taken: {self.unread[:300]!r}", file=sys.stderr, flush=True)
            os._exit(1)
        if self.unread.endswith(b"\r\n\r\nok"):
            self.unread = b""
            self.go_on()


async def lines_to(port: int, count: int, next_request: Callable[[Line], bytes | None]) -> list[Line]:
    loop = asyncio.get_running_loop()
    return [(await loop.create_connection(lambda: Line(next_request), "127.0.0.1", port))[1] for _ in range(count)]


def send(port: int, traffic: Traffic, *, events: int, connections: int = 16) -> float:
    """Send so many events as fast as they are taken; return after how many seconds the last one was."""
    return uvloop.run(_send(port, traffic, events, connections))


async def _send(port: int, traffic: Traffic, events: int, connections: int) -> float:
    left, done = events // traffic.batch, asyncio.get_running_loop().create_future()
    open_ = connections

    def next_request(_: Line) -> bytes | None:
        nonlocal left, open_
        if left:
            left -= 1
            return traffic.request()
        open_ -= 1
        if not open_:
            done.set_result(time.perf_counter())
        return None

    lines = await lines_to(port, connections, next_request)
    began = time.perf_counter()
    for line in lines:
        line.go_on()
    ended = await asyncio.wait_for(done, 600)
    for line in lines:
        line.transport.abort()
    return ended - began


def flood(
    port: int, traffic: Traffic, *, seconds: float, connections: int, usage: Callable[[], float]
) -> tuple[float, float]:
    """Send for a while, as fast as it is taken; return events a second, and what the server used, in the unit of `usage`."""
    return uvloop.run(_flood(port, traffic, seconds, connections, usage))


async def _flood(port, traffic, seconds, connections, usage) -> tuple[float, float]:
    answers, is_over = 0, False

    def next_request(_: Line) -> bytes | None:
        nonlocal answers
        answers += 1
        return None if is_over else traffic.request()

    lines = await lines_to(port, connections, next_request)
    for line in lines:
        line.go_on()
    await asyncio.sleep(0.3)
    before, used, began = answers, usage(), time.perf_counter()
    await asyncio.sleep(seconds)
    events, took_s = (answers - before) * traffic.batch, time.perf_counter() - began
    used, is_over = usage() - used, True
    await asyncio.sleep(0.2)
    for line in lines:
        line.transport.abort()
    if not events:
        raise SystemExit("nothing was taken")
    return events / took_s, used / events


def by_schedule(port: int, traffic: Traffic, *, per_s: float, seconds: float, connections: int = 64) -> list[float]:
    """Send when it is due, whether or not answers came; return of each request how long after that its answer came, in s.

    A request that finds no connection free waits for one, and that counts.
    """
    return uvloop.run(_by_schedule(port, traffic, per_s, seconds, connections))


async def _by_schedule(port, traffic, per_s, seconds, connections) -> list[float]:
    waiting, free, late = list[tuple[float, bytes]](), list[Line](), list[float]()
    under_way: dict[Line, float] = {}

    def next_request(line: Line) -> bytes | None:
        if (due := under_way.pop(line, None)) is not None:
            late.append(time.monotonic() - due)
        if not waiting:
            free.append(line)
            return None
        under_way[line], request = waiting.pop(0)
        return request

    lines = await lines_to(port, connections, next_request)
    for line in lines:
        line.go_on()
    for due in schedule(per_s, seconds):
        if (ahead := due - time.monotonic()) > 0:
            await asyncio.sleep(ahead)
        waiting.append((due, traffic.request(due)))
        if free:
            free.pop().go_on()
    async with asyncio.timeout(LOST_S_MAX):
        while waiting or under_way:
            await asyncio.sleep(0.01)
    for line in lines:
        line.transport.abort()
    return late


def schedule(per_s: float, seconds: float) -> Iterator[float]:
    """Yield when requests are due."""
    began = time.monotonic() + 0.1
    for number in range(int(per_s * seconds)):
        yield began + number / per_s
