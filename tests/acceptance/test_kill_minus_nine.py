"""kill -9 and other trouble under load: every event that got a 200 arrives, in order, and repeats carry one identifier.

The whole story is told by tests/history, whose checker knows nothing of the product; `make chaos` tells longer ones. The
supervisor is restarted by the story, as systemd would.
"""

import os

import pytest

from former_folders import FORMER
from history.chaos import tell

KILLS = int(os.environ.get("KILLS", "15"))
TROUBLES = int(os.environ.get("PENSTOCK_TROUBLES", "10"))
# A backup has to be there before it can come back: the first few are chosen, the dice choose the rest.
WEIGHTS = {"kill": 4, "stop": 3, "term": 2, "mood": 4, "heal": 2, "backup": 1, "restore": 1}

# On a quiet machine both take well below a minute; a loaded one is only slow.
pytestmark = pytest.mark.timeout(400)


def test_whatever_is_killed_every_accepted_event_arrives_in_order(tmp_path):
    day = tell(tmp_path, count=KILLS, seed=4711, weights={"kill": 1})
    print(day)

    assert day.found == []
    assert sum(day.told.values()) == KILLS
    assert min(day.accepted, day.applied) > 2 * KILLS


def test_an_upgrade_stops_outages_and_a_backup_that_comes_back_lose_nothing_and_reorder_nothing(tmp_path):
    begin = ("mood", "backup", "stop", "restore")
    day = tell(tmp_path, count=TROUBLES, seed=7, weights=WEIGHTS, begin=begin, former=FORMER[0])
    print(day)

    assert day.found == []
    assert min(day.told["backup"], day.told["restore"]) >= 1
    assert day.applied > 0
