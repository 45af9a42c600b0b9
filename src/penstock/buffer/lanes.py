"""Which lanes an event waits in. Pure.

A person's lane is named by the user id. An anonymous id has a lane of its own until an event names it together with a
user id; from then on its events wait in that user's lane as well. Lanes are never merged: on a shared computer, or with
a server that sends one constant anonymousId, merging would chain strangers together for ever.

Why the order of one person holds: an event with a user id waits for everything earlier of that user, and, if it names an
anonymous id that still has events waiting, for those. An anonymous event waits for its own lane and, once linked, for
everything earlier of the user it was last seen with.
"""

from collections.abc import Callable

from penstock.buffer.port import Priority
from penstock.event import Event, Lane

# More events than any machine will ever see: the positions of one priority never reach those of the next.
POSITIONS_OF_A_PRIORITY = 2**48


def place(priority: Priority, number: int) -> int:
    """Return a position in the order of lanes: by priority, then by number."""
    return priority * POSITIONS_OF_A_PRIORITY + number


def user_lane(user_id: str) -> Lane:
    """Return the lane of a known person."""
    return Lane(f"user:{user_id}")


def anonymous_lane(anonymous_id: str) -> Lane:
    """Return the lane of a visitor."""
    return Lane(f"anon:{anonymous_id}")


def lanes_of(event: Event, *, linked_user: str, is_waiting: Callable[[Lane], bool]) -> tuple[Lane, ...]:
    """Return the lanes of an event, given the user its anonymous id was last seen with ("" for none)."""
    lanes: list[Lane] = []
    if event.user_id:
        lanes.append(user_lane(event.user_id))
        if event.anonymous_id and is_waiting(anonymous_lane(event.anonymous_id)):
            lanes.append(anonymous_lane(event.anonymous_id))
    elif event.anonymous_id:
        lanes.append(anonymous_lane(event.anonymous_id))
        if linked_user:
            lanes.append(user_lane(linked_user))
    if event.company_id:
        lanes.append(Lane(f"company:{event.company_id}"))
    return tuple(lanes)


def names_both(event: Event) -> bool:
    """Return whether the event links an anonymous id to a user."""
    return bool(event.user_id and event.anonymous_id)
