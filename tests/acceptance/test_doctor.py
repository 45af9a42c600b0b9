"""A damaged file: Penstock says so once, does not start over and over, and saves what can be saved."""

import contextlib
import random
import re
import sqlite3

from acceptance.conftest import until
from acceptance.test_commands import penstock_command
from penstock.buffer.sqlite.connections import VERSION


def identify(i):
    # As long on the disk as it looks: a log of many pages needs what cannot be compressed.
    name = random.Random(i).randbytes(250).hex()
    return {"type": "identify", "userId": f"u{i}", "messageId": f"m{i}", "traits": {"name": name}}


def doctor(penstock, *options):
    return penstock_command("doctor", *options, "--config", penstock.config, env=penstock.env)


def cut(path):
    # Whoever read last may have left a write-ahead log, from which the next start would read all of it.
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])


def test_a_healthy_store_is_called_healthy_while_the_server_runs(penstock):
    penstock.send(*(identify(i) for i in range(5)))
    penstock.until_settled()

    done = doctor(penstock)

    assert (done.returncode, b"everything is as it should be" in done.stdout) == (0, True)
    assert f"SQLite {VERSION}" in done.stderr.decode()
    assert f'"sqlite": "{VERSION}"' in penstock.log.read_text()
    refused = doctor(penstock, "--repair")
    assert refused.returncode == 78
    assert b"expected a stopped server" in refused.stderr


def test_a_cut_log_ends_the_server_once_and_the_doctor_saves_the_rest(penstock, sandbox):
    # Enough for the log to have many pages: a segment takes its neighbours on the same page with it.
    for first in range(0, 1_500, 300):
        penstock.send(*(identify(i) for i in range(first, first + 300)))
    until(lambda: penstock.counts()["received"] == 1_500)
    penstock.stop()
    cut(penstock.folder / "data" / "events.db")

    penstock.start()
    assert penstock.process.wait(30) == 1
    said = penstock.log.read_text()
    assert "events.db is damaged" in said
    # accept and deliver both read the log; neither is started again.
    assert 1 <= said.count("store_damaged") <= 2
    assert doctor(penstock).returncode == 1

    mended = doctor(penstock, "--repair")
    assert mended.returncode == 0, mended.stdout
    saved = re.search(rb"events (\d+)", mended.stdout)
    assert saved is not None, mended.stdout
    assert 500 < int(saved[1]) < 1_500
    penstock.start()
    penstock.until_ready()
    penstock.send(identify(4711))
    until(lambda: sandbox.person("u4711"))
    penstock.counts()


def test_damage_that_is_found_under_way_is_answered_503_and_ends_the_server_once(penstock):
    penstock.send(*(identify(i) for i in range(5)))
    penstock.until_settled()
    with contextlib.closing(sqlite3.connect(penstock.folder / "data" / "events.db", isolation_level=None)) as events:
        events.execute("UPDATE segment SET frame = zeroblob(length(frame))")

    assert penstock.send(identify(6))[0] == 503

    assert penstock.process.wait(30) == 1
    assert '"role": "accept", "code": 74' in penstock.log.read_text()
    assert penstock.log.read_text().count("store_damaged") <= 2
    assert b"1 segments cannot be unpacked" in doctor(penstock).stdout


def test_with_a_cut_backlog_events_are_still_accepted_and_the_status_says_what_to_do(penstock, sandbox):
    penstock.send(*(identify(i) for i in range(400)))
    penstock.until_settled()
    penstock.stop()
    cut(penstock.folder / "data" / "delivery.db")

    penstock.start()
    penstock.until_ready()
    down = until(lambda: (s := penstock.status()["destinations"]["custify"])["state"] == "down" and s)
    assert "penstock doctor --repair" in down["reason"]
    assert penstock.send(identify(500))[0] == 200
    penstock.stop()

    assert doctor(penstock, "--repair").returncode == 0
    penstock.start()
    penstock.until_ready()
    until(lambda: sandbox.person("u500"))


def test_a_control_file_that_breaks_while_the_server_runs_stops_no_event(penstock, sandbox):
    for name in ("control.db", "control.db-wal", "control.db-shm"):
        (penstock.folder / "data" / name).unlink(missing_ok=True)
    (penstock.folder / "data" / "control.db").write_bytes(b"this is no database, but long enough to be looked at" * 100)
    until(lambda: "orders_not_followed" in penstock.log.read_text())

    penstock.send(identify(1))

    until(lambda: sandbox.person("u1"))
    assert penstock.log.read_text().count("orders_not_followed") == 1
