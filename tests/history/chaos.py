"""Tells one long bad day of real processes, and lets the checker judge it: `make chaos N=1000`.

Everything is on this machine: the server, its clients, Custify. The dice decide what happens and when, and throw the same for
the same seed; what the processes make of it is theirs. The history is kept, whatever the verdict.
"""

import argparse
import collections
import contextlib
import dataclasses
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from acceptance.conftest import KEYS, Penstock, until
from former_folders import ARRIVED, FORMER, former_folder
from history.checker import Violation, violations
from history.client import Client, call_of
from history.custify import KIND, Custify
from history.record import History
from history.trouble import S_MAX, Trouble, faked_clock, now_s
from ports import EACH, PORTS

CLIENTS, PEOPLE_EACH = 4, 5
SAY_EVERY = 50
#: Of a client between two requests: fewer events than Custify takes, so that an outage can be caught up with.
PAUSE_S = 0.1
SETTINGS = "call_timeout_s = 0.5\ndisk_free_bytes_min = 100_000"
DISK_MB = 512
#: Share of troubles that come while the server works; the others hit it while it starts, too.
WAITS_FOR_PROGRESS, PROGRESS_S_MAX = 0.7, 10.0
#: So many troubles make a day; each begins with a data folder of another former schema.
OF_A_DAY = 100
#: Of a folder that an older Penstock left.
FORMER_PEOPLE, FORMER_EVENTS = 3, 30
#: So long nothing may arrive at the end although nothing is in its way; and so long all of it may take.
STILL_S_MAX, SETTLE_S_MAX = 120.0, 1_800.0
#: How often each kind is made, of a hundred.
WEIGHTS: Mapping[str, int] = {
    "kill": 40, "stop": 12, "term": 6, "restart": 2, "mood": 14, "heal": 8, "backup": 5, "restore": 3, "full_disk": 5,
    "clock": 5,
}  # fmt: skip
KILLS_ALONE: Mapping[str, int] = {"kill": 1}


@dataclasses.dataclass
class Verdict:
    """How a day ended."""

    found: list[Violation]
    told: dict[str, int]
    accepted: int
    applied: int
    lasted_s: float


class Server(Penstock):
    """`penstock serve`, whose data may lie on a disk of its own, and whose clock may be set."""

    def __init__(self, folder: Path, custify: Custify, *, data: Path, env: dict[str, str]) -> None:
        self.data = data
        # While ours is down, another test's server may listen on its port for a moment: what that one says is no yes.
        self.write_key = KEYS["server"] + str(folder).replace("/", "-")
        super().__init__(folder, custify, env=env | {"PENSTOCK_DATA_DIR": str(data)}, top=SETTINGS)

    def write_settings(self, **settings: str) -> None:
        """Write them as ever, but for the key of the source."""
        super().write_settings(**settings)
        self.config.write_text(self.config.read_text().replace(KEYS["server"], self.write_key))

    def until_ready(self) -> None:
        """Wait, longer than others do: a day may be told on a machine that has better things to do."""
        try:
            until(lambda: self._answers("/livez") and self.status(), s_max=S_MAX, what=f"no start: {self.log}")
        except BaseException:
            self.end()
            raise


def tell(
    folder: Path,
    *,
    count: int,
    seed: int,
    weights: Mapping[str, int] = WEIGHTS,
    pause_s: tuple[float, float] = (0.05, 0.9),
    begin: Sequence[str] = (),
    disk: Path | None = None,
    former: tuple[int, int, int] | None = None,
) -> Verdict:
    """Tell a day with `count` troubles, of which `begin` are the first; end what was started, and return the verdict.

    It begins with an upgrade, if a `former` schema of the three files is given.
    """
    began, history = now_s(), History(folder / "history.jsonl")
    custify = Custify(history, seed=seed)
    env = faked_clock(folder) if weights.get("clock") else {}
    data = (disk or folder) / "data"
    try:
        if former:
            _left_by_an_older_one(history, custify, data, former)
        server = Server(folder, custify, data=data, env=env)
        try:
            trouble = Trouble(history, server, custify, seed=seed, folder=folder, disk=disk)
            dice = random.Random(seed)
            kinds = [*begin, *dice.choices([*weights], [*weights.values()], k=count - len(begin))]
            _live(history, server, trouble, kinds, seed=seed, pause_s=pause_s)
            _settle(history, server, trouble)
        finally:
            server.end()
    finally:
        custify.close()
        history.close()
    records = history.records()
    accepted = {record["request"] for record in records if record["kind"] == "accepted"}
    return Verdict(
        found=violations(records),
        told=dict(sorted(trouble.told.items())),
        accepted=sum(len(r["events"]) for r in records if r["kind"] == "sent" and r["request"] in accepted),
        applied=sum(record["kind"] == "applied" for record in records),
        lasted_s=now_s() - began,
    )


def _live(
    history: History, server: Server, trouble: Trouble, kinds: Sequence[str], *, seed: int, pause_s: tuple[float, float]
) -> None:
    """Send, and make trouble meanwhile."""
    dice, wait = random.Random(seed), threading.Event().wait
    clients = [
        Client(
            history,
            url=server.url,
            write_key=server.write_key,
            people=[f"u{first}" for first in range(number * PEOPLE_EACH, (number + 1) * PEOPLE_EACH)],
            seed=seed * CLIENTS + number,
            pause_s=PAUSE_S,
        )
        for number in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    for number, kind in enumerate(kinds):
        if number % SAY_EVERY == 0:
            print(f"{number} of {len(kinds)} troubles, {history.count('applied')} calls applied", file=sys.stderr)
        if dice.random() < WAITS_FOR_PROGRESS:
            _progress(history, trouble.custify)
        wait(dice.uniform(*pause_s))
        trouble.make(kind)
    for client in clients:
        client.ended.set()
    for client in clients:
        client.join(S_MAX)
        assert not client.is_alive(), "a request is not answered although nobody makes trouble any more"


def _progress(history: History, custify: Custify) -> None:
    """Wait until something was accepted and something was applied, so that trouble comes while there is work to spoil.

    Not for ever: what is down may stay so for a while. While Custify refuses everything, nothing is applied.
    """
    kinds = ("accepted",) if custify.mood.fails == 1.0 else ("accepted", "applied")
    before = [history.count(kind) for kind in kinds]
    with contextlib.suppress(AssertionError):
        until(lambda: all(history.count(k) > n for k, n in zip(kinds, before, strict=True)), s_max=PROGRESS_S_MAX)


def _left_by_an_older_one(history: History, custify: Custify, data: Path, former: tuple[int, int, int]) -> None:
    """Write a data folder as an older Penstock left it, and down what happened to its events."""
    people = [f"old{number}" for number in range(FORMER_PEOPLE)]
    events = [
        {"id": f"{who}-{n}", "who": who, "n": n, "type": "identify" if n == 1 else "track"}
        for n in range(1, FORMER_EVENTS + 1)
        for who in people
    ]
    history.note("sent", request=0, events=events)
    history.note("tried", request=0)
    history.note("accepted", request=0)
    for event in events[:ARRIVED]:
        custify.apply("/people", {"user_id": event["who"], "custom_attributes": {"step": event["n"]}})
    former_folder(data, former, [call_of(event) for event in events])


def _settle(history: History, server: Server, trouble: Trouble) -> None:
    """Let everything arrive, as long as something does; the figures then are the end of the history."""
    trouble.custify.mood = KIND
    until(server.status, s_max=S_MAX, what="the admin listener did not come back")
    began = seen_at = now_s()
    seen, waits = history.count("applied"), True
    while waits and now_s() - seen_at < STILL_S_MAX and now_s() - began < SETTLE_S_MAX:
        trouble.look()
        trouble.wait(0.2)
        if history.count("applied") != seen:
            seen, seen_at = history.count("applied"), now_s()
        status = server.status()
        waits = not status or status["destinations"]["custify"]["waiting"] > 0
    if waits:
        trouble.told["did not settle"] = 1
    counts = until(server.status, s_max=S_MAX)["destinations"]["custify"]
    history.note("end", **{name: counts[name] for name in ("received", "waiting", "outcomes")})


def main() -> int:
    """Tell days until there were so many troubles, or one went wrong; say how they ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=4711)
    parser.add_argument("--kills-alone", action="store_true", help="nothing but kill -9")
    parser.add_argument("--without", default="", help="kinds of trouble that are not made, with commas")
    given = parser.parse_args()
    # Of two runs beside each other, neither takes the port of the other's server while that one is down.
    for _ in range(os.getpid() % EACH):
        next(PORTS)
    folder = Path(tempfile.mkdtemp(prefix="penstock-chaos-"))
    weights = KILLS_ALONE if given.kills_alone else WEIGHTS
    weights = {kind: weight for kind, weight in weights.items() if kind not in given.without.split(",")}
    disk = _own_disk(folder) if "full_disk" in weights else None
    print(f"seed {given.seed}, histories and logs in {folder}", flush=True)
    try:
        verdicts = _days(folder, given.count, given.seed, weights, disk)
    finally:
        if disk:
            subprocess.run(["umount", "-l", disk], check=True)
    accepted, applied = (sum(getattr(day, name) for day in verdicts) for name in ("accepted", "applied"))
    print(f"{sum(day.lasted_s for day in verdicts):.0f} s, {accepted} events accepted, {applied} calls applied")
    told = sum((collections.Counter(day.told) for day in verdicts), collections.Counter[str]())
    print("\n".join(f"{count:6} {name}" for name, count in sorted(told.items())))
    found = [each for day in verdicts for each in day.found]
    print("\n".join(f"{each.kind}: {each.sentence}" for each in found[:50]) or "no promise was broken")
    return 1 if found else 0


def _days(folder: Path, count: int, seed: int, weights: Mapping[str, int], disk: Path | None) -> list[Verdict]:
    """Tell one day after the other, each from the folder of another former schema; the last may be one that went wrong."""
    verdicts = list[Verdict]()
    for number, first in enumerate(range(0, count, OF_A_DAY)):
        (day := folder / f"day{number}").mkdir()
        former, troubles = FORMER[(seed + number) % len(FORMER)], min(OF_A_DAY, count - first)
        verdict = tell(day, count=troubles, seed=seed + number, weights=weights, disk=disk, former=former)
        verdict.told[f"upgrade from {former}"] = 1
        verdicts.append(verdict)
        if verdict.found:
            break
        shutil.rmtree(disk / "data" if disk else day / "data")
        print(f"day {number}: {verdict.lasted_s:.0f} s, {verdict.told}", file=sys.stderr, flush=True)
    return verdicts


def _own_disk(folder: Path) -> Path | None:
    """Return a disk that may be filled; None where none can be mounted."""
    disk = folder / "disk"
    disk.mkdir()
    options = f"size={DISK_MB}m"
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", disk], check=False, capture_output=True)
    return disk if done.returncode == 0 else None


if __name__ == "__main__":
    sys.exit(main())
