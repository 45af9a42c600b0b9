"""Which sources began at which destination, as deliver notes it in delivery.db."""

from collections.abc import Collection, Mapping
from pathlib import Path

from penstock.buffer.sqlite.delivery.feeds import begun_of
from penstock.buffer.sqlite.file import DELIVERY, snapshot


class SqliteBegun:
    """delivery.db of a data folder, to look at; see port.BegunSources."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir

    def begun(self) -> Mapping[str, Collection[str]]:
        """Return by destination the sources that began there, also of destinations that are gone."""
        with snapshot(self.data_dir / DELIVERY) as delivery:
            rows = delivery.execute("SELECT name, notes FROM destination").fetchall() if delivery else []
        return {name: frozenset(begun_of(notes)) for name, notes in rows}
