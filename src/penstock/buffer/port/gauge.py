"""How things go just now."""

from collections.abc import Mapping, Sequence
from typing import Protocol


class Gauge(Protocol):
    """operate's end of how things go just now."""

    def mark(self) -> object:
        """Return a value that is another one once anything was stored or has ended since. Costs next to nothing."""

    def lags(
        self, destination: str, *, since: int, until: int, of_each: int, step: int = 1
    ) -> Mapping[int, Sequence[float]]:
        """Return how long events took from being received to being taken, in seconds, by the first of the `step`
        minutes since 1970 in which they were received; of each an even sample of `of_each` events at most is looked at.

        `since` is such a first minute. Events that were parked on their way are left out: they waited
        for their person.
        """

    def names(
        self, destination: str, *, since: int, until: int, of_each: int, step: int = 1
    ) -> Mapping[int, Mapping[str, int]]:
        """Return how many events of an even sample, as in `lags`, have which name; without one, their type. All have ended."""
