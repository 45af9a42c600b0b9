"""What a destination that is well keeps of its rate while another is down, trickles, answers 429, or replays very many events.

All are fed by one source out of a full backlog. The one that is well takes a second's share of it at its own pace: 20 ms a call,
eight at once. Its rate alone and beside each of the others is measured in turn, in one data folder.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from backlog import DELIVER_S_MAX
from load import KEY, Traffic, send
from rounds import in_turn, paired, say, sized
from rows import Row
from serving import ROOT, Penstock, connection, place, source, to
from sink import Sinks

from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.sqlite.delivery.delivery import DeliveryStore
from penstock.clock import SystemClock

OWN_S, AT_ONCE, PEOPLE, CALLS = 0.02, 8, 5_000, sized(900, 300)
EVENTS, REPLAYED, BURY_S_MAX, TOGETHER = sized(60_000, 10_000), sized(200_000, 5_000), 20.0, 500
NOWHERE = "http://127.0.0.1:9"
MANNERS = {
    "well": {"delay_s": OWN_S},
    "trickling": {"trickle_s": 4.0},
    "throttling": {"status": 429, "retry_after_s": 1},
    "replaying": {},
}
OTHERS = {
    "down": "another is down",
    "trickling": "another trickles",
    "throttling": "another answers 429",
    "replaying": "very many are replayed for another",
}


def settings(urls: Mapping[str, str], beside: str = "") -> str:
    """Return settings in which one other destination is on."""
    lines = [source("web", KEY), to("well", urls["well"], calls_in_flight_max=AT_ONCE), connection("web", "well")]
    for name in OTHERS:
        lines += [to(name, urls.get(name, NOWHERE), enabled=name == beside), connection("web", name)]
    return "".join(lines)


def bury(data_dir: Path, events: int) -> int:
    """End events of one destination as dead, as many as there is time for; return how many."""

    async def run() -> int:
        store, count, until = DeliveryStore(data_dir, clock=SystemClock()), 0, time.monotonic() + BURY_S_MAX
        await store.open()
        backlog = store.backlog("replaying", lambda: ["web"])
        while count < events and time.monotonic() < until:
            leases = await backlog.lease(limit=TOGETHER, lease_s=600)
            ends = [
                Ending(lease=each, outcome=Outcome.DEAD, cause="custify.refused.422", reason="422") for each in leases
            ]
            await asyncio.gather(*(backlog.settle(end) for end in ends))
            count += len(ends)
        await store.close()
        return count

    return asyncio.run(run())


def rate(penstock: Penstock, sinks: Sinks, urls: Mapping[str, str], beside: str = "") -> float:
    """Return what comes to the destination that is well a second."""
    penstock.write(settings(urls, beside))
    sinks.seen(anew=True)
    penstock.start("deliver")
    try:
        # Whoever begins, and has found out how the other one is, has begun.
        penstock.until(lambda: sinks.count() >= CALLS // 3, "nothing is delivered", s_max=DELIVER_S_MAX)
        first, at = sinks.count(), time.monotonic()
        penstock.until(lambda: sinks.count() >= first + CALLS, "not all is delivered", s_max=DELIVER_S_MAX)
        seen = sinks.seen()[0]
        return (seen["count"] - first) / (seen["last_at"] - at)
    finally:
        penstock.stop()


def order_replay(penstock: Penstock) -> None:
    """Ask for a replay of all that is dead."""
    command = [sys.executable, "-m", "penstock", "replay", "--config", str(penstock.folder / "penstock.toml"), "--yes"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "tests/acceptance/as_installed")}
    subprocess.run(
        [*command, "--destination", "replaying", "--no-wait"], env=environment, check=True, capture_output=True
    )


def main() -> None:
    with Sinks(*MANNERS.values()) as sinks, place() as root:
        urls = {name: f"http://127.0.0.1:{port}" for name, port in zip(MANNERS, sinks.ports, strict=True)}
        with Penstock(root / "serve", settings(urls)) as penstock:
            penstock.start("accept")
            send(penstock.port, Traffic(people=PEOPLE, batch=500), events=max(EVENTS, REPLAYED))
            penstock.stop()
            buried = bury(root / "serve" / "data", REPLAYED)
            penstock.write(settings(urls, "replaying"))
            order_replay(penstock)
            ways = {"alone": lambda: rate(penstock, sinks, urls)}
            ways |= {name: lambda name=name: rate(penstock, sinks, urls, name) for name in OTHERS}
            found = in_turn(ways, rounds=sized(3, 1))
    say(
        *(
            Row(
                name=f"isolation: {text}",
                unit="/s",
                beside="its rate alone",
                target=">= 0.95",
                note=f"{buried} events replayed" if name == "replaying" else "",
                **paired(found[name], found["alone"]),
            )
            for name, text in OTHERS.items()
        )
    )


if __name__ == "__main__":
    main()
