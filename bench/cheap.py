"""Events that need no call (they have no type): all in one lane, and each in a lane of its own."""

import contextlib
import time
from pathlib import Path

from backlog import backlogs
from load import Traffic
from rounds import in_turn, median, say, sized
from rows import Row
from serving import Penstock, copied, one_way

from penstock.buffer.sqlite.read.shelf import SqliteShelf

EVENTS, PER_S_MIN, END_S_MAX = sized(4_000, 2_000), 1_000, 90.0
SETTINGS, UNTYPED = one_way("http://127.0.0.1:9"), '{"messageId":"%016x","userId":"user-%d","properties":{"at":%.6f}}'


def ended_per_s(full: Path) -> float:
    """Return how many events end a second."""
    with Penstock(copied(full, "round"), SETTINGS) as penstock:
        shelf = SqliteShelf(penstock.folder / "data")

        def ended() -> int:
            return sum(shelf.counts("custify", ["web"]).outcomes.values())

        penstock.start("deliver")
        penstock.until(ended, "nothing ends", s_max=END_S_MAX)
        first, began = ended(), time.monotonic()
        penstock.until(lambda: ended() >= EVENTS, "not all end", s_max=END_S_MAX)
        return (EVENTS - first) / (time.monotonic() - began)


def of_people(people: int) -> contextlib.AbstractContextManager[Path]:
    """Lend a backlog of so many people's events."""
    return backlogs(SETTINGS, Traffic(people=people, batch=100, text=UNTYPED), events=EVENTS)


def main() -> None:
    with of_people(1) as one, of_people(EVENTS) as many:
        found = in_turn(
            {"one lane": lambda: ended_per_s(one), "many lanes": lambda: ended_per_s(many)}, rounds=sized(3, 2)
        )
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
