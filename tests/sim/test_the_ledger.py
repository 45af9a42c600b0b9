"""Does Custify end up as if every event had been sent, whatever goes wrong in between?"""

import collections

import pytest

from contract.worlds import SqliteWorld
from penstock.buffer.port import Outcome
from penstock.ledger.rules import Rules
from sim.ledger_checks import wrong_with_ledger
from sim.story import tell
from sim.test_simulation import FIRST, SEEDS, memory_world

RULES = Rules(park_s=1_200.0)


@pytest.mark.parametrize("part", range(4))
def test_custify_ends_up_as_if_every_event_had_been_sent(part):
    outcomes = collections.Counter()
    for seed in range(FIRST + part, FIRST + SEEDS, 4):
        history = tell(seed, memory_world, rules=RULES)
        assert wrong_with_ledger(history) == [], f"seed {seed}"
        outcomes.update(history.outcomes)

    assert outcomes[Outcome.NO_OP] > SEEDS / 10
    assert outcomes[Outcome.COALESCED] > SEEDS / 10


def test_nor_over_real_files(tmp_path):
    for seed in range(FIRST, FIRST + SEEDS // 8):
        folder = tmp_path / str(seed)
        folder.mkdir()

        async def sqlite_world(clock, folder=folder):
            return await SqliteWorld(folder, clock).open()

        assert wrong_with_ledger(tell(seed, sqlite_world, rules=RULES)) == [], f"seed {seed} over SQLite"
