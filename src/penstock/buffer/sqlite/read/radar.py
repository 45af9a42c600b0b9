"""People that Custify may take for one by mistake, on SQLite: from the ledger's records and from what was tied together.

Every look is bounded: so many records and ties are read, and so much of each kind is told, however many there are.
"""

import collections
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from penstock.buffer.port.ledger import Merge, Merges
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.file import DELIVERY, snapshot

# Records and ties looked at; of each kind, how many merges are told, and how many names of each.
RECORDS_MAX, TIES_MAX, MERGES_MAX, NAMES_MAX = 20_000, 200_000, 50, 10
# More devices than one person has: an id that is shared, or that a program writes for everybody.
DEVICES_MIN = 100
RECORDS = """
SELECT subject, record FROM ledger WHERE destination = ? AND subject >= 'user:' AND subject < 'user;' ORDER BY subject LIMIT ?
"""
TIED = """
SELECT person, count(*), min(lane), max(lane) FROM (
    SELECT person, lane FROM tie WHERE destination = ? AND lane >= ? AND lane < ? LIMIT ?
) WHERE person >= 'user:' AND person < 'user;' GROUP BY person HAVING count(*) >= ? ORDER BY count(*) DESC, person LIMIT ?
"""
SHARED = """
SELECT lane, person FROM tie WHERE destination = ? AND several = 1 AND lane >= 'email:' AND lane < 'email;' ORDER BY lane LIMIT ?
"""


class _Record(msgspec.Struct):
    """As much of a record as says by what a person is found."""

    fields: dict[str, object] = msgspec.field(default_factory=dict, name="f")


_record_of = msgspec.json.Decoder(_Record).decode


def merges(path: Path, destination: str) -> Merges:
    """Return who may be taken for one. Reads delivery.db of a data folder, `path`."""
    with snapshot(path / DELIVERY) as delivery:
        if delivery is None:
            return Merges()
        rows = delivery.execute(RECORDS, [destination, RECORDS_MAX]).fetchall()
        tied = [*_emails_of_one(delivery, destination), *_devices_of_one(delivery, destination)]
        shared = delivery.execute(SHARED, [destination, MERGES_MAX]).fetchall()
    by_email, by_id = _grouped(rows)
    for email, person in shared:
        by_email.setdefault(email.removeprefix("email:"), set()).add(person.removeprefix("user:"))
    flagged = {email.removeprefix("email:") for email, _ in shared}
    found = [
        *_told("email", {email: ids for email, ids in by_email.items() if len(ids) > 1 or email in flagged}),
        *_told("case", {id_: ids for id_, ids in by_id.items() if len(ids) > 1}),
        *tied,
    ]
    return Merges(found=tuple(found), is_all=len(rows) < RECORDS_MAX)


def _grouped(rows: Iterable[tuple[str, bytes]]) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Return ids by the e-mail that records hold, and ids by what is left of them without case and spaces."""
    by_email: dict[str, set[str]] = collections.defaultdict(set)
    by_id: dict[str, set[str]] = collections.defaultdict(set)
    for subject, record in rows:
        id_ = subject.removeprefix("user:")
        by_id["".join(id_.split()).lower()].add(id_)
        if isinstance(email := _email_of(record), str):
            by_email[email].add(id_)
    return by_email, by_id


def _email_of(record: bytes) -> object:
    try:
        return _record_of(record).fields.get("email")
    except msgspec.DecodeError:
        return None  # of another version; it is learned anew when it is written


def _told(kind: str, groups: Mapping[str, set[str]]) -> Iterator[Merge]:
    largest = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))[:MERGES_MAX]
    for name, ids in largest:
        yield Merge(kind=kind, name=name, others=tuple(sorted(ids)[:NAMES_MAX]), count=len(ids))


def _emails_of_one(delivery: SqliteConnection, destination: str) -> Iterator[Merge]:
    rows = delivery.execute(TIED, [destination, "email:", "email;", TIES_MAX, 2, MERGES_MAX]).fetchall()
    for person, count, first, last in rows:
        emails = tuple(lane.removeprefix("email:") for lane in (first, last))
        yield Merge(kind="emails", name=person.removeprefix("user:"), others=emails, count=count)


def _devices_of_one(delivery: SqliteConnection, destination: str) -> Iterator[Merge]:
    rows = delivery.execute(TIED, [destination, "anon:", "anon;", TIES_MAX, DEVICES_MIN, MERGES_MAX]).fetchall()
    for person, count, _, _ in rows:
        yield Merge(kind="devices", name=person.removeprefix("user:"), others=(), count=count)
