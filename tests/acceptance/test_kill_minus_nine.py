"""kill -9 of any process, fifty times at random moments under load: every event that got a 200 arrives, in order.

The supervisor is restarted by the test, as systemd would. Repeats are allowed, and carry the same deduplication id.
"""

import contextlib
import json
import os
import random
import signal
import threading
import urllib.error
import urllib.request

import psutil

from acceptance.conftest import until

KILLS = int(os.environ.get("PENSTOCK_KILLS", "50"))
PEOPLE, SEED = 20, 4711


class Load(threading.Thread):
    """Sends numbered events of some people, and repeats each request until it gets a 200, as SDKs do."""

    def __init__(self, penstock, first_person: int, people: int) -> None:
        super().__init__(daemon=True)
        self.penstock, self.people = penstock, [f"u{first_person + i}" for i in range(people)]
        self.random, self.ended = random.Random(first_person), threading.Event()
        self.accepted: dict[str, list[int]] = {user: [] for user in self.people}
        self.number = 0

    def run(self) -> None:
        while not self.ended.is_set():
            events = [self._event() for _ in range(self.random.choice([1, 1, 3, 10]))]
            self._until_accepted(events)
            for event in events:
                self.accepted[event["userId"]].append(event["properties"]["n"])
            self.ended.wait(0.01)

    def _event(self) -> dict:
        self.number += 1
        user = self.random.choice(self.people)
        properties = {"n": self.number}
        return {
            "type": "track",
            "userId": user,
            "event": "Step",
            "messageId": f"{user}-{self.number}",
            "properties": properties,
        }

    def _until_accepted(self, events: list[dict]) -> None:
        body = json.dumps({"batch": events}).encode()
        request = urllib.request.Request(f"{self.penstock.url}/v1/batch", body, self.penstock.auth())
        while True:
            with (
                contextlib.suppress(OSError, urllib.error.HTTPError),
                urllib.request.urlopen(request, timeout=5) as answer,
            ):
                if answer.status == 200:
                    return
            self.ended.wait(0.02)


def victims(penstock) -> list[psutil.Process]:
    return [process for process in penstock.family() if process.status() != psutil.STATUS_ZOMBIE]


def role_of(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.NoSuchProcess, IndexError):
        return process.cmdline()[-1]
    return ""


def kill_one(penstock, dice: random.Random, killed: dict[str, int]) -> None:
    """Kill a process of the family; restart the whole when it was the supervisor."""
    process = dice.choice(victims(penstock))
    role = role_of(process)
    killed[role] = killed.get(role, 0) + 1
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGKILL)
    if process.pid == penstock.process.pid:
        penstock.process.wait(10)
        penstock.start()


def test_whatever_is_killed_every_accepted_event_arrives_in_order(start, sandbox):
    penstock = start(top="call_timeout_s = 0.5")
    people = [{"type": "identify", "userId": f"u{i}", "messageId": f"i{i}", "traits": {}} for i in range(PEOPLE)]
    assert penstock.send(*people)[0] == 200
    penstock.until_settled()
    loads = [Load(penstock, first, PEOPLE // 4) for first in range(0, PEOPLE, PEOPLE // 4)]
    for load in loads:
        load.start()

    dice, killed, pause = random.Random(SEED), {}, threading.Event()
    for _ in range(KILLS):
        pause.wait(dice.uniform(0.05, 0.9))
        kill_one(penstock, dice, killed)
        if status := penstock.status():
            counts = status["destinations"]["custify"]
            assert counts["received"] == counts["waiting"] + sum(counts["outcomes"].values())
    for load in loads:
        load.ended.set()
    for load in loads:
        load.join(60)
        assert not load.is_alive()

    until(penstock.status, what="the admin listener did not come back")
    counts = penstock.until_settled(s_max=60)
    accepted = {user: numbers for load in loads for user, numbers in load.accepted.items()}
    print("killed", killed, "accepted", sum(map(len, accepted.values())), "counts", counts)
    assert counts["outcomes"]["delivered"] == counts["received"]
    _check(accepted, sandbox)


def _check(accepted: dict[str, list[int]], sandbox) -> None:
    first_seen: dict[str, list[int]] = {user: [] for user in accepted}
    seen: set[str] = set()
    for call in sandbox.requests():
        if call["path"] != "/event":
            continue
        body = json.loads(call["body"]) if isinstance(call["body"], str) else call["body"]
        name = f"{body['user_id']}-{body['metadata']['n']}"
        assert body["deduplication_id"] == name
        if name not in seen:
            seen.add(name)
            first_seen[body["user_id"]].append(body["metadata"]["n"])
    for user, numbers in accepted.items():
        assert set(numbers) <= set(first_seen[user]), f"{user} lost {set(numbers) - set(first_seen[user])}"
        assert first_seen[user] == sorted(first_seen[user]), f"{user} is out of order"
    held = {event["deduplication_id"] for event in sandbox.events("Step")}
    assert {f"{user}-{n}" for user, numbers in accepted.items() for n in numbers} <= held
