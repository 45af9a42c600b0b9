"""However large an event is, a page of its explanation costs a bounded number of steps, and all pages together tell all."""

import pytest

from cases.explained import leaves, tells_the_truth
from penstock.destinations.custify.options import Mapping
from penstock.explain import trials as explain_trials
from penstock.explain.explain import as_json, explain

MOMENT = "2026-01-02T03:04:05Z"
OWN = {"userId": "u1", "messageId": "m1", "timestamp": MOMENT}
# A page tries a part of the event, and bears out what it found on the whole; both may overshoot by one leaf's trials.
STEPS_MAX = 5 * explain_trials.STEPS_MAX


def many(value, count=3_000) -> dict:
    return {f"k{n}": value(n) for n in range(count)}


HOSTILE = {
    "texts": {"type": "identify", "traits": many(lambda n: f"value {n}")},
    "equal numbers": {"type": "identify", "traits": many(lambda _: 1)},
    "equal texts": {"type": "group", "groupId": "g", "traits": many(lambda _: "g")},
    "dates": {"type": "identify", "traits": many(lambda n: f"20{n % 90 + 10}-01-02")},
    "nulls": {"type": "identify", "traits": many(lambda _: None)},
    "arrays": {"type": "identify", "traits": {"deep": many(lambda n: [n, n])}},
    "objects": {"type": "identify", "traits": many(lambda n: {f"x{n}": n})},
    "properties": {"type": "track", "event": "e", "properties": many(lambda n: n)},
    "twice": {"type": "identify", "traits": many(str), "context": {"traits": many(str)}},
    "outside": {"type": "identify", **many(str)},
    "sixty thousand": {"type": "identify", "traits": many(str, 60_000)},
    "long texts": {"type": "identify", "traits": many(lambda n: f"{n}" + "x" * 40_000, 50)},
}
MAPPINGS = [Mapping(), Mapping(nested="flatten"), Mapping(nested="json"), Mapping(name="rudderstack")]


def steps_of(monkeypatch, event, mapping, first=0) -> int:
    """Return how many values were converted for one page."""
    trials, real = [], explain_trials.Trials.__init__

    def noted(self, *given, **named):
        trials.append(self)
        real(self, *given, **named)

    monkeypatch.setattr(explain_trials.Trials, "__init__", noted)
    explain(event, mapping, first=first)
    all_steps = {id(each.steps): each.steps for each in trials}.values()
    return sum(explain_trials.STEPS_MAX - each.left for each in all_steps)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("mapping", MAPPINGS, ids=repr)
def test_a_page_costs_a_bounded_number_of_steps(monkeypatch, name, mapping):
    event = OWN | HOSTILE[name]

    assert steps_of(monkeypatch, event, mapping) < STEPS_MAX


@pytest.mark.parametrize("first", [400, 2_800])
def test_a_later_page_costs_no_more_than_the_first(monkeypatch, first):
    event = OWN | HOSTILE["texts"]

    assert steps_of(monkeypatch, event, Mapping(), first) < STEPS_MAX


def test_attributes_that_are_passed_on_need_no_trial_each(monkeypatch):
    asked = []
    convert = explain_trials.convert
    monkeypatch.setattr(explain_trials, "convert", lambda event, mapping: asked.append(1) or convert(event, mapping))

    explanation = explain(OWN | HOSTILE["texts"], Mapping())

    assert len(explanation.lines) == 200
    assert len(asked) < 100


@pytest.mark.parametrize("name", ["texts", "equal numbers", "properties", "twice", "objects"])
def test_all_pages_together_tell_of_every_value_once_or_say_of_how_many_they_do_not(name):
    event = OWN | HOSTILE[name]
    told, untold, first = [], 0, 0
    while first is not None:
        explanation = explain(event, Mapping(), first=first)
        assert tells_the_truth(explanation)
        told += {line.source for line in explanation.lines}
        untold, first = untold + explanation.untold, explanation.next_first

    assert len(told) == len(set(told))
    assert len(told) + untold == len(list(leaves(event)))
    assert untold < 50


def test_what_has_a_field_of_its_own_comes_first_wherever_it_stands():
    event = OWN | {"type": "identify", "traits": many(str) | {"email": "ana@example.com", "phone": "+351 555"}}

    explanation = explain(event, Mapping())

    fields = {line.field for line in explanation.lines}
    assert {"user_id", "email", "phone", "signed_up_at"} <= fields
    assert (explanation.leaves, explanation.first, explanation.next_first) == (3_006, 0, 200)
    assert as_json(explanation)["next"] == 200


def test_behind_the_last_value_there_is_nothing():
    explanation = explain(OWN | {"type": "identify"}, Mapping(), first=10_000)

    assert [line for line in explanation.lines if line.source] == []
    assert explanation.next_first is None


def test_an_event_that_is_not_sent_is_told_page_by_page_too():
    explanation = explain({"type": "identify", "traits": many(str)}, Mapping(), first=200)

    assert len(explanation.lines) == 200
    assert explanation.next_first == 400
