"""Requests in at the HTTP door, calls out at the sandbox: accept, buffer, convert and deliver in one process, without a port."""

import asyncio
import contextlib
from collections.abc import Sequence

from accept_client import AUTH, Client
from penstock.buffer.memory.log import MemoryBuffer
from penstock.buffer.port.shelf import Story
from penstock.clock import SeededDice
from penstock.deliver.decide import RetryPolicy
from penstock.deliver.engine import Engine
from penstock.deliver.pace import Pace
from penstock.deliver.policy import DeliveryPolicy
from penstock.destinations.answer import Accepted, Answer, Refused
from penstock.destinations.custify.naming import NamedBy
from penstock.destinations.custify.options import Mapping
from penstock.destinations.plan import Call
from penstock.ledger.rules import OFF, Rules
from sandbox_client import Sandbox
from sim.loop import LoopClock, run_virtually

#: Path, body and headers of a request.
Request = tuple[str, bytes, dict[str, str]]


class Recording:
    """A Custify that writes down each call, and passes it on to a sandbox."""

    def __init__(self) -> None:
        self.sandbox, self.calls = Sandbox(), list[Call]()
        #: A call was refused: those behind it are not made.
        self.has_refused = False
        #: How each event ended, by message id.
        self.stories = dict[str, Story]()

    async def send(self, call: Call) -> Answer:
        self.calls.append(call)
        got = await self.sandbox.post(call.path, call.body)
        text = got.body.decode()
        self.has_refused |= got.status >= 300
        return Accepted(got.status, text) if got.status < 300 else Refused(got.status, text)

    async def read(self, path: str) -> Answer:
        return Accepted(200, (await self.sandbox.get(path)).body.decode())


def delivered(
    requests: Sequence[Request], mapping: Mapping, *, rules: Rules = OFF, visitor_s: float = 0.0
) -> Recording:
    """Return what came out; unless told otherwise with the ledger and the resolver off."""
    recording, _ = run_virtually(_delivered(requests, mapping, rules, visitor_s))
    return recording


async def _delivered(requests: Sequence[Request], mapping: Mapping, rules: Rules, visitor_s: float) -> Recording:
    recording, clock = Recording(), LoopClock(asyncio.get_running_loop())
    client = Client(buffer=MemoryBuffer(clock=clock))
    for path, body, headers in requests:
        answer = await client("POST", path, body, headers or AUTH)
        assert answer.status in {200, 400}, answer
    backlog = client.buffer.backlog("custify", lambda: ["web"], naming=lambda: NamedBy(mapping))
    engine = Engine(
        "custify",
        backlog=backlog,
        ledger=backlog.ledger,
        api=recording,
        pace=Pace(per_s_max=1e9, as_of=clock.now()),
        policy=DeliveryPolicy(options=mapping, retry=RetryPolicy(visitor_s=visitor_s), rules=rules),
        clock=clock,
        dice=SeededDice(1),
    )
    running = asyncio.create_task(engine.run())
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(3_600.0):
            while client.buffer.counts("custify", ["web"]).waiting:
                await asyncio.sleep(1.0)
    assert not client.buffer.counts("custify", ["web"]).waiting
    engine.stop()
    await running
    recording.stories = {story.event.message_id: story for story in client.buffer.stories("custify")}
    return recording
