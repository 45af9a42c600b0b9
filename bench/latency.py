"""From the moment an event is due to be sent until it arrives at a destination that takes 20 ms, at 50 events a second.

Every event carries when it was due; the sink says how late it came. The answer comes 20 ms later: the destination's own time.
"""

from load import Traffic, by_schedule
from rounds import QUICK, percentile, say, sized
from rows import Row
from serving import Penstock, one_way, place
from sink import Sinks

PER_S, SECONDS, WARM_S, PEOPLE, OWN_S = 50, sized(20, 6), 2, 2_000, 0.02


def late_ms(per_s: float, seconds: float) -> list[float]:
    """Return how long each event took to arrive, in milliseconds."""
    manner = {"delay_s": OWN_S, "is_timed": True}
    with Sinks(manner) as sinks, place() as root, Penstock(root / "serve", one_way(sinks.url)) as penstock:
        penstock.start("accept", "deliver")
        by_schedule(penstock.port, Traffic(people=PEOPLE), per_s=per_s, seconds=WARM_S)
        penstock.until(lambda: sinks.count() >= per_s * WARM_S, "nothing is delivered", s_max=60)
        sinks.seen(anew=True)
        by_schedule(penstock.port, Traffic(people=PEOPLE, number=10**6), per_s=per_s, seconds=seconds)
        penstock.until(lambda: sinks.count() >= per_s * seconds, "not all is delivered", s_max=60)
        return [1000 * late for late in sinks.seen()[0]["late_s"]]


def main() -> None:
    rows = []
    for per_s, targets in ((PER_S, ("<= 15", "<= 60")), (PER_S * 2 // 5, ("", ""))):
        late = late_ms(per_s, SECONDS if QUICK or per_s == PER_S else SECONDS / 2)
        for share, target in zip((0.5, 0.99), targets, strict=True):
            name = f"request to delivered at {per_s} events/s, beyond the destination's {1000 * OWN_S:.0f} ms, p{share * 100:.0f}"
            rows.append(Row(name=name, unit="ms", figure=percentile(late, share), target=target))
    say(*rows)


if __name__ == "__main__":
    main()
