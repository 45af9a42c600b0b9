"""A data folder of any former schema is opened as it is: what waits in it arrives, once and in order, and the sums hold."""

import pytest

from contract.worlds import DESTINATION, SqliteWorld, event
from dashboard_world import CUSTIFY
from dashboard_world import World as Dashboard
from former_folders import DIED, FORMER, PARKED, SOURCE, empty_tables, former_folder, full_folder
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.control import Role
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.sqlite.file import CONTROL, DELIVERY, EVENTS, SCHEMAS

#: Before this schema of delivery.db no cause was written down.
CAUSES_SINCE = 2
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


@pytest.mark.parametrize("steps", FORMER, ids=str)
async def test_with_rows_in_every_table_what_waits_arrives_and_what_ended_can_be_read(tmp_path, steps):
    full_folder(tmp_path, steps, CALLS)
    assert empty_tables(tmp_path) == set(), "the folder is not as full as it says"
    world = await SqliteWorld(tmp_path).open()

    names = await delivered(world)

    assert sorted(names) == sorted([*(call["messageId"] for call in CALLS[1:]), PARKED])
    for who in PEOPLE:
        own = [name for name in names if name.startswith(who)]
        assert own == sorted(own)
    counts = world.counts()
    assert (counts.received, counts.waiting) == (len(CALLS) + 2, 0)
    assert (counts.outcomes[Outcome.DELIVERED], counts.outcomes[Outcome.DEAD]) == (len(CALLS) + 1, 1)
    [died] = [story for story in world.stories() if story.event.message_id == DIED]
    assert [(each.status, each.answer) for each in died.attempts] == [(503, "busy"), (422, "plan: not a number")]
    assert died.cause == ("custify.refused.422" if steps[1] >= CAUSES_SINCE else "unknown")
    [problem] = world.dead.problems(DESTINATION)
    assert (problem.cause, problem.count) == (died.cause, 1)
    await world.close()


@pytest.mark.parametrize("steps", [FORMER[0], FORMER[9], FORMER[-1]], ids=str)
async def test_what_ended_under_a_former_version_is_shown_on_its_page(tmp_path, steps):
    full_folder(tmp_path, steps, CALLS)
    world = await SqliteWorld(tmp_path).open()
    await world.close()
    dashboard = Dashboard(tmp_path)
    dashboard.control.bring_up_to_date()

    admin = dashboard.visitor(Role.ADMIN)
    admin.post("/sources/new", name=SOURCE, type="server")
    admin.post("/destinations/new/custify", **CUSTIFY, **{f"source:{SOURCE}": "on"})

    page = admin.get(f"/events/{DESTINATION}/{DIED}")

    assert page.status_code == 200
    for told in (DIED, "422", "503", "plan: not a number"):
        assert told in page.text


def test_the_newest_of_the_former_schemas_is_the_present_one():
    assert FORMER[-1] == tuple(len(SCHEMAS[file]) for file in (EVENTS, DELIVERY, CONTROL))
