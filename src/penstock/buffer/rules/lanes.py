"""Which lanes an event waits in. Pure.

*The states.* A lane is a list of waiting events, by position: live ones first, then replayed ones, each in the order they
came. Who an event is about, its destination says (`Naming`), by the function that its mapping names people by. An event
stands in the lanes that it was given when it was taken in, until it ends or is parked, or events are read in another way:

    its own       of the user id, else of the e-mail address, else of the visitor (the anonymous id)
    lesser names  its e-mail and its visitor, but only while an event stands there, or is parked for it
    better names  of an e-mail, the person it is tied to; of a visitor, that person, and the one tied to that
    companies     each that it writes

An event that names a person by two names ties the lesser to the better one. What is tied has one of three states:

    no person ── first person ──▶ one person ── another person ──▶ several, the last of them known
                                 │    ▲
                                 └────┘  the same person; or a user id in place of the e-mail it was known by

Until it is forgotten with its person, a tie never goes back from several, nor from a user id to an e-mail. Its person is the
one to wait for, in each state; only in the second may a visitor's events be given to that person (`became`).

*The rule.* An event is handed out when it stands first in all of its lanes, and no event in them is under way; those right
behind it in all of their lanes may go along with it.

*What follows from it, always:*

1. Two events with a lane in common go one after the other, by position.
2. No events wait in a ring: one waits for smaller positions alone, so the smallest that is not parked can always go.
3. An event stands in its own lane, at most two lesser and two better ones, and its companies: however many share a name.

*Why that keeps the order of one person.* Take an earlier event A and a later one B that still finds A waiting. By 1 they need
a lane in common:

    A and B name the user                     the user's lane
    A names the e-mail alone, B both          the e-mail's lane: A stands in it, so B joins it
    A names both, B the e-mail alone          the user's lane: A has tied the e-mail to it
    A names the visitor alone, B the person   the visitor's lane, as with the e-mail; or A is parked, and comes back, in front
                                              of B, in the transaction that takes B in
    A names the person, B the visitor alone   the person's lane, over one tie, or two: visitor, e-mail, user
    A with another user, B with A's e-mail    that user's lane: Custify may take both for one

If A has ended, there is nothing to wait for, and B joins no lane of a lesser name. That is why lanes need not be merged: on a
shared computer, or with a server that sends one constant anonymousId, merging would chain strangers together for ever.
Ties are read before an event's own are noted, and in the order of the log; so lanes depend on what came before alone, and
every store names them alike.
"""

from collections.abc import Callable, Sequence

from penstock import causes
from penstock.buffer.port.backlog import Priority
from penstock.event import Event, Lane, Named

# More events than any machine will ever see: the positions of one priority never reach those of the next.
POSITIONS_OF_A_PRIORITY = 2**48
# Positions of live events below were given by a counter, before they were told by the log.
COUNTED_MAX = 2**40
USER, EMAIL, VISITOR, COMPANY = "user:", "email:", "anon:", "company:"
# Events of one visitor that are parked until it is known who that is: they all come back at once.
VISITOR_EVENTS_MAX = 1_000

#: The person an e-mail or a visitor was tied to last: the lane of a person, and whether it was more than one.
Tie = tuple[Lane, bool]
Tied = Callable[[Lane], Tie | None]


def place(priority: Priority, number: int) -> int:
    """Return a position in the order of lanes: by priority, then by number."""
    return priority * POSITIONS_OF_A_PRIORITY + number


def place_in_log(seq: int) -> int:
    """Return the position of a live event: they stand as they stand in the log."""
    return place(Priority.LIVE, COUNTED_MAX + seq)


def by_head(event: Event) -> Named:
    """Return who an event is about as far as accept could tell: for a destination that does not say how to read it."""
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
    # Of a visitor who became a person known by e-mail: the person of that e-mail by now.
    others = [_person_of(email, tied)] if email else []
    if visitor == own:
        others += [first := _person_of(visitor, tied), _person_of(first, tied)]
    companies = [Lane(COMPANY + company) for company in named.companies]
    return tuple(dict.fromkeys([*wanted, *filter(None, others), *companies]))


def ties_of(named: Named) -> list[tuple[Lane, Lane]]:
    """Return what an event ties together: its e-mail and its visitor to its person."""
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
    """Return the person the visitor of an event became; empty for every other event, and where it may be several."""
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
        return "it is not known yet who the visitor is; the event waits until they sign in", causes.ANONYMOUS
    return (
        "the destination does not know the person yet; the event waits for an identify or group call",
        causes.PERSON_UNKNOWN,
    )


def _email_lane(named: Named) -> Lane:
    return Lane(f"{EMAIL}{named.email}" if named.email else "")


def _person_of(lane: Lane, tied: Tied) -> Lane:
    tie = tied(lane) if lane else None
    return tie[0] if tie else Lane("")


def _certain(lane: Lane, tied: Tied) -> Lane:
    tie = tied(lane)
    return tie[0] if tie and not tie[1] else Lane("")
