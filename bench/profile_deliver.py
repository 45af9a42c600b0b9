"""Where an event's time goes: the deliver process and the accept process at full work, by thread and part."""

import json
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backlog import DELIVER_S_MAX, backlogs
from load import Traffic, send
from rounds import say, sized
from serving import ROOT, Penstock, copied, one_way, place
from sink import Sinks

EVENTS, PEOPLE, SENT = sized(10_000, 3_000), 10_000, sized(10_000, 3_000)
SAMPLED = str(ROOT / "bench" / "sampled.py")


def deliver() -> dict[str, Any]:
    """Return what deliver's threads were at."""
    with Sinks() as sinks:
        settings = one_way(sinks.url)
        traffic = Traffic(people=PEOPLE, batch=100)
        with backlogs(settings, traffic, events=EVENTS) as full, Penstock(copied(full, "round"), settings) as penstock:
            return at_full_work(penstock, sinks)


def at_full_work(penstock: Penstock, sinks: Sinks) -> dict[str, Any]:
    """Deliver a backlog; see its middle."""
    out = penstock.folder / "seen.json"
    penstock.start("deliver", wrapped=(SAMPLED, str(out)))
    penstock.until(lambda: sinks.count() >= EVENTS // 10, "nothing is delivered", s_max=DELIVER_S_MAX)
    penstock.processes[0].send_signal(signal.SIGUSR2)
    first = sinks.count()
    penstock.until(lambda: sinks.count() >= EVENTS * 9 // 10, "not all is delivered", s_max=DELIVER_S_MAX)
    return shares(seen(penstock, out), sinks.count() - first)


def accept() -> dict[str, Any]:
    """Return what accept's threads were at, with single events."""
    with place() as root, Penstock(root / "accept", one_way("http://127.0.0.1:9")) as penstock:
        out = penstock.folder / "seen.json"
        penstock.start("accept", wrapped=(SAMPLED, str(out)))
        send(penstock.port, Traffic(people=PEOPLE), events=SENT // 10, connections=32)
        penstock.processes[0].send_signal(signal.SIGUSR2)
        send(penstock.port, Traffic(people=PEOPLE, number=SENT), events=SENT, connections=32)
        return shares(seen(penstock, out), SENT)


def seen(penstock: Penstock, out: Path) -> list[Mapping[str, Any]]:
    """Return what was seen, by thread."""
    penstock.processes[0].send_signal(signal.SIGUSR1)
    penstock.until(out.exists, "nothing was seen", s_max=20)
    return json.loads(out.read_text())


def shares(threads: list[Mapping[str, Any]], events: int) -> dict[str, Any]:
    """Return microseconds an event of each part, by thread: a thread's processor time, shared out by its samples."""
    found = []
    for thread in threads:
        whole, used_us = sum(thread["parts"].values()), thread["cpu_s"] * 1e6 / events
        parts = {part: used_us * used_s / whole for part, used_s in thread["parts"].items() if used_s}
        if used_us >= 1:
            ordered = sorted(parts.items(), key=lambda each: -each[1])
            found.append({"thread": thread["name"], "cpu_us": used_us, "parts": dict(ordered)})
    return {"events": events, "threads": sorted(found, key=lambda each: -each["cpu_us"])}


if __name__ == "__main__":
    say(profiles={"deliver": deliver(), "accept": accept()})
