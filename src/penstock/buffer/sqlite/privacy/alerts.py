"""What alerts.db has of people: sentences of alerts, messages that were sent about them, and looks that quote what was said."""

from collections.abc import Iterator
from pathlib import Path

from penstock.buffer.port.traces import Held, Removal
from penstock.buffer.rules.needles import Needles
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.delivery.retention import scrub
from penstock.buffer.sqlite.file import ALERTS, as_store_errors, open_writer, snapshot, transaction
from penstock.buffer.sqlite.privacy import slack

#: Of each table: what a row is known by, and the texts in it. A recipient is who the settings say is told.
TEXTS = {
    "alerts": ("episode", ("rule", "subject"), ("sentence", "advice", "path")),
    "messages of alerts": ("message", ("place",), ("title", "sentence", "advice", "link", "answer")),
    "looks of alerts": ("look", ("at",), ("facts",)),
}
Rewritten = tuple[str, list[object], list[str | bytes]]


def in_alerts(data_dir: Path, names: frozenset[str]) -> Held:
    """Return what there is."""
    needles = Needles(names)
    with snapshot(data_dir / ALERTS) as alerts:
        found = {kind: list(_named(alerts, kind, needles)) if alerts else [] for kind in TEXTS}
    texts = [_text(text) for rows in found.values() for _, _, row in rows for text in row if needles.is_in(_text(text))]
    counts = {kind: len(rows) for kind, rows in found.items()}
    return Held(counts=counts, removal=Removal(names=sorted(names)), texts=texts)


def forget_in_alerts(data_dir: Path, names: frozenset[str]) -> None:
    """Take the names out of it. Raises BufferUnavailable, StoreDamaged."""
    path, needles = data_dir / ALERTS, Needles(names)
    if not path.exists():
        return
    with as_store_errors(ALERTS):
        alerts = open_writer(path)
        try:
            with transaction(alerts):
                for kind in TEXTS:
                    _forget(alerts, kind, needles)
            scrub(alerts)
            for some in slack.in_steps(slack.pages_with(path, slack.names_a_page(needles))):
                slack.overwrite(alerts, path, some)
        finally:
            alerts.close()


def _forget(alerts: SqliteConnection, kind: str, needles: Needles) -> None:
    table, keys, columns = TEXTS[kind]
    sets, where = ", ".join(f"{each} = ?" for each in columns), " AND ".join(f"{each} = ?" for each in keys)
    for _, key, row in list(_named(alerts, kind, needles)):
        texts = [_like(text, needles.without(_text(text))) for text in row]
        alerts.execute(f"UPDATE {table} SET {sets} WHERE {where}", [*texts, *key])  # noqa: S608 - our own names


def _named(alerts: SqliteConnection, kind: str, needles: Needles) -> Iterator[Rewritten]:
    table, keys, columns = TEXTS[kind]
    for row in alerts.execute(f"SELECT {', '.join((*keys, *columns))} FROM {table}"):  # noqa: S608 - our own names
        texts = list(row[len(keys) :])
        if any(needles.is_in(_text(text)) for text in texts):
            yield table, list(row[: len(keys)]), texts


def _text(value: str | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _like(value: str | bytes, text: str) -> str | bytes:
    return text.encode() if isinstance(value, bytes) else text
