"""Of each connection that is made: the number of stored events that is shown for it is the number that is sent."""

import msgspec
import pytest

from contract.worlds import event
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.outcomes import Outcome
from penstock.inspect.beginnings import beginning_of, to_send
from penstock.settings import Destination, Settings
from penstock.settings.table import Connection

DAY_S = 86_400


def settings(*links: str, disabled: tuple[str, ...] = ()) -> Settings:
    """Return settings of links such as "web>crm" or "web>crm:7 days"; destinations in the order in which they stand there."""
    connections = []
    for link in links:
        source, _, rest = link.partition(">")
        to, _, begin = rest.partition(":")
        connections.append(Connection(from_=source, to=to, deliver_from=begin))
    names = dict.fromkeys(c.to for c in connections)
    destinations = {n: Destination(name=n, api_key="k", enabled=n not in disabled) for n in names}
    return Settings(destinations=destinations, connections=tuple(connections))


class Running:
    """Deliver, as it follows one settings after the other."""

    def __init__(self, world) -> None:
        self.world, self.settings, self.backlogs, self.stored = world, Settings(), {}, 0

    async def comes(self, source: str, *, number: int = 2) -> None:
        now_ms = int(self.world.clock.now() * 1000)
        self.stored += number
        names = [f"{source}{n}" for n in range(self.stored - number, self.stored)]
        events = [event(name, user=name, source=source) for name in names]
        await self.world.append(*[msgspec.structs.replace(each, received_at_ms=now_ms) for each in events])
        await self.delivers()

    def shows(self, after: Settings) -> dict[str, int]:
        return to_send(self.settings, after, self.world.shelf, self.world.begun, now=self.world.clock.now())

    async def follows(self, after: Settings) -> dict[str, int]:
        """Let other settings be in force; return what is sent then, by connection."""
        self.settings = after
        return await self.delivers()

    async def delivers(self) -> dict[str, int]:
        sent: dict[str, int] = {}
        for name in [name for name, each in self.settings.destinations.items() if each.enabled]:
            if name not in self.backlogs:
                self.backlogs[name] = self.world.backlog_of(
                    name,
                    lambda name=name: self.settings.sources_of(name),
                    lambda source, name=name: self.settings.begins(source, name),
                )
            while leases := await self.backlogs[name].lease(limit=100, lease_s=30.0):
                for lease in leases:
                    link = f"{lease.event.source} to {name}"
                    sent[link] = sent.get(link, 0) + 1
                    await self.backlogs[name].settle(Ending(lease=lease, outcome=Outcome.DELIVERED))
        return sent


FIRST = settings("web>a")
STORIES = {
    "the first": ([], settings("web>a"), {"web to a": 2}),
    "a later one": ([FIRST], settings("web>a", "web>b"), {"web to b": 0}),
    "a later one that wants all": ([FIRST], settings("web>a", "web>b:all"), {"web to b": 4}),
    "both in one edit": ([], settings("web>a", "web>b"), {"web to a": 2, "web to b": 0}),
    "both in one edit, the first from now": ([], settings("web>a:now", "web>b"), {"web to a": 0, "web to b": 0}),
    "another one when the first is gone": ([FIRST], settings("web>b"), {"web to b": 0}),
    "one before the first in the file": ([FIRST], settings("web>b", "web>a"), {"web to b": 0}),
    "a connection that was removed": ([FIRST, settings("server>a")], settings("server>a", "web>a"), {"web to a": 0}),
    "the same, and all is wanted": ([FIRST, settings("server>a")], settings("server>a", "web>a:all"), {"web to a": 0}),
    "a destination that was removed": ([FIRST, Settings()], settings("web>a"), {"web to a": 2}),
    "one beside a destination that is off": (
        [settings("web>a", disabled=("a",))], settings("web>a", "web>b", disabled=("a",)), {"web to b": 4},
    ),
    "the last days": ([], settings("web>a:1 day"), {"web to a": 2}),
    "two sources": ([FIRST], settings("web>a", "server>a", "server>b"), {"server to a": 0, "server to b": 0}),
}  # fmt: skip


@pytest.mark.parametrize("story", STORIES)
async def test_as_many_stored_events_are_sent_as_are_shown(world, story):
    before, after, expected = STORIES[story]
    running = Running(world)
    await running.comes("web")
    for each in before:
        await running.follows(each)
        await running.comes("web")

    shown = running.shows(after)
    sent = await running.follows(after)

    assert shown == expected
    assert {link: sent.get(link, 0) for link in shown} == shown


async def test_a_destination_that_is_on_again_gets_what_came_meanwhile_and_nothing_is_asked_for(world):
    running = Running(world)
    await running.follows(settings("web>a"))
    await running.follows(settings("web>a", disabled=("a",)))
    await running.comes("web", number=3)

    assert running.shows(settings("web>a")) == {}
    assert await running.follows(settings("web>a")) == {"web to a": 3}


async def test_a_source_under_another_name_has_sent_nothing_yet(world):
    running = Running(world)
    await running.comes("web")
    await running.follows(settings("web>a"))

    assert running.shows(settings("site>a")) == {"site to a": 0}
    assert await running.follows(settings("site>a")) == {}


async def test_the_form_says_what_a_choice_sends_or_that_there_is_none(world):
    running = Running(world)
    await running.comes("web", number=1)
    world.clock.advance(10 * DAY_S)
    await running.comes("web", number=2)
    await running.follows(settings("web>a"))

    def form(name: str):
        return beginning_of("web", name, running.settings, world.shelf, world.begun, now=world.clock.now())

    assert (form("b").counts, form("b").is_first, form("b").goes_on) == (
        {"auto": 0, "now": 0, "1 day": 2, "7 days": 2, "30 days": 3, "all": 3},
        False,
        None,
    )
    await running.follows(Settings())
    assert form("a").goes_on == 0
