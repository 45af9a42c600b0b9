"""What is still to be done until the first event reached a destination, and how. Pure."""

import dataclasses
import urllib.parse
from collections.abc import Callable, Mapping, Sequence

from penstock.destinations.kinds import in_a_sentence
from penstock.inspect.key_tests import KeyTest
from penstock.inspect.status import DestinationStatus, Status
from penstock.inspect.words import plain, sentence
from penstock.settings import Destination, Settings

#: Outcomes with which the destination has what the event says.
TAKEN = ("delivered", "no-op", "coalesced")
LastTest = Callable[[Destination], KeyTest | None]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FirstStep:
    """One step: what it is, whether it is done, and else what to do."""

    title: str
    is_done: bool
    #: What to do, as a sentence; empty once it is done.
    todo: str = ""
    #: Where it is done, and what the button there says.
    href: str = ""
    action: str = ""
    #: It was tried and did not work.
    is_wrong: bool = False


def first_steps(settings: Settings, status: Status, last_test: LastTest, *, of: str = "") -> Sequence[FirstStep]:
    """Return the steps up to the first event taken, of one destination or of the first; none once there was one."""
    names = [of] if of else list(settings.destinations)
    if any(has_taken(status.destinations[name]) for name in names if name in status.destinations):
        return ()
    name = names[0] if names else ""
    found = status.destinations.get(name)
    fed = settings.sources_of(name) if name else ()
    received = bool(found and found.received)
    return (
        _source(settings),
        _key(settings.destinations.get(name), last_test),
        _connection(name, fed, settings),
        FirstStep(title="The first event was received", is_done=received) if received else _first_event(fed, settings),
        _taken(name, found, settings),
    )


def has_taken(destination: DestinationStatus) -> bool:
    """Return whether a destination has taken an event."""
    return any(destination.outcomes.get(outcome) for outcome in TAKEN)


def _source(settings: Settings) -> FirstStep:
    if settings.sources:
        return FirstStep(title="A source is added", is_done=True)
    todo = "It is the application that sends: it gets a write key, and the lines to paste."
    return FirstStep(title="Add a source", is_done=False, todo=todo, href="/sources/new", action="Add a source")


def _key(destination: Destination | None, last_test: LastTest) -> FirstStep:
    if destination is None:
        todo = "It is where events go: have its key at hand."
        title, href = "Add a destination and test its key", "/destinations/new"
        return FirstStep(title=title, is_done=False, todo=todo, href=href, action="Add a destination")
    tested = last_test(destination)
    if tested is not None and tested.reached:
        return FirstStep(title="The key is tested", is_done=True)
    todo = tested.said if tested else f"One harmless read tells whether {in_a_sentence(destination.type)} takes it."
    href, is_wrong = f"{_page('destinations', destination.name)}#settings", tested is not None
    action = "Enter the key again" if is_wrong else "Test the key"
    return FirstStep(title="Test the key", is_done=False, todo=todo, href=href, action=action, is_wrong=is_wrong)


def _connection(name: str, fed: Sequence[str], settings: Settings) -> FirstStep:
    if fed:
        return FirstStep(title=f"Connected: {', '.join(fed)}", is_done=True)
    todo = "Until then its events are kept, and go nowhere."
    is_possible = bool(name and settings.sources)
    href, action = (f"{_page('destinations', name)}#sources", "Choose the sources") if is_possible else ("", "")
    return FirstStep(title="Connect the source to the destination", is_done=False, todo=todo, href=href, action=action)


def _first_event(fed: Sequence[str], settings: Settings) -> FirstStep:
    names = fed or list(settings.sources)
    href = f"{_page('sources', names[0])}#snippets" if names else ""
    todo = "Paste the lines of your SDK, or send a test event; what comes is shown here at once."
    return FirstStep(
        title="Send the first event", is_done=False, todo=todo, href=href, action="Lines to paste" if names else ""
    )


def _taken(name: str, found: DestinationStatus | None, settings: Settings) -> FirstStep:
    who = in_a_sentence(settings.destinations[name].type) if name in settings.destinations else "the destination"
    title = f"{who[:1].upper()}{who[1:]} takes it"
    if found is None or not found.received:
        return FirstStep(title=title, is_done=False, todo="Most take less than a second.")
    ended = {outcome: count for outcome, count in found.outcomes.items() if count}
    if found.waiting:
        why = f": {sentence(found.reason)}" if found.reason else ""
        return FirstStep(title=title, is_done=False, todo=f"It waits{why}.", is_wrong=bool(why))
    said = ", ".join(f"{count} {plain(outcome)}" for outcome, count in ended.items())
    href = f"{_page('problems', name)}" if _is_bad(ended) else ""
    todo = f"So far: {said}. The page of an event says why."
    return FirstStep(title=title, is_done=False, todo=todo, href=href, action="See why" if href else "", is_wrong=True)


def _is_bad(ended: Mapping[str, int]) -> bool:
    return bool(ended.keys() & {"rejected", "dead"})


def _page(kind: str, name: str) -> str:
    return f"/{kind}/{urllib.parse.quote(name, safe='')}"
