"""The dashboard's file: an older one is brought up to date before anybody reads its settings, and deeds are kept."""

import sqlite3

import pytest

from penstock.buffer import sqlite
from penstock.buffer.control_port import Kind, Role, User
from penstock.buffer.sqlite_control import SqliteControl
from penstock.clock import ManualClock
from penstock.operate.access import Access

DOCUMENT = {"sources": {}, "destinations": {}, "connections": []}


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def control(tmp_path, clock):
    return SqliteControl(tmp_path, clock=clock)


def test_settings_and_tokens_of_an_older_file_are_kept(tmp_path, control, clock, monkeypatch):
    steps = sqlite.SCHEMAS[sqlite.CONTROL]
    with monkeypatch.context() as older:
        older.setitem(sqlite.SCHEMAS, sqlite.CONTROL, steps[:3])
        control.save(DOCUMENT, by="ana", note="before")
        with sqlite3.connect(tmp_path / sqlite.CONTROL) as file:
            file.execute("INSERT INTO credential VALUES ('hash', 'token', 'ana', 'ci', 0, 1e12)")
    assert control.newest() is None, "a file of another schema cannot be read"
    control.bring_up_to_date()

    assert control.newest().note == "before"
    assert control.take_credential("hash").scope == ""


def test_a_file_that_is_not_there_is_not_made_by_looking(tmp_path, control):
    control.bring_up_to_date()

    assert not (tmp_path / sqlite.CONTROL).exists()


def test_deeds_come_newest_first_and_no_more_than_asked_for(control, clock):
    for number in range(3):
        control.note("ana", f"deed {number}")
        clock.advance(1)

    assert [deed.what for deed in control.deeds(limit=2)] == ["deed 2", "deed 1"]
    assert control.deeds()[0].by == "ana"


def test_the_oldest_deeds_are_forgotten(control, monkeypatch):
    monkeypatch.setattr("penstock.buffer.sqlite_control.DEEDS_MAX", 2)
    for number in range(5):
        control.note("ana", f"deed {number}")

    assert [deed.what for deed in control.deeds()] == ["deed 4", "deed 3"]


def test_a_new_password_ends_sessions_and_not_what_was_shared(control, clock):
    access = Access(control, clock=clock)
    ana = User(name="ana", role=Role.OPERATOR)
    control.put_user(ana)
    session, link = access.start_session(ana), access.share(ana, "{}", seconds=60)
    access.set_password(ana, "correct horse battery")

    assert access.who(session, Kind.SESSION) is None
    assert access.shared(link) is not None
