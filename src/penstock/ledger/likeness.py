"""Which known name a new one nearly repeats, found without comparing it with all of them. Pure.

A name is looked up by its letters and digits alone, then with and without a plural s, then beside the few known names that
have its first or its last half in common. Whatever is one slip away (a letter missing, added, changed, or swapped with the
next) has one half in common with the name that was meant; so has most of what is more than one slip away.
"""

import re

from rapidfuzz import process
from rapidfuzz.distance import Indel

# Two long names that are nearly the same are probably meant to be one. The likeness of two names is the share of letters
# that stand in both in the same order (twice their longest common subsequence, by the sum of their lengths): with 0.92, up
# to twelve letters may differ by one that is missing or added, from thirteen on by one that is changed or swapped too.
CHARS_MIN, LIKENESS_MIN = 8, 0.92
# Longer names are looked up as they are, and compared with none.
CHARS_MAX = 200
# Names that are kept for each half. More have the same half only where names are numbered with letters, or by malice.
HALF_MAX = 4
# Lengths of halves that a name is looked up by: its own, and those of names that are up to two letters shorter or longer.
HALVES = 3
#: How many known names a new one is compared with at most.
COMPARED_MAX = 2 * HALVES * HALF_MAX
NOTHING_SAID = re.compile(r"[\W_]+")
DIGITS = re.compile(r"\d+")


class KnownNames:
    """Known names, to be found by those that nearly repeat them."""

    def __init__(self) -> None:
        self.by_plain: dict[str, str] = {}
        self.by_stem: dict[str, str] = {}
        #: By the first and by the last half of a stem: stems, a few of them.
        self.heads: dict[str, list[str]] = {}
        self.tails: dict[str, list[str]] = {}
        #: How often two names were compared letter by letter.
        self.compared = 0

    def add(self, name: str) -> None:
        """Make a name known."""
        plain = _plain(name)
        stem = _stem(plain)
        if plain:
            self.by_plain.setdefault(plain, name)
        if stem in self.by_stem or not CHARS_MIN <= len(stem) <= CHARS_MAX:
            return
        self.by_stem[stem] = name
        half = _half(len(stem))
        for halves, own in ((self.heads, stem[:half]), (self.tails, stem[-half:])):
            kept = halves.setdefault(own, [])
            if len(kept) < HALF_MAX:
                kept.append(stem)

    def near(self, name: str) -> str | None:
        """Return a known name that a new one nearly repeats; None when there is none."""
        plain = _plain(name)
        if not plain:
            return None
        for same in (plain, f"{plain}s", plain.removesuffix("s")):
            if same in self.by_plain:
                return self.by_plain[same]
        return self._alike(_stem(plain))

    def _alike(self, stem: str) -> str | None:
        # Without digits: address1 and address2 are meant to be two. Short names are alike by chance.
        if not CHARS_MIN <= len(stem) <= CHARS_MAX:
            return None
        candidates = self._with_a_half_of(stem)
        if not candidates:
            return None
        self.compared += len(candidates)
        found = process.extractOne(stem, candidates, scorer=Indel.normalized_similarity, score_cutoff=LIKENESS_MIN)
        return self.by_stem[found[0]] if found else None

    def _with_a_half_of(self, stem: str) -> list[str]:
        found: list[str] = []
        own = _half(len(stem))
        for half in (own, own - 1, own + 1):
            found += self.heads.get(stem[:half], ())
            found += self.tails.get(stem[-half:], ())
        if stem in self.by_stem:
            found = [other for other in found if other != stem]
        return found


def _half(length: int) -> int:
    """Return how many letters stand before, or else after, the place of one slip, wherever it is."""
    return (length - 2) // 2


def _plain(name: str) -> str:
    plain = name.lower().replace("_", "")
    return plain if plain.isalnum() else NOTHING_SAID.sub("", plain)


def _stem(plain: str) -> str:
    return plain if plain.isalpha() else DIGITS.sub("", plain)
