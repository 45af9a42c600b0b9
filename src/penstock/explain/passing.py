"""What is passed on as it is: attributes and metadata, found by one trial for all of them instead of one each.

Every such value is replaced by a text of its own, all at once. What then shows at the place where the value was is
passed on; what does not is tried alone, as everything else is.
"""

from collections.abc import Mapping

from penstock.explain.readings import MARK, MARK_LETTERS, ORDER, Readable, Reading, same
from penstock.explain.trials import Findings, Place, Sent, Trials
from penstock.json_paths import MISSING, Path

# Trials before each value is tried alone.
ROUNDS_MAX = 3


def passed_on(trials: Trials, looked_at: Mapping[Path, object]) -> dict[Path, Findings]:
    """Return the leaves that one trial shows to be passed on, and where to."""
    marks = _marks(trials.sent, looked_at)
    for _ in range(ROUNDS_MAX):
        after = trials.sent_with_all(marks) if marks else {}
        moved = {
            place for place in {*trials.sent, *after} if len(place.field) != 2 and _differs(trials.sent, after, place)
        }
        if not moved:
            return _passed(trials, looked_at, marks, after)
        # What a field of Custify's own shows of them has to be found out one by one.
        seen = [(trials.sent.get(place, MISSING), after.get(place, MISSING), place) for place in moved]
        marks = {
            path: mark
            for path, mark in marks.items()
            if not any(
                _is_in(mark, then) or _may_show(Readable(looked_at[path], path), now, place)
                for now, then, place in seen
            )
        }
    return {}


def still_filled(trials: Trials, fed: Mapping[Path, Findings]) -> set[Place]:
    """Return the places that something would fill without those who do now; of attributes, by one trial for all."""
    passing = {path for path, found in fed.items() if len(path) > 1 and all(len(p.field) == 2 for p in found.fed)}
    left = trials.sent_with_all(dict.fromkeys(passing)) if passing else {}
    return {place for path, found in fed.items() for place in found.fed if path not in passing or place in left}


def _passed(
    trials: Trials, looked_at: Mapping[Path, object], marks: Mapping[Path, str], after: Sent
) -> dict[Path, Findings]:
    leaf_of = {mark: path for path, mark in marks.items()}
    fed: dict[Path, dict[Place, Reading]] = {}
    for place, shown in after.items():
        path = leaf_of.get(shown) if isinstance(shown, str) else None
        now = trials.sent.get(place, MISSING)
        if path is not None and now is not MISSING and (way := _way(looked_at[path], now, path, place)):
            fed.setdefault(path, {})[place] = way
    return {path: Findings(places, {}, matters=True) for path, places in fed.items()}


def _marks(sent: Sent, looked_at: Mapping[Path, object]) -> dict[Path, str]:
    """Return a text of its own for each leaf that may be an attribute."""
    attributes = {(type(value), value) for place, value in sent.items() if len(place.field) == 2 and _is_single(value)}
    marks: dict[Path, str] = {}
    for path, value in looked_at.items():
        forms = [form for _, form in Readable(value, path).forms] if len(path) > 1 and _is_single(value) else []
        if any((type(form), form) in attributes for form in forms if _is_single(form)):
            marks[path] = f"{MARK * MARK_LETTERS}{len(marks)}{MARK}"
    return marks


def _is_in(mark: str, shown: object) -> bool:
    return isinstance(shown, str) and mark in shown


def _may_show(readable: Readable, shown: object, place: Place) -> bool:
    return shown is not MISSING and bool(readable.ways(shown, place.field))


def _differs(before: Sent, after: Sent, place: Place) -> bool:
    return not same(before.get(place, MISSING), after.get(place, MISSING))


def _way(value: object, now: object, path: Path, place: Place) -> Reading | None:
    """Return how a field shows a value, if it would show a text in the same way."""
    mark = MARK * MARK_LETTERS
    ways = Readable(value, path).ways(now, place.field) & Readable(mark, path).ways(mark, place.field)
    return min((way for way, _ in ways), key=lambda way: ORDER[way], default=None)


def _is_single(value: object) -> bool:
    return not isinstance(value, dict | list)
