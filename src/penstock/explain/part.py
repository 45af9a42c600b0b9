"""An event with too many values: its outermost are tried as if the others were not there. What of that is true at all?"""

import dataclasses

from penstock.explain.readings import Readable, is_deep, same
from penstock.explain.trials import Findings, Place, Trials
from penstock.json_paths import Path


class Outermost:
    """The outermost leaves of an event that has too many, and what can be said of the whole event by trying them."""

    def __init__(self, trials: Trials, whole: Trials) -> None:
        self.trials, self.whole = trials, whole
        self.texts = {p: v for p, v in whole.sent.items() if len(p.field) == 1 and isinstance(v, str)}
        self.values = {(type(v), v) for v in whole.sent.values() if not isinstance(v, dict | list)}
        #: Without the inner leaves, the calls are the same but for what is missing. Else nothing is said of the unsent.
        self.is_alike = all(
            same(whole.sent.get(place), value)
            for place, value in trials.sent.items()
            if not isinstance(value, dict | list)
        )

    def borne_out(self, path: Path, value: object, found: Findings) -> Findings | None:
        """Return what holds for the whole event too, or None: then the leaf counts as not looked at."""
        if found.fed:
            fed = {place: way for place, way in found.fed.items() if self._is_fed(path, value, place)}
            return dataclasses.replace(found, fed=fed) if fed else None
        if path == ("type",):
            return found
        return found if self.trials.sent and self.is_alike and not self._may_be_sent(path, value) else None

    def _is_fed(self, path: Path, value: object, place: Place) -> bool:
        if not same(self.whole.sent.get(place), self.trials.sent[place]):
            return False
        # A field of Custify's own has several sources, and one that was left out may come first: a trial of the whole
        # event tells. An attribute has one, and there are too many for such trials.
        if len(place.field) == 2:
            return True
        return not self.whole.steps.are_spent and self.whole.follows(path, value, place)

    def _may_be_sent(self, path: Path, value: object) -> bool:
        leaf = Readable(value, path)
        if any((type(form), form) in self.values for _, form in leaf.forms if not isinstance(form, dict | list)):
            return True
        return is_deep(value) or any(leaf.ways(text, place.field) for place, text in self.texts.items())
