"""What becomes of each place in an event by the rules of its source: an automaton that learns the names as they come.

A place is a state; a name leads from it to the next. Which names stand for what is decided once for each, and remembered, so
that the usual event costs a look-up a name. A stranger's names are remembered up to a bound, and then all anew.
"""

import dataclasses
import enum
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from penstock.minimise.notes import IP, NEVER_STORE, STORE_HASHED, STORE_ONLY, Mark
from penstock.minimise.paths import ANY_DEPTH, ANY_NAME, DOT, Rule, fits

# Names remembered of one source, and the longest of them.
REMEMBERED_MAX, NAME_MAX = 20_000, 200
#: Where the address of who sent an event may stand; see also `Head.request_ip`.
IP_PLACES = (("request_ip",), ("context", "ip"), ("context", "request_ip"), ("ip",))
#: What `store_only` speaks of. Of `context` only if it names something there.
SPOKEN_OF = (("traits",), ("properties",), ("context", "traits"))


Name = TypeVar("Name", str, bytes)


class Fate(enum.Enum):
    """What becomes of a value."""

    KEEP = "keep"
    CUT = "cut"
    HASH = "hash"
    #: An IP address, of which a part stays.
    SHORTEN = "shorten"
    #: Cut, unless it holds others: some of those stay.
    HOLD = "hold"


class RuleKind(enum.IntEnum):
    """What a rule is for, in the order in which it counts."""

    NEVER, HASHED, ONLY, SPOKEN, ADDRESS = range(5)


@dataclasses.dataclass(frozen=True, slots=True)
class Goal:
    """A place that a rule means, and how its text is told."""

    kind: RuleKind
    names: tuple[str, ...]
    mark: Mark
    any_case: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Reached:
    """How far each goal is reached at a place, and what was decided above it."""

    #: Goal and how many of its names are behind us.
    reached: frozenset[tuple[int, int]]
    #: The goal that hashes or shortens all below here.
    below: int | None = None
    is_listed: bool = False
    is_spoken_of: bool = False


class Spot:
    """A state: what becomes of the value here, and where the names of its own lead."""

    __slots__ = ("fate", "is_open", "mark", "matters", "named", "next", "standing")

    def __init__(self, standing: Reached, fate: Fate, mark: Mark | None) -> None:
        self.standing, self.fate, self.mark = standing, fate, mark
        #: Where names lead, as JSON writes them and as they read.
        self.next: dict[bytes, Spot] = {}
        self.named: dict[str, Spot] = {}
        #: Whether anything may become of what is in here.
        self.is_open = bool(standing.reached) or standing.below is not None or fate is Fate.HOLD
        #: Whether anything may become of it or of what is in it.
        self.matters = self.is_open or fate is not Fate.KEEP


class Fates:
    """The places of one source's events."""

    def __init__(self, *, never: Sequence[Rule], hashed: Sequence[Rule], only: Sequence[Rule], ip: str) -> None:
        """`ip` is `keep`, `truncate` or `drop`."""
        self.goals = [
            *_goals(RuleKind.NEVER, NEVER_STORE, never),
            *_goals(RuleKind.HASHED, STORE_HASHED, hashed),
            *_only_goals(only, hashed),
        ]
        if ip != "keep":
            self.goals += [Goal(RuleKind.ADDRESS, names, Mark(IP, ip), any_case=False) for names in IP_PLACES]
        self.drops_ip = ip == "drop"
        self.places: dict[tuple[Reached, Fate, Mark | None], Spot] = {}
        self.remembered = 0
        self.root = self._place(Reached(self._closed((goal, 0) for goal in range(len(self.goals)))))

    def after(self, place: Spot, key: bytes) -> Spot:
        """Return where a name leads, as JSON writes it, with its quotes."""
        return place.next.get(key) or self._learn(place, key)

    def named(self, place: Spot, name: str) -> Spot:
        """Return where a name leads, as it reads."""
        return place.named.get(name) or self._remember(place.named, name, self._after_name(place, name))

    def item(self, place: Spot) -> Spot:
        """Return the place of an array's items: that of the array, where `*` may stand for the item."""
        return place.next.get(b"") or self._learn(place, b"")

    def _learn(self, place: Spot, key: bytes) -> Spot:
        found = self._after_name(place, _text(key)) if key else self._after_item(place)
        return self._remember(place.next, key, found)

    def _remember(self, names: dict[Name, Spot], name: Name, found: Spot) -> Spot:
        if len(name) <= NAME_MAX:
            if self.remembered >= REMEMBERED_MAX:
                self._forget()
            self.remembered += 1
            names[name] = found
        return found

    def _forget(self) -> None:
        for place in (self.root, *self.places.values()):
            place.next.clear()
            place.named.clear()
        self.places, self.remembered = {}, 0

    def _after_name(self, place: Spot, name: str) -> Spot:
        # A name may have dots of its own; a rule cannot tell those from the others, and must not be fooled by them.
        for part in name.split(DOT):
            standing = place.standing
            reached = set[tuple[int, int]]()
            for goal, behind in standing.reached:
                pattern = self.goals[goal].names[behind]
                if pattern == ANY_DEPTH:
                    reached.add((goal, behind))
                elif fits(pattern, part, any_case=self.goals[goal].any_case):
                    reached.add((goal, behind + 1))
            place = self._place(dataclasses.replace(standing, reached=self._closed(reached)))
            if place.fate is Fate.CUT:
                break
        return place

    def _after_item(self, place: Spot) -> Spot:
        standing = place.standing
        further = {(g, n + 1) for g, n in standing.reached if self.goals[g].names[n] == ANY_NAME}
        return self._place(dataclasses.replace(standing, reached=self._closed(standing.reached | further)))

    def _closed(self, reached: Iterable[tuple[int, int]]) -> frozenset[tuple[int, int]]:
        """Return what is reached, also where `**` stands for no name at all."""
        found, left = set[tuple[int, int]](), list(reached)
        while left:
            goal, behind = each = left.pop()
            if each not in found:
                found.add(each)
                names = self.goals[goal].names
                if behind < len(names) and names[behind] == ANY_DEPTH:
                    left.append((goal, behind + 1))
        return frozenset(found)

    def _place(self, standing: Reached) -> Spot:
        """Decide what becomes of what stands here."""
        done = sorted((self.goals[g].kind, g) for g, behind in standing.reached if behind == len(self.goals[g].names))
        first = dict(reversed(done))
        standing = Reached(
            reached=frozenset((g, behind) for g, behind in standing.reached if behind < len(self.goals[g].names)),
            below=standing.below
            if standing.below is not None
            else first.get(RuleKind.HASHED, first.get(RuleKind.ADDRESS)),
            is_listed=standing.is_listed or RuleKind.ONLY in first,
            is_spoken_of=standing.is_spoken_of or RuleKind.SPOKEN in first,
        )
        fate, mark = self._fate(standing, first)
        key = standing, fate, mark
        known = self.places.get(key)
        if known is None:
            known = self.places[key] = Spot(standing, fate, mark)
        return known

    def _fate(self, standing: Reached, first: Mapping[RuleKind, int]) -> tuple[Fate, Mark | None]:
        if RuleKind.NEVER in first:
            return Fate.CUT, self.goals[first[RuleKind.NEVER]].mark
        if standing.is_spoken_of and not standing.is_listed:
            may_hold = any(self.goals[g].kind is RuleKind.ONLY for g, _ in standing.reached)
            return (Fate.HOLD if may_hold else Fate.CUT), Mark(STORE_ONLY, "")
        if standing.below is None:
            return Fate.KEEP, None
        goal = self.goals[standing.below]
        if goal.kind is RuleKind.HASHED:
            return Fate.HASH, goal.mark
        return (Fate.CUT if self.drops_ip else Fate.SHORTEN), goal.mark


def _goals(kind: RuleKind, sort: str, rules: Sequence[Rule]) -> list[Goal]:
    return [Goal(kind, names, Mark(sort, rule.text), any_case=True) for rule in rules for names in rule.places()]


def _only_goals(only: Sequence[Rule], hashed: Sequence[Rule]) -> list[Goal]:
    """Return what is listed, what is hashed too, and what the list speaks of."""
    if not only:
        return []
    listed = [names for rule in (*only, *hashed) for names in rule.places()]
    names_context = any(names[0] == "context" and names[1:2] != ("traits",) for rule in only for names in [rule.names])
    spoken = (*SPOKEN_OF, ("context",)) if names_context else SPOKEN_OF
    mark = Mark(STORE_ONLY, "")
    return [
        *(Goal(RuleKind.ONLY, names, mark, any_case=False) for names in listed),
        *(Goal(RuleKind.SPOKEN, names, mark, any_case=False) for names in spoken),
    ]


def _text(key: bytes) -> str:
    # Halves of surrogate pairs are letters like others here.
    return json.loads(key.decode("utf-8", errors="replace"), strict=False)  # type: ignore[no-any-return]
