"""Who may send: sources by write key, and when each key was used last."""

from collections.abc import Mapping

from penstock.minimise.addresses import CUT_ADDRESS
from penstock.settings import Source
from penstock.settings.write_keys import digest_of_key

# So exactly is a last use told: nothing is written because of a second request in the same minute.
USE_S = 60


class Sources:
    """Finds the source of a write key. `replace` swaps all at once, between two requests."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        #: When keys were used last, in seconds since 1970, by their digests.
        self.last_used: dict[str, float] = {}
        #: Keys used since that was looked at.
        self.used: set[str] = set()
        self.replace(sources)

    def replace(self, sources: Mapping[str, Source]) -> None:
        """Take other sources over."""
        # A dictionary does not leak a key by its timing: it compares hashes of secrets the sender cannot choose freely.
        self.by_key = {
            key: source for source in sources.values() for key in (source.old_write_key, source.write_key) if key
        }
        self.by_name = dict(sources)
        #: What is kept of a sender's address, by the names of those sources that do not store all that comes.
        self.ruled = {name: CUT_ADDRESS[source.ip_kept] for name, source in sources.items() if source.has_rules}

    def find(self, write_key: str) -> Source | None:
        """Return the source, or None for an unknown key."""
        source = self.by_key.get(write_key)
        if source is not None:
            self.used.add(write_key)
        return source

    def share_of(self, name: str) -> float:
        """Return the share of the store that events of a source may take; all for one that is gone."""
        source = self.by_name.get(name)
        return source.store_share if source else 1.0

    def remember(self, last_used: object) -> None:
        """Take over what the process before this one left of `uses`, whatever it is."""
        if isinstance(last_used, dict):
            self.last_used = {key: at for key, at in last_used.items() if isinstance(at, int | float)} | self.last_used

    def uses(self, now: float) -> Mapping[str, float]:
        """Return when each key that is taken was used last, to the minute, as JSON values; those never used are not there."""
        minute = now // USE_S * USE_S
        found = self.last_used | {digest_of_key(key): minute for key in self.used}
        self.used.clear()
        known = {digest_of_key(key) for key in self.by_key}
        self.last_used = {digest: at for digest, at in found.items() if digest in known}
        return self.last_used
