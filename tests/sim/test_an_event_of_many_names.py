"""One person's event names thirty thousand new attributes: everybody else is delivered while it is looked at."""

import asyncio

import msgspec
import pytest

from contract.worlds import SqliteWorld, event
from penstock import causes
from penstock.deliver.dispatch import RUN_BYTES_MAX
from penstock.destinations.answer import Accepted, Refused
from penstock.destinations.custify.options import Mapping
from penstock.ledger.guard import REMARKS_MAX, REMARKS_OF_AN_EVENT_MAX, SUBJECT
from penstock.ledger.rules import Rules
from sim.loop import LoopClock, run_virtually
from sim.stage import engine_over
from unit.test_near_names import words

NEW, KNOWN, OTHERS, IN_FLIGHT_MAX = 30_000, 10_000, 20, 32
RAISED = Mapping(names_max=100_000)


class Workspace:
    """Custify with ten thousand attributes; remembers who was written, in order."""

    def __init__(self) -> None:
        self.list = msgspec.json.encode([{"name": name, "type": "string"} for name in words(1, KNOWN)]).decode()
        self.written: list[str] = []
        self.calls: list[dict] = []

    async def read(self, path: str):
        await asyncio.sleep(0)
        return Accepted(200, self.list) if path == "/customer/attributes" else Refused(404, "")

    async def probe(self):
        await asyncio.sleep(0)
        return Accepted(200, "[]")

    async def send(self, call):
        await asyncio.sleep(0)
        self.written.append(call.body["user_id"])
        self.calls.append(call.body)
        return Accepted(200, "{}")


def identify(name: str, user: str, traits: dict):
    body = {"type": "identify", "userId": user, "traits": traits}
    return msgspec.structs.replace(event(name, user), type="identify", body=msgspec.json.encode(body))


async def live(folder, *events, mapping: Mapping = RAISED, rules: Rules | None = None):
    clock = LoopClock(asyncio.get_running_loop())
    world = await SqliteWorld(folder, clock).open()
    workspace = Workspace()
    engine = engine_over(
        world, workspace, clock, options=mapping, rules=rules or Rules(guard="warn"), in_flight_max=IN_FLIGHT_MAX
    )
    await world.append(*events)
    running = asyncio.create_task(engine.run())
    await asyncio.sleep(60.0)
    engine.stop()
    await running
    remarks = await world.backlog.ledger.subjects(SUBJECT, limit=100_000)
    stories, counts = world.stories(), world.counts()
    await world.close()
    return workspace, stories, counts, remarks


def test_others_are_delivered_while_an_event_of_thirty_thousand_names_is_looked_at(folder):
    many = identify("m0", "crowd", dict.fromkeys(words(2, NEW), "x"))
    others = [identify(f"o{n}", f"u{n}", {"plan": "pro"}) for n in range(OTHERS)]

    (workspace, _, counts, remarks), _ = run_virtually(live(folder, many, *others))

    assert workspace.written == [*(f"u{n}" for n in range(OTHERS)), "crowd"]
    assert len(workspace.calls[-1]["custom_attributes"]) == NEW
    assert counts.outcomes["delivered"] == 1 + OTHERS
    assert len(remarks) == 0


@pytest.mark.parametrize("guard", ["warn", "hold"])
def test_strange_names_without_end_leave_a_bounded_number_of_remarks(folder, guard):
    strange = [f"{name[:9]}q{name[9:]}" for name in words(1, KNOWN)]
    events = [identify(f"m{n}", f"u{n}", dict.fromkeys(strange[n::60], "x")) for n in range(60)]

    (_, _, counts, remarks), _ = run_virtually(live(folder, *events, rules=Rules(guard=guard)))

    assert counts.outcomes.get("delivered", 0) == (60 if guard == "warn" else 0)
    # Those of events under way at once do not see one another; the next remark takes away what is too many.
    assert len(remarks) <= REMARKS_MAX + IN_FLIGHT_MAX * REMARKS_OF_AN_EVENT_MAX


def test_within_the_usual_limits_such_an_event_is_rejected_and_its_lane_goes_on(folder):
    many = identify("m0", "crowd", dict.fromkeys(words(2, NEW), "x"))

    (workspace, stories, counts, _), _ = run_virtually(
        live(folder, many, identify("m1", "crowd", {"plan": "pro"}), mapping=Mapping())
    )

    assert workspace.written == ["crowd"]
    assert counts.outcomes == {"delivered": 1, "rejected": 1}
    [rejected] = [story for story in stories if story.state == "rejected"]
    assert rejected.cause == causes.TOO_MANY_NAMES
    assert rejected.event.body == many.body


def test_large_events_of_one_person_are_not_all_put_into_one_call(folder):
    size = RUN_BYTES_MAX // 4
    events = [identify(f"m{n}", "crowd", {f"bio{n}": f"{n}" * size}) for n in range(9)]

    (workspace, _, counts, _), _ = run_virtually(live(folder, *events))

    assert 3 <= len(workspace.calls) < len(events)
    assert max(len(msgspec.json.encode(call)) for call in workspace.calls) <= RUN_BYTES_MAX + 1_000
    assert counts.waiting == 0
