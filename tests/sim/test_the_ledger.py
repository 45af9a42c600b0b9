"""Does Custify end up as if every event had been sent, whatever goes wrong in between?"""

import collections
import dataclasses

import pytest

from penstock.buffer.memory import backlog
from penstock.buffer.port.outcomes import Outcome
from penstock.deliver.decide import RetryIn
from penstock.deliver.engine import Engine
from sim.ledger_checks import wrong_with_ledger
from sim.run import told
from sim.test_simulation import FIRST, SEEDS


@pytest.mark.parametrize("part", range(4))
def test_custify_ends_up_as_if_every_event_had_been_sent(part):
    outcomes = collections.Counter()
    for seed in range(FIRST + part, FIRST + SEEDS, 4):
        history = told(seed, "memory", "ledger")
        assert wrong_with_ledger(history) == [], f"seed {seed}"
        outcomes.update(history.outcomes)

    assert outcomes[Outcome.NO_OP] > SEEDS / 10
    assert outcomes[Outcome.COALESCED] > SEEDS / 10


def test_nor_over_real_files():
    for seed in range(FIRST, FIRST + SEEDS // 8):
        assert wrong_with_ledger(told(seed, "sqlite", "ledger")) == [], f"seed {seed} over SQLite"


class LearnsWhatWasNeverAcknowledged(Engine):
    async def apply(self, verdict, dispatch, attempts):
        if isinstance(verdict, RetryIn) and dispatch.calls:
            dispatch = dataclasses.replace(dispatch, learned={s: Eager(known) for s, known in dispatch.learned.items()})
        await super().apply(verdict, dispatch, attempts)


@dataclasses.dataclass
class Eager:
    """What a call would teach, taken for granted before it was answered."""

    known: object

    def learn(self, raw):
        return self.known.learn(raw)

    doubt = learn


class SendsEventsOfStrangers(Engine):
    def __init__(self, *arguments, policy, **rest) -> None:
        rules = dataclasses.replace(policy.rules, unknown="send")
        super().__init__(*arguments, policy=dataclasses.replace(policy, rules=rules), **rest)


def found(engine: type[Engine] = Engine, *, expected: str = "") -> str:
    """Return the first complaint of the kind that is expected, and by which seed; empty when there is none."""
    for seed in range(1, 201):
        complaints = wrong_with_ledger(told(seed, "memory", "ledger", engine=engine))
        if complaint := next((each for each in complaints if expected in each), ""):
            return f"seed {seed}: {complaint}"
    return ""


@pytest.mark.parametrize(
    ("engine", "expected"),
    [(LearnsWhatWasNeverAcknowledged, "said"), (SendsEventsOfStrangers, "vanished")],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_planted_bug_of_the_ledger_is_found(engine, expected):
    assert found(engine, expected=expected)


def test_parked_events_that_are_never_woken_are_found(monkeypatch):
    monkeypatch.setattr(backlog.MemoryBacklog, "_learn", lambda self, learned: self.ledger.learn(learned) and None)

    assert found()


def test_runs_that_take_in_what_stands_behind_a_track_are_found(monkeypatch):
    def behind(self, run):
        own = [p for p in self.places[self.waiting[run[0]].lanes[0]] if p > run[-1] and p not in self.leases]
        return next((p for p in own if self.events[self.waiting[p].seq - 1].type != "track"), None)

    monkeypatch.setattr(backlog.MemoryBacklog, "_next_behind", behind)

    assert found()
