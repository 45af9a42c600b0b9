"""Which lanes an event waits in. Pure.

Whom an event is about, its destination says (`Naming`), by the function that its mapping names people by. A person's lane is
named by the user id, else by the e-mail address; a visitor's by the anonymous id. An event that names a person by two of
them ties one to the other: from then on what names that person by e-mail or anonymous id alone waits in the lane of the user
id as well. Lanes are never merged: on a shared computer, or with a server that sends one constant anonymousId, merging
would chain strangers together for ever.

Why the order of one person holds: an event with a user id waits for everything earlier of that user, and, if it names an
e-mail or an anonymous id that still has events waiting, for those; if the e-mail was last seen with another user, for that
one too, for Custify may take both for one. An event without a user id waits for its own lane and, once tied, for everything
earlier of the person it was last seen with.
"""

from collections.abc import Callable, Sequence

from penstock import causes
from penstock.buffer.port.backlog import Priority
from penstock.event import Event, Lane, Named

# More events than any machine will ever see: the positions of one priority never reach those of the next.
POSITIONS_OF_A_PRIORITY = 2**48
USER, EMAIL, VISITOR, COMPANY = "user:", "email:", "anon:", "company:"
# Events of one visitor that are parked until it is known who that is: they all come back at once.
VISITOR_EVENTS_MAX = 1_000

#: To whom an e-mail or a visitor was tied last: the lane of a person, and whether it was more than one.
Tie = tuple[Lane, bool]
Tied = Callable[[Lane], Tie | None]


def place(priority: Priority, number: int) -> int:
    """Return a position in the order of lanes: by priority, then by number."""
    return priority * POSITIONS_OF_A_PRIORITY + number


def by_head(event: Event) -> Named:
    """Return whom an event is about as far as accept could tell: what is named where nobody says how to read it."""
    return Named(
        user_id=event.user_id,
        visitor=f"{VISITOR}{event.anonymous_id}" if event.anonymous_id else "",
        companies=(event.company_id,) if event.company_id else (),
    )


def lanes_of(named: Named, *, tied: Tied, is_waiting: Callable[[Lane], bool]) -> tuple[Lane, ...]:
    """Return the lanes of an event; the first is its own."""
    person, email, visitor = person_lane(named), _email_lane(named), Lane(named.visitor)
    own = person or visitor
    wanted = [lane for lane in (own, email, visitor) if lane and (lane == own or is_waiting(lane))]
    # Of a visitor who became somebody known by e-mail: whoever that is by now.
    others = [_person_of(email, tied)] if email else []
    if visitor == own:
        others += [first := _person_of(visitor, tied), _person_of(first, tied)]
    companies = [Lane(COMPANY + company) for company in named.companies]
    return tuple(dict.fromkeys([*wanted, *filter(None, others), *companies]))


def ties_of(named: Named) -> list[tuple[Lane, Lane]]:
    """Return what an event ties to whom: its e-mail and its visitor to its person."""
    person = person_lane(named)
    lanes = (_email_lane(named), Lane(named.visitor))
    return [(lane, person) for lane in lanes if person and lane and lane != person]


def tie_after(held: Tie | None, person: Lane) -> Tie:
    """Return a tie after an event that names this person. One who is known by id is not known by e-mail again."""
    if held is None:
        return person, False
    known, is_several = held
    if known == person or (known.startswith(USER) and person.startswith(EMAIL)):
        return held
    return person, is_several or not (known.startswith(EMAIL) and person.startswith(USER))


def became(named: Named, tied: Tied) -> Lane:
    """Return the person whom the visitor of an event became; empty for every other event, and where it may be several."""
    if person_lane(named) or not named.visitor:
        return Lane("")
    person = _certain(Lane(named.visitor), tied)
    return (_certain(person, tied) or person) if person.startswith(EMAIL) else person


def companies_of(lanes: Sequence[Lane]) -> tuple[str, ...]:
    """Return the companies among lanes."""
    return tuple(lane.removeprefix(COMPANY) for lane in lanes if lane.startswith(COMPANY))


def person_lane(named: Named) -> Lane:
    """Return the lane of the person an event names; empty when it names none."""
    return Lane(f"{USER}{named.user_id}") if named.user_id else _email_lane(named)


def why_parked(subjects: Sequence[str]) -> tuple[str, str]:
    """Return why an event is parked that waits for these subjects, and the cause's code."""
    if any(subject.startswith(VISITOR) for subject in subjects):
        return "nobody knows yet who the visitor is; the event waits until they sign in", causes.ANONYMOUS
    return "Custify does not know the person yet; the event waits for an identify or group call", causes.PERSON_UNKNOWN


def _email_lane(named: Named) -> Lane:
    return Lane(f"{EMAIL}{named.email}" if named.email else "")


def _person_of(lane: Lane, tied: Tied) -> Lane:
    tie = tied(lane) if lane else None
    return tie[0] if tie else Lane("")


def _certain(lane: Lane, tied: Tied) -> Lane:
    tie = tied(lane)
    return tie[0] if tie and not tie[1] else Lane("")
