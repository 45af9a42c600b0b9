"""Delivery out of a full backlog: the deliver process into a bare server, beside the barest client into the same one.

10 000 people, in order, every outcome on disk, ledger on. And events that need no call, all in one lane and each in its own.
"""

from backlog import Drained, backlogs, drained
from bare import bare
from load import Traffic
from rounds import by_pairs, in_turn, median, say, sized
from rows import Row
from serving import one_way
from sink import Sinks

EVENTS, PEOPLE, AT_ONCE, CALLS = sized(10_000, 3_000), 10_000, 32, sized(10_000, 5_000)
# Named by the issue that began this: what delivery cost before, on the same machine.
CPU_US_BEFORE, BYTES_BEFORE = 1_400.0, 32_000.0


def main() -> None:
    with Sinks() as sinks:
        settings = one_way(sinks.url, calls_in_flight_max=AT_ONCE)
        with backlogs(settings, Traffic(people=PEOPLE, batch=100), events=EVENTS) as full:
            found = in_turn(
                {
                    "deliver": lambda: drained(full, settings, sinks, calls=EVENTS),
                    "bare": lambda: Drained(*bare(sinks.ports[0], calls=CALLS, at_once=AT_ONCE), 0, 0),
                }
            )
    ours, limit = found["deliver"], found["bare"]
    ratio = by_pairs(ours, limit, "rate")
    used, wrote = median(ours, "cpu_us"), median(ours, "written_bytes")
    say(
        Row(
            name="deliver: calls a second out of a full backlog",
            unit="/s",
            figure=median(ours, "rate"),
            beside="the barest client",
            limit=median(ours, "rate") / ratio,
            target=">= 0.3",
            cpu_us=used,
            written_bytes=wrote,
            note=f"{PEOPLE} people, {AT_ONCE} calls at once; the barest client uses {median(limit, 'cpu_us'):.0f} µs a call",
        ),
        Row(
            name="deliver: processor time for an event",
            unit="µs",
            figure=used,
            beside="at first",
            limit=CPU_US_BEFORE,
            target="<= 0.143",
        ),
        Row(
            name="deliver: bytes written for an event",
            unit="B",
            figure=wrote,
            beside="at first",
            limit=BYTES_BEFORE,
            target="<= 0.05",
        ),
    )


if __name__ == "__main__":
    main()
