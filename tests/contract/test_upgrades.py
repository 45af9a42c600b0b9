"""A data folder of any former schema is opened as it is: what waits in it arrives, once and in order, and the sums hold."""

import pytest

from contract.worlds import SqliteWorld, event
from former_folders import FORMER, former_folder
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.sqlite.file import CONTROL, DELIVERY, EVENTS, SCHEMAS

PEOPLE, EVENTS_EACH = ("ana", "bo", "cy"), 4
CALLS = [
    {"type": "track", "event": "Used", "userId": who, "messageId": f"{who}-{n}"}
    for n in range(EVENTS_EACH)
    for who in PEOPLE
]


async def delivered(world) -> list[str]:
    """Deliver all that waits; return the message ids in their order."""
    names = list[str]()
    while leases := await world.lease(1):
        for lease in leases:
            names.append(lease.event.message_id)
            await world.backlog.settle(Ending(lease=lease, outcome=Outcome.DELIVERED))
    return names


@pytest.mark.parametrize("steps", FORMER, ids=str)
async def test_what_waits_in_a_folder_of_any_former_schema_arrives_once_and_in_order(tmp_path, steps):
    former_folder(tmp_path, steps, CALLS)
    world = await SqliteWorld(tmp_path).open()
    await world.append(*(event(f"{who}-{EVENTS_EACH}", who, source="server") for who in PEOPLE))
    # SDKs send again what they were not told of.
    await world.append(event("ana-0", "ana", source="server"), event("bo-3", "bo", source="server"))

    names = await delivered(world)

    for who in PEOPLE:
        first = 1 if who == "ana" else 0
        assert [name for name in names if name.startswith(who)] == [f"{who}-{n}" for n in range(first, EVENTS_EACH + 1)]
    counts = world.counts()
    assert counts.received == len(CALLS) + len(PEOPLE) == counts.outcomes[Outcome.DELIVERED]
    await world.crash_and_reopen()
    assert await delivered(world) == []
    await world.close()


def test_the_newest_of_the_former_schemas_is_the_present_one():
    assert FORMER[-1] == tuple(len(SCHEMAS[file]) for file in (EVENTS, DELIVERY, CONTROL))
