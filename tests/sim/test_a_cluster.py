"""Does a cluster keep what one machine promises? Two owners, lost answers, standbys that lag, an owner that was stopped."""

import asyncio
import os
from pathlib import Path

import pytest

from contract.worlds import quick_folder
from penstock.buffer.sqlite.replica import node as nodes
from penstock.buffer.sqlite.replica.follower import FileView
from penstock.buffer.sqlite.replica.messages import What, chained, message_of
from penstock.buffer.sqlite.replica.recorder import Recorder
from penstock.buffer.sqlite.replica.tenure import HANDOVER, LeaseKeeper
from penstock.errors import SteppedDown
from penstock.witness.memory import MemoryWitness
from sim.cluster import fresh_files, longest_pause, tell_of_cluster
from sim.cluster_checks import wrong_with_cluster
from sim.run import be_quiet

SEEDS = int(os.environ.get("PENSTOCK_CLUSTER_SEEDS", "20"))
FIRST = int(os.environ.get("PENSTOCK_SIM_FIRST", "1"))


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    return fresh_files(tmp_path_factory.mktemp("fresh"))


@pytest.fixture(autouse=True)
def short_streams(monkeypatch):
    """Shorten streams often: nodes that come late find only a snapshot."""
    be_quiet()
    monkeypatch.setattr(nodes, "STATE_KEPT", 12)
    monkeypatch.setattr(nodes, "EVENTS_KEPT", 12)


def told(seed, fresh):
    with quick_folder() as folder:
        return tell_of_cluster(seed, Path(folder), fresh)


def test_whatever_goes_wrong_in_a_cluster_nothing_is_lost_and_nothing_overtakes(fresh):
    takeovers = handed_over = 0
    for seed in range(FIRST, FIRST + SEEDS):
        history = told(seed, fresh)
        assert wrong_with_cluster(history) == [], f"seed {seed}"
        takeovers, handed_over = takeovers + history.takeovers, handed_over + history.handed_over
    assert takeovers >= 2 * SEEDS
    assert handed_over


async def is_stopped(stage):
    stage.clock.stand_still(20.0)
    await asyncio.sleep(0.01)


async def is_killed(stage):
    await stage.nodes["a"].crash()
    stage.nodes["a"].start()


async def is_cut_off(stage):
    stage.nodes["a"].weather.is_cut = True
    await asyncio.sleep(30.0)
    stage.nodes["a"].weather.is_cut = False


async def hands_over(stage):
    await MemoryWitness(stage.witnesses).lease(f"{HANDOVER}{nodes.STATE}", owner="b", ttl_s=60)


@pytest.mark.parametrize(
    ("trouble", "pause_s_max"), [(is_stopped, 15.0), (is_killed, 15.0), (is_cut_off, 15.0), (hands_over, 2.0)]
)
def test_deliveries_go_on_soon_after_something_happens_to_their_owner(fresh, tmp_path, trouble, pause_s_max):
    assert longest_pause(tmp_path, fresh, trouble) <= pause_s_max


class CommitsBeforeItIsAppended(Recorder):
    """What is asked for is in the file, whatever becomes of the append."""

    async def __call__(self, executor, commit, operations):
        self._assert_owner()
        answers, body, sequences = self.written.begin(operations)
        if body:
            self.written.commit_at(None)
            said = message_of(What.CHANGES, body, schema=self.schema, sequences=sequences)
            self.place = await self.append(chained(said, self.place, epoch=self.epoch))
            self.written.connection.execute("BEGIN")
            self.written.commit_at(self.place)
        return answers


class GoesOnAfterARefusal(Recorder):
    """Keeps what nobody else has, and calls as if nothing had been said."""

    def _assert_owner(self):
        pass

    async def append(self, message):
        try:
            return await super().append(message)
        except SteppedDown:
            return self.place


class SkipsTheLast(FileView):
    """Takes in all but the newest change of whoever owned it before."""

    is_taking_over = False

    async def catch_up(self):
        self.is_taking_over = True
        try:
            return await super().catch_up()
        finally:
            self.is_taking_over = False

    def change(self, connection, message, *, name):
        if not self.is_taking_over or message.what is not What.CHANGES:
            super().change(connection, message, name=name)


class TrustsItsLeaseForEver(LeaseKeeper):
    """Never looks at the time."""

    def holds(self):
        return self.epoch > 0


def first_complaint(fresh, *, seeds=40):
    """Return what is found first; empty when nothing is."""
    for seed in range(1, seeds + 1):
        if complaints := wrong_with_cluster(told(seed, fresh)):
            return f"seed {seed}: {complaints[0]}"
    return ""


@pytest.mark.parametrize(
    ("place", "planted", "expected"),
    [
        ("Recorder", CommitsBeforeItIsAppended, "stopped|other rows"),
        ("Recorder", GoesOnAfterARefusal, "after a refusal|after another|took effect after|stopped|other rows"),
        ("FileView", SkipsTheLast, "stopped|other rows"),
        ("LeaseKeeper", TrustsItsLeaseForEver, "after another|took effect after"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
@pytest.mark.filterwarnings("ignore")
def test_a_planted_bug_of_a_cluster_is_found(fresh, monkeypatch, place, planted, expected):
    monkeypatch.setattr(nodes, place, planted)

    complaint = first_complaint(fresh)

    assert any(word in complaint for word in expected.split("|")), complaint
