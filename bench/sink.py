"""The far side: a bare protocol server that answers calls and counts them, in a process of its own.

As a program: one JSON object for each listener as arguments, such as {"delay_s": 0.02} or {"status": 429}. It prints the ports, and
then, for each line on standard input, what it has seen; at the end of standard input it ends.
"""

import asyncio
import dataclasses
import json
import subprocess
import sys
import time
from typing import Any, Self

import uvloop

# A sink that nobody ends ends itself.
LIFE_S_MAX = 1_800
AT = b'"at":'
LOOKED = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n[]"


@dataclasses.dataclass(slots=True)
class Manner:
    """How a listener answers."""

    status: int = 200
    delay_s: float = 0.0
    retry_after_s: int = 0
    #: One byte of the answer every so often, after all its headers; 0: all at once.
    trickle_s: float = 0.0
    #: Calls carry when they were due, as `at`; how late each came is kept.
    is_timed: bool = False

    count: int = 0
    first_at: float = 0.0
    last_at: float = 0.0
    late_s: list[float] = dataclasses.field(default_factory=list)

    @property
    def head(self) -> bytes:
        """Return all of an answer but its body."""
        more = b"retry-after: %d\r\n" % self.retry_after_s if self.retry_after_s else b""
        return b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\n%bcontent-length: 2\r\n\r\n" % (self.status, more)


class Sink(asyncio.Protocol):
    """Reads whole requests by their Content-Length, one at a time, and answers each."""

    def __init__(self, manner: Manner) -> None:
        self.manner, self.head = manner, manner.head
        self.unread, self.loop = b"", asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.unread += data
        while (end := self.unread.find(b"\r\n\r\n")) >= 0:
            head = self.unread[:end].lower()
            _, found, rest = head.partition(b"content-length:")
            whole = end + 4 + (int(rest.split(b"\r\n", 1)[0]) if found else 0)
            if len(self.unread) < whole:
                return
            body, self.unread = self.unread[end + 4 : whole], self.unread[whole:]
            if found:
                self.came(body)
            else:
                # A look: at which attributes there are, or whether anybody answers. There is nothing to see, and it is no call.
                self.transport.write(LOOKED)

    def came(self, body: bytes) -> None:
        """Note a call, and answer it in time."""
        manner, now = self.manner, time.monotonic()
        manner.count += 1
        manner.first_at, manner.last_at = manner.first_at or now, now
        if manner.is_timed and (place := body.find(AT)) >= 0:
            manner.late_s.append(now - float(body[place + len(AT) :].split(b",", 1)[0].rstrip(b"}")))
        if manner.delay_s:
            self.loop.call_later(manner.delay_s, self.answer)
        else:
            self.answer()

    def answer(self) -> None:
        """Answer at once, or a byte at a time."""
        if self.manner.trickle_s:
            self.transport.write(self.head)
            self.loop.call_later(self.manner.trickle_s, self.transport.write, b"{")
            self.loop.call_later(2 * self.manner.trickle_s, self.transport.write, b"}")
        else:
            self.transport.write(self.head + b"{}")


async def run(manners: list[Manner]) -> None:
    """Listen until standard input ends; each line of it asks what was seen."""
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    servers = [await loop.create_server(lambda m=each: Sink(m), "127.0.0.1", 0, backlog=1_024) for each in manners]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    async with asyncio.timeout(LIFE_S_MAX):
        while line := await reader.readline():
            seen = [dataclasses.asdict(each) for each in manners]
            if line == b"anew\n":
                for each in manners:
                    each.count, each.first_at, each.last_at, each.late_s = 0, 0.0, 0.0, []
            print(json.dumps(seen), flush=True)


class Sinks:
    """The process, from where it is asked."""

    def __init__(self, *manners: dict[str, Any]) -> None:
        command = [sys.executable, __file__, *map(json.dumps, manners or ({},))]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ports: list[int] = json.loads(self.process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        self.process.wait(10)

    @property
    def url(self) -> str:
        """Return where the first of them listens."""
        return f"http://127.0.0.1:{self.ports[0]}"

    def seen(self, *, anew: bool = False) -> list[dict[str, Any]]:
        """Return what each has seen; and forget it."""
        self.process.stdin.write("anew\n" if anew else "?\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def count(self, number: int = 0) -> int:
        """Return how many calls came to one of them."""
        return self.seen()[number]["count"]


if __name__ == "__main__":
    uvloop.run(run([Manner(**json.loads(each)) for each in sys.argv[1:]]))
