"""The list of those who are suppressed or were erased: a file of its own, from which it cannot be told who they are.

A line says when, what, of which kind of id, and the keyed digest of the id; the key lies with the secret key. Lines are only ever
appended, and synced, so two copies can be merged; of a digest the newest line says whether its events come in, and a line that
it was erased counts for older backups for ever. With another key no digest would fit, and all would come back: so the
first line tells the key, and a list of another one is refused.
"""

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from penstock.errors import SettingsError
from penstock.timestamps import from_ms, to_text

FILE = "suppressed.list"
FIRST = "penstock-suppressed 1 "
PURPOSE = b"names of people who are suppressed"
SUPPRESS, ERASE, RELEASE = "suppressed", "erased", "released"
# A digest of 16 bytes: two names of a billion never meet.
DIGEST_BYTES, WORDS = 16, 5
# Names known to be on the list or not; with more, one begins anew.
KNOWN_MAX = 100_000
KINDS = ("user", "anon", "email", "company")
FileState = tuple[int, int]


class Suppression(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the list."""

    #: When, as people read it, UTC.
    at: str
    #: `suppressed`, `erased` (and suppressed), or `released`: taken back.
    what: str
    #: `user`, `anon`, `email` or `company`.
    kind: str
    digest: str
    #: The number of the request that made the line.
    request: str

    def line(self) -> str:
        """Return it as it is written."""
        return f"{self.at} {self.what} {self.kind} {self.digest} {self.request}\n"


class Digests:
    """Makes digests of names, with one key."""

    def __init__(self, key: bytes) -> None:
        """`key` has 64 bytes at most."""
        self.key = key

    def of(self, name: str) -> str:
        """Return the digest of a name."""
        text = name.encode(errors="surrogatepass")
        return hashlib.blake2b(text, key=self.key, digest_size=DIGEST_BYTES).hexdigest()

    def mark(self) -> str:
        """Return what tells this key from another one, and nothing else of it."""
        return self.of("")


class SuppressedList:
    """The list of one data folder, as one process knows it. `look` again to see what others wrote."""

    def __init__(self, data_dir: Path, derived: Callable[[bytes], bytes]) -> None:
        """`derived` returns 64 bytes for a purpose, from the secret key; it is asked once there is a list. See settings/vault.py."""
        self.path, self._derived = data_dir / FILE, derived
        self.digests: Digests | None = None
        #: The newest line of each digest; and the digests to drop, by kind of name.
        self.entries: dict[str, Suppression] = {}
        self.dropped: dict[str, set[str]] = {}
        #: When each digest was erased last.
        self.erased: dict[str, str] = {}
        #: By kind: ids known to be on the list or not.
        self.known: dict[str, dict[str, bool]] = {kind: {"": False} for kind in KINDS}
        self.inode, self.read_bytes = 0, 0

    def is_changed(self) -> bool:
        """Return whether the file is another one than at the last look; one look costs a stat."""
        return self._stamp() != (self.inode, self.read_bytes)

    def look(self) -> None:
        """Learn what was written since. Raises SettingsError when the list was made with another key."""
        inode, size = self._stamp()
        if (inode, size) == (self.inode, self.read_bytes):
            return
        if inode != self.inode or size < self.read_bytes:
            self.entries, self.dropped, self.erased, self.read_bytes = {}, {}, {}, 0
        with contextlib.suppress(FileNotFoundError), self.path.open("rb") as file:
            file.seek(self.read_bytes)
            some = file.read()
            # A line that is being written is read at the next look.
            whole = some[: some.rfind(b"\n") + 1]
            self._learn(whole.decode(errors="replace"))
            self.read_bytes += len(whole)
        self.inode = inode
        for known in self.known.values():
            known.clear()
            known[""] = False

    def has(self, name: str) -> bool:
        """Return whether events of a name are dropped."""
        kind, _, id_ = name.partition(":")
        known = self.known.setdefault(kind, {})
        found = known.get(id_)
        if found is None:
            digests = self.dropped.get(kind)
            found = digests is not None and self._keyed().of(name) in digests
            if len(known) >= KNOWN_MAX:
                known.clear()
            known[id_] = found
        return found

    def digest_of(self, name: str) -> str:
        """Return the digest of a name, also of one that is not on the list. Raises SettingsError."""
        return self._keyed().of(name)

    def mark(self) -> str:
        """Return what tells this list's key from another one. Raises SettingsError."""
        return self._keyed().mark()

    def add(self, names: Iterable[str], *, what: str, request: str, at_ms: int) -> int:
        """Write what holds of some names from now on, synced to disk; return how many lines that took.

        Names of which it holds already take none. Raises SettingsError, OSError.
        """
        digests, at = self._keyed(), to_text(from_ms(at_ms))
        with self._writing() as file:
            named = ((_kind(name), digests.of(name)) for name in sorted(set(names)))
            entries = [
                Suppression(at=at, what=what, kind=kind, digest=digest, request=request) for kind, digest in named
            ]
            lines = [self._in_order(entry) for entry in entries if not self._holds(entry)]
            _append(file, lines)
        self.look()
        return len(lines)

    def take_back(self, entries: Sequence[Suppression], *, request: str, at_ms: int) -> int:
        """Let events of these come in again; return how many lines that took. Raises SettingsError, OSError."""
        self._keyed()
        with self._writing() as file:
            at = to_text(from_ms(at_ms))
            lines = [msgspec.structs.replace(e, at=at, what=RELEASE, request=request) for e in entries]
            lines = [self._in_order(e) for e in lines if e.digest in self.entries and not self._holds(e)]
            _append(file, lines)
        self.look()
        return len(lines)

    def merge(self, others: Iterable[Suppression]) -> int:
        """Add the lines of another copy that are not here; return how many. Raises SettingsError, OSError."""
        with self._writing() as file:
            own = set(read_list(self.path))
            lines = [entry for entry in others if entry not in own]
            _append(file, lines)
        self.look()
        return len(lines)

    def _in_order(self, entry: Suppression) -> Suppression:
        """Return a line that counts as newer than what is said of its digest, also when the clock was set back."""
        own = self.entries.get(entry.digest)
        return msgspec.structs.replace(entry, at=own.at) if own is not None and own.at > entry.at else entry

    def _holds(self, entry: Suppression) -> bool:
        own = self.entries.get(entry.digest)
        # Who was erased is suppressed too.
        return own is not None and (own.what == entry.what or (own.what == ERASE and entry.what == SUPPRESS))

    def _keyed(self) -> Digests:
        if self.digests is None:
            self.digests = Digests(self._derived(PURPOSE))
        return self.digests

    def _learn(self, text: str) -> None:
        for line in text.splitlines():
            if line.startswith(FIRST):
                self._assert_key(line.removeprefix(FIRST))
            elif len(words := line.split(" ")) == WORDS:
                self._take(Suppression(at=words[0], what=words[1], kind=words[2], digest=words[3], request=words[4]))

    def _take(self, entry: Suppression) -> None:
        own = self.entries.get(entry.digest)
        if entry.what == ERASE:
            self.erased[entry.digest] = max(entry.at, self.erased.get(entry.digest, ""))
        if own is not None and own.at > entry.at:
            return
        self.entries[entry.digest] = entry
        dropped = self.dropped.setdefault(entry.kind, set())
        if entry.what == RELEASE:
            dropped.discard(entry.digest)
        else:
            dropped.add(entry.digest)
        if not dropped:
            del self.dropped[entry.kind]

    def _assert_key(self, mark: str) -> None:
        if mark != self._keyed().mark():
            raise SettingsError(
                "secret_key_file",
                expected=f"the key that {self.path.name} was made with",
                got="another key",
                hint="with this one no person on the list would be known: bring the key back from where it is kept",
            )

    def _stamp(self) -> FileState:
        try:
            facts = self.path.stat()
        except FileNotFoundError:
            return 0, 0
        return facts.st_ino, facts.st_size

    @contextlib.contextmanager
    def _writing(self) -> Iterator[int]:
        """Hold the file alone, after a look; a line that a crash cut off is taken away."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            self.look()
            os.ftruncate(handle, self.read_bytes)
            os.lseek(handle, 0, os.SEEK_END)
            if not self.read_bytes:
                _write(handle, f"{FIRST}{self._keyed().mark()}\n")
            yield handle
        finally:
            os.close(handle)


def read_list(path: Path) -> Sequence[Suppression]:
    """Return the lines of a list that lies anywhere, whatever key it was made with. Raises OSError."""
    words = [line.split(" ") for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    lines = [w for w in words if len(w) == WORDS]
    return [Suppression(at=w[0], what=w[1], kind=w[2], digest=w[3], request=w[4]) for w in lines]


def mark_of_list(path: Path) -> str:
    """Return which key a list was made with; empty for one that does not say. Raises OSError."""
    first = path.read_text(encoding="utf-8", errors="replace").partition("\n")[0]
    return first.removeprefix(FIRST) if first.startswith(FIRST) else ""


def _kind(name: str) -> str:
    return name.partition(":")[0]


def _append(handle: int, entries: Sequence[Suppression]) -> None:
    if entries:
        _write(handle, "".join(entry.line() for entry in entries))


def _write(handle: int, text: str) -> None:
    left = text.encode()
    while left:
        left = left[os.write(handle, left) :]
    os.fsync(handle)
