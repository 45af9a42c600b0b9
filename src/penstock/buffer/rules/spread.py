"""A few of many, evenly. Pure."""

from collections.abc import Sequence
from typing import TypeVar

Thing = TypeVar("Thing")


def spread(things: Sequence[Thing], count: int) -> list[Thing]:
    """Return `count` of the things at most, the first and then at even distances."""
    step = max(len(things) / count, 1.0)
    return [things[int(place * step)] for place in range(min(count, len(things)))]
