"""The checker bites: every kind of broken promise is planted in a history that is as it should be otherwise."""

import ast
import copy
import random
from pathlib import Path

import pytest

from history.checker import violations
from history.custify import SHARES, Custify, Mood
from history.record import History, read

HERE = Path(__file__).parent


def track(who, n):
    return {"id": f"{who}-{n}", "who": who, "n": n, "type": "track"}


def identify(who, n):
    return {"id": f"{who}-{n}", "who": who, "n": n, "type": "identify"}


def event(who, n, **otherwise):
    return {"kind": "applied", "id": f"{who}-{n}", "who": who, "n": n, "path": "/event", **otherwise}


def upsert(who, n):
    return {"kind": "applied", "id": None, "who": who, "n": n, "path": "/people"}


def figures(received, waiting, kind="figures", **outcomes):
    return {"kind": kind, "received": received, "waiting": waiting, "outcomes": outcomes}


def accepted(request, *events):
    return [
        {"kind": "sent", "request": request, "events": list(events)},
        {"kind": "tried", "request": request},
        {"kind": "accepted", "request": request},
    ]


def numbered(*records):
    flat = [each for record in records for each in (record if isinstance(record, list) else [record])]
    return [{**copy.deepcopy(record), "at": number} for number, record in enumerate(flat)]


def good_day():
    """Two people; a repeat with its identifier; a backup that comes back and takes what came after it."""
    return [
        accepted(1, identify("a", 1), identify("b", 2)),
        [upsert("a", 1), upsert("b", 2)],
        accepted(2, track("a", 3), track("b", 4), track("a", 5)),
        figures(5, 2, delivered=3),
        [event("a", 3), event("b", 4), event("b", 4), event("a", 5)],
        accepted(3, identify("a", 6), identify("a", 7)),
        # One call for both: the first was taken into the second.
        upsert("a", 7),
        {"kind": "sent", "request": 4, "events": [track("a", 8)]},
        [{"kind": "tried", "request": 4}, {"kind": "tried", "request": 4}, {"kind": "accepted", "request": 4}],
        event("a", 8),
        {"kind": "backup", "set": 0},
        accepted(5, track("a", 9), track("b", 10)),
        event("b", 10),
        figures(10, 1, delivered=8, coalesced=1),
        {"kind": "restored", "set": 0},
        figures(8, 0, delivered=7, coalesced=1),
        [event("a", 8), upsert("a", 7)],
        accepted(6, track("a", 11), identify("a", 12)),
        [event("a", 11), upsert("a", 12)],
        figures(10, 0, "end", delivered=9, coalesced=1),
    ]


def kinds(*records):
    return {each.kind for each in violations(numbered(*records))}


def without(day, *gone):
    """Return a day without some records."""
    flat = [each for record in day for each in (record if isinstance(record, list) else [record])]
    return [record for record in flat if record not in gone]


def instead(day, before, after):
    return [after if record == before else record for record in without(day)]


def test_a_day_as_it_should_be_breaks_no_promise():
    assert violations(numbered(*good_day())) == []


@pytest.mark.parametrize(
    ("gone", "kind"),
    [(event("a", 3), "lost"), (event("a", 11), "lost"), (upsert("b", 2), "lost"), (event("b", 4), "lost")],
    ids=["a track", "a track after the restore", "an upsert", "both of a repeat"],
)
def test_what_was_accepted_and_never_applied_is_lost(gone, kind):
    assert kind in kinds(*without(good_day(), gone))


def test_the_last_upsert_before_a_restore_is_lost_and_the_last_of_all_leaves_custify_stale():
    assert kinds(*without(good_day(), upsert("a", 12))) == {"lost", "stale"}
    assert kinds(*without(good_day(), upsert("a", 7), upsert("a", 12))) >= {"lost", "stale"}
    back_to = [*without(good_day())[:-1], upsert("a", 7), without(good_day())[-1]]
    assert kinds(*back_to) == {"stale"}


def test_a_restore_excuses_what_came_after_its_backup_and_nothing_else():
    day = without(good_day())
    assert kinds(*without(day, event("b", 10))) == set()
    assert kinds(*without(day, {"kind": "restored", "set": 0})) == {"lost", "sums"}
    # Accepted before the backup began: it is in it.
    assert kinds(*without(day, event("a", 8))) == {"lost"}
    late = [each for each in day if each != {"kind": "tried", "request": 5}]
    at = late.index({"kind": "restored", "set": 0}) + 1
    late = [*late[:at], {"kind": "tried", "request": 5}, {"kind": "accepted", "request": 5}, *late[at:]]
    late.remove({"kind": "accepted", "request": 5})
    assert kinds(*late) >= {"lost"}


@pytest.mark.parametrize("day", [
    [accepted(1, track("a", 1), track("a", 2)), event("a", 2), event("a", 1)],
    [accepted(1, track("a", 1), track("a", 2), track("a", 3)), event("a", 1), event("a", 3), event("a", 2)],
    [accepted(1, identify("a", 1), track("a", 2)), event("a", 2), upsert("a", 1)],
], ids=["swapped", "overtaken", "before who they are is known"])  # fmt: skip
def test_what_is_applied_out_of_order_is_reordered(day):
    count = len(day[0][0]["events"])
    assert kinds(*day, figures(count, 0, "end", delivered=count)) == {"reordered"}


def test_two_people_have_no_order_and_a_repeat_has_none():
    day = [accepted(1, track("a", 1), track("b", 2), track("a", 3)), event("b", 2), event("a", 1), event("a", 3)]
    assert kinds(*day, event("a", 1), figures(3, 0, "end", delivered=3)) == set()


@pytest.mark.parametrize("other", ["a-8", "x", None])
def test_a_repeat_with_another_identifier_is_doubled(other):
    day = good_day()
    assert "doubled" in kinds(*day[:-1], event("a", 3, id=other), day[-1])


@pytest.mark.parametrize(
    "extra",
    [event("c", 1), event("a", 99), upsert("a", 3), upsert("c", 1), event("a", 1), event("a", 11, id=None)],
    ids=[
        "nobody's",
        "never sent",
        "an upsert of a track",
        "nobody's upsert",
        "an event of an identify",
        "no identifier",
    ],
)
def test_what_was_never_sent_is_invented(extra):
    day = good_day()
    assert "invented" in kinds(*day[:-1], extra, day[-1])


def test_an_identifier_of_another_event_is_invented():
    day = instead(good_day(), event("a", 11), event("a", 11, id="a-3"))
    assert "invented" in kinds(*day)


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (figures(5, 2, delivered=3), figures(5, 2, delivered=2), "sums"),
        (figures(5, 2, delivered=3), figures(5, 2, delivered=4), "sums"),
        (figures(10, 1, delivered=8, coalesced=1), figures(4, 1, delivered=3), "sums"),
        (figures(10, 0, "end", delivered=9, coalesced=1), figures(10, 1, "end", delivered=9), "waiting"),
        (figures(10, 0, "end", delivered=9, coalesced=1), figures(10, 0, "end", delivered=9, dead=1), "lost"),
        (figures(10, 0, "end", delivered=9, coalesced=1), figures(10, 0, "end", delivered=9, rejected=1), "lost"),
    ],
    ids=["too few", "too many", "received goes back", "still waiting", "dead", "rejected"],
)
def test_figures_that_do_not_add_up_are_found(before, after, kind):
    assert kind in kinds(*instead(good_day(), before, after))


def test_received_is_at_least_what_was_accepted():
    day = [accepted(1, track("a", 1), track("a", 2)), event("a", 1), event("a", 2)]
    assert kinds(*day, figures(2, 0, "end", delivered=2)) == set()
    assert kinds(*day, figures(1, 0, "end", delivered=1)) == {"sums"}
    assert kinds(*day) == {"waiting"}


def test_a_request_that_was_never_accepted_promises_nothing():
    day = [
        {"kind": "sent", "request": 1, "events": [track("a", 1), track("a", 2)]},
        {"kind": "tried", "request": 1},
        event("a", 1),
        figures(1, 0, "end", delivered=1),
    ]
    assert kinds(*day) == set()


def test_whatever_single_record_of_what_arrived_is_taken_away_or_moved_is_noticed_or_harmless():
    """Random damage to a long day: a missing or moved first arrival is always found."""
    events = [track("a", n) for n in range(1, 200)]
    day = numbered(accepted(1, *events), *(event("a", n) for n in range(1, 200)), figures(199, 0, "end", delivered=199))
    dice = random.Random(1)
    for _ in range(200):
        arrivals = [record for record in day if record["kind"] == "applied"]
        victim = dice.choice(arrivals)
        rest = [record for record in day if record is not victim]
        assert {each.kind for each in violations(rest)} == {"lost"}
        place = rest.index(arrivals[0]) if victim is not arrivals[0] else len(rest) - 1
        moved = numbered(*rest[:place], victim, *rest[place:])
        assert {each.kind for each in violations(moved)} == {"reordered"}


def test_the_history_in_a_file_is_the_history(tmp_path):
    history = History(tmp_path / "history.jsonl")
    for record in numbered(*good_day()):
        history.note(record["kind"], **{name: value for name, value in record.items() if name not in {"kind", "at"}})

    history.close()

    assert list(read(tmp_path / "history.jsonl")) == history.records() == numbered(*good_day())


def test_the_hostile_custify_does_all_that_it_is_told_to():
    custify = Custify(History(), seed=1)
    try:
        for kind in SHARES:
            custify.mood = Mood(**{kind: 1.0})
            fates = {custify.fate() for _ in range(50)}
            assert {fate.removesuffix("-applied") for fate in fates} == {kind}
            assert len(fates) == (2 if kind in {"silent", "hangs_up"} else 1)
        custify.mood = Mood(calls_per_s_max=5.0)
        assert [custify.fate() for _ in range(9)].count("throttles") >= 3
        custify.mood = Mood()
        assert custify.fate() == "fine"
    finally:
        custify.close()


def test_who_judges_knows_nothing_of_the_product():
    for file in ("checker.py", "record.py", "client.py", "custify.py"):
        for node in ast.walk(ast.parse((HERE / file).read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [name.name for name in node.names] if isinstance(node, ast.Import) else []
            assert not any(name.split(".")[0] in {"penstock", "acceptance"} for name in names), file
    for node in ast.walk(ast.parse((HERE / "checker.py").read_text())):
        assert not (isinstance(node, ast.ImportFrom) and node.module.startswith("history")), "the checker is alone"
