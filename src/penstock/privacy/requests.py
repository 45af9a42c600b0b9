"""What was asked for about people, and how far it has come: a file each in the folder `privacy` of the data folder.

Who is meant stands in it sealed, as long as the request is open; afterwards digests alone are left. Everybody who changes a
request holds the folder for a moment: people ask by the command line and the dashboard, while operate brings it to its end.
"""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from penstock.clock import Clock
from penstock.errors import SettingsError
from penstock.settings.vault import Vault

FOLDER, NUMBERED = "privacy", "request-*.json"
DAY_S, DIGITS = 86_400.0, 6
Action = Literal["suppress", "erase"]
State = Literal["proposed", "open", "done", "cancelled", "released"]


class AtDestination(msgspec.Struct, kw_only=True):
    """How far a request has come at one destination."""

    is_done: bool = False
    #: Whether it said last that none of them is there; done is what it said once no call of theirs could be under way.
    is_gone: bool = False
    #: Records that were deleted there, and what the reading back found, in a sentence.
    deleted: int = 0
    said: str = ""
    tries: int = 0
    #: Seconds it asked to be left alone for.
    asked_s: float = 0.0


class PrivacyRequest(msgspec.Struct, kw_only=True):
    """A request to suppress or to erase a person."""

    number: str
    action: Action
    state: State
    #: Seconds since 1970.
    asked_at: float
    asked_by: str
    #: Who agreed, where two have to; empty where one is enough.
    approved_by: str = ""
    #: Sealed: who was named, and everybody who was found to be the same. Empty once it is done.
    given: str = ""
    names: str = ""
    #: Who is meant, as lines of the list have it: kind and digest.
    digests: Sequence[tuple[str, str]] = ()
    #: Whether events of theirs are dropped for good; else until it is done.
    stays_suppressed: bool = True
    #: Seconds since 1970; 0: there is none.
    deadline_at: float = 0.0
    #: When they were put on the list, and when all was done.
    suppressed_at: float = 0.0
    ended_at: float = 0.0
    #: Numbers of events that were found, as long as they may be somewhere.
    seqs: Sequence[int] = ()
    #: How many of them deliver was told of; and of how many names accept was.
    seqs_told: int = 0
    names_told: int = 0
    #: What the last look found, by kind of thing; what it was then, and is not found any more, counts as removed.
    found: dict[str, int] = msgspec.field(default_factory=dict)
    #: What was removed, by kind of thing; and what names them and stays, in sentences.
    removed: dict[str, int] = msgspec.field(default_factory=dict)
    left: Sequence[str] = ()
    destinations: dict[str, AtDestination] = msgspec.field(default_factory=dict)
    #: Why it does not go on.
    problem: str = ""

    @property
    def is_open(self) -> bool:
        """Return whether something is still to be done."""
        return self.state in {"proposed", "open"}

    def is_late(self, now: float) -> bool:
        """Return whether its deadline has passed; seconds since 1970."""
        return self.is_open and 0 < self.deadline_at < now


class Requests:
    """All requests of a data folder."""

    def __init__(self, data_dir: Path, *, vault: Vault, clock: Clock) -> None:
        self.folder, self.vault, self.clock = data_dir / FOLDER, vault, clock

    def all(self) -> Sequence[PrivacyRequest]:
        """Return all, the newest first. Raises SettingsError, OSError."""
        files = sorted(self.folder.glob(NUMBERED), reverse=True) if self.folder.exists() else []
        return [_read(file) for file in files]

    def mark(self) -> int:
        """Return a number that is another one once a request was added or changed."""
        try:
            return self.folder.stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def find(self, number: str) -> PrivacyRequest | None:
        """Return one, by its number with or without zeros in front. Raises SettingsError, OSError."""
        if not (number.isascii() and number.isdigit() and len(number) <= DIGITS):
            return None
        path = self._path(number.zfill(DIGITS))
        return _read(path) if path.exists() else None

    def receipt_of(self, number: str) -> Path:
        """Return where the receipt of a request lies, once it is done."""
        return self.folder / f"receipt-{number}.json"

    def add(
        self, action: Action, names: Iterable[str], *, by: str, state: State, stays_suppressed: bool, days_max: float
    ) -> PrivacyRequest:
        """Write a new one down. Raises SettingsError, OSError."""
        now = self.clock.now()
        with self._held():
            numbers = [int(file.stem.partition("-")[2]) for file in self.folder.glob(NUMBERED)]
            request = PrivacyRequest(
                number=f"{max(numbers, default=0) + 1:0{DIGITS}}",
                action=action,
                state=state,
                asked_at=now,
                asked_by=by,
                given=self.sealed(names),
                stays_suppressed=stays_suppressed,
                deadline_at=now + days_max * DAY_S if action == "erase" else 0.0,
            )
            self._write(request)
        return request

    def change(self, number: str, change: Callable[[PrivacyRequest], None]) -> PrivacyRequest:
        """Change one and return it; no other process does meanwhile. Raises what the change raises, OSError."""
        with self._held():
            request = _read(self._path(number))
            change(request)
            self._write(request)
        return request

    def sealed(self, names: Iterable[str]) -> str:
        """Return names so that only this data folder's key opens them. Raises SettingsError."""
        return self.vault.seal(msgspec.json.encode(sorted(names)).decode())

    def reseal(self) -> int:
        """Seal who is named with the key in use, in the requests that are open; return how many that were. Raises SettingsError, OSError."""
        count = 0
        for number in [request.number for request in self.all() if request.given or request.names]:
            with self._held():
                request = _read(self._path(number))
                before = request.given, request.names
                request.given, request.names = (self.vault.renewed(text) if text else "" for text in before)
                if (request.given, request.names) != before:
                    self._write(request)
                    count += 1
        return count

    def opened(self, sealed: str) -> frozenset[str]:
        """Return what was sealed; no name, of an empty text. Raises SettingsError."""
        return frozenset(msgspec.json.decode(self.vault.open(sealed), type=list[str])) if sealed else frozenset()

    def _path(self, number: str) -> Path:
        return self.folder / f"request-{number}.json"

    def _write(self, request: PrivacyRequest) -> None:
        write_file(self._path(request.number), msgspec.json.format(msgspec.json.encode(request)))

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def late_in_words(requests: Requests) -> list[str]:
    """Return a sentence for each request that is past its deadline. Raises SettingsError, OSError."""
    now = requests.clock.now()
    return [
        f"erasure {each.number} is past its deadline: {each.problem or f'it is {each.state}'}; see the page Privacy"
        for each in requests.all()
        if each.is_late(now)
    ]


def write_file(path: Path, text: bytes) -> None:
    """Put a file in place as a whole, synced to disk. Raises SettingsError, OSError."""
    unfinished = path.with_name(f".{path.name}")
    with unfinished.open("wb") as file:
        unfinished.chmod(0o600)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def merged(counts: Mapping[str, int], others: Mapping[str, int]) -> dict[str, int]:
    """Return counts of the same things together; what was nothing is left out."""
    return {kind: n for kind in {**counts, **others} if (n := counts.get(kind, 0) + others.get(kind, 0))}


def _read(path: Path) -> PrivacyRequest:
    try:
        return msgspec.json.decode(path.read_bytes(), type=PrivacyRequest)
    except msgspec.DecodeError as error:
        hint = "bring it back from a backup, or move it away"
        raise SettingsError(str(path), expected="what Penstock wrote", got="something else", hint=hint) from error
