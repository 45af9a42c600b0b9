"""One World per engine of a cluster: how a node reaches it, and what happens to what it says."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Protocol

import pytest

from penstock.clock import ManualClock, SeededDice
from penstock.errors import WitnessUnreachable
from penstock.witness import memory
from penstock.witness.jetstream import connection as jetstream
from penstock.witness.jetstream.witness import JetStreamWitness
from penstock.witness.memory import MemoryEngine, MemoryWitness, Weather
from penstock.witness.port import Tenure, Witness
from penstock.witness.postgres import connection as postgres
from penstock.witness.postgres.witness import PostgresWitness
from witness_engines import NatsCluster, PostgresPair


class WitnessWorld(Protocol):
    """An engine under test. Each `node` is a way to it of its own, as another machine would have."""

    def node(self) -> contextlib.AbstractAsyncContextManager[Witness]:
        """Open a way to the engine."""

    async def append_unheard(
        self, witness: Witness, stream: str, message: bytes, *, expected: int, message_id: str
    ) -> None:
        """Append, but lose the acknowledgement."""

    async def lease_when_free(self, witness: Witness, name: str, *, owner: str, ttl_s: float) -> Tenure:
        """Take a lease as soon as it has run out."""


class RealTime:
    """What both real engines have in common: time passes by itself."""

    async def lease_when_free(self, witness: Witness, name: str, *, owner: str, ttl_s: float) -> Tenure:
        while (tenure := await witness.lease(name, owner=owner, ttl_s=ttl_s)).owner != owner:
            await asyncio.sleep(0.1)
        return tenure


class JetStreamWorld(RealTime):
    """Three servers."""

    def __init__(self, cluster: NatsCluster) -> None:
        self.cluster = cluster

    @contextlib.asynccontextmanager
    async def node(self) -> AsyncIterator[JetStreamWitness]:
        # Nobody asks how the servers write: that takes half a second.
        witness = JetStreamWitness(await jetstream.NatsConnection.open(self.cluster.urls))
        try:
            yield witness
        finally:
            await witness.close()

    async def append_unheard(
        self, witness: JetStreamWitness, stream: str, message: bytes, *, expected: int, message_id: str
    ) -> None:
        client, ask = witness.connection.client, witness.connection.client.request

        async def unheard(*arguments: Any, **bounds: Any) -> None:
            await ask(*arguments, **bounds)
            raise TimeoutError

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(client, "request", unheard)
            patch.setattr(jetstream, "ANSWER_S_MAX", 0.01)
            with pytest.raises(WitnessUnreachable):
                await witness.append(stream, message, expected=expected, id=message_id)


class PostgresWorld(RealTime):
    """A primary with a synchronous standby."""

    def __init__(self, pair: PostgresPair) -> None:
        self.pair = pair

    @contextlib.asynccontextmanager
    async def node(self) -> AsyncIterator[PostgresWitness]:
        witness = await PostgresWitness.open(self.pair.url)
        try:
            yield witness
        finally:
            await witness.close()

    async def append_unheard(
        self, witness: PostgresWitness, stream: str, message: bytes, *, expected: int, message_id: str
    ) -> None:
        ask_once = witness.connection._ask_once

        async def unheard(*arguments: Any) -> None:
            await ask_once(*arguments)
            raise OSError("the wire was cut")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(witness.connection, "_ask_once", unheard)
            patch.setattr(postgres, "ANSWER_S_MAX", 0.01)
            with pytest.raises(WitnessUnreachable):
                await witness.append(stream, message, expected=expected, id=message_id)


class MemoryWitnessWorld:
    """The engine of the simulation."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.engine = MemoryEngine(self.clock, SeededDice(4711))

    @contextlib.asynccontextmanager
    async def node(self) -> AsyncIterator[MemoryWitness]:
        yield MemoryWitness(self.engine)

    async def append_unheard(
        self, witness: MemoryWitness, stream: str, message: bytes, *, expected: int, message_id: str
    ) -> None:
        witness.weather = Weather(answers_lost=1.0)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(memory, "ANSWER_S_MAX", 0)
            with pytest.raises(WitnessUnreachable):
                await witness.append(stream, message, expected=expected, id=message_id)
        witness.weather = Weather()

    async def lease_when_free(self, witness: MemoryWitness, name: str, *, owner: str, ttl_s: float) -> Tenure:
        tenure = await witness.lease(name, owner=owner, ttl_s=ttl_s)
        while tenure.owner != owner:
            self.clock.advance(0.5)
            await asyncio.sleep(0)
            tenure = await witness.lease(name, owner=owner, ttl_s=ttl_s)
        return tenure
