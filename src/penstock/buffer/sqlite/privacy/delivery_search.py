"""What delivery.db has of people: where their events wait and how they ended, records, ties, search keys, and what answers quote."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from penstock.buffer.port.query import KEY_CHARS_MAX
from penstock.buffer.port.traces import Held, Removal
from penstock.buffer.rules.needles import Needles
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.file import DELIVERY, snapshot
from penstock.identity import USER

# Numbers asked for with one statement.
SEQS_AT_ONCE = 400
WAITING = "SELECT seq FROM waiting WHERE seq IN ({})"
TOLD = "SELECT seq FROM outcome WHERE destination = ? AND (reason <> '' OR notes <> '' OR became <> '') AND seq IN ({})"
UNDONE = "SELECT seq FROM outcome WHERE destination = ? AND (outcome IN ('dead', 'rejected') OR cause = 'mode.shadow') AND seq IN ({})"
TRIED = "SELECT seq FROM attempt WHERE destination = ? AND seq IN ({})"


def in_delivery(data_dir: Path, names: frozenset[str], seqs: Sequence[int]) -> Held:
    """Return what there is. Reads the tables whose texts may quote a person as a whole."""
    needles, own = Needles(names), frozenset(seqs)
    with snapshot(data_dir / DELIVERY) as delivery:
        if delivery is None:
            return Held(counts={}, removal=Removal(names=sorted(names), seqs=seqs))
        counts = _of_events(delivery, seqs) | _of_names(delivery, needles)
        found = list(_found(delivery, needles, own))
        notes, remarks = list(notes_of(delivery, needles)), list(remarks_of(delivery, needles))
        outcomes, attempts = list(_outcomes(delivery, needles, own)), list(_attempts(delivery, needles, own))
    counts |= {
        "search keys": len(found),
        "outcomes that quote them": len(outcomes),
        "attempts that quote them": len(attempts),
        "notes of destinations": len(notes),
        "remarks about attributes": len(remarks),
    }
    removal = Removal(names=sorted(names), seqs=seqs, found=found, outcomes=outcomes, attempts=attempts)
    return Held(counts=counts, removal=removal)


def ties_of(data_dir: Path, names: frozenset[str]) -> list[tuple[str, str]]:
    """Return which e-mail addresses and visitors are tied to which person, if one of both is named."""
    lanes = Needles(names).lanes
    with snapshot(data_dir / DELIVERY) as delivery:
        rows = delivery.execute("SELECT DISTINCT lane, person FROM tie").fetchall() if delivery else []
    return [(lane, person) for lane, person in rows if lane in lanes or person in lanes]


def names_in_delivery(data_dir: Path) -> set[str]:
    """Return all people named in records, ties and search keys, as identity.py names them."""
    with snapshot(data_dir / DELIVERY) as delivery:
        if delivery is None:
            return set()
        names = {row[0].lstrip("~") for row in delivery.execute("SELECT DISTINCT subject FROM ledger")}
        names |= {name for row in delivery.execute("SELECT DISTINCT lane, person FROM tie") for name in row}
        keys = delivery.execute("SELECT DISTINCT key FROM found WHERE key >= 'p:' AND key < 'p;'")
        return names | {USER + row[0].removeprefix("p:") for row in keys}


def notes_of(delivery: SqliteConnection, needles: Needles) -> Iterator[tuple[str, str]]:
    """Yield the notes that quote them, with the destination: why it is held may quote an answer."""
    rows = delivery.execute("SELECT notes, name FROM destination").fetchall()
    return ((notes, name) for notes, name in rows if needles.is_in(notes))


def remarks_of(delivery: SqliteConnection, needles: Needles) -> Iterator[tuple[bytes, str, str]]:
    """Yield remarks about attributes that tell of them by a message id, with destination and subject."""
    rows = delivery.execute(
        "SELECT record, destination, subject FROM ledger WHERE subject GLOB 'attribute:*'"
    ).fetchall()
    return (row for row in rows if needles.tells(json.loads(row[0]).get("message_id", "")))


def in_parts(seqs: Sequence[int], at_once: int = SEQS_AT_ONCE) -> Iterator[Sequence[int]]:
    """Yield numbers, some at a time."""
    for start in range(0, len(seqs), at_once):
        yield seqs[start : start + at_once]


def destinations_of(delivery: SqliteConnection) -> list[str]:
    """Return every destination that there ever was."""
    return [row[0] for row in delivery.execute("SELECT name FROM destination ORDER BY name").fetchall()]


def _of_events(delivery: SqliteConnection, seqs: Sequence[int]) -> dict[str, int]:
    waiting = _count(delivery, WAITING, seqs)
    counts = {"waiting events": waiting, "outcomes": 0, "attempts": 0}
    for name in destinations_of(delivery):
        told = {seq for select in (TOLD, UNDONE) for seq in _seqs(delivery, select, seqs, name)}
        counts["outcomes"] += len(told)
        counts["attempts"] += _count(delivery, TRIED, seqs, name)
    return counts


def _of_names(delivery: SqliteConnection, needles: Needles) -> dict[str, int]:
    lanes = sorted(needles.lanes)
    marks = ", ".join("?" * len(lanes))
    records = delivery.execute(f"SELECT count(*) FROM ledger WHERE ltrim(subject, '~') IN ({marks})", lanes)  # noqa: S608
    ties = delivery.execute(f"SELECT count(*) FROM tie WHERE lane IN ({marks}) OR person IN ({marks})", lanes * 2)  # noqa: S608
    # Others' events may wait behind theirs, or for news of them.
    waiting = _rows(delivery, "SELECT destination, position, lanes || became FROM waiting", _quotes_lane(needles))
    parked = delivery.execute(f"SELECT count(*) FROM parked WHERE ltrim(subject, '~') IN ({marks})", lanes)  # noqa: S608
    return {
        "records": records.fetchone()[0],
        "ties": ties.fetchone()[0],
        "places in lanes": sum(1 for _ in waiting) + parked.fetchone()[0],
    }


def _quotes_lane(needles: Needles) -> Callable[[str], bool]:
    quoted = [json.dumps(lane) for lane in needles.lanes]
    return lambda text: any(each in text for each in quoted) or text.rpartition("]")[2] in needles.lanes


def _found(delivery: SqliteConnection, needles: Needles, own: frozenset[int]) -> Iterator[tuple[str, int]]:
    values = {value[:KEY_CHARS_MAX] for value in needles.values}
    companies = {name.partition(":")[2][:KEY_CHARS_MAX] for name in needles.names if name.startswith("company:")}
    for key, seq in delivery.execute("SELECT key, seq FROM found"):
        kind, _, value = key.partition(":")
        # A company of which others' events tell stays to be searched for; so does the name of an event.
        is_named = value in companies if kind == "c" else kind != "e" and value in values
        if seq in own or is_named:
            yield key, seq


def _outcomes(delivery: SqliteConnection, needles: Needles, own: frozenset[int]) -> Iterator[tuple[str, int]]:
    select = (
        "SELECT destination, seq, reason || ' ' || notes || ' ' || became FROM outcome"
        " WHERE reason <> '' OR notes <> '' OR became <> ''"
    )
    rows = _rows(delivery, select, needles.is_in)
    yield from ((name, seq) for name, seq, _ in rows if seq not in own)


def _attempts(delivery: SqliteConnection, needles: Needles, own: frozenset[int]) -> Iterator[tuple[str, int, int]]:
    select = "SELECT destination, seq, number, path || ' ' || answer FROM attempt"
    rows = _rows(delivery, select, needles.is_in)
    yield from ((name, seq, number) for name, seq, number, _ in rows if seq not in own)


def _rows(delivery: SqliteConnection, select: str, takes: Callable[[str], bool]) -> Iterator[Sequence[Any]]:
    """Yield rows whose last column is taken."""
    return (row for row in delivery.execute(select) if takes(row[-1]))


def _count(delivery: SqliteConnection, select: str, seqs: Sequence[int], *first: str) -> int:
    return sum(1 for _ in _seqs(delivery, select, seqs, *first))


def _seqs(delivery: SqliteConnection, select: str, seqs: Sequence[int], *first: str) -> Iterator[int]:
    for some in in_parts(seqs):
        statement = select.format(", ".join("?" * len(some)))
        yield from (row[0] for row in delivery.execute(statement, [*first, *some]))
