"""One node's way to JetStream, whole: streams, leases and snapshots over one connection."""

from collections.abc import Sequence

from penstock.witness.jetstream.connection import NatsConnection
from penstock.witness.jetstream.leases import JetStreamLeases
from penstock.witness.jetstream.servers import say_how_they_write
from penstock.witness.jetstream.snapshots import JetStreamSnapshots
from penstock.witness.jetstream.streams import JetStreams

REPLICAS = 3


class JetStreamWitness(JetStreams):
    """The witness of PENSTOCK_ENGINE=nats."""

    def __init__(self, connection: NatsConnection, *, replicas: int = REPLICAS) -> None:
        super().__init__(connection, replicas=replicas)
        leases = JetStreamLeases(connection, replicas=replicas)
        snapshots = JetStreamSnapshots(connection, replicas=replicas)
        self.lease, self.release, self.owners = leases.lease, leases.release, leases.owners
        self.put_snapshot, self.get_snapshot = snapshots.put_snapshot, snapshots.get_snapshot

    @classmethod
    async def open(cls, urls: Sequence[str], *, replicas: int = REPLICAS) -> "JetStreamWitness":
        """Connect to the servers; SettingsError when they are too old for what is needed."""
        connection = await NatsConnection.open(urls)
        await say_how_they_write(connection)
        return cls(connection, replicas=replicas)

    async def close(self) -> None:
        """Let the servers go."""
        await self.connection.close()
