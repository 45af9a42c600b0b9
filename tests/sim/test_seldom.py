"""What is seldom is counted, story by story, and the table says which seed came to it first."""

import pytest

from sim.run import seldom, told
from sim.seldom import SEEDS_MIN, Seldom, Tally


def test_stories_come_to_seldom_states():
    seen = set[str]()
    for seed in range(1, 21):
        seen |= told(seed, "memory", "ledger" if seed % 2 == 0 else "plain").seen.keys()

    assert seen <= set(Seldom)
    assert len(seen) > len(Seldom) / 2


def test_the_first_seed_is_the_smallest_whichever_part_ends_first():
    tally = Tally.of(7, [Seldom.GAVE_UP])
    tally.add(Tally.of(3, [Seldom.GAVE_UP, Seldom.GAVE_UP_OVER_A_HOLD]))

    assert tally.counts[Seldom.GAVE_UP] == 2
    assert tally.first == {Seldom.GAVE_UP: 3, Seldom.GAVE_UP_OVER_A_HOLD: 3}
    assert f"      2  seed 3       {Seldom.GAVE_UP}" in list(tally.table())


@pytest.mark.parametrize(("seeds", "code"), [(SEEDS_MIN, 1), (SEEDS_MIN - 1, 0)])
def test_a_state_that_so_many_stories_never_came_to_is_a_failure(capsys, seeds, code):
    tally = Tally.of(1, [state for state in Seldom if state != Seldom.GAVE_UP_OVER_A_HOLD])

    assert seldom(tally, seeds=seeds) == code
    said = capsys.readouterr().out
    assert f"      0               {Seldom.GAVE_UP_OVER_A_HOLD}" in said
    assert "1 states were never come to" in said
