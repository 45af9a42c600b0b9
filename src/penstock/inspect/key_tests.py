"""What came of the last test of each destination: kept, so that pages can say whether the key in force was ever taken.

It lies in a small file of the data folder, without the key: a test belongs to one key at one address, and says nothing of
another.
"""

import dataclasses
import threading
from collections.abc import Callable, Mapping
from typing import cast

from penstock.clock import Clock
from penstock.machine.snapshot import Snapshots
from penstock.settings import Destination, account_of

FILE = "key_tests"
#: Looks whether calls can be made to a destination; answers whether, and a sentence.
TryConnection = Callable[[Destination], tuple[bool, str]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class KeyTest:
    """One test: when, in seconds since 1970, whether calls can be made, and what was found."""

    at: float
    reached: bool
    said: str


class KeyTests:
    """Tests destinations, and remembers the last test of each."""

    def __init__(self, try_connection: TryConnection, *, snapshots: Snapshots, clock: Clock) -> None:
        self.try_connection, self.snapshots, self.clock = try_connection, snapshots, clock
        self.noting = threading.Lock()

    def test(self, destination: Destination) -> tuple[bool, str]:
        """Make a harmless read, and remember what it found. Raises OSError when that cannot be kept."""
        reached, said = self.try_connection(destination)
        account = account_of(destination.base_url, destination.api_key)
        found = {"account": account, "at": self.clock.now(), "reached": reached, "said": said}
        with self.noting:
            self.snapshots.write(FILE, self.snapshots.read(FILE) | {destination.name: found})
        return reached, said

    def last(self, destination: Destination) -> KeyTest | None:
        """Return the last test of the key and the address that a destination has now; None when there was none."""
        return last_test(self.snapshots, destination)


def last_test(snapshots: Snapshots, destination: Destination) -> KeyTest | None:
    """Return the last test of the key and the address that a destination has now; None when there was none."""
    found = cast("Mapping[str, object]", snapshots.read(FILE).get(destination.name, {}))
    if found.get("account") != account_of(destination.base_url, destination.api_key):
        return None
    return KeyTest(at=cast("float", found["at"]), reached=bool(found["reached"]), said=str(found["said"]))
