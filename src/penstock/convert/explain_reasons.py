"""Why a value was not sent. Each reason rests on a trial; only where all trials change nothing, the place alone speaks."""

import dataclasses
import enum
from collections.abc import Iterator, Mapping

from penstock.convert.explain_leaves import MISSING, Path, as_text, at
from penstock.convert.explain_readings import MARK, Readable, asked_for
from penstock.convert.explain_trials import Findings, Place, Trials


class Unsent(enum.StrEnum):
    """Why a value is in no call."""

    FILTERED = "filtered"
    UNMAPPABLE = "unmappable"
    NULL = "null"
    EMPTY = "empty"
    OBJECT = "object"
    ARRAY = "array"
    WRONG_TYPE = "wrong-type"
    RESERVED = "reserved"
    REPEATED = "repeated"
    LOST = "lost"
    STEERS = "steers"
    NOT_READ = "not-read"


#: A reason, and the sentence for people.
Why = tuple[Unsent, str]
# Objects that hold fields; that they are objects is no reason for what is in them.
HOLDERS: frozenset[Path] = frozenset({(), ("traits",), ("properties",), ("context",), ("context", "traits")})
# custify/1 reads a whole call that was put into `traits`, as RudderStack's page shows it.
INNER_HOLDERS = HOLDERS | {("traits", *holder) for holder in HOLDERS}
# As many sources as any field has, and one.
RIVALS_MAX = 12
KIND = "says which kind of call it is"


@dataclasses.dataclass(frozen=True, slots=True)
class Loser:
    """A value that a field would take, had another source not been there."""

    winner: Path
    place: Place
    repeats: bool


def losers(trials: Trials, leaves: Mapping[Path, object], fed: Mapping[Path, Findings]) -> dict[Path, Loser]:
    """Take the sources of each field away, one after the other, and see who takes their place."""
    lost: dict[Path, Loser] = {}
    readable = {path: Readable(value, path) for path, value in leaves.items()}
    for winner, place in [(winner, place) for winner, findings in fed.items() for place in findings.fed]:
        for heir in _heirs(trials, winner, place, readable):
            if heir not in fed and heir not in lost:
                repeats = bool(readable[heir].ways(trials.sent[place], place.field))
                lost[heir] = Loser(winner, place, repeats)
    return lost


def _heirs(rest: Trials, gone: Path, place: Place, leaves: Mapping[Path, Readable]) -> Iterator[Path]:
    """Yield those who would fill a field, in the order of their precedence."""
    left = {path: leaf for path, leaf in leaves.items() if path != gone}
    for _ in range(RIVALS_MAX):
        rest = rest.without(gone)
        now = rest.sent.get(place, MISSING)
        takers = (p for p, leaf in left.items() if leaf.ways(now, place.field) and rest.follows(p, leaf.value, place))
        if now is MISSING or (heir := next(takers, None)) is None:
            return
        yield heir
        del left[heir]
        gone = heir


class Reasons:
    """Answers why, for the leaves of one event that are in no call."""

    def __init__(self, trials: Trials, lost: dict[Path, Loser], *, kind: str) -> None:
        self.trials, self.lost, self.kind = trials, lost, kind
        self.holders = INNER_HOLDERS if trials.mapping.name == "custify/1" else HOLDERS
        self.shown: dict[Path, bool] = {}

    def why(self, path: Path, value: object, findings: Findings) -> Why:
        """Return the reason of one leaf, the most telling one first."""
        if path == ("type",):
            return Unsent.STEERS, KIND
        if isinstance(value, dict | list) and not value and path in self.holders:
            return Unsent.EMPTY, "there is nothing in it"
        if loser := self.lost.get(path):
            return _why_lost(loser)
        if findings.would_feed:
            return self._why_unfit(value, findings)
        return (
            self._why_nested(path)
            or self._why_named(path)
            or self._why_elsewhere(path)
            or self._why_unread(path, findings)
        )

    def _why_unfit(self, value: object, findings: Findings) -> Why:
        """Say why a field that looks here does not take this value."""
        place, taken = next(iter(findings.would_feed.items()))
        field = as_text(place.field)
        if value is None:
            return Unsent.NULL, f"null says nothing; another value would be {field}"
        if isinstance(value, dict):
            return Unsent.OBJECT, f"objects are not sent; a single value would be {field}"
        if isinstance(value, list):
            return Unsent.ARRAY, f"arrays are not sent; a single value would be {field}"
        if isinstance(value, str) and not value.strip():
            return Unsent.EMPTY, f"an empty text says nothing; another would be {field}"
        kinds = [
            kind
            for kind, example in asked_for(value).items()
            if any(example is other or example == other for other in taken)
        ]
        if kinds[:1] == ["a text"] and not value:
            return Unsent.EMPTY, f"0 and false are left out here; another value would be {field}"
        return Unsent.WRONG_TYPE, f"{field} takes {kinds[0] if kinds else 'another kind of value'}, and this is none"

    def _why_nested(self, path: Path) -> Why | None:
        for end in range(1, len(path)):
            outer = path[:end]
            if outer not in self.holders and (self._would_show(outer) or self._new_name_would_show(outer)):
                is_array = isinstance(at(self.trials.event, outer), list)
                what, reason = ("an array", Unsent.ARRAY) if is_array else ("an object", Unsent.OBJECT)
                return reason, f"it is inside {as_text(outer)}, {what}; only single values are sent from there"
        return None

    def _would_show(self, path: Path) -> bool:
        if path not in self.shown:
            self.shown[path] = self.trials.shows(path, MARK)
        return self.shown[path]

    def _why_named(self, path: Path) -> Why | None:
        """Give its place another name: if a value is sent then, its name was the reason."""
        if not self._new_name_would_show(path):
            return None
        if not path[-1]:
            return Unsent.RESERVED, "it has no name, and Custify cannot show a field without one"
        return Unsent.RESERVED, f"the name {str(path[-1])[:40]} is reserved: it is never sent as an attribute"

    def _new_name_would_show(self, path: Path) -> bool:
        holder = path[:-1]
        if not path or not isinstance(path[-1], str) or not isinstance(around := at(self.trials.event, holder), dict):
            return False
        if (*holder, MARK) not in self.shown:
            sent = self.trials.sent_with(holder, {**around, MARK: MARK})
            self.shown[*holder, MARK] = any(place not in self.trials.sent and v == MARK for place, v in sent.items())
        return self.shown[*holder, MARK]

    def _why_elsewhere(self, path: Path) -> Why | None:
        """Without `traits`, would `context.traits` be sent? Then it lost as a whole."""
        if path[:2] != ("context", "traits") or at(self.trials.event, ("traits",)) is MISSING:
            return None
        if self.trials.without(("traits",)).shows(path, MARK):
            return Unsent.LOST, "traits are there, and then context.traits are not sent"
        return None

    def _why_unread(self, path: Path, findings: Findings) -> Why:
        if findings.matters:
            return Unsent.STEERS, "not sent itself, but it decides what is sent"
        place = as_text(path[: 2 if path[:2] == ("context", "traits") else 1]) or "a bare value"
        if path == ("anonymousId",):
            fallback = self.trials.mapping.anonymous_fallback
            because = "the event names its person" if fallback else "the destination does not fall back to anonymousId"
            return Unsent.NOT_READ, f"not needed: {because}"
        return Unsent.NOT_READ, f"for {self.kind}, this is not read from {place}" if len(
            path
        ) > 1 else f"for {self.kind}, {place} is not sent"


def _why_lost(loser: Loser) -> Why:
    field, winner = as_text(loser.place.field), as_text(loser.winner)
    if loser.repeats:
        return Unsent.REPEATED, f"it repeats {winner}, which is sent as {field}"
    return Unsent.LOST, f"{field} is taken from {winner}, which comes first"
