"""What a destination does. A new one is a folder with these five verbs and its `DestinationKind`, and a word in kinds.py."""

from collections.abc import Collection, Mapping
from typing import ClassVar, Protocol, TypeVar

from penstock.clock import Clock
from penstock.destinations.answer import Answer
from penstock.destinations.erasure import Erased, NotErased
from penstock.destinations.options import Options
from penstock.destinations.plan import About, Call, Meaning
from penstock.event import Naming
from penstock.settings import Destination, Policy, Settings

Own = TypeVar("Own", bound=Options)


class Api(Protocol):
    """The far side. Adapters speak HTTP; the simulation has a hostile one."""

    async def send(self, call: Call) -> Answer:
        """Make one call and name its answer. Never raises for anything the network or the destination does."""

    async def read(self, path: str) -> Answer:
        """Make one read and name its answer. Never raises either."""

    async def probe(self) -> Answer:
        """Make a harmless read that succeeds when key and address are right."""

    async def close(self) -> None:
        """Close idle connections."""


class Package(Protocol[Own]):
    """One kind of destination. What its calls say, and of which person, is asked of the calls; see plan.Call."""

    #: How it reads events: the type of its options.
    reading: type[Own]
    #: Paths of calls that write a record which the ledger can know, and what they are about; none: the ledger has no part.
    records: ClassVar[Mapping[str, About]]
    #: By mapping with which the ledger is on where settings say `auto`: who may overwrite which fields then.
    ledger: ClassVar[Mapping[str, Mapping[str, Policy]]]

    def options(self, destination: Destination, settings: Settings) -> Own:
        """Return how events are read for a destination, as its settings say."""

    def convert(self, call: object, options: Own) -> Meaning:
        """Return what an SDK call means. Pure; never raises, whatever JSON the call is, and never changes it."""

    def naming(self, options: Own) -> Naming | None:
        """Return who stored events are about, so that lanes are named alike; None: as accept read it."""

    async def erase(self, api: Api, names: Collection[str], options: Own) -> Erased | NotErased:
        """Delete people and companies at the far side, as identity.py names them, and read back whether they are gone.

        Doing it twice does no harm. Never raises for anything the network or the destination does.
        """

    def connect(self, destination: Destination, settings: Settings, clock: Clock) -> Api:
        """Return the way to a destination."""
