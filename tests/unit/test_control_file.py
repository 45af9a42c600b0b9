"""The dashboard's file: an older one is brought up to date before anybody reads its settings, and deeds are kept."""

import sqlite3

import pytest

from contract.worlds import file_of_schema
from penstock.buffer.port.control import Role, Sort, User
from penstock.buffer.port.views import SavedView
from penstock.buffer.sqlite import file as sqlite
from penstock.buffer.sqlite.control.control import SqliteControl
from penstock.buffer.sqlite.control.journal import REFUSALS_MAX, ROWS_MAX
from penstock.buffer.sqlite.control.views import SqliteViews
from penstock.buffer.sqlite.privacy.control import forget_in_control, in_control
from penstock.clock import ManualClock
from penstock.errors import SettingsError, SettingsOutdated

DOCUMENT = {"sources": {}, "destinations": {}, "connections": []}


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def control(tmp_path, clock):
    return SqliteControl(tmp_path, clock=clock)


REVISION = (
    "INSERT INTO revision (at, changed_by, note, document) VALUES (0, 'ana', 'before', ?)",
    ['{"sources": {}, "destinations": {}, "connections": []}'],
)


def test_settings_and_tokens_of_an_older_file_are_kept(tmp_path, control, clock):
    token = ("INSERT INTO credential VALUES ('hash', 'token', 'ana', 'ci', 0, 1e12)", [])
    file_of_schema(3, tmp_path, sqlite.CONTROL, REVISION, token)
    assert control.newest() is None, "a file of another schema cannot be read"
    control.bring_up_to_date()

    assert control.newest().note == "before"
    assert control.take_credential("hash").scope == ""


def test_deeds_of_an_older_file_are_kept_and_sign_ins_told_apart(tmp_path, control):
    deeds = [(60, "ana", "web paused"), (61, "ana", "signed in"), (62, "bo", "signed in"), (63, "bo", "signed in")]
    file_of_schema(
        4, tmp_path, sqlite.CONTROL, REVISION, *(("INSERT INTO deed VALUES (?, ?, ?)", list(deed)) for deed in deeds)
    )
    control.bring_up_to_date()

    assert [(deed.at, deed.by, deed.what) for deed in control.deeds()] == [(60, "ana", "web paused")]
    looks = control.deeds(sort=Sort.LOOK)
    assert [(deed.at, deed.by, deed.times) for deed in looks] == [(63, "bo", 2), (61, "ana", 1)]


def test_a_file_that_is_not_there_is_not_made_by_looking(tmp_path, control):
    control.bring_up_to_date()

    assert not (tmp_path / sqlite.CONTROL).exists()


def test_deeds_come_newest_first_and_no_more_than_asked_for(control, clock):
    for number in range(3):
        control.note("ana", f"deed {number}")
        clock.advance(1)

    assert [deed.what for deed in control.deeds(limit=2)] == ["deed 2", "deed 1"]
    assert control.deeds()[0].by == "ana"


def test_what_repeats_within_its_period_is_one_row_with_a_count(control, clock):
    for _ in range(3):
        control.note("ana", "saw events", sort=Sort.LOOK)
        clock.advance(60)
    clock.advance(3_600)
    control.note("ana", "saw events", sort=Sort.LOOK, times=2)

    assert [deed.times for deed in control.deeds(sort=Sort.LOOK)] == [2, 3]


def test_strangers_fill_no_disk_with_names_they_make_up(control, clock, tmp_path):
    for number in range(3 * ROWS_MAX[Sort.REFUSAL]):
        control.note(f"name {number}", "wrong password", sort=Sort.REFUSAL)
    kept = control.deeds(sort=Sort.REFUSAL, limit=1_000)

    assert len(kept) == ROWS_MAX[Sort.REFUSAL] + 1
    assert sum(deed.times for deed in kept) == 3 * ROWS_MAX[Sort.REFUSAL]
    with sqlite3.connect(tmp_path / sqlite.CONTROL) as file:
        rows = [("refusal", period, "x", "y", period, 1) for period in range(REFUSALS_MAX + 50)]
        insert = "INSERT INTO journal (sort, period, who, what, at, times) VALUES (?, ?, ?, ?, ?, ?)"
        file.executemany(insert, rows)
    clock.advance(60)
    control.note("one", "more", sort=Sort.REFUSAL)
    with sqlite3.connect(tmp_path / sqlite.CONTROL) as file:
        assert file.execute("SELECT count(*) FROM journal").fetchone() == (REFUSALS_MAX,)


def test_deeds_go_by_age_alone_and_each_sort_by_its_own(control, clock):
    control.note("ana", "web paused")
    for number in range(300):
        control.note("ana", f"sign-in {number}", sort=Sort.LOOK)
        control.note("eve", f"refusal {number}", sort=Sort.REFUSAL)
    assert [deed.what for deed in control.deeds()] == ["web paused"], "nothing pushes a deed out"

    clock.advance(100)
    assert control.forget_deeds(Sort.LOOK, before=clock.now() - 50) == 300
    assert control.forget_deeds(Sort.DEED, before=clock.now() - 500) == 0
    assert [deed.what for deed in control.deeds()] == ["web paused"]


def test_a_revision_is_kept_only_if_the_one_it_is_based_on_is_in_force(control):
    first = control.save(DOCUMENT, by="ana", note="one", after=0)
    control.save(DOCUMENT, by="bo", note="two", after=first)

    with pytest.raises(SettingsOutdated, match="another user changed the settings meanwhile"):
        control.save(DOCUMENT, by="ana", note="three", after=first)
    assert control.newest().note == "two"


def test_administrators_who_take_each_others_role_leave_one(control):
    for name in ("ana", "bo"):
        control.put_user(User(name=name, role=Role.ADMIN, password_hash="x"))
    control.put_user(User(name="bo", role=Role.VIEWER, password_hash="x"))

    for act in (
        lambda: control.put_user(User(name="ana", role=Role.VIEWER, password_hash="x")),
        lambda: control.put_user(User(name="ana", role=Role.ADMIN), ending=True),
        lambda: control.remove_user("ana"),
    ):
        with pytest.raises(SettingsError, match="none left"):
            act()
    assert control.users()[0] == User(name="ana", role=Role.ADMIN, password_hash="x")


def test_views_go_with_their_user_and_with_who_they_look_for(tmp_path, control, clock):
    views = SqliteViews(tmp_path, clock=clock)
    for name, query in (("hers", "person=ana%40x.io"), ("ours", "company=acme"), ("ana@x.io", "state=dead")):
        views.save(SavedView(user="bo", name=name, query=query))
    assert in_control(tmp_path, frozenset({"email:ana@x.io"})).counts["saved views"] == 2
    forget_in_control(tmp_path, frozenset({"email:ana@x.io"}), clock=clock)

    assert [view.name for view in views.views("bo")] == ["ours"]
    control.put_user(User(name="bo", role=Role.VIEWER))
    control.remove_user("bo")
    assert views.views("bo") == []
