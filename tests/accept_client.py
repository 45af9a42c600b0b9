"""Drives the gateway without a socket: a stand-in for granian's RSGI protocol, which is the server's seam."""

import base64
import dataclasses

from penstock.accept.app import Gateway, Limits
from penstock.accept.sources import Sources
from penstock.buffer.memory.log import MemoryBuffer
from penstock.clock import ManualClock, SeededDice
from penstock.errors import BufferUnavailable, StoreDamaged
from penstock.settings import Source

KEY = "web-key"
AUTH = {"authorization": "Basic " + base64.b64encode(f"{KEY}:".encode()).decode()}
SOURCES = {
    # Who sent something is told whole: what of that is stored by default, tests/unit/test_minimise_at_the_door.py says.
    "web": Source(name="web", type="web", write_key=KEY, ip_addresses="keep"),
    "server": Source(name="server", write_key="server-key"),
    "off": Source(name="off", write_key="off-key", enabled=False),
}


class Headers(dict[str, str]):
    """A request's headers; a list stands for several of one name."""

    def get(self, name, default=None):
        found = super().get(name, default)
        return found[0] if isinstance(found, list) else found

    def get_all(self, name):
        found = super().get(name, [])
        return found if isinstance(found, list) else [found]


@dataclasses.dataclass
class Scope:
    """What RSGI tells of a request."""

    method: str
    path: str
    headers: dict[str, str]
    query_string: str = ""
    client: str = "10.0.0.7:5555"
    scheme: str = "http"

    def __post_init__(self) -> None:
        self.headers = Headers(self.headers)


@dataclasses.dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class Exchange:
    """One request's body, and its answer."""

    def __init__(self, body: bytes) -> None:
        self.body, self.answer = body, None

    async def __call__(self) -> bytes:
        return self.body

    async def __aiter__(self):
        for start in range(0, len(self.body), 65_536):
            yield self.body[start : start + 65_536]

    def response_bytes(self, status, headers, body) -> None:
        assert self.answer is None, "answered twice"
        self.answer = Answer(status, dict(headers), body)

    def response_empty(self, status, headers) -> None:
        self.response_bytes(status, headers, b"")


class FullBuffer(MemoryBuffer):
    """A disk with no room."""

    async def append(self, events):
        raise BufferUnavailable("0 bytes are free")


class DamagedBuffer:
    """A file that cannot be read any more."""

    async def append(self, events):
        raise StoreDamaged("events.db", "a segment cannot be read")


class Client:
    """A gateway and somebody who talks to it."""

    def __init__(self, *, buffer=None, **limits) -> None:
        self.clock = ManualClock()
        self.buffer = buffer or MemoryBuffer(clock=self.clock)
        self.problem, self.damage = "", []
        self.gateway = Gateway(
            log=self.buffer,
            sources=Sources(SOURCES),
            clock=self.clock,
            dice=SeededDice(1),
            limits=Limits(**limits),
            version="1.2.3",
            problem=lambda: self.problem,
            on_damage=self.damage.append,
        )

    async def __call__(self, method, path, body=b"", headers=AUTH, **scope) -> Answer:
        exchange = Exchange(body)
        await self.gateway.__rsgi__(Scope(method, path, headers, **scope), exchange)
        return exchange.answer

    @property
    def events(self):
        return self.buffer.events
