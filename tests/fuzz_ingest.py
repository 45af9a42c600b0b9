"""Strangers' requests: mutated SDK requests and plain noise against the gateway. Never a 500, never more than the bound.

python tests/fuzz_ingest.py 100000      so many requests; `make sim-long` runs it, `make test` a bounded share
"""

import asyncio
import copy
import gzip
import json
import random
import sys
import time
import tracemalloc

from accept_client import AUTH, Client
from penstock.destinations.custify.convert import convert
from penstock.destinations.custify.options import Mapping
from penstock.event import enriched

PATHS = ["/v1/track", "/v1/identify", "/v1/group", "/v1/batch", "/v1/page", "/v1/alias", "/v1/import", "/beacon/v1/batch",
         "/v1/t", "/v1/i", "/v1/b", "/pixel/v1/track", "/sourceConfig", "/sourceConfig/", "/v1/projects/web-key/settings",
         "/health", "/version", "/v1/merge", "/internal/v1/batch", "/../../etc/passwd", "/", "", "//", "/v1/batch/"]  # fmt: skip
METHODS = ["POST"] * 12 + ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "\x00"]
SEEDS = [
    {"type": "track", "userId": "u1", "event": "Paid", "messageId": "m1", "properties": {"value": 12, "ids": [1, 2]}},
    {"type": "identify", "anonymousId": "a1", "traits": {"email": "a@example.com", "company": {"id": "c"}}},
    {"type": "group", "userId": "u1", "groupId": "c1", "traits": {"name": "Acme"}, "sentAt": "2024-05-06T07:08:09Z"},
    {"batch": [{"type": "page", "userId": 7}, {"type": "screen", "userId": {"a": 1}}], "writeKey": "web-key"},
]
HOSTILE = [None, True, 0, -1, 10**40, 1e308, "", " ", "\ud800", "\x00", "x" * 3_000, [], {}, [[[[[[]]]]]], {"": {"": ""}},
           "2024-99-99T99:99:99Z", "1e999", "__proto__", "\U0001d54f" * 50]  # fmt: skip
KEYS = [
    "userId",
    "anonymousId",
    "type",
    "messageId",
    "groupId",
    "traits",
    "batch",
    "request_ip",
    "sentAt",
    "timestamp",
    "\ud800",
]
BODY_BYTES_MAX = 20_000
EXPECTED = {200, 204, 400, 401, 404, 405, 413}


class Stranger:
    """Writes one request after the other, the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)

    def request(self) -> tuple[str, str, bytes, dict[str, str], str]:
        body = self._body()
        headers = dict(self.dice.choice([AUTH, AUTH, AUTH, {}, {"authorization": self._noise_text()}]))
        if self.dice.random() < 0.1:
            body, headers["content-encoding"] = self._zipped(body), "gzip"
        if self.dice.random() < 0.5:
            headers["content-length"] = str(len(body))
        if self.dice.random() < 0.1:
            headers[self.dice.choice(["anonymousid", "x-forwarded-for", "origin", "content-type"])] = self._noise_text()
        query = self.dice.choice(["", "writeKey=web-key", "writeKey=%00&" + self._noise_text()])
        return self.dice.choice(METHODS), self.dice.choice(PATHS), body, headers, query

    def _body(self) -> bytes:
        if self.dice.random() < 0.1:
            return self.dice.randbytes(self.dice.randrange(300))
        value = json.loads(json.dumps(self.dice.choice(SEEDS)))
        for _ in range(self.dice.randrange(4)):
            self._spoil(value)
        body = bytearray(json.dumps(value).encode())
        for _ in range(self.dice.choice([0, 0, 0, 1, 3, 30])):
            body[self.dice.randrange(len(body))] = self.dice.randrange(256)
        if self.dice.random() < 0.05:
            body = body[: self.dice.randrange(len(body))]
        if self.dice.random() < 0.02:
            deep = self.dice.choice([50, 5_000])
            body = bytearray(b'{"userId":' + b"[" * deep + b"]" * deep + b"}")
        return bytes(body)

    def _spoil(self, value: object) -> None:
        while isinstance(value, dict | list) and value:
            key = self.dice.choice(list(value) if isinstance(value, dict) else range(len(value)))
            inner = value[key]
            if not isinstance(inner, dict | list) or self.dice.random() < 0.3:
                value[key] = copy.deepcopy(self.dice.choice(HOSTILE))
                if isinstance(value, dict) and self.dice.random() < 0.5:
                    value[self.dice.choice(KEYS)] = copy.deepcopy(self.dice.choice(HOSTILE))
                return
            value = inner

    def _zipped(self, body: bytes) -> bytes:
        zipped = gzip.compress(self.dice.choice([body, body, b"0" * 5_000_000]), 1)
        return self.dice.choice([zipped, zipped, zipped[: len(zipped) // 2], body, zipped + b"trailing"])

    def _noise_text(self) -> str:
        return "".join(chr(self.dice.randrange(1, 0x2FF)) for _ in range(self.dice.randrange(20)))


async def fuzz(seed: int, count: int) -> dict[int, int]:
    """Send `count` requests; return how often each status was answered. Raises AssertionError with the request."""
    stranger, answered = Stranger(seed), dict.fromkeys(EXPECTED, 0)
    client = Client(body_bytes_max=BODY_BYTES_MAX)
    for number in range(count):
        method, path, body, headers, query = request = stranger.request()
        before = len(client.events)
        answer = await client(method, path, body, headers, query_string=query)
        assert answer.status in EXPECTED, f"{answer.status} to request {number} of seed {seed}: {request}"
        if answer.status != 200:
            assert len(client.events) == before, f"stored in spite of {answer.status}: {request}"
        answered[answer.status] += 1
        for event in client.events[before:]:
            convert(enriched(event), Mapping())
        if number % 1_000 == 999:
            client = Client(body_bytes_max=BODY_BYTES_MAX)
    return answered


if __name__ == "__main__":
    requests, started = int(sys.argv[1]), time.perf_counter()
    tracemalloc.start()
    totals = asyncio.run(fuzz(int(started), requests))
    peak_mb = tracemalloc.get_traced_memory()[1] / 1e6
    print(f"{requests} requests, answers {totals}, peak memory {peak_mb:.0f} MB, {time.perf_counter() - started:.0f} s")
