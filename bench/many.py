"""200 sources and 50 destinations, beside one and one: what an event costs where it is taken, and where it is delivered."""

import dataclasses

from backlog import Drained, drained, filled
from load import KEY, Traffic, flood
from rounds import in_turn, median, paired, say, sized
from rows import Row
from serving import Penstock, connection, place, source, to
from sink import Sinks

SOURCES, DESTINATIONS = 200, 50
SECONDS, CONNECTIONS, EVENTS, PEOPLE = 1.5, 32, sized(4_000, 2_000), 2_000


@dataclasses.dataclass(frozen=True, slots=True)
class Shape:
    """So many sources, each of which feeds one of so many destinations."""

    sources: int
    destinations: int

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the key of each source."""
        return tuple(f"{KEY}-{number}" for number in range(self.sources))

    def settings(self, url: str) -> str:
        """Return the settings."""
        lines = [source(f"s{number}", key) for number, key in enumerate(self.keys)]
        lines += [to(f"d{number}", url) for number in range(self.destinations)]
        lines += [connection(f"s{number}", f"d{number % self.destinations}") for number in range(self.sources)]
        return "".join(lines)


def taken(shape: Shape) -> float:
    """Return the processor time of accept for an event, in µs."""
    with place() as root, Penstock(root / "accept", shape.settings("http://127.0.0.1:9")) as penstock:
        penstock.start("accept")
        traffic = Traffic(people=PEOPLE, keys=shape.keys)
        return flood(penstock.port, traffic, seconds=SECONDS, connections=CONNECTIONS, usage=penstock.cpu_us)[1]


def main() -> None:
    one, many = Shape(1, 1), Shape(SOURCES, DESTINATIONS)
    accepted = in_turn({"many": lambda: taken(many), "one": lambda: taken(one)})
    with Sinks() as sinks, place() as root:
        full = {
            shape: filled(
                root / f"{shape.sources}",
                shape.settings(sinks.url),
                Traffic(people=PEOPLE, batch=20, keys=shape.keys),
                events=EVENTS,
            )
            for shape in (many, one)
        }

        def sent(shape: Shape) -> Drained:
            return drained(full[shape], shape.settings(sinks.url), sinks, calls=EVENTS)

        delivered = in_turn({"many": lambda: sent(many), "one": lambda: sent(one)})
    beside = "1 source, 1 destination"
    name = f"{SOURCES} sources, {DESTINATIONS} destinations"
    say(
        Row(
            name=f"{name}: accept's processor time for an event",
            unit="µs",
            beside=beside,
            target="<= 1.05",
            **paired(accepted["many"], accepted["one"]),
        ),
        Row(
            name=f"{name}: delivered a second",
            unit="/s",
            beside=beside,
            target=">= 0.9",
            cpu_us=median(delivered["many"], "cpu_us"),
            written_bytes=median(delivered["many"], "written_bytes"),
            **paired(delivered["many"], delivered["one"], "rate"),
        ),
    )


if __name__ == "__main__":
    main()
