"""Leases as a key-value bucket of JetStream, which `nats kv` shows: a value that runs out by itself, changed only by who saw it last.

An epoch is the number that the bucket gave to the value with which its owner began: such numbers only grow.
"""

from typing import Any

import msgspec

from penstock.witness.jetstream.connection import NOT_FOUND, JetStreamError, NatsConnection
from penstock.witness.jetstream.streams import WRONG_LAST, digest_of, ensure, wanted
from penstock.witness.port import Tenure
from penstock.witness.words import checked_name, checked_ttl

BUCKET = "penstock_leases"
TITLE, SUBJECTS = f"KV_{BUCKET}", f"$KV.{BUCKET}.>"


class LeaseValue(msgspec.Struct, frozen=True):
    """What stands in the bucket; without an owner it was given up."""

    name: str
    owner: str
    #: 0 in the value that began it: its own number is meant.
    epoch: int = 0


class JetStreamLeases:
    """One value a lease. The servers count its time, from when they took it."""

    def __init__(self, connection: NatsConnection, *, replicas: int) -> None:
        self.connection, self.replicas, self.is_known = connection, replicas, False

    async def lease(self, name: str, *, owner: str, ttl_s: float) -> Tenure:
        """Take or keep a lease; the faster node has it."""
        checked_name(name), checked_name(owner), checked_ttl(ttl_s)
        while True:
            number, value = await self._look(name)
            tenure = Tenure(value.owner, value.epoch or number)
            if value.owner not in {"", owner}:
                return tenure
            epoch = tenure.epoch if value.owner else 0
            if written := await self._write(LeaseValue(name, owner, epoch), number, ttl_s):
                return Tenure(owner, epoch or written)

    async def release(self, name: str, *, owner: str) -> None:
        """Say that no node has it; that soon runs out too."""
        number, value = await self._look(name)
        if value.owner == owner:
            await self._write(LeaseValue(name, ""), number, 1)

    async def owners(self) -> dict[str, Tenure]:
        """Return every value of the bucket that has an owner."""
        await self._known()
        found, number = dict[str, Tenure](), 1
        while replies := await self.connection.gather(f"$JS.API.DIRECT.GET.{TITLE}", {"seq": number, "batch": 1_000}):
            for reply in replies:
                number = int(reply.headers["Nats-Sequence"])
                if reply.body and (value := msgspec.json.decode(reply.body, type=LeaseValue)).owner:
                    found[value.name] = Tenure(value.owner, value.epoch or number)
            number += 1
        return found

    async def _look(self, name: str) -> tuple[int, LeaseValue]:
        """Return the number and the value of a lease, as its leader has them; 0 when there is none."""
        await self._known()
        try:
            answer = await self.connection.api(f"STREAM.MSG.GET.{TITLE}", {"last_by_subj": key_of(name)})
        except JetStreamError as error:
            if error.code not in NOT_FOUND:
                raise
            return 0, LeaseValue(name, "")
        message: dict[str, Any] = answer["message"]
        return int(message["seq"]), msgspec.json.decode(
            msgspec.json.decode(f'"{message["data"]}"', type=bytes), type=LeaseValue
        )

    async def _write(self, value: LeaseValue, after: int, ttl_s: float) -> int:
        """Write after the value that was seen; return the number, or 0 when another node wrote meanwhile."""
        headers = {"Nats-Expected-Last-Subject-Sequence": str(after), "Nats-TTL": f"{int(ttl_s)}s"}
        try:
            answer = await self.connection.ask(key_of(value.name), msgspec.json.encode(value), headers)
        except JetStreamError as error:
            if error.code == WRONG_LAST:
                return 0
            raise
        return int(answer["seq"])

    async def _known(self) -> None:
        if not self.is_known:
            config = wanted(TITLE, [SUBJECTS], replicas=self.replicas, describes="Penstock: who works on what")
            config |= {"max_msgs_per_subject": 1, "allow_msg_ttl": True, "allow_rollup_hdrs": True, "deny_delete": True}
            await ensure(self.connection, config | {"allow_atomic": False})
            self.is_known = True


def key_of(name: str) -> str:
    """Return the subject of a lease's value."""
    return f"$KV.{BUCKET}.{digest_of(name)}"
