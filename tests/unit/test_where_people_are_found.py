"""Seldom places where somebody stands, and what a process has in mind and would write down again: found, and gone once they are erased."""

import json
import random
from pathlib import Path

import pytest

from contract.worlds import DESTINATION
from penstock import causes
from penstock.admin.doors.audit import Audit
from penstock.buffer.port.control import Sort
from penstock.buffer.port.issues import Issue, IssueState
from penstock.buffer.port.selection import Selection
from penstock.buffer.port.traces import Removal
from penstock.buffer.port.views import SavedView
from penstock.buffer.rules.needles import Needles
from penstock.buffer.sqlite.alerts.book import SqliteAlertBook
from penstock.buffer.sqlite.control.control import SqliteControl
from penstock.buffer.sqlite.control.issues import SqliteIssues
from penstock.buffer.sqlite.control.views import SqliteViews
from penstock.buffer.sqlite.file import DELIVERY, open_writer
from penstock.buffer.sqlite.privacy.alerts import forget_in_alerts
from penstock.clock import ManualClock
from penstock.ledger.guard import Suspicion
from penstock.run.erasures import WithMemory
from privacy_world import PrivacyWorld
from unit.test_alarm import live, only_destinations, run
from unit.test_alarm import world as alarm_world
from unit.test_eraser_waits import ANN, SAID, erase, told

EVENT = f"{ANN}-b7"
__all__ = ["alarm_world"]


def held(world: PrivacyWorld) -> dict[str, int]:
    found = world.searching.everything(frozenset({f"user:{ANN}"}))
    return {**found.delivery.counts, **found.control.counts}


async def gone(world: PrivacyWorld) -> None:
    erase(world)
    await world.until_done(seconds_max=60)
    assert world.found_of(ANN) == []


def test_a_remark_about_an_attribute_loses_the_message_id_that_tells_of_them(tmp_path: Path) -> None:
    remark = Suspicion(attribute="people.planName", type="string", why="it is new", message_id=EVENT)

    async def story(world: PrivacyWorld) -> None:
        file = open_writer(tmp_path / DELIVERY)
        file.execute("INSERT INTO ledger VALUES (?, ?, ?, 1)", [DESTINATION, remark.subject, remark.learn(None)])
        assert held(world)["remarks about attributes"] == 1

        await gone(world)

        [kept] = file.execute("SELECT record FROM ledger").fetchone()
        file.close()
        assert json.loads(kept) == {"attribute": "people.planName", "type": "string", "why": "it is new"}

    told(tmp_path, story)


def test_why_a_destination_is_held_is_kept_without_whom_the_answer_quoted(tmp_path: Path) -> None:
    async def story(world: PrivacyWorld) -> None:
        await world.store.backlog.remember({"hold_reason": f"403: user {ANN} may not", "hold_cause": "custify.route"})
        assert held(world)["notes of destinations"] == 1

        await gone(world)

        assert (await world.store.backlog.notes())["hold_reason"] == "403: user [erased] may not"

    told(tmp_path, story)


def test_who_looks_by_a_message_id_leaves_nothing_of_them(tmp_path: Path) -> None:
    issue = Issue(destination=DESTINATION, cause="x", state=IssueState.DISMISSED, owner="", reason=f"ask {ANN}", at=1.0, by="root", last_seq=0)  # fmt: skip

    async def story(world: PrivacyWorld) -> None:
        await world.take("web", {**SAID, "messageId": EVENT})
        await world.settle(seconds=3)
        control = SqliteControl(tmp_path, clock=world.clock)
        control.note("root", f"event {EVENT} at custify", sort=Sort.LOOK)
        control.save({"sources": {}}, by="root", note=f"for {ANN}")
        world.orders.ask_replay(DESTINATION, Selection(message_id=EVENT), by="root")
        SqliteViews(tmp_path, clock=world.clock).save(SavedView(user="root", name="hers", query=f"message_id={EVENT}"))
        SqliteIssues(tmp_path, clock=world.clock).decide(issue)
        kinds = ("sentences in the audit log", "replays", "saved views", "words about problems and settings")
        assert [held(world)[kind] for kind in kinds] == [1, 1, 1, 2]

        await gone(world)

        assert [deed.what for deed in control.deeds(sort=Sort.LOOK)] == ["event [erased] at custify"]

    told(tmp_path, story)


def test_what_the_audit_has_counted_is_written_without_them(tmp_path: Path) -> None:
    control = SqliteControl(tmp_path, clock=ManualClock())
    audit = Audit(control, clock=ManualClock())
    for _ in range(3):
        audit.looked("root", f"event {EVENT}")
    control.forget_deeds(Sort.LOOK, before=1e12)

    audit.reword(Needles({f"user:{ANN}"}).unsaid)
    audit.flush()

    assert [(deed.what, deed.times) for deed in control.deeds(sort=Sort.LOOK)] == [("event [erased]", 2)]


def test_the_alarm_does_not_write_down_again_whom_a_problem_that_is_over_quoted(alarm_world) -> None:
    world, names = alarm_world, frozenset({f"user:{ANN}"})
    only_destinations(world)
    live(world, hold_reason=f"403: user {ANN} may not", hold_cause=causes.KEY_REJECTED)
    run(world, 30.0)
    book = SqliteAlertBook(world.folder)
    assert ANN in str(book.memory().episodes)
    live(world)
    world.alarm.reword(Needles(names).unsaid)
    forget_in_alerts(world.folder, names)

    run(world, 200.0)

    assert book.memory().episodes
    assert ANN not in str(book.memory())


def test_deliver_forgets_whom_an_answer_quoted_before_it_takes_them_out_of_its_file(tmp_path: Path) -> None:
    async def story(world: PrivacyWorld) -> None:
        standing = world.engine.standing
        standing.hold.reason = f"403: user {ANN} may not"

        class Store:
            async def remove(self, removal: Removal) -> bool:
                assert standing.is_unwritten
                return ANN not in str(standing.to_notes())

        assert await WithMemory(Store().remove, standing.reword).remove(Removal(names=[f"user:{ANN}"]))

    told(tmp_path, story)


@pytest.mark.parametrize("seed", range(3))
def test_a_quick_look_at_a_text_misses_nobody(seed: int) -> None:
    dice = random.Random(seed)
    names = {"user:ann/b c", "user:7", "email:ann@x.io", "anon:ﬀ-1f9c-2", "user:KELVIN-1f9c"}
    parts = (
        "user",
        ":",
        " ",
        "7",
        "ann/b c",
        "ann%2Fb%20c",
        "Ann@X.io",
        "\\/",
        "ﬀ-1f9c-2",
        "kelvin-1f9c",
        "\\ufb00-1f9c-2",
        "x",
    )
    needles = Needles(names)
    for _ in range(2000):
        text = "".join(dice.choices(parts, k=5))
        assert needles.is_in(text) == (needles.without(text) != text), text


def test_a_text_that_names_nobody_costs_no_pattern(monkeypatch) -> None:
    needles = Needles({"user:ann-1f9c-of-acme"})
    monkeypatch.setattr(Needles, "_pattern", property(lambda _: pytest.fail("the pattern was asked")))

    assert not needles.is_in("Custify refused the call with 422: the plan is not a number")


def test_memory_is_asked_to_forget_at_each_step(tmp_path: Path) -> None:
    async def story(world: PrivacyWorld) -> None:
        asked = list[frozenset[str]]()
        world.eraser.forget = asked.append
        erase(world)
        await world.until_done(seconds_max=60)

        assert len(asked) >= 2
        assert set(asked) == {frozenset({f"user:{ANN}"})}

    told(tmp_path, story)
