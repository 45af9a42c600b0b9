"""Who may send: sources by write key."""

from collections.abc import Mapping

from penstock.settings import Source


class Sources:
    """Finds the source of a write key. `replace` swaps all at once, between two requests."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self.replace(sources)

    def replace(self, sources: Mapping[str, Source]) -> None:
        """Take other sources over."""
        # A dictionary does not leak a key by its timing: it compares hashes of secrets the sender cannot choose freely.
        self.by_key = {
            key: source for source in sources.values() for key in (source.old_write_key, source.write_key) if key
        }
        self.by_name = dict(sources)

    def find(self, write_key: str) -> Source | None:
        """Return the source, or None for an unknown key."""
        return self.by_key.get(write_key)

    def share_of(self, name: str) -> float:
        """Return the share of the store that events of a source may take; all for one that is gone."""
        source = self.by_name.get(name)
        return source.store_share if source else 1.0
