"""One search for everything there is about a person: dry run, erasure and subject access go by it, so that each proves the others."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from penstock.buffer.port.ledger import LedgerShelf
from penstock.buffer.port.traces import Held, Sightings, Traces
from penstock.erasing.asking import Persons
from penstock.erasing.linking import Linked, Together, linked
from penstock.erasing.meaning import SearchSense
from penstock.identity import EMAIL, USER, name_of, names_quoted
from penstock.ledger.record import decoded
from penstock.placeholders import PLACEHOLDER_IDS


class Everything(msgspec.Struct, frozen=True, kw_only=True):
    """All that was found."""

    linked: Linked
    #: Of events.db, of delivery.db, and of control.db with alerts.db.
    events: int
    delivery: Held
    control: Held
    #: Requests that ingest refused, as it shows them; it forgets who is on the list by itself.
    refused: Sequence[str] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Return how many things of each kind there are, without those there are none of."""
        beside = {"refused requests": len(self.refused)}
        found = {"events": self.events, **self.delivery.counts, **self.control.counts, **beside}
        return {kind: count for kind, count in found.items() if count}


class Searching:
    """The search over one data folder."""

    def __init__(
        self,
        traces: Traces,
        ledger: LedgerShelf,
        destinations: Callable[[], Iterable[str]],
        placeholders: Callable[[], Sequence[str]] = lambda: PLACEHOLDER_IDS,
        *,
        hashing: Callable[[], Callable[[str], str] | None] = lambda: None,
        refused: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        """`placeholders` tells the ids that are none; `hashing` how values are hashed, None where none ever was.

        `refused` tells what is shown of refused requests, each as one text.
        """
        self.traces, self.ledger, self.destinations = traces, ledger, destinations
        self.placeholders, self.hashing, self.refused = placeholders, hashing, refused

    def everything(self, given: Persons, seqs: Sequence[int] = ()) -> Everything:
        """Return what there is of some people, and of events with these numbers, which were theirs.

        Takes seconds. Raises BufferUnavailable, StoreDamaged.
        """
        meaning = SearchSense(self.placeholders(), self.hashing())

        def look(names: Persons) -> Sightings:
            return self.traces.sightings(meaning.looked_for(names))

        def known(names: Persons) -> Iterator[Together]:
            return self.known(meaning.looked_for(names))

        meaning.looked_for(given)
        found = linked(given, look, known, meaning.read)
        found = msgspec.structs.replace(found, names=meaning.stored(found.names))
        numbers = sorted({*found.seqs, *seqs})
        return Everything(
            linked=found,
            events=len(found.seqs),
            delivery=self.traces.beside(found.names, numbers),
            control=self.traces.asked(found.names),
            refused=[text for text in self.refused() if not found.names.isdisjoint(names_quoted(text))],
        )

    def mentions(self, found: Everything) -> int:
        """Return how many events of others have one of the names in them, beside those that are theirs."""
        return self.traces.mentions(found.linked.names, seqs=frozenset(found.linked.seqs))

    def known(self, names: Persons) -> Iterator[Together]:
        """Yield who is known to be the same, though no stored event may say so any more: by ties and by records."""
        yield from (frozenset(pair) for pair in self.traces.ties(names))
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
        "snapshots": {"refused requests": len(found.refused)},
    }
    return {file: {kind: n for kind, n in counts.items() if n} for file, counts in parts.items()}
