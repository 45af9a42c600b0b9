"""Tells one long bad day of real processes, and lets the checker judge it: `make chaos N=1000`.

Everything is on this machine: the server, its clients, Custify. The dice decide what happens and when, and throw the same for
the same seed; what the processes make of it is theirs. The history is kept, whatever the verdict.
"""

import argparse
import contextlib
import dataclasses
import random
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from acceptance.conftest import KEYS, Penstock, until
from history.checker import Violation, violations
from history.client import Client
from history.custify import KIND, Custify
from history.record import History
from history.trouble import S_MAX, Trouble, faked_clock, now_s

CLIENTS, PEOPLE_EACH = 4, 5
SAY_EVERY = 50
#: Of a client between two requests: fewer events than Custify takes, so that an outage can be caught up with.
PAUSE_S = 0.1
SETTINGS = "call_timeout_s = 0.5\ndisk_free_bytes_min = 100_000"
DISK_MB = 512
#: Share of troubles that come while the server works; the others hit it while it starts, too.
WAITS_FOR_PROGRESS, PROGRESS_S_MAX = 0.7, 10.0
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
        super().__init__(folder, custify, env=env | {"PENSTOCK_DATA_DIR": str(data)}, top=SETTINGS)

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
    settle_s_max: float = 300.0,
) -> Verdict:
    """Tell a day with `count` troubles, of which `begin` are the first; end what was started, and return the verdict."""
    began, history = now_s(), History(folder / "history.jsonl")
    custify = Custify(history, seed=seed)
    env = faked_clock(folder) if weights.get("clock") else {}
    try:
        server = Server(folder, custify, data=(disk or folder) / "data", env=env)
        try:
            trouble = Trouble(history, server, custify, seed=seed, folder=folder, disk=disk)
            dice = random.Random(seed)
            kinds = [*begin, *dice.choices([*weights], [*weights.values()], k=count - len(begin))]
            _live(history, server, trouble, kinds, seed=seed, pause_s=pause_s)
            _settle(history, server, trouble, s_max=settle_s_max)
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
            write_key=KEYS["server"],
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
            _progress(history)
        wait(dice.uniform(*pause_s))
        trouble.make(kind)
    for client in clients:
        client.ended.set()
    for client in clients:
        client.join(S_MAX)
        assert not client.is_alive(), "a request is not answered although nobody makes trouble any more"


def _progress(history: History) -> None:
    """Wait until something was accepted and something was applied, so that trouble comes while there is work to spoil.

    Not for ever: Custify may refuse everything just now.
    """
    before = [history.count(kind) for kind in ("accepted", "applied")]
    with contextlib.suppress(AssertionError):
        until(
            lambda: all(history.count(k) > n for k, n in zip(("accepted", "applied"), before, strict=True)),
            s_max=PROGRESS_S_MAX,
        )


def _settle(history: History, server: Server, trouble: Trouble, *, s_max: float) -> None:
    """Let everything arrive; the figures then are the end of the history."""
    trouble.custify.mood = KIND
    until(server.status, s_max=S_MAX, what="the admin listener did not come back")

    def is_settled() -> bool:
        trouble.look()
        status = server.status()
        return bool(status) and status["destinations"]["custify"]["waiting"] == 0

    try:
        until(is_settled, s_max=s_max)
    except AssertionError:
        trouble.told["did not settle"] = 1
    counts = until(server.status, s_max=S_MAX)["destinations"]["custify"]
    history.note("end", **{name: counts[name] for name in ("received", "waiting", "outcomes")})


def main() -> int:
    """Tell one day; say how it ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=4711)
    parser.add_argument("--kills-alone", action="store_true", help="nothing but kill -9")
    parser.add_argument("--without", default="", help="kinds of trouble that are not made, with commas")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="penstock-chaos-"))
    weights = KILLS_ALONE if given.kills_alone else WEIGHTS
    weights = {kind: weight for kind, weight in weights.items() if kind not in given.without.split(",")}
    disk = _own_disk(folder) if "full_disk" in weights else None
    print(f"seed {given.seed}, history and logs in {folder}", flush=True)
    try:
        verdict = tell(folder, count=given.count, seed=given.seed, weights=weights, disk=disk)
    finally:
        if disk:
            subprocess.run(["umount", "-l", disk], check=True)
    print(f"{verdict.lasted_s:.0f} s, {verdict.accepted} events accepted, {verdict.applied} calls applied")
    print("\n".join(f"{count:6} {name}" for name, count in verdict.told.items()))
    print("\n".join(f"{each.kind}: {each.sentence}" for each in verdict.found[:50]) or "no promise was broken")
    return 1 if verdict.found else 0


def _own_disk(folder: Path) -> Path | None:
    """Return a disk that may be filled; None where none can be mounted."""
    disk = folder / "disk"
    disk.mkdir()
    options = f"size={DISK_MB}m"
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", disk], check=False, capture_output=True)
    return disk if done.returncode == 0 else None


if __name__ == "__main__":
    sys.exit(main())
