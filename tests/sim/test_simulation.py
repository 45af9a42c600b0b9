"""Does delivery survive a bad day? Two hundred stories on every change, thousands on request; see Makefile."""

import os
from pathlib import Path

import pytest

from sim.checks import wrong
from sim.run import STORES, told

SEEDS = int(os.environ.get("SIM_SEEDS", "200"))
FIRST = int(os.environ.get("PENSTOCK_SIM_FIRST", "1"))
FAILED_ONCE = [
    int(line.split()[0])
    for line in (Path(__file__).parent / "seeds.txt").read_text().splitlines()
    if line[:1].isdigit()
]


def complaints(seed, store):
    """Return what is wrong with the story of a seed."""
    return wrong(told(seed, store))


@pytest.mark.parametrize("part", range(4))
def test_whatever_goes_wrong_nothing_is_lost_and_nothing_overtakes(part):
    for seed in range(FIRST + part, FIRST + SEEDS, 4):
        assert complaints(seed, "memory") == [], f"seed {seed}; see it with: make sim-seed SEED={seed}"


@pytest.mark.parametrize("part", range(2))
def test_nor_over_real_files(part):
    for seed in range(FIRST + part, FIRST + SEEDS // 5, 2):
        assert complaints(seed, "sqlite") == [], f"seed {seed} over SQLite"


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("seed", FAILED_ONCE or [FIRST])
def test_a_seed_that_failed_once_is_told_for_ever(seed, store):
    assert complaints(seed, store) == []
