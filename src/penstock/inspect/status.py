"""The read model that the admin API, the metrics and the CLI share: how many, how old, in what state."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from penstock import causes
from penstock.buffer.port.ledger import CallFigures, LedgerShelf
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.port.shelf import Counts, Shelf
from penstock.clock import Clock
from penstock.errors import BufferUnavailable, StoreDamaged
from penstock.inspect.key_tests import last_test
from penstock.inspect.node import NodeAmongOthers, node_status
from penstock.inspect.room import room_notices
from penstock.inspect.sensitive import redacted
from penstock.inspect.standing import STALLED_S, DestinationState, given_up_in_s, standing_of
from penstock.inspect.tried import doubt
from penstock.machine.ends import read_ends, with_ends
from penstock.machine.pulse import ROLES, RoleStatus, read_pulse
from penstock.machine.snapshot import Snapshots
from penstock.settings import Settings, Source
from penstock.settings.last_known import problem_of
from penstock.settings.source_warnings import warnings_of
from penstock.settings.write_keys import NAMES, digest_of_key


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DestinationStatus:
    """One destination; received == waiting + the sum of outcomes, always."""

    received: int
    waiting: int
    retrying: int
    #: Waiting for the destination to know their person.
    parked: int
    outcomes: Mapping[str, int]
    #: Of those that are not parked.
    oldest_waiting_s: float | None
    #: "delivering", "throttled", "stalled", "held", "paused", "disabled", "stopped" or "down"; see standing.py.
    state: str
    reason: str
    #: One of causes.py; empty while delivering.
    cause: str
    #: Until when it asked for quiet, in seconds since 1970; None while it does not.
    wait_until: float | None = None
    #: Calls per second that it allows as far as we learned; None while nothing limits.
    limit_per_s: float | None
    #: Calls planned, sent and saved by path; under `shadow` those that would have been.
    calls: Mapping[str, CallFigures]
    shadow_calls: Mapping[str, CallFigures]
    #: Seconds since an event ended, or could begin to; None while deliver has not said.
    still_s: float | None = None
    #: What it may have been called before; nothing is sent until a person says.
    was: str = ""
    #: Of those parked, how long ago the one was received that is parked for longest; None when none is.
    parked_oldest_s: float | None = None
    #: In how many seconds that one is given up; None when none is parked, or while that time stands still.
    parked_given_up_in_s: float | None = None
    #: Why it is not known whether calls get through; empty when it is known that they do.
    doubt: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """One source, as far as something is amiss with it."""

    #: What ingest did not take since it started, by reason: `quota`, `share`, `store` in events, `origin` in requests.
    lost: Mapping[str, int]
    warnings: Sequence[str]
    #: When each of its keys was used last, in seconds since 1970, to the minute; None: not since that is written down.
    keys: Mapping[str, float | None] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """All that is known of a running, or stopped, Penstock."""

    version: str
    accepted: Mapping[str, int]
    destinations: Mapping[str, DestinationStatus]
    sources: Mapping[str, SourceStatus] = dataclasses.field(default_factory=dict)
    #: What people must know of the store itself, as sentences.
    notices: Sequence[str] = ()
    #: Those of them that are about erasures past their deadline.
    late_erasures: Sequence[str] = ()
    #: The processes that ran on this data folder: whether the loop of each turns.
    roles: Mapping[str, RoleStatus] = dataclasses.field(default_factory=dict)
    #: Why the settings file, as it is now, is not followed; empty when it is.
    settings_problem: str = ""
    #: How this node stands among several; None on one machine.
    node: NodeAmongOthers | None = None


# What can be said of a file that cannot be read.
NO_COUNTS = Counts(received=0, waiting=0, retrying=0, parked=0, outcomes={}, oldest_received_at_ms=None)


class StatusReader:
    """Reads the status from the store and the snapshots; changes nothing."""

    def __init__(
        self,
        *,
        settings: Settings,
        shelf: Shelf,
        ledger: LedgerShelf,
        snapshots: Snapshots,
        clock: Clock,
        version: str,
        notices: Callable[[], Sequence[str]] = lambda: (),
        late_erasures: Callable[[], Sequence[str]] = lambda: (),
        steady: Callable[[], float] | None = None,
    ) -> None:
        #: What time it is for deliver, whose times are not those of this process.
        self.steady = steady
        #: What people must know of the store's files, as sentences.
        self.notices, self.late_erasures = notices, late_erasures
        self.settings, self.shelf, self.ledger, self.snapshots = settings, shelf, ledger, snapshots
        self.clock, self.version = clock, version

    def read(self) -> Status:
        """Return the status as of now."""
        deliver = self.snapshots.read("deliver")
        damage = str(self.snapshots.read("deliver.damage").get("reason", ""))
        names, roles = self.settings.destinations, self.roles()
        steady = self._steady()

        def standing(name: str, counts: Counts) -> DestinationState:
            enabled = names[name].enabled
            return standing_of(_table(deliver.get(name)), counts, roles.get("deliver"), enabled=enabled, steady=steady)

        late, node = self.late_erasures(), node_status(self.snapshots, engine=self.settings.engine)
        return Status(
            version=self.version,
            accepted=self._accepted(),
            notices=(*self._notices(), *(node.notices() if node else ()), *late),
            late_erasures=late,
            destinations={name: self._destination(name, _table(deliver.get(name)), damage, standing) for name in names},
            sources=self.source_status(),
            roles=roles,
            settings_problem=problem_of(self.snapshots),
            node=node,
        )

    def _accepted(self) -> Mapping[str, int]:
        try:
            return dict(self.shelf.accepted())
        except (StoreDamaged, BufferUnavailable):
            return {}  # the notices say why

    def _notices(self) -> Sequence[str]:
        room = room_notices(self.settings.data_dir, free_bytes_min=self.settings.disk_free_bytes_min)
        try:
            return (*room, *self.notices())
        except (StoreDamaged, BufferUnavailable) as error:
            return (*room, str(error))

    def roles(self) -> Mapping[str, RoleStatus]:
        """Return how the processes are that ran on this data folder."""
        folder = self.snapshots.folder
        found = {role: read_pulse(folder, role, clock=self.clock) for role in ROLES}
        ends = read_ends(self.snapshots, clock=self.clock)
        return {
            role: with_ends(status, ends[role]) if role in ends else status
            for role, status in found.items()
            if status is not None
        }

    def still(self) -> Sequence[str]:
        """Return the destinations of which nothing moved for so long that they have stalled if something waits."""
        steady = self._steady()
        live = self.snapshots.read("deliver")
        moved_at = {name: cast("float", _table(facts).get("moved_at", steady)) for name, facts in live.items()}
        return [name for name, at in moved_at.items() if steady - at >= STALLED_S]

    def _steady(self) -> float:
        return self.clock.steady() if self.steady is None else self.steady()

    def source_status(self) -> Mapping[str, SourceStatus]:
        """Return how the sources are, as far as ingest left word of it."""
        lost: dict[str, dict[str, int]] = {}
        for source, why, count in cast("list[tuple[str, str, int]]", self.snapshots.read("accept").get("lost", [])):
            lost.setdefault(source, {})[why] = count
        used = cast("Mapping[str, float]", _table(self.snapshots.read("accept").get("keys")))
        return {
            name: SourceStatus(lost=lost.get(name, {}), warnings=warnings_of(source), keys=_uses(source, used))
            for name, source in self.settings.sources.items()
        }

    def _destination(
        self, name: str, live: Mapping[str, object], damage: str, standing: Callable[[str, Counts], DestinationState]
    ) -> DestinationStatus:
        try:
            counts, calls = self.shelf.counts(name, self.settings.sources_of(name)), self.ledger.calls(name)
        except (StoreDamaged, BufferUnavailable) as error:
            counts, calls, damage = NO_COUNTS, {}, str(error)
        oldest_ms, longest = counts.oldest_received_at_ms, counts.parked_longest
        found = standing(name, counts)
        if damage:
            found = dataclasses.replace(found, state="down", cause=causes.STORE_DAMAGED, reason=damage)
        return DestinationStatus(
            received=counts.received,
            waiting=counts.waiting,
            retrying=counts.retrying,
            parked=counts.parked,
            outcomes={outcome.value: counts.outcomes.get(outcome, 0) for outcome in Outcome},
            oldest_waiting_s=None if oldest_ms is None else max(0.0, self.clock.now() - oldest_ms / 1000),
            state=found.state,
            cause=found.cause,
            reason=found.reason,
            wait_until=found.wait_until,
            still_s=found.still_s,
            was=str(live.get("was", "")),
            parked_oldest_s=None if longest is None else max(0.0, self.clock.now() - longest.received_at_ms / 1000),
            parked_given_up_in_s=given_up_in_s(longest, self.settings.destinations[name], live, steady=self._steady()),
            doubt=doubt(last_test(self.snapshots, self.settings.destinations[name]), counts, live),
            limit_per_s=cast("float | None", live.get("limit_per_s")),
            calls={path: figures for path, figures in calls.items() if path.startswith("/")},
            shadow_calls={path[1:]: figures for path, figures in calls.items() if not path.startswith("/")},
        )


def without_names(status: Status) -> Status:
    """Return the status without what looks personal: reasons repeat what the destination said."""
    return dataclasses.replace(
        status,
        destinations={
            name: dataclasses.replace(destination, reason=redacted(destination.reason))
            for name, destination in status.destinations.items()
        },
    )


def _uses(source: Source, used: Mapping[str, float]) -> Mapping[str, float | None]:
    """Return when each key of a source was used last."""
    keys = {name: getattr(source, name) for name in NAMES}
    return {name: used.get(digest_of_key(key)) for name, key in keys.items() if key}


def _table(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}
