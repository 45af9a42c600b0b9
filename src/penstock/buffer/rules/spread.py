"""A few of many, evenly. Pure."""

import itertools
from collections.abc import Sequence
from typing import TypeVar

Thing = TypeVar("Thing")
GOLDEN = (5**0.5 - 1) / 2


def spread(things: Sequence[Thing], count: int) -> list[Thing]:
    """Return `count` of the things at most, the first and then at even distances."""
    step = max(len(things) / count, 1.0)
    return [things[int(place * step)] for place in range(min(count, len(things)))]


def scattered(things: Sequence[Thing], count: int, *, seed: int = 0) -> list[Thing]:
    """Return `count` of the things at most, one out of each of as many equal parts, at no regular distance.

    What comes in turns, two sources say, would be met at every other step of a regular walk, or at none. Where in its part each
    is taken goes by squares and the golden ratio, which no step is in time with; `seed` begins elsewhere.
    """
    if len(things) <= count:
        return list(things)
    edges = [len(things) * place // count for place in range(count + 1)]
    parts = enumerate(itertools.pairwise(edges))
    return [things[low + int((place + seed) ** 2 * GOLDEN % 1 * (high - low))] for place, (low, high) in parts]
