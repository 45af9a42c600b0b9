"""Events that need no call (they have no type): all in one lane, and each in a lane of its own."""

import time

from backlog import backlogs
from load import Traffic
from rounds import in_turn, median, say, sized
from rows import Row
from serving import Penstock, copied, one_way

from penstock.buffer.sqlite.read.shelf import SqliteShelf

EVENTS, PER_S_MIN, END_S_MAX = sized(8_000, 4_000), 1_000, 90.0
NOWHERE, UNTYPED = "http://127.0.0.1:9", '{"messageId":"%016x","userId":"user-%d","properties":{"at":%.6f}}'


def ended_per_s(people: int) -> float:
    """Return how many events end a second."""
    settings, traffic = one_way(NOWHERE), Traffic(people=people, batch=100, text=UNTYPED)
    with backlogs(settings, traffic, events=EVENTS) as full, Penstock(copied(full, "round"), settings) as penstock:
        shelf = SqliteShelf(penstock.folder / "data")

        def ended() -> int:
            return sum(shelf.counts("custify", ["web"]).outcomes.values())

        penstock.start("deliver")
        penstock.until(ended, "nothing ends", s_max=END_S_MAX)
        first, began = ended(), time.monotonic()
        penstock.until(lambda: ended() >= EVENTS, "not all end", s_max=END_S_MAX)
        return (EVENTS - first) / (time.monotonic() - began)


def main() -> None:
    found = in_turn({"one lane": lambda: ended_per_s(1), "many lanes": lambda: ended_per_s(EVENTS)}, rounds=sized(3, 2))
    say(
        Row(
            name="events that need no call, in one lane",
            unit="/s",
            figure=median(found["one lane"]),
            target=f">= {PER_S_MIN}",
        ),
        Row(name="events that need no call, in a lane each", unit="/s", figure=median(found["many lanes"])),
    )


if __name__ == "__main__":
    main()
