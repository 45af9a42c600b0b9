"""The limit of the way out: a protocol on uvloop that writes a request and waits for the answer, and does nothing else."""

import asyncio
import json
import subprocess
import sys
import time

import uvloop
from serving import main_of

BODY = (
    b'{"user_id":"user-1","name":"Order Completed","created_at":"2026-11-28T07:00:00.000Z","deduplication_id":"d-1",'
    b'"metadata":{"at":1.5,"category":"books","value":1.5,"currency":"EUR","coupon":"SPRING"}}'
)
HEAD = (
    b"POST /event HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer k\r\nAccept: application/json\r\n"
    b"Content-Type: application/json\r\nContent-Length: "
)


class Bare(asyncio.Protocol):
    """Reads of an answer its status, its length and its body, and knows nothing else of HTTP."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.unread, self.loop = transport, b"", asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        self.unread += data
        end = self.unread.find(b"\r\n\r\n") + 4
        if end < 4:
            return
        _, _, rest = self.unread[:end].lower().partition(b"content-length:")
        whole = end + int(rest.split(b"\r\n", 1)[0])
        if len(self.unread) >= whole:
            status, body, self.unread = int(self.unread[9:12]), self.unread[end:whole], self.unread[whole:]
            self.answer.set_result((status, body))

    def call(self, body: bytes) -> asyncio.Future:
        """Make one call; its answer is a status and a body."""
        self.answer = self.loop.create_future()
        self.transport.write(b"%b%d\r\n\r\n%b" % (HEAD, len(body), body))
        return self.answer


async def run(port: int, calls: int, at_once: int) -> tuple[float, float]:
    """Return calls a second, and processor microseconds for each."""
    connect = asyncio.get_running_loop().create_connection
    lines = [(await connect(Bare, "127.0.0.1", port))[1] for _ in range(at_once)]
    left = iter(range(calls))

    async def work(line: Bare) -> None:
        for _ in left:
            status, _ = await line.call(BODY)
            assert status == 200, status

    began, used = time.perf_counter(), time.process_time()
    await asyncio.gather(*map(work, lines))
    return calls / (time.perf_counter() - began), (time.process_time() - used) / calls * 1e6


def bare(port: int, *, calls: int, at_once: int) -> tuple[float, float]:
    """Make calls in a process of its own; return calls a second, and processor microseconds for each."""
    command = [*main_of("bare"), str(port), str(calls), str(at_once)]
    rate, cpu_us = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=120).stdout)
    return rate, cpu_us


if __name__ == "__main__":
    print(json.dumps(uvloop.run(run(*map(int, sys.argv[1:])))), flush=True)
