"""People whom Custify may take for one by mistake, and ids that several share."""

from contextlib import closing

import pytest

from dashboard_world import World
from penstock.buffer.port.control import Role
from penstock.buffer.sqlite.connections import connect
from penstock.buffer.sqlite.delivery.ledger import SqliteLedgerShelf
from penstock.buffer.sqlite.file import DELIVERY
from penstock.buffer.sqlite.read import radar
from penstock.ledger.record import Delta
from unit.test_dashboard_pages import ANA, text_of

HELD = {"u1": "ana@x.io", "u2": "ana@x.io", "Bo": "bo@x.io", "bo ": None, "u9": "cy@x.io"}


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.set_up()
    world.receive(ANA)
    learned = {f"user:{id_}": Delta(fields={"email": e} if e else {}, asserted_at=1.0).learn for id_, e in HELD.items()}
    world.settle(learned=learned)
    return world


def tie(folder, *rows):
    with closing(connect(folder / DELIVERY)) as file:
        file.executemany("INSERT INTO tie VALUES ('custify', ?, ?, ?)", rows)


def test_what_the_ledger_knows_shows_who_may_be_taken_for_one(world, tmp_path):
    devices = [(f"anon:a{n}", "user:kiosk", 0) for n in range(radar.DEVICES_MIN)]
    tie(tmp_path, ("email:d1@x.io", "user:u9", 0), ("email:d2@x.io", "user:u9", 0), *devices)

    found = {(each.kind, each.name): each for each in SqliteLedgerShelf(tmp_path).merges("custify").found}

    assert found["email", "ana@x.io"].others == ("u1", "u2")
    assert found["case", "bo"].others == ("Bo", "bo ")
    assert found["emails", "u9"].count == 2
    assert found["devices", "kiosk"].count == radar.DEVICES_MIN
    assert len(found) == 4


def test_an_email_that_went_from_one_id_to_another_is_told_though_only_the_last_is_known(world, tmp_path):
    tie(tmp_path, ("email:info@x.io", "user:u7", 1))

    [shared] = [each for each in SqliteLedgerShelf(tmp_path).merges("custify").found if each.name == "info@x.io"]

    assert (shared.kind, shared.others) == ("email", ("u7",))


def test_the_page_tells_each_kind_with_what_it_means(world):
    page = text_of(world.visitor(Role.ADMIN).get("/people/merges"))

    assert "One e-mail, several ids" in page
    assert "ana@x.io 2 u1, u2" in page
    assert "Ids that differ in case or spaces alone" in page


def test_what_is_looked_at_is_bounded_and_the_page_says_so(world, monkeypatch):
    monkeypatch.setattr(radar, "RECORDS_MAX", 2)

    assert "There are more people than are looked at here" in text_of(world.visitor(Role.ADMIN).get("/people/merges"))
