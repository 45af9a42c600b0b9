"""How often the way of one event through delivery goes from one folder to another, counted: a reader follows it the same way.

The event is delivered to the sandbox, in one process, while each call of a function of Penstock is seen. A crossing is a call
from a file in one top-level folder to a file in another. To ask a value what it says (a call, a record, rules) is counted
apart: a reader does not leave the page for that. The far side's own code is left out. Run it with tests/ in PYTHONPATH; `-v` names the places.
"""

import collections
import json
import logging
import sys
from pathlib import Path
from types import FrameType

import structlog

import penstock
import through_the_door
from accept_client import AUTH
from penstock.deliver.engine import Engine
from penstock.destinations.custify.options import Mapping
from penstock.ledger.rules import Rules

ROOT = f"{Path(penstock.__file__).parent}/"
VALUES = (
    "destinations/custify/calls.py",
    "destinations/subjects.py",
    "ledger/record.py",
    "ledger/rules.py",
    "ledger/modes.py",
)
IDENTIFY = {"type": "identify", "userId": "ana", "traits": {"email": "ana@example.com", "plan": "Pro"}}
TRACK = {"type": "track", "userId": "ana", "event": "Signed up"}
PAGE = {"type": "page", "userId": "ana", "name": "Home"}
WAYS = {
    "identify": [IDENTIFY],
    "track of a known person": [IDENTIFY, TRACK],
    "page, not sent": [IDENTIFY, PAGE],
}
DELIVER = Engine.deliver


def file_of(frame: FrameType | None) -> str:
    """Return the file of a frame within Penstock; empty for all other code, and for files that stand in no folder."""
    name = frame.f_code.co_filename if frame else ""
    return name.removeprefix(ROOT) if name.startswith(ROOT) and "/" in name.removeprefix(ROOT) else ""


def caller_of(frame: FrameType) -> FrameType | None:
    """Return the frame of Penstock that led to this one."""
    above = frame.f_back
    while above is not None and not file_of(above):
        above = above.f_back
    return above


class Followed:
    """The calls that lead from one folder to another, while one event is delivered."""

    def __init__(self) -> None:
        self.calls = 0
        self.places: collections.Counter[tuple[str, str]] = collections.Counter()

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        """See a call; what Python tells of returns is the same number once more."""
        here = file_of(frame)
        if event != "call" or not here or here.startswith("sandbox/"):
            return
        self.calls += 1
        above = caller_of(frame)
        there = file_of(above)
        if above is not None and there.partition("/")[0] not in {here.partition("/")[0], "sandbox"}:
            self.places[f"{there}:{above.f_code.co_name}", f"{here}:{frame.f_code.co_name}"] += 1


def followed(events: list[dict[str, object]]) -> Followed:
    """Return what was seen while the last of these events was delivered; those before it are not followed."""
    seen = Followed()

    async def deliver(self, lease):
        if lease.event.message_id != f"m{len(events)}":
            return await DELIVER(self, lease)
        sys.setprofile(seen)
        try:
            return await DELIVER(self, lease)
        finally:
            sys.setprofile(None)

    numbered = [event | {"messageId": f"m{number}"} for number, event in enumerate(events, 1)]
    requests = [("/v1/batch", json.dumps({"batch": [event]}).encode(), AUTH) for event in numbered]
    Engine.deliver = deliver
    try:
        through_the_door.delivered(requests, Mapping(), rules=Rules(skip_unchanged=True, unknown="park"))
    finally:
        Engine.deliver = DELIVER
    return seen


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    for name, events in WAYS.items():
        seen = followed(events)
        asked = sum(count for (_, to), count in seen.places.items() if to.startswith(VALUES))
        crossings = seen.places.total() - asked
        print(f"{name:24} {seen.calls:5} calls, {crossings:3} crossings, {asked:3} more to ask a value")
        if "-v" in sys.argv:
            print("\n".join(f"    {count} {one} → {other}" for (one, other), count in sorted(seen.places.items())))


if __name__ == "__main__":
    main()
