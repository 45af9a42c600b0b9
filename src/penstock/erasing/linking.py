"""All ids of one person, by what events said together. Pure.

What is followed: the only user of an e-mail address or of a visitor; of a user, every address and visitor that no other user was
seen with; another user id that an `alias` call says is the same person, or that never comes without one that is known. What
several people share is not followed: a kiosk's visitor id would lead from one to all. It is shown instead.

What several people share because programs write it where they know no id, a placeholder, is no name at all (meaning.py).

Whose an event is: of those it names by user id, else of the others it names. A company's are its group calls.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from penstock.identity import ALIAS, COMPANY, EMAIL, USER, VISITOR

# Each round finds who is one step further away; people are known by a handful of ids.
ROUNDS_MAX = 8
Together = frozenset[str]
#: Events by all names in them, with their numbers.
Sighted = Mapping[Together, Sequence[int]]


class Linked(msgspec.Struct, frozen=True, kw_only=True):
    """Who is meant, and which events are theirs."""

    #: Everybody who goes: those who were given, and those found to be the same.
    names: frozenset[str]
    #: The numbers of their events, in order.
    seqs: Sequence[int]
    #: Persons that other people have too, with those; events of those others are not touched.
    shared: Mapping[str, Sequence[str]]
    #: Companies that were given: the users who were seen in their events.
    people_left: Mapping[str, int]


def linked(
    given: Iterable[str],
    look: Callable[[frozenset[str]], Sighted],
    known: Callable[[frozenset[str]], Iterable[Together]],
    read: Callable[[Together], Together] = frozenset,
) -> Linked:
    """Return all names of the one who is given by some.

    `look` finds events with these names, `known` what else is known; `read` tells what names mean, as far as is known by then.
    """
    given, seen, sought, said = (
        read(frozenset(given)),
        dict[Together, Sequence[int]](),
        frozenset[str](),
        set[Together](),
    )
    todo = given
    for _ in range(ROUNDS_MAX):
        seen |= look(todo)
        said |= set(known(todo))
        sought |= todo
        names, candidates, shared = _people(given, [*map(read, seen), *map(read, said)])
        todo = frozenset((names | candidates) - sought - {ALIAS})
        if not todo:
            break
    seqs = sorted(itertools.chain.from_iterable(s for together, s in seen.items() if _is_theirs(read(together), names)))
    return Linked(names=names, seqs=seqs, shared=shared, people_left=_people_of(given, [*map(read, seen)]))


def _people(given: frozenset[str], sets: Sequence[Together]) -> tuple[frozenset[str], set[str], dict[str, list[str]]]:
    """Return the names meant as far as is known now, those to look at next, and the shared ones with their other owners."""
    users = _users(given, sets)
    lesser = {n for together in sets if together & users for n in _lesser(together)} | set(_lesser(given))
    if not users:
        # Known by e-mail alone: visitors who were never seen with another address.
        emails = {name for name in given if name.startswith(EMAIL)}
        lesser |= {n for together in sets if together & emails for n in together if n.startswith(VISITOR)}
    shared = {name: sorted(others) for name in sorted(lesser) if (others := _others(name, users, given, sets))}
    own = {name for name in lesser if name not in shared}
    candidates = {n for together in sets if together & users for n in together if not n.startswith(COMPANY)}
    return frozenset(given | users | own), candidates | lesser, shared


def _users(given: frozenset[str], sets: Sequence[Together]) -> frozenset[str]:
    users = {name for name in given if name.startswith(USER)}
    for name in _lesser(given):
        owners = {n for together in sets if name in together for n in together if n.startswith(USER)}
        users |= owners if len(owners) == 1 else set()
    while True:
        near = {n for together in sets if together & users for n in together if n.startswith(USER)} - users
        found = {user for user in near if _is_same(user, users, sets)}
        if not found:
            return frozenset(users)
        users |= found


def _is_same(user: str, users: set[str], sets: Sequence[Together]) -> bool:
    theirs = [together for together in sets if user in together]
    return all(together & users for together in theirs) or any(ALIAS in t and t & users for t in theirs)


def _others(name: str, users: frozenset[str], given: frozenset[str], sets: Sequence[Together]) -> set[str]:
    """Return the other people who were seen with an e-mail address or a visitor."""
    near = {n for together in sets if name in together for n in together} - {name}
    others = {n for n in near if n.startswith(USER)} - users
    if not others and not users and name.startswith(VISITOR):
        others = {n for n in near if n.startswith(EMAIL)} - given
    return others


def _lesser(names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith((EMAIL, VISITOR))]


def _is_theirs(together: Together, names: frozenset[str]) -> bool:
    users = {name for name in together if name.startswith(USER)}
    if any(name.startswith(COMPANY) for name in together & names):
        return True
    return bool(users & names if users else together & names)


def _people_of(given: frozenset[str], seen: Sequence[Together]) -> dict[str, int]:
    """Return of companies that go how many users were seen in their events."""
    companies = sorted(name for name in given if name.startswith(COMPANY))
    return {
        company: len({n for together in seen if company in together for n in together if n.startswith(USER)})
        for company in companies
    }
