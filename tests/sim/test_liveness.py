"""Whether a backlog ends in time, and what is said of one that does not."""

import pytest

from penstock.buffer.port.outcomes import Outcome
from penstock.deliver.engine import Engine
from penstock.deliver.pace import Pace
from sim.liveness import Drain, Waits
from sim.run import told


class NeverComesBack(Engine):
    """Takes every seventh event, and forgets it as often as it comes."""

    async def deliver(self, lease):
        if lease.seq % 7:
            await super().deliver(lease)


def test_a_story_that_stands_still_says_what_and_why():
    history = told(3, "memory", engine=NeverComesBack)

    [complaint] = [said for drain in history.drains for said in drain.complaints()]
    assert "events still wait" in complaint
    assert "s are enough (" in complaint
    assert "m7 is waiting, due since" in complaint
    assert "and nobody takes it" in complaint


def test_nothing_is_replayed_behind_what_stands_still():
    history = told(3, "memory", engine=NeverComesBack)

    assert len(history.drains) == 1
    assert history.replayed == frozenset()


def test_an_event_that_waits_for_its_person_does_so_no_longer_because_a_hold_was_never_tried_out_by_a_write():
    history = told(1218, "memory", "ledger")

    assert [said for drain in history.drains for said in drain.complaints()] == []


@pytest.mark.parametrize("kind", ["plain", "ledger"])
def test_a_story_ends_within_what_it_waits_for(kind):
    history = told(4, "memory", kind)

    assert [drain.still for drain in history.drains] == [(), ()]
    assert all(drain.took_s <= drain.waits.bound_s for drain in history.drains)
    assert history.waiting == 0
    assert sum(history.outcomes[outcome] for outcome in Outcome if outcome in history.outcomes) == history.received


def test_waits_run_beside_one_another_and_the_work_one_after_the_other():
    waits = Waits(events=10, calls_per_s=0.5, quiet_s=20.0, backoff_s=300.0, idle_s=10.0)

    assert waits.work_s == 10 * (2.0 + 4 / 0.5)
    assert waits.bound_s == 20.0 + 10.0 + 300.0 + 10.0 + 10.0 + waits.work_s
    assert str(waits) == "quiet 20 s, backoff 300 s, looks 10 s, work on 10 events 100 s"


def test_without_a_limit_calls_take_no_time_of_their_own():
    assert Waits(events=3, calls_per_s=Pace().limit).work_s == 6.0


def test_of_many_events_that_stand_still_some_are_named():
    drain = Drain(waits=Waits(events=9, calls_per_s=1.0), took_s=99.0, still=tuple(f"m{i}" for i in range(9)))

    [complaint] = drain.complaints()
    assert complaint.startswith("9 events still wait 99 s after faults stopped, where 54 s are enough")
    assert complaint.endswith("m0; m1; m2; m3; m4; …")
