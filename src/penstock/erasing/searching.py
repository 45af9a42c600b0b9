"""One search for everything there is about a person: dry run, erasure and subject access go by it, so that each proves the others."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from penstock.buffer.port.ledger import LedgerShelf
from penstock.buffer.port.traces import Held, Traces
from penstock.erasing.asking import Persons
from penstock.erasing.linking import Linked, Sighted, Together, linked
from penstock.identity import EMAIL, USER, is_shared_placeholder, name_of
from penstock.ledger.record import decoded
from penstock.placeholders import PLACEHOLDER_IDS


class Everything(msgspec.Struct, frozen=True, kw_only=True):
    """All that was found."""

    linked: Linked
    #: Of events.db, of delivery.db, and of control.db with alerts.db.
    events: int
    delivery: Held
    control: Held

    @property
    def counts(self) -> dict[str, int]:
        """Return how many things of each kind there are, without those there are none of."""
        found = {"events": self.events, **self.delivery.counts, **self.control.counts}
        return {kind: count for kind, count in found.items() if count}


class Searching:
    """The search over one data folder."""

    def __init__(
        self,
        traces: Traces,
        ledger: LedgerShelf,
        destinations: Callable[[], Iterable[str]],
        placeholders: Callable[[], Sequence[str]] = lambda: PLACEHOLDER_IDS,
    ) -> None:
        self.traces, self.ledger, self.destinations, self.placeholders = traces, ledger, destinations, placeholders

    def everything(self, given: Persons, seqs: Sequence[int] = ()) -> Everything:
        """Return what there is of some people, and of events with these numbers, which were theirs.

        Takes seconds. Raises BufferUnavailable, StoreDamaged.
        """
        found = linked(given, self._sighted, self.known)
        numbers = sorted({*found.seqs, *seqs})
        return Everything(
            linked=found,
            events=len(found.seqs),
            delivery=self.traces.beside(found.names, numbers),
            control=self.traces.asked(found.names),
        )

    def mentions(self, found: Everything) -> int:
        """Return how many events of others have one of the names in them, beside those that are theirs."""
        return self.traces.mentions(found.linked.names, seqs=frozenset(found.linked.seqs))

    def _sighted(self, names: Persons) -> Sighted:
        """Return events by the names in them, without those that the settings say are shared by very many people."""
        found = dict[Together, list[int]]()
        for together, seqs in self.traces.sightings(names).items():
            found.setdefault(self._telling(together), []).extend(seqs)
        return found

    def _telling(self, together: Iterable[str]) -> Together:
        placeholders = self.placeholders()
        return frozenset(name for name in together if not is_shared_placeholder(name, placeholders))

    def known(self, names: Persons) -> Iterator[Together]:
        """Yield who is known to be the same, though no stored event may say so any more: by ties and by records."""
        yield from (self._telling(pair) for pair in self.traces.ties(names))
        for destination in self.destinations():
            for name in names:
                yield from self._recorded(destination, name)

    def _recorded(self, destination: str, name: str) -> Iterator[Together]:
        record = decoded(self.ledger.record(destination, name))
        if record is None:
            return
        email = record.fields.get("email")
        if name.startswith(USER) and isinstance(email, str) and (other := name_of(EMAIL, email)):
            yield frozenset({name, other})
        if record.user_id:
            yield frozenset({name, USER + record.user_id})


def by_store(found: Everything) -> Mapping[str, Mapping[str, int]]:
    """Return the counts by file, for people."""
    parts = {
        "events.db": {"events": found.events},
        "delivery.db": found.delivery.counts,
        "control.db, alerts.db": found.control.counts,
    }
    return {file: {kind: n for kind, n in counts.items() if n} for file, counts in parts.items()}
