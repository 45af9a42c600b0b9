"""The whole way: `penstock serve` takes events and delivers them into a sink that answers at once, until the last is there.

With BEFORE=<another checkout, with its .venv> that one does the same in turn, and is the limit; without, the recorded run is.
"""

import dataclasses
import time
from pathlib import Path

from load import Traffic, send
from rounds import BEFORE, ROUNDS, by_pairs, in_turn, median, paired, say, sized
from rows import Row
from serving import ROOT, Penstock, one_way, place
from sink import Sinks

EVENTS, PEOPLE, BATCH, ALL_S_MAX = sized(15_000, 3_000), 2_000, 100, 240.0


@dataclasses.dataclass(frozen=True, slots=True)
class Gone:
    """Events that went the whole way: how many a second, and what each took of all processes."""

    rate: float
    cpu_us: float
    written_bytes: float
    pss_mb: float
    #: From the begin of the processes to the first call.
    first_call_s: float

    def __str__(self) -> str:
        return f"{self.rate:.0f}/s {self.cpu_us:.0f} µs {self.written_bytes:.0f} B {self.pss_mb:.0f} MB"


def gone(sinks: Sinks, checkout: Path) -> Gone:
    """Send all, and wait for the last call."""
    sinks.seen(anew=True)
    with place() as root, Penstock(root / "way", one_way(sinks.url), checkout=checkout) as penstock:
        began = time.monotonic()
        penstock.start()
        send(penstock.port, Traffic(people=PEOPLE, batch=1), events=1, connections=1)
        penstock.until(sinks.count, "nothing is delivered", s_max=60)
        first_call_s = sinks.seen()[0]["first_at"] - began
        used, wrote, at = penstock.cpu_us(), penstock.written_bytes(), time.monotonic()
        send(penstock.port, Traffic(people=PEOPLE, batch=BATCH, number=1), events=EVENTS)
        penstock.until(lambda: sinks.count() > EVENTS, "not all is delivered", s_max=ALL_S_MAX, every_s=0.05)
        seconds = sinks.seen()[0]["last_at"] - at
        return Gone(
            rate=EVENTS / seconds,
            cpu_us=(penstock.cpu_us() - used) / EVENTS,
            written_bytes=(penstock.written_bytes() - wrote) / EVENTS,
            pss_mb=penstock.pss_mb(),
            first_call_s=first_call_s,
        )


def beside_before(found: dict[str, list[Gone]]) -> list[Row]:
    """Return what an event takes of all processes, beside the version before, if that was measured in turn."""
    if "before" not in found:
        return []
    name, beside = "the whole way: {} for an event, beside the version before", "the version before"
    return [
        Row(
            name=name.format(what), unit=unit, beside=beside, target=target, **paired(found["now"], found["before"], of)
        )
        for what, unit, of, target in (
            ("processor time", "µs", "cpu_us", "<= 0.143"),
            ("bytes written", "B", "written_bytes", "<= 0.05"),
        )
    ]


def main() -> None:
    with Sinks() as sinks:
        ways = {"now": ROOT} | ({"before": BEFORE} if BEFORE else {})
        found = in_turn(
            {name: lambda at=checkout: gone(sinks, at) for name, checkout in ways.items()},
            rounds=ROUNDS if BEFORE else sized(3, 1),
        )
    now, rate = found["now"], median(found["now"], "rate")
    before = {"beside": "the version before", "limit": rate / by_pairs(now, found["before"], "rate")} if BEFORE else {}
    say(
        Row(
            name="the whole way: events sent and delivered a second",
            unit="/s",
            figure=rate,
            target=">= 8" if BEFORE else "",
            cpu_us=median(now, "cpu_us"),
            written_bytes=median(now, "written_bytes"),
            note=f"{EVENTS} tracks of {PEOPLE} people in requests of {BATCH}",
            **before,
        ),
        Row(name="the whole way: memory of all processes", unit="MB", figure=median(now, "pss_mb"), target="<= 250"),
        *beside_before(found),
        Row(name="the whole way: start to the first delivered event", unit="s", figure=median(now, "first_call_s")),
    )


if __name__ == "__main__":
    main()
