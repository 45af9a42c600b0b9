"""What all measures have in common: how often, how long, who goes first, and what is said in the end."""

import json
import os
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from rows import Row

Found = TypeVar("Found")

#: A short run, to see that all works and nothing has become worse by half; not to be recorded.
QUICK = bool(os.environ.get("QUICK"))
#: Another checkout, with its own .venv, that is measured in turn with this one.
BEFORE = Path(os.environ["BEFORE"]).resolve() if os.environ.get("BEFORE") else None
ROUNDS = 2 if QUICK else 5
#: A folder on the disk that is to be measured.
PLACE = os.environ.get("BENCH_DIR")


def sized(full: int, quick: int) -> int:
    """Return a size, by the kind of run."""
    return quick if QUICK else full


def in_turn(ways: Mapping[str, Callable[[], Found]], *, rounds: int = ROUNDS) -> dict[str, list[Found]]:
    """Measure all ways in every round, so that a busy machine is busy for all; who began a round ends the next one."""
    found: dict[str, list[Found]] = {name: [] for name in ways}
    for number in range(rounds):
        names = list(ways) if number % 2 == 0 else list(ways)[::-1]
        for name in names:
            found[name].append(ways[name]())
        said = ", ".join(f"{name} {short(found[name][-1])}" for name in ways)
        print(f"   round {number + 1} of {rounds}: {said}", file=sys.stderr, flush=True)
    return found


def short(found: object) -> str:
    """Return what was found in a few letters, for whoever watches."""
    return f"{found:.4g}" if isinstance(found, float | int) else str(found)


def median(found: Sequence[Any], of: str | Callable[[Any], float] = "") -> float:
    """Return the median of what was found, or of one thing of it."""
    if callable(of):
        return statistics.median(of(each) for each in found)
    return statistics.median(getattr(each, of) for each in found) if of else statistics.median(found)


def percentile(values: Sequence[float], share: float) -> float:
    """Return what a share of the values stays at or below."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def by_pairs(own: Sequence[Any], limit: Sequence[Any], of: str | Callable[[Any], float] = "") -> float:
    """Return the median of the ratios of the rounds: what disturbed a round disturbed both of it."""
    read = of if callable(of) else (lambda each: getattr(each, of) if of else each)
    return statistics.median(read(a) / read(b) for a, b in zip(own, limit, strict=True))


def paired(own: Sequence[Any], limit: Sequence[Any], of: str | Callable[[Any], float] = "") -> dict[str, float]:
    """Return the figure of a row, and the limit that makes its ratio the one of the rounds."""
    figure = median(own, of)
    return {"figure": figure, "limit": figure / by_pairs(own, limit, of)}


def say(*rows: Row, **beside: Any) -> None:
    """Hand the rows to whoever started this measure: the last line of standard output."""
    for row in rows:
        print(f"   {row.name}: {row.figure:.4g} {row.unit}, {row.target} {row.holds}", file=sys.stderr)
    print(json.dumps({"rows": [row.as_json() for row in rows], **beside}), flush=True)
