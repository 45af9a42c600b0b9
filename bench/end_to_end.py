"""Sent and delivered at the same time, the backlog not growing, beside the slower of the two alone.

Alone: accept takes events and nobody delivers; then deliver delivers them and nobody sends. Together: whoever sends waits
while more than a little is undelivered.
"""

import asyncio
import time

from load import Line, Traffic, lines_to, send
from rounds import in_turn, median, say, sized
from rows import Row
from serving import Penstock, one_way, place
from sink import Sinks

EVENTS, PEOPLE, BATCH, CONNECTIONS, AHEAD_MAX = sized(4_000, 2_000), 2_000, 20, 8, 1_000
LOOK_S, ALL_S_MAX = 0.02, 120.0


def apart(sinks: Sinks) -> tuple[float, float]:
    """Return what accept takes a second, and then what deliver brings away, each alone."""
    with place() as root, Penstock(root / "apart", one_way(sinks.url)) as penstock:
        penstock.start("accept")
        accepted = EVENTS / send(
            penstock.port, Traffic(people=PEOPLE, batch=BATCH), events=EVENTS, connections=CONNECTIONS
        )
        penstock.stop()
        sinks.seen(anew=True)
        penstock.start("deliver")
        penstock.until(lambda: sinks.count() >= EVENTS, "not all is delivered", s_max=ALL_S_MAX)
        seen = sinks.seen()[0]
        return accepted, (EVENTS - 1) / (seen["last_at"] - seen["first_at"])


def together(sinks: Sinks) -> float:
    """Return what is sent and delivered a second."""
    sinks.seen(anew=True)
    with place() as root, Penstock(root / "together", one_way(sinks.url)) as penstock:
        penstock.start("accept", "deliver")
        began = time.monotonic()
        asyncio.run(asyncio.wait_for(_behind(penstock.port, sinks), ALL_S_MAX))
        return sinks.count() / (sinks.seen()[0]["last_at"] - began)


async def _behind(port: int, sinks: Sinks) -> None:
    """Send, but never further ahead of what is delivered; until all is."""
    traffic, resting = Traffic(people=PEOPLE, batch=BATCH), list[Line]()
    delivered = 0

    def next_request(line: Line) -> bytes | None:
        if traffic.number < EVENTS and traffic.number - delivered < AHEAD_MAX:
            return traffic.request()
        resting.append(line)
        return None

    for line in await lines_to(port, CONNECTIONS, next_request):
        line.go_on()
    while (delivered := sinks.count()) < EVENTS:
        await asyncio.sleep(LOOK_S)
        rested, resting[:] = resting[:], []
        for line in rested:
            line.go_on()


def main() -> None:
    with Sinks() as sinks:
        found = in_turn({"together": lambda: together(sinks), "apart": lambda: apart(sinks)})
    slower = [min(both) for both in found["apart"]]
    ratio = median([own / limit for own, limit in zip(found["together"], slower, strict=True)])
    rate = median(found["together"])
    say(
        Row(
            name="end to end: sent and delivered at the same time",
            unit="/s",
            figure=rate,
            beside="the slower of the two alone",
            limit=rate / ratio,
            target=">= 0.6",
            note=f"at most {AHEAD_MAX} events undelivered; accept alone takes {median(found['apart'], lambda a: a[0]):.0f}/s",
        )
    )


if __name__ == "__main__":
    main()
