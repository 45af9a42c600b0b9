"""The files of a data folder, looked through for people; see port/traces.py."""

from collections.abc import Sequence
from pathlib import Path

from penstock.buffer.port.traces import Held, Sightings
from penstock.buffer.sqlite.privacy import alerts, control, delivery_search, log_search
from penstock.clock import Clock


class SqliteTraces:
    """See port/traces.py."""

    def __init__(self, data_dir: Path, *, clock: Clock) -> None:
        self.data_dir, self.clock = data_dir, clock

    def sightings(self, names: frozenset[str]) -> Sightings:
        """Return the events that name one of these."""
        return log_search.sightings(self.data_dir, names)

    def ties(self, names: frozenset[str]) -> Sequence[tuple[str, str]]:
        """Return the ties."""
        return delivery_search.ties_of(self.data_dir, names)

    def mentions(self, names: frozenset[str], *, seqs: frozenset[int]) -> int:
        """Return how many other events have one of the names in them."""
        return log_search.mentions(self.data_dir, names, seqs)

    def beside(self, names: frozenset[str], seqs: Sequence[int]) -> Held:
        """Return what delivery.db has."""
        return delivery_search.in_delivery(self.data_dir, names, seqs)

    def asked(self, names: frozenset[str]) -> Held:
        """Return what control.db and alerts.db have."""
        held, told = control.in_control(self.data_dir, names), alerts.in_alerts(self.data_dir, names)
        return Held(counts={**held.counts, **told.counts}, removal=held.removal, texts=[*held.texts, *told.texts])

    def forget_asked(self, names: frozenset[str]) -> None:
        """Remove what they have."""
        control.forget_in_control(self.data_dir, names, clock=self.clock)
        alerts.forget_in_alerts(self.data_dir, names)
