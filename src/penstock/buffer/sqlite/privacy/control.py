"""What control.db has of people: replays asked for, orders to forget, links that were shared, saved views, and sentences about deeds."""

import urllib.parse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from penstock.buffer.port.traces import Held, Removal
from penstock.buffer.rules.needles import GONE, Needles
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.control.changing import behind_others, opened_to_scrub
from penstock.buffer.sqlite.control.journal import SqliteJournal
from penstock.buffer.sqlite.file import CONTROL, snapshot
from penstock.buffer.sqlite.privacy import slack
from penstock.clock import Clock

# Texts that people wrote about something else, and how each is written anew.
WORDS = (
    ("SELECT reason, destination, cause FROM issue", "UPDATE issue SET reason = ? WHERE destination = ? AND cause = ?"),
    ("SELECT note, number FROM revision", "UPDATE revision SET note = ? WHERE number = ?"),
)


def in_control(data_dir: Path, names: frozenset[str]) -> Held:
    """Return what there is."""
    needles = Needles(names)
    with snapshot(data_dir / CONTROL) as control:
        if control is None:
            return Held(counts={}, removal=Removal(names=sorted(names)))
        found: dict[str, list[str]] = {
            "replays": _texts(control, "SELECT selection FROM replay_order WHERE id = ?", _replays(control, needles)),
            "orders to forget": _texts(
                control, "SELECT prefix FROM forget_order WHERE id = ?", _orders(control, needles)
            ),
            "shared links": _texts(control, "SELECT label FROM credential WHERE hash = ?", _links(control, needles)),
            "saved views": [query for query, *_ in _views(control, needles)],
            "sentences in the audit log": _texts(
                control, "SELECT what FROM journal WHERE id = ?", _sentences(control, needles)
            ),
            "words about problems and settings": [
                str(text) for select, _ in WORDS for text, *_ in _words(control, select, needles)
            ],
        }
    counts = {kind: len(texts) for kind, texts in found.items()}
    texts = [text for each in found.values() for text in each]
    return Held(counts=counts, removal=Removal(names=sorted(names)), texts=texts)


def _texts(control: SqliteConnection, select: str, rows: Iterable[Sequence[object]]) -> list[str]:
    """Return the texts of some rows, which their last values name."""
    return [control.execute(select, [row[-1]]).fetchone()[0] for row in list(rows)]


@behind_others
def forget_in_control(data_dir: Path, names: frozenset[str], *, clock: Clock) -> None:
    """Remove it: of replays and sentences the names alone. Raises BufferUnavailable, StoreDamaged."""
    needles, journal = Needles(names), SqliteJournal(data_dir, clock=clock)
    with journal.transaction() as control:
        control.executemany("UPDATE replay_order SET selection = ? WHERE id = ?", list(_replays(control, needles)))
        control.executemany("DELETE FROM forget_order WHERE id = ?", list(_orders(control, needles)))
        control.executemany("DELETE FROM credential WHERE hash = ?", list(_links(control, needles)))
        control.executemany(
            "DELETE FROM saved_view WHERE query = ? AND user = ? AND name = ?", list(_views(control, needles))
        )
        # Two sentences of one minute may have become one.
        control.executemany("UPDATE OR REPLACE journal SET what = ? WHERE id = ?", list(_sentences(control, needles)))
        for select, update in WORDS:
            rows = list(_words(control, select, needles))
            control.executemany(update, [(needles.unsaid(str(text)), *key) for text, *key in rows])
    with opened_to_scrub(data_dir / CONTROL) as control:
        for some in slack.in_steps(slack.pages_with(data_dir / CONTROL, slack.names_a_page(needles))):
            slack.overwrite(control, data_dir / CONTROL, some)


def _replays(control: SqliteConnection, needles: Needles) -> Iterator[tuple[str, int]]:
    for number, text in control.execute("SELECT id, selection FROM replay_order").fetchall():
        selection = msgspec.json.decode(text)
        gone = {key: GONE for key, value in selection.items() if _names(needles, key, value)}
        if gone:
            yield msgspec.json.encode(selection | gone).decode(), number


def _orders(control: SqliteConnection, needles: Needles) -> Iterator[tuple[int]]:
    for number, prefix in control.execute("SELECT id, prefix FROM forget_order").fetchall():
        if needles.is_lane(prefix):
            yield (number,)


def _links(control: SqliteConnection, needles: Needles) -> Iterator[tuple[str]]:
    for hash_, label in control.execute("SELECT hash, label FROM credential WHERE kind = 'share'").fetchall():
        try:
            subject = msgspec.json.decode(label)
        except msgspec.DecodeError:
            subject = {}
        items = subject.items() if isinstance(subject, dict) else ()
        if any(_names(needles, key, value) for key, value in items) or needles.is_in(label):
            yield (hash_,)


def _views(control: SqliteConnection, needles: Needles) -> Iterator[tuple[str, str, str]]:
    """Yield query, user and name of the views that look for a person, or are called after them."""
    for query, user, name in control.execute("SELECT query, user, name FROM saved_view").fetchall():
        asked = urllib.parse.parse_qsl(query)
        if any(_names(needles, key, value) for key, value in asked) or needles.is_in(name) or needles.is_in(query):
            yield query, user, name


def _sentences(control: SqliteConnection, needles: Needles) -> Iterator[tuple[str, int]]:
    for number, what in control.execute("SELECT id, what FROM journal").fetchall():
        if needles.is_said(what):
            yield needles.unsaid(what), number


def _words(control: SqliteConnection, select: str, needles: Needles) -> Iterator[Sequence[object]]:
    """Yield texts that people wrote, each with what its row is known by."""
    return (row for row in control.execute(select).fetchall() if needles.is_said(row[0]))


def _names(needles: Needles, key: str, value: object) -> bool:
    is_whole = key in {"person", "company"} and value in needles.values
    is_event = key == "message_id" and isinstance(value, str) and needles.tells(value)
    return is_whole or is_event or (isinstance(value, str) and needles.is_in(value))
