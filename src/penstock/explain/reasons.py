"""Why a value was not sent. Each reason rests on a trial; only where all trials change nothing, the place alone speaks."""

import dataclasses
import enum
import itertools
from collections.abc import Iterator, Mapping

from penstock.destinations.custify.convert.whom import is_placeholder_of
from penstock.destinations.times import FIELDS, happened
from penstock.explain.passing import still_filled
from penstock.explain.readings import MARK, Readable, asked_for, same
from penstock.explain.trials import Findings, Place, Trials
from penstock.json_paths import MISSING, Path, as_text, at


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
    UNTRUSTED = "untrusted"
    PLACEHOLDER = "placeholder"
    NO_TIME = "no-time"


#: A reason, and the sentence for people.
Why = tuple[Unsent, str]
# Objects that hold fields; that they are objects is no reason for what is in them.
HOLDERS: frozenset[Path] = frozenset({(), ("traits",), ("properties",), ("context",), ("context", "traits")})
# custify/1 reads a whole call that was put into `traits`, as RudderStack's page shows it.
INNER_HOLDERS = HOLDERS | {("traits", *holder) for holder in HOLDERS}
# As many sources as any field has, and one.
RIVALS_MAX = 12
# The outermost object that is not sent is the reason for all in it; no mapping looks deeper than this for a field.
AROUND_MAX = 4
# Of values that are all the same, this many are asked whether they fill a field.
ALIKE_MAX = 16
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
    readable = {path: Readable(leaves[path], path) for path in sorted(leaves, key=fed.__contains__)}
    rivalled = still_filled(trials, fed)
    for winner, place in [(winner, place) for winner, findings in fed.items() for place in findings.fed]:
        if trials.steps.are_spent:
            break
        if place not in rivalled:
            continue
        for heir in _heirs(trials, winner, place, readable):
            if heir not in fed and heir not in lost:
                repeats = bool(readable[heir].ways(trials.sent[place], place.field))
                lost[heir] = Loser(winner, place, repeats)
    return lost


def _heirs(rest: Trials, gone: Path, place: Place, leaves: Mapping[Path, Readable]) -> Iterator[Path]:
    """Yield those who would fill a field, in the order of their precedence."""
    # Sources of one field share its name, most often; and who is sent elsewhere is asked last.
    left = {path: leaves[path] for path in sorted(leaves, key=lambda path: path[-1:] != gone[-1:]) if path != gone}
    for _ in range(RIVALS_MAX):
        rest = rest.without(gone)
        now = rest.sent.get(place, MISSING)
        if now is MISSING:
            return
        alike = itertools.islice((path for path, leaf in left.items() if leaf.ways(now, place.field)), ALIKE_MAX)
        heir = next((path for path in alike if rest.follows(path, left[path].value, place)), None)
        if heir is None:
            return
        yield heir
        del left[heir]
        gone = heir


class Reasons:
    """Answers why, for the leaves of one event that are in no call."""

    def __init__(self, trials: Trials, lost: dict[Path, Loser], *, kind: str) -> None:
        self.trials, self.lost, self.kind = trials, lost, kind
        self.holders = INNER_HOLDERS if trials.mapping.name == "custify/1" else HOLDERS
        self.is_of_custify_1 = trials.mapping.name == "custify/1"
        self.times = _times(trials) if self.is_of_custify_1 else {}
        self.shown: dict[Path, bool] = {}
        self.without_traits: Trials | None = None

    def why(self, path: Path, value: object, findings: Findings) -> Why:
        """Return the reason of one leaf, the most telling one first."""
        if path == ("type",):
            return Unsent.STEERS, KIND
        if told := self.times.get(path):
            return told
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
        if self.is_of_custify_1 and is_placeholder_of(str(place.field[-1]), value, self.trials.mapping):
            return Unsent.PLACEHOLDER, f"it names no person (setting placeholder_ids); an id would be {field}"
        if value is None:
            setting = " (setting null_clears)" if self.is_of_custify_1 and not self.trials.mapping.null_clears else ""
            return Unsent.NULL, f"null takes nothing back{setting}; another value would be {field}"
        if isinstance(value, dict):
            return Unsent.OBJECT, f"objects are not sent; a single value would be {field}"
        if isinstance(value, list):
            return Unsent.ARRAY, f"arrays are not sent; a single value would be {field}"
        if isinstance(value, str) and not value.strip():
            return Unsent.EMPTY, f"an empty text says nothing; another would be {field}"
        kinds = _kinds(value, taken)
        if not value and kinds[:1] == ["a text"]:
            return Unsent.EMPTY, f"0 and false are left out here; another value would be {field}"
        return Unsent.WRONG_TYPE, f"{field} takes {' or '.join(kinds) or 'another kind of value'}, and this is none"

    def _why_nested(self, path: Path) -> Why | None:
        around = [path[:end] for end in range(1, len(path)) if path[:end] not in self.holders]
        for outer in around[:AROUND_MAX]:
            if self._would_show(outer) or self._new_name_would_show(outer):
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
        if self.without_traits is None:
            self.without_traits = self.trials.without(("traits",))
        if self.without_traits.shows(path, MARK):
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
        if len(path) < 2:
            return Unsent.NOT_READ, f"for {self.kind}, {place} is not sent"
        return Unsent.NOT_READ, f"for {self.kind}, this is not read from {place}"


def _times(trials: Trials) -> dict[Path, Why]:
    """Return what is said of the times of an event that are not sent: those that were not believed, and their helpers."""
    event = trials.event if isinstance(trials.event, dict) else {}
    found = happened(event, trials.mapping)
    told: dict[Path, Why] = {(field,): (Unsent.NO_TIME, why) for field, why in found.passed_over}
    if found.is_corrected:
        told |= {(field,): (Unsent.STEERS, found.why) for field in FIELDS if (field,) not in told and field in event}
    return told


def _kinds(value: object, taken: tuple[object, ...]) -> list[str]:
    """Name what a field took in place of this value; what takes any text takes an email address and a date as text."""
    kinds = [kind for kind, example in asked_for(value).items() if any(same(example, other) for other in taken)]
    return [kind for kind in kinds if kinds[0] != "a text" or kind not in {"an email address", "a date"}]


def _why_lost(loser: Loser) -> Why:
    field, winner = as_text(loser.place.field), as_text(loser.winner)
    if loser.repeats:
        return Unsent.REPEATED, f"it repeats {winner}, which is sent as {field}"
    return Unsent.LOST, f"{field} is taken from {winner}, which comes first"
