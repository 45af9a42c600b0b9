"""Data folders as every former schema left them: an event that arrived, events that wait, and some that were not taken in yet.

The rows are those of the first schema, brought forward by the steps that a Penstock of that time had.
"""

import contextlib
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from contract.worlds import DESTINATION, file_of_schema
from penstock.buffer.sqlite.file import CONTROL, DELIVERY, EVENTS, SCHEMAS, digest_of

#: How many steps events.db, delivery.db and control.db had at the same time; 0: there was no such file. The last are the present.
FORMER = (
    (1, 1, 0), (1, 2, 1), (1, 2, 2), (1, 3, 2), (1, 3, 3), (1, 4, 3), (1, 5, 3), (1, 5, 4), (2, 5, 4), (3, 5, 4), (4, 5, 4),
    (4, 6, 4), (5, 6, 4), (5, 6, 5), (6, 7, 6), (7, 8, 6), (7, 9, 6), (7, 10, 6), (7, 11, 6), (7, 12, 6), (7, 12, 7),
    (7, 13, 7), (7, 14, 8),
)  # fmt: skip
SOURCE, AT_MS = "server", 1_700_000_000_000
ARRIVED = 1


def former_folder(folder: Path, steps: tuple[int, int, int], calls: Sequence[dict]) -> None:
    """Write a data folder: the first call arrived, half of the others were taken in and wait, the rest only lies in the log."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    taken = ARRIVED + (len(calls) - ARRIVED) // 2
    rows = {EVENTS: _log(calls), DELIVERY: _waiting(calls[:taken]), CONTROL: []}
    for file, number in zip((EVENTS, DELIVERY, CONTROL), steps, strict=True):
        if number:
            file_of_schema(number, folder, file, *rows[file], since=1)


#: Beside what waits, in a folder with rows in every table: an event that died, and one that waits for its person.
DIED, PARKED = "died", "parked"
ODD_CALLS = tuple(
    {"type": "track", "event": "Used", "userId": f"of-{name}", "messageId": name, "properties": {"plan": name}}
    for name in (DIED, PARKED)
)
IDENTITY, JOB = "00112233aabbccdd", 1


def full_folder(folder: Path, steps: tuple[int, int, int], calls: Sequence[dict]) -> None:
    """Write a data folder with rows in every table that its Penstock had: the ODD_CALLS come behind the first call."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    whole = [*calls[:ARRIVED], *ODD_CALLS, *calls[ARRIVED:]]
    taken = ARRIVED + len(ODD_CALLS) + (len(calls) - ARRIVED) // 2
    rows = {EVENTS: _log(whole), DELIVERY: _waiting(whole[:taken]), CONTROL: []}
    for file, number in zip((EVENTS, DELIVERY, CONTROL), steps, strict=True):
        if number:
            file_of_schema(number, folder, file, *rows[file], since=1, by_step=_rows_of_steps()[file])


def _rows_of_steps() -> dict[str, dict[int, list[tuple[str, list]]]]:
    """Return what each schema's Penstock wrote into the tables that were new in it; the died event is 2, the parked one 3."""
    at, died, parked, moment = AT_MS / 1000, ARRIVED + 1, ARRIVED + 2, [1, "boot", 5.0, AT_MS / 1000, 5.0, 5.0]
    lane, record = f"user:of-{PARKED}", b'{"f":{"name":"Ana"},"a":1700000000.0}'
    attempt = "INSERT INTO attempt VALUES (?, ?, ?, 'POST', '/event', ?, ?, 12)"
    into_log = {
        2: [
            ("INSERT INTO run VALUES (2, ?)", [SOURCE]),
            ("INSERT INTO message VALUES (2, ?, 'ana-0', ?, '[1,2]')", [SOURCE, f'["ana-0","{DIED}"]']),
            ("INSERT INTO filter VALUES (2, '[2]', 1, x'00')", []),
        ],
        6: [
            ("UPDATE folder SET identity = ?", [IDENTITY]),
            ("INSERT INTO epoch VALUES (1, 'token', 0, 1, ?)", [at]),
            *_digests(EVENTS, 6),
        ],
        7: [("INSERT INTO moment VALUES (?, ?, ?, ?, ?, ?)", moment), ("INSERT INTO jump VALUES (1, 1, ?, 0.5)", [at])],
    }
    into_delivery = {
        1: [
            ("DELETE FROM waiting WHERE seq = ?", [died]),
            ("DELETE FROM place WHERE position = ?", [died]),
            (
                "INSERT INTO outcome VALUES (?, ?, 'dead', 'Custify refused the call with 422', ?)",
                [DESTINATION, died, at],
            ),
            ("INSERT INTO tally VALUES (?, 'dead', 1)", [DESTINATION]),
            (attempt, [DESTINATION, ARRIVED, at, 202, "[]"]),
            (attempt, [DESTINATION, died, at, 503, "busy"]),
            (attempt, [DESTINATION, died, at + 1, 422, "plan: not a number"]),
            ("INSERT INTO link VALUES (?, 'anon-1', 'ana')", [DESTINATION]),
        ],
        2: [
            ("UPDATE outcome SET cause = 'custify.refused.422' WHERE seq = ?", [died]),
            ("INSERT INTO replay VALUES (?, ?, 99, 1, 1)", [JOB, DESTINATION]),
            ("INSERT INTO replay_tally VALUES (?, 'dead', 1)", [JOB]),
        ],
        3: [("INSERT INTO found VALUES (?, ?)", [f"p:of-{DIED}", died])],
        4: [("INSERT INTO minute VALUES (?, ?, 'delivered', 1)", [DESTINATION, int(at / 60)])],
        5: [
            ("INSERT INTO ledger VALUES (?, 'user:ana', ?)", [DESTINATION, record]),
            ("INSERT INTO calls VALUES (?, '/event', 'sent', 1)", [DESTINATION]),
            ("UPDATE waiting SET blocked = -1, parked_at = 0 WHERE seq = ?", [parked]),
            ("DELETE FROM place WHERE position = ?", [parked]),
            ("INSERT INTO parked VALUES (?, ?, ?)", [DESTINATION, lane, parked]),
            ('UPDATE outcome SET notes = \'[["/people","plan","latest"]]\' WHERE seq = ?', [died]),
        ],
        6: [("UPDATE ledger SET seen_day = 19675", [])],
        7: [
            ("UPDATE folder SET identity = ?", [IDENTITY]),
            ("INSERT INTO epoch VALUES (1, 'token', 1)", []),
            *_digests(DELIVERY, 7),
        ],
        8: [("INSERT INTO moment VALUES (?, ?, ?, ?, ?, ?)", moment)],
        9: [("INSERT INTO tie VALUES (?, 'email:ana@x.io', 'user:ana', 0)", [DESTINATION])],
        11: [("UPDATE destination SET head = cursor", [])],
        12: [("INSERT INTO hour VALUES (?, ?, ?, 'delivered', 1)", [DESTINATION, int(at / 3600) - 1, SOURCE])],
        13: [("INSERT INTO once_parked VALUES (?, ?)", [DESTINATION, ARRIVED])],
    }
    empty = json.dumps({"sources": {}, "destinations": {}, "connections": []})
    into_control = {
        1: [
            (
                "INSERT INTO replay_order (destination, selection, asked_at, asked_by) VALUES (?, '{}', ?, 'ana')",
                [DESTINATION, at],
            ),
            ("INSERT INTO pause VALUES ('gone', ?, 'ana')", [at]),
        ],
        2: [
            ("INSERT INTO revision (at, changed_by, note, document) VALUES (?, 'ana', 'first', ?)", [at, empty]),
            ("INSERT INTO user VALUES ('ana', 'admin', '')", []),
            ("INSERT INTO credential VALUES ('hash', 'token', 'ana', 'ci', ?, 1e12)", [at]),
        ],
        4: [
            (
                "INSERT INTO forget_order (destination, prefix, asked_at, asked_by) VALUES ('gone', 'user:x', ?, 'ana')",
                [at],
            ),
            ("INSERT INTO attribute_approval VALUES (?, 'people.plan', ?, 'ana')", [DESTINATION, at]),
            ("INSERT INTO deed VALUES (?, 'ana', 'web paused')", [at]),
        ],
        6: [("UPDATE folder SET identity = ?", [IDENTITY]), *_digests(CONTROL, 6)],
        7: [
            (
                "INSERT INTO issue VALUES (?, 'custify.refused.422', 'assigned', 'ana', '', ?, 'ana', 2)",
                [DESTINATION, at],
            )
        ],
        8: [("INSERT INTO saved_view VALUES ('ana', 'ours', 'company=acme')", [])],
    }
    return {EVENTS: into_log, DELIVERY: into_delivery, CONTROL: into_control}


def _digests(file: str, step: int) -> list[tuple[str, list]]:
    names = enumerate(SCHEMAS[file][:step], 1)
    return [("INSERT INTO migration VALUES (?, ?)", [number, digest_of(name)]) for number, name in names]


def empty_tables(folder: Path) -> set[str]:
    """Return the tables of a folder that have no row, each behind the name of its file."""
    found = set[str]()
    for file in sorted(folder.glob("*.db")):
        with contextlib.closing(sqlite3.connect(file)) as connection:
            tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            found |= {
                f"{file.name}: {name}" for name in tables if not connection.execute(f"SELECT 1 FROM {name}").fetchone()
            }
    return found


def _log(calls: Sequence[dict]) -> list[tuple[str, list]]:
    rows = [
        (
            "INSERT INTO events VALUES (?, ?, ?, ?, ?, '', '', ?, '127.0.0.1', ?)",
            [seq, SOURCE, call["messageId"], call["type"], call["userId"], AT_MS + seq, json.dumps(call).encode()],
        )
        for seq, call in enumerate(calls, 1)
    ]
    return [*rows, ("INSERT INTO accepted VALUES (?, ?)", [SOURCE, len(calls)])]


def _waiting(calls: Sequence[dict]) -> list[tuple[str, list]]:
    rows: list[tuple[str, list]] = [
        (
            "INSERT INTO destination (name, cursor, next_position, received) VALUES (?, ?, ?, ?)",
            [DESTINATION, len(calls), len(calls) + 1, len(calls)],
        ),
        ("INSERT INTO outcome VALUES (?, 1, 'delivered', '', ?)", [DESTINATION, AT_MS / 1000]),
        ("INSERT INTO tally VALUES (?, 'delivered', 1)", [DESTINATION]),
    ]
    seen = set[str]()
    for seq, call in enumerate(calls[ARRIVED:], ARRIVED + 1):
        lane = f"user:{call['userId']}"
        row = [DESTINATION, seq, seq, json.dumps([lane]), int(lane in seen), AT_MS + seq]
        columns = "destination, position, seq, lanes, blocked, due, received_at_ms"
        rows.append((f"INSERT INTO waiting ({columns}) VALUES (?, ?, ?, ?, ?, 0, ?)", row))
        rows.append(("INSERT INTO place VALUES (?, ?, ?)", [DESTINATION, lane, seq]))
        seen.add(lane)
    return rows
