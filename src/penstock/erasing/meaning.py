"""What the names that events have mean in a search: placeholders mean no person, a hash means what was hashed. Pure.

What a source stores hashed is hashed with a key of ours, so a person who is looked for by an address or an id is looked for by its hash too.
"""

from collections.abc import Callable, Iterable, Sequence

from penstock.erasing.linking import Together
from penstock.identity import is_shared_placeholder
from penstock.placeholders import is_hash


class SearchSense:
    """How names are read in one search."""

    def __init__(self, placeholders: Sequence[str], hash_of: Callable[[str], str] | None) -> None:
        """`placeholders` are those of the settings; `hash_of` is None where nothing was ever hashed."""
        self.placeholders, self.hash_of = placeholders, hash_of
        #: By how a name stands where it is hashed: the name. And which of those were found.
        self.plain: dict[str, str] = {}
        self.found = set[str]()

    def looked_for(self, names: Iterable[str]) -> frozenset[str]:
        """Return names with how they stand where they are hashed."""
        names = frozenset(names)
        return names | {hashed for name in names if (hashed := self._hashed(name))}

    def read(self, together: Together) -> Together:
        """Return what some names mean, as far as is known by now."""
        self.found.update(together & self.plain.keys())
        meant = {self.plain.get(name, name) for name in together}
        return frozenset(name for name in meant if not is_shared_placeholder(name, self.placeholders))

    def stored(self, names: Iterable[str]) -> frozenset[str]:
        """Return names with their hashes, of those that were found."""
        names = frozenset(names)
        return names | {hashed for hashed in self.found if self.plain[hashed] in names}

    def _hashed(self, name: str) -> str:
        kind, _, text = name.partition(":")
        if self.hash_of is None or not text or is_hash(text):
            return ""
        hashed = f"{kind}:{self.hash_of(text)}"
        self.plain[hashed] = name
        return hashed
