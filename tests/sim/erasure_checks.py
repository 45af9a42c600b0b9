"""What must hold when people are erased: nothing of them is left, nothing about them is sent again, and others are unharmed."""

import dataclasses
from collections.abc import Iterator

from penstock.identity import is_left
from sim import checks
from sim.ledger_checks import wrong_with_ledger
from sim.script import USER
from sim.story import History


def wrong_with_erasures(history: History) -> list[str]:
    """Return a sentence for everything that is wrong; nothing when all promises were kept."""
    return [*_erased(history), *_sums(history), *_but_sums(checks.wrong(_of_others(history)))]


def wrong_with_erasures_and_ledger(history: History) -> list[str]:
    """Return the same, where the ledger has a say."""
    complaints = wrong_with_ledger(_of_others(history))
    # What an erased person said of a company last is known to nobody any more.
    unharmed = [each for each in _but_sums(complaints) if not each.startswith("company ")]
    return [*_erased(history), *_sums(history), *unharmed]


def _but_sums(complaints: list[str]) -> list[str]:
    return [each for each in complaints if "different events were sent" not in each]


def _erased(history: History) -> Iterator[str]:
    for erasure in history.erasures:
        if not erasure.number:
            continue
        if not erasure.is_done:
            yield f"the erasure of {erasure.given} did not come to its end: {erasure.problem or 'nobody says why'}"
        for call in erasure.sent_again:
            yield f"{erasure.given} was to be gone from Custify, and was sent again: {call}"
        for kind in erasure.left:
            yield f"{erasure.given} was erased, and there is still {kind}"


def _sums(history: History) -> Iterator[str]:
    if history.received != history.waiting + sum(history.outcomes.values()):
        yield f"received {history.received}, waiting {history.waiting}, outcomes {history.outcomes}: the sums differ"
    kept = {story.event.message_id for story in history.stories}
    for mark, person in _marks(history).items():
        if person not in _gone(history) and f"m{mark}" not in kept:
            yield f"m{mark} is of nobody who was erased, and is not stored"


def _marks(history: History) -> dict[int, int]:
    """Return of which person each event is."""
    requests = history.script.sent + (history.script.late if len(history.drains) > 1 else ())
    return {int(e.message_id[1:]): person_of(e.request_ip) for request in requests for e in request.events}


def person_of(who: str) -> int:
    """Return the number of a person by the id that the script wrote beside an event."""
    return int(who[1:]) if who.startswith("a") else int(who) - USER


def _gone(history: History) -> set[int]:
    return {erasure.person for erasure in history.erasures if erasure.number}


def _of_others(history: History) -> History:
    """Return the history without those who were erased, also by ids that nobody could know to be theirs."""
    gone = {mark for mark, person in _marks(history).items() if person in _gone(history)}
    orders = [tuple(mark for mark in order if mark not in gone) for order in history.script.orders]
    stories = [
        story for story in history.stories if not is_left(story.event) and int(story.event.message_id[1:]) not in gone
    ]
    died = [story for story in history.died if not is_left(story.event) and int(story.event.message_id[1:]) not in gone]
    script = dataclasses.replace(history.script, orders=tuple(order for order in orders if len(order) > 1))
    return dataclasses.replace(history, script=script, stories=stories, died=died)
