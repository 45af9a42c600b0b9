"""Events that were found, as a file: CSV for spreadsheets, or JSON lines for programs. A page of them at a time is held.

The next page is found from where the last one ended, so no file of the store is held open between two of them.
"""

import csv
import io
from collections.abc import Collection, Iterator, Sequence
from typing import Literal

import msgspec

from penstock.buffer.port.query import Query
from penstock.buffer.port.search import Search
from penstock.inspect.eyes import Eyes
from penstock.inspect.parts import cut
from penstock.inspect.stored_event import StoredEvent, shown_event

FileKind = Literal["csv", "jsonl"]
CSV: FileKind = "csv"
KINDS: dict[FileKind, str] = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
# Events of one part of a file.
PAGE = 500
#: What a line of the table has: of the calls that were made, how many, and what the last one was answered.
COLUMNS = (
    "received_at", "message_id", "source", "type", "event", "user_id", "anonymous_id", "company_id", "state", "cause", "reason",
    "ended_at", "attempts", "last_status",
)  # fmt: skip
# A cell of a spreadsheet holds 32 767 letters.
CELL_CHARS_MAX = 32_000
# So a spreadsheet recognises UTF-8; programs read it as utf-8-sig.
MARK = "\ufeff"
# What makes a spreadsheet take a text for a formula, the full-width forms that some read as such among them (OWASP: CSV
# Injection; ASVS 1.2.10), also behind spaces, which some leave out.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def file_of(
    search: Search, destination: str, sources: Collection[str], query: Query, *, eyes: Eyes, kind: FileKind
) -> Iterator[bytes]:
    """Yield all events of some sources that fit, part by part, the newest first, as the reader may see them."""
    write = _table if kind == CSV else _lines
    if kind == CSV:
        yield (MARK + _row(COLUMNS)).encode()
    before: int | None = None
    while True:
        found = search.find(destination, query, before_seq=before, limit=PAGE)
        # Also where nothing fits for long, a part is sent: so it is noticed when the reader is gone.
        yield write([shown_event(story, eyes) for story in found.stories if story.event.source in sources])
        if (before := found.next_seq) is None:
            return


def cell(value: object) -> str:
    """Return a value as a cell that no spreadsheet takes for a formula."""
    text = "" if value is None else cut(value, CELL_CHARS_MAX)
    return f"'{text}" if text.lstrip(" \u00a0").startswith(FORMULA) else text


def _table(events: Sequence[StoredEvent]) -> bytes:
    return "".join(map(_row, map(_values, events))).encode(errors="replace")


def _values(event: StoredEvent) -> list[object]:
    last = event.attempts[-1].status if event.attempts else None
    whole = [getattr(event, name) for name in COLUMNS[:-2]]
    return [*whole, len(event.attempts), last]


def _row(values: Sequence[object]) -> str:
    row = io.StringIO()
    csv.writer(row, quoting=csv.QUOTE_ALL).writerow([cell(value) for value in values])
    return row.getvalue()


def _lines(events: Sequence[StoredEvent]) -> bytes:
    return b"".join(msgspec.json.encode(event) + b"\n" for event in events)
