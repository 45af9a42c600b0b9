"""Data folders as every former schema left them: an event that arrived, events that wait, and some that were not taken in yet.

The rows are those of the first schema, brought forward by the steps that a Penstock of that time had.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from contract.worlds import DESTINATION, file_of_schema
from penstock.buffer.sqlite.file import CONTROL, DELIVERY, EVENTS

#: How many steps events.db, delivery.db and control.db had at the same time; 0: there was no such file. The last are the present.
FORMER = (
    (1, 1, 0), (1, 2, 1), (1, 2, 2), (1, 3, 2), (1, 3, 3), (1, 4, 3), (1, 5, 3), (1, 5, 4), (2, 5, 4), (3, 5, 4), (4, 5, 4),
    (4, 6, 4), (5, 6, 4), (5, 6, 5), (6, 7, 6), (7, 8, 6), (7, 9, 6), (7, 10, 6), (7, 11, 6),
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
