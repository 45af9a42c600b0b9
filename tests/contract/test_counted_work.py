"""What delivery writes for an event, counted: it does not depend on the machine, and grows only when somebody lets it."""

import asyncio

import apsw
import pytest

from contract.worlds import event
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.outcomes import Attempt, Outcome
from penstock.buffer.sqlite.file import DELIVERY

EVENTS, AT_ONCE = 1_024, 32
ATTEMPT = Attempt(at=1.7e9, method="POST", path="/event", status=200, answer="[]", duration_ms=20)


class Work:
    """What the writer of delivery.db does meanwhile."""

    def __init__(self, world) -> None:
        self.connection, self.statements = world.store.connection, 0
        self.wal = world.folder / f"{DELIVERY}-wal"
        self.rows, self.bytes = self.connection.total_changes(), self.wal.stat().st_size
        self.connection.trace_v2(apsw.SQLITE_TRACE_STMT, self._seen)

    def _seen(self, _: object) -> None:
        self.statements += 1

    def of_each(self) -> dict[str, float]:
        """Return how much of it there was for each event."""
        self.connection.trace_v2(0, None)
        rows = self.connection.total_changes() - self.rows
        done = {"statements": self.statements, "rows": rows, "bytes": self.wal.stat().st_size - self.bytes}
        return {name: count / EVENTS for name, count in done.items()}


@pytest.fixture
async def stocked(sqlite_world):
    await sqlite_world.append(*(event(f"m{i}", f"u{i % 200}") for i in range(EVENTS)))
    return sqlite_world


async def delivered(world) -> int:
    """Let everything arrive, so many at once."""
    count = 0
    while leases := await world.lease(AT_ONCE):
        ends = [Ending(lease=lease, outcome=Outcome.DELIVERED, attempts=[ATTEMPT]) for lease in leases]
        await asyncio.gather(*(world.backlog.settle(end) for end in ends))
        count += len(ends)
    return count


async def test_an_event_that_arrives_costs_its_outcome_its_call_and_its_keys(stocked):
    work = Work(stocked)

    assert await delivered(stocked) == EVENTS

    of_each = work.of_each()
    # Its outcome, its call, the key of its person; and the sums, for all that end together.
    assert of_each["rows"] <= 3.2
    assert of_each["statements"] <= 4.5
    assert of_each["bytes"] <= 2_500


async def test_an_event_that_waits_behind_others_costs_nothing(stocked):
    before = stocked.store.connection.total_changes()
    await stocked.lease(AT_ONCE)

    assert stocked.store.connection.total_changes() - before <= 4
