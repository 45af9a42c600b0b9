"""One engine per enabled destination, and what follows when the settings change while they run."""

import asyncio
import bisect
import collections
import math
from collections.abc import Callable, Sequence
from collections.abc import Mapping as Table

import structlog

from penstock import causes
from penstock.buffer.port.backlog import Backlog, Ending, Lease, Priority
from penstock.buffer.port.ledger import Ledger, LedgerOrders
from penstock.buffer.port.names import Names
from penstock.buffer.port.orders import Orders
from penstock.buffer.port.outcomes import Attempt, Outcome
from penstock.clock import Clock, Dice
from penstock.deliver.decide import RetryPolicy
from penstock.deliver.engine import Engine
from penstock.deliver.ledger_orders import FollowedLedgerOrders
from penstock.deliver.naming import Rename, Serve, naming_of
from penstock.deliver.pace import Pace
from penstock.deliver.policy import DeliveryPolicy
from penstock.deliver.replays import Replays
from penstock.deliver.steps import Bench, Trusting
from penstock.destinations.every import package_of
from penstock.destinations.kept_options import kept_options
from penstock.destinations.kinds import KINDS
from penstock.destinations.port import Api
from penstock.destinations.reading import options_by_source, options_of, wishes_of
from penstock.errors import BufferUnavailable, StoreDamaged
from penstock.event import Naming
from penstock.ledger.modes import mode_of
from penstock.ledger.rules import rules_of
from penstock.settings import Destination, Settings, account_of

log = structlog.get_logger()

# Upper bounds of the durations counted, in seconds; one more bucket counts what took longer.
DURATION_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

# Events buried in one transaction, of a destination that was removed; and the bodies of a lane's, beyond its first.
GIVEN_UP_AT_ONCE, GIVEN_UP_BYTES_MAX = 500, 4 * 1024 * 1024

#: A destination's backlog: its name, its sources, from when on events of one that is new there are sent, and who an event
#: is about.
BacklogOf = Callable[[str, Callable[[], Sequence[str]], Callable[[str], str], Callable[[], Naming | None]], Backlog]


class Served:
    """A destination that is served now: its engine, the task that runs it, and what it counted."""

    def __init__(
        self, destination: Destination, engine: Engine, orders: FollowedLedgerOrders, *, allowed_hosts: Sequence[str]
    ) -> None:
        self.destination, self.engine, self.ledger_orders = destination, engine, orders
        self.allowed_hosts = allowed_hosts
        self.replays = Replays(engine.backlog)
        #: When a person said last that it may go on; None before the first look.
        self.resumed_at: float | None = None
        self.attempts: collections.Counter[tuple[str, str]] = collections.Counter()
        self.buckets = [0] * (len(DURATION_BUCKETS_S) + 1)
        self.duration_sum_s = 0.0
        engine.observe = self._count
        self.task = asyncio.create_task(engine.run())

    def _count(self, attempt: Attempt) -> None:
        status_class = f"{attempt.status // 100}xx" if attempt.status else "none"
        # A look-up names a person; a metric must not.
        self.attempts[attempt.path.partition("?")[0], status_class] += 1
        self.buckets[bisect.bisect_left(DURATION_BUCKETS_S, attempt.duration_ms / 1000)] += 1
        self.duration_sum_s += attempt.duration_ms / 1000

    def heed_resume(self, resumed_at: float) -> None:
        """Look at once whether a destination may go on, if a person asked for it since the last look."""
        if self.resumed_at not in {None, resumed_at}:
            self.engine.standing.ask_now()
        self.resumed_at = resumed_at

    def facts(self) -> dict[str, object]:
        """Return what a person may want to know, as JSON values."""
        limit = self.engine.pace.limit
        return {
            "hold_reason": self.engine.hold.reason,
            "hold_cause": self.engine.hold.cause,
            "is_on_trial": self.engine.hold.is_on_trial,
            "paused_by": self.engine.hold.paused_by,
            "wait_until": self.engine.standing.asked_until(),
            "wait_is_cut": self.engine.standing.is_cut,
            "who": self.engine.policy.retry.who,
            "causes": self.engine.policy.retry.causes,
            "limit_per_s": None if math.isinf(limit) else round(limit, 1),
            "in_flight": len(self.engine.in_flight),
            **self.engine.progress.facts(),
            **self.engine.hold.retry_facts(steady=self.engine.clock.steady(), awake=self.engine.clock.awake()),
            "width": self.engine.width.limit,
            "attempts": [(path, status_class, count) for (path, status_class), count in self.attempts.items()],
            "duration_buckets": self.buckets,
            "duration_sum_s": round(self.duration_sum_s, 3),
        }


class Fleet:
    """All engines of this process."""

    def __init__(
        self,
        *,
        backlog_of: BacklogOf,
        ledger_of: Callable[[str], Ledger],
        orders: Orders,
        ledger_orders: LedgerOrders,
        clock: Clock,
        dice: Dice,
        bench: Bench | None = None,
        names: Names | None = None,
        guarded: Callable[[Api], Api] = lambda api: api,
    ) -> None:
        self.bench, self.names, self.guarded = bench or Trusting(), names, guarded
        #: By name: why a destination is not served before a person says so, and what it may have been called.
        self.asked: dict[str, tuple[str, str]] = {}
        self.backlog_of, self.ledger_of, self.orders, self.ledger_orders = backlog_of, ledger_of, orders, ledger_orders
        self.clock, self.dice = clock, dice
        self.served: dict[str, Served] = {}
        self.leaving: set[asyncio.Task[None]] = set()
        self.settings, self.complaint = Settings(), ""
        #: By name: the settings that a destination is served by. Those whose key is new are not yet served by the newest.
        self.heeded: dict[str, Settings] = {}

    def follow(self, settings: Settings) -> None:
        """Serve what the settings name: start, change and stop engines. Backlogs are never touched."""
        self.settings = settings
        wanted = {name: d for name, d in settings.destinations.items() if d.enabled}
        for name in self.served.keys() - wanted.keys():
            self._leave(self.served.pop(name))
        for name, served in self.served.items():
            # Another key may be another one's: what is served under this name is found out before it is used.
            if self.names is None or _has_account(served.destination, wanted[name]):
                self._change(served, wanted[name])
        if self.names is None:
            for name in wanted.keys() - self.served.keys():
                self.served[name] = self._serve(wanted[name])

    async def until(self, stopping: asyncio.Event) -> None:
        """Serve until `stopping`. Raises what an engine died of: the process then ends, and is started afresh."""
        stop = asyncio.create_task(stopping.wait())
        while not stop.done():
            await self._follow_orders()
            # Settings may change who is served; a second is soon enough to notice a death.
            running = {served.task for served in self.served.values()}
            done, _ = await asyncio.wait({stop, *running}, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
            for task in done & running:
                task.result()

    async def stop(self) -> None:
        """Let every call under way end."""
        for served in self.served.values():
            served.engine.stop()
        self.bench.end()
        await asyncio.gather(*(served.task for served in self.served.values()), *self.leaving)

    def reword(self, unsaid: Callable[[str], str]) -> None:
        """Say in other words what engines have in mind."""
        for served in self.served.values():
            served.engine.standing.reword(unsaid)

    async def abandon(self) -> None:
        """End at once, in the middle of calls: another node serves these destinations, or may."""
        tasks = [task for served in self.served.values() for task in (served.task, *served.engine.in_flight)]
        self.served.clear()
        for task in (*tasks, *self.leaving):
            task.cancel()
        self.bench.end()
        await asyncio.gather(*tasks, *self.leaving, return_exceptions=True)

    def facts(self) -> dict[str, object]:
        """Return every engine's facts by destination."""
        asked: dict[str, object] = {
            name: {"hold_reason": reason, "hold_cause": causes.RENAMED, "was": old}
            for name, (reason, old) in self.asked.items()
        }
        return asked | {name: served.facts() for name, served in self.served.items()}

    async def _begin(self) -> None:
        """Serve those that are not served yet, or have another key now: if they are what they are called, or once they are."""
        settings = self.settings
        wanted = [d for d in settings.destinations.values() if d.enabled and not self._is_served(d)]
        self.asked = {d.name: self.asked[d.name] for d in wanted if d.name in self.asked}
        for destination in wanted:
            if self.names is None:
                return
            name, given_up = destination.name, self.orders.discarded()
            while isinstance(verdict := naming_of(name, settings, self.names.known(), given_up), Rename):
                if not await self._renamed(name, verdict, self.names):
                    break
                if settings is not self.settings:
                    return  # other ones came meanwhile
            self.asked.pop(name, None)
            if isinstance(verdict, Serve):
                self._serve_or_change(destination)
            elif not isinstance(verdict, Rename):
                self._rest(name)
                self.asked[name] = verdict.why()

    async def _renamed(self, name: str, step: Rename, names: Names) -> bool:
        """Do one step of giving a destination the past that is its own, unless an engine may write to it still."""
        self._rest(name)
        if self.leaving or step.old in self.served:
            return False
        new = step.new or name
        await names.rename(step.old, new)
        log.info("renamed", destination=new, was=step.old)
        return True

    def _rest(self, name: str) -> None:
        """Stop serving a destination, if it is served."""
        if name in self.served:
            self._leave(self.served.pop(name))

    def _is_served(self, destination: Destination) -> bool:
        served = self.served.get(destination.name)
        return served is not None and _has_account(served.destination, destination)

    def _serve_or_change(self, destination: Destination) -> None:
        if destination.name in self.served:
            self._change(self.served[destination.name], destination)
        else:
            self.served[destination.name] = self._serve(destination)

    async def _follow_orders(self) -> None:
        """Do what people asked for; what cannot be read or written now is tried again in a second."""
        try:
            await self._begin()
            paused, resumed, replays = self.orders.paused(), self.orders.resumed(), self.orders.replays()
            for name in self.orders.discarded():
                if name not in self.served:
                    await self._give_up(name)
            # A copy: settings may change who is served while we wait for the store.
            for name, served in list(self.served.items()):
                if name in paused:
                    served.engine.pause(paused[name])
                else:
                    served.engine.resume()
                served.heed_resume(resumed.get(name, 0.0))
                is_live = served.destination.mode == "live"
                served.engine.guard.attributes.approved = await served.ledger_orders.step(is_live=is_live)
                if await served.replays.step([order for order in replays if order.destination == name]):
                    served.engine.progress.moved(self.clock.steady())
        except (BufferUnavailable, StoreDamaged) as error:
            # Orders can wait; events go on.
            if str(error) != self.complaint:
                log.warning("orders_not_followed", reason=str(error))
            self.complaint = str(error)

    async def _give_up(self, name: str) -> None:
        """Bury what waits for a destination that is gone; it stays on the shelf and can be replayed."""
        backlog = self.backlog_of(name, tuple, lambda _: "now", lambda: None)
        await backlog.wake_all()
        reason = f"given up when {name} was removed"
        while leases := await backlog.lease(limit=GIVEN_UP_AT_ONCE, lease_s=60.0):
            room, given_up = GIVEN_UP_AT_ONCE - len(leases), list[Lease]()
            for lease in leases:
                run = await backlog.lease_behind(lease, limit=room, bytes_max=GIVEN_UP_BYTES_MAX) if room else lease
                room -= len(run.followers)
                given_up += [run, *run.followers]
            await backlog.settle(
                *(
                    Ending(lease=lease, outcome=Outcome.DEAD, cause=causes.DISCARDED, reason=reason)
                    for lease in given_up
                )
            )

    def _serve(self, destination: Destination) -> Served:
        name, self.heeded[destination.name] = destination.name, self.settings
        engine = self._engine(destination)
        orders = FollowedLedgerOrders(name, backlog=engine.backlog, kept=engine.kept, orders=self.ledger_orders)
        return Served(destination, engine, orders, allowed_hosts=self.settings.allowed_private_hosts)

    def _engine(self, destination: Destination) -> Engine:
        name = destination.name
        return Engine(
            name,
            backlog=self.backlog_of(
                name,
                lambda: self.heeded[name].sources_of(name),
                lambda source: self.heeded[name].begins(source, name),
                lambda: self._naming(name),
            ),
            ledger=self.ledger_of(name),
            api=self._connect(destination),
            pace=Pace(per_s_max=destination.calls_per_s_max or math.inf, as_of=self.clock.steady()),
            policy=self._policy(destination),
            clock=self.clock,
            dice=self.dice,
            bench=self.bench,
        )

    def _naming(self, name: str) -> Naming | None:
        """Return whom events are about as the destination reads them; None once it is gone."""
        settings = self.heeded[name]
        destination = settings.destinations.get(name)
        return package_of(destination).naming(options_of(destination, settings)) if destination else None

    def _connect(self, destination: Destination) -> Api:
        return self.guarded(package_of(destination).connect(destination, self.settings, self.clock))

    def _policy(self, destination: Destination) -> DeliveryPolicy:
        options = options_of(destination, self.settings)
        by_source = options_by_source(options, self.settings)
        return DeliveryPolicy(
            options=options,
            by_source=by_source,
            readings={source: kept_options(own)[0] for source, own in by_source.items()},
            origin=destination.base_url,
            moved_from=destination.moved_from,
            account=account_of(destination.base_url, destination.api_key),
            retry=RetryPolicy(
                who=KINDS[destination.type].who,
                credential=KINDS[destination.type].credential,
                causes=destination.type,
                give_up_after_s=self.settings.retry_hours * 3600,
                park_s=destination.park_hours * 3600,
                visitor_s=destination.anonymous_hours * 3600,
                visitor_events_max=destination.anonymous_events_max,
            ),
            in_flight_max=destination.calls_in_flight_max,
            call_s_max=self.settings.call_timeout_s,
            retry_after_s_max=self.settings.retry_after_s_max,
            shares=_shares(destination),
            wishes=wishes_of(destination, self.settings),
            rules=rules_of(destination),
            mode=mode_of(destination),
        )

    def _change(self, served: Served, destination: Destination) -> None:
        policy, allowed = self._policy(destination), self.settings.allowed_private_hosts
        self.heeded[destination.name] = self.settings
        if (served.destination, served.engine.policy, served.allowed_hosts) == (destination, policy, allowed):
            return
        served.destination, served.allowed_hosts = destination, allowed
        served.engine.reconfigure(
            api=self._connect(destination),
            policy=policy,
            per_s_max=destination.calls_per_s_max or math.inf,
        )
        log.info("destination_changed", destination=destination.name)

    def _leave(self, served: Served) -> None:
        served.engine.stop()
        self.leaving.add(served.task)
        served.task.add_done_callback(self.leaving.discard)
        log.info("destination_left", destination=served.destination.name)


def _has_account(one: Destination, other: Destination) -> bool:
    return (one.base_url, one.api_key) == (other.base_url, other.api_key)


def _shares(destination: Destination) -> Table[Priority, float]:
    """Return how a destination's pace is shared; live gets what the others leave."""
    replay, backfill = destination.replay_share, destination.backfill_share
    return {Priority.LIVE: 1.0 - replay - backfill, Priority.REPLAY: replay, Priority.BACKFILL: backfill}
