"""Every exception, sorted by whose fault it is.

PenstockError
├── SettingsError      the operator's: the process does not start, exit 78
│   ├── SettingsOutdated  no fault: another user changed them meanwhile; look again
│   ├── FoldersMixed      the operator's: files of two data folders lie in one
│   ├── LogForked         the operator's: delivery.db tells of another log than the one beside it
│   └── ViewRefused       the operator's: a stream is not what a view of it has seen, or was written by another version
│       └── ViewOutdated   the operator's: this node is to be upgraded, and goes on from where its view stands
├── SdkError           the sender's: answered with 4xx, never stored
├── BufferUnavailable  the machine's: answered with 503 and Retry-After, the SDK sends again
│   └── ShareUsedUp    the source's: the same for one source, while the others go on
├── BackupRefused      the operator's: a backup or a restore that cannot be done so; nothing was changed
├── MoveRefused        the operator's: files that cannot be moved so, from one machine to a cluster or back; the next try goes on
├── StoreDamaged       the machine's: a file cannot be read any more; the process ends and says so, once
├── WitnessUnreachable the engine's: no quorum, no primary or no network; whether it was done is not known, ask again
├── WitnessDamaged     the engine's: what it gives back is not what it was given; nothing is built on it
├── SnapshotReplaced   no fault: a newer one was put while it was read; begin again
├── TooCostly          the event's: to explain it would cost more than a page may; the page says so
└── LeaseLost          no fault: the lease had run out; forget what we know and go on
    └── SteppedDown       the same for a whole file: another node writes it by now, or may

What a destination says is not an error but an `Answer`. What cannot be mapped is not an error but `Unmappable`.
Everything else is a bug: it stops the worker, and the event comes back.
"""

from collections.abc import Mapping


class PenstockError(Exception):
    """Base of all; never raised itself."""


class SettingsError(PenstockError):
    """A setting that cannot be used."""

    def __init__(self, name: str, *, expected: str, got: object, hint: str = "") -> None:
        self.name, self.expected, self.got, self.hint = name, expected, got, hint
        #: What else is wrong with the same settings; one sentence is about the first alone.
        self.others: tuple[SettingsError, ...] = ()
        super().__init__(f"{name}: expected {expected}, got {got!r}." + self._hint())

    def without_value(self) -> str:
        """Return the sentence for places that others may read: what was found may be a key."""
        return f"{self.name}: expected {self.expected}." + self._hint()

    def _hint(self) -> str:
        return f" Hint: {self.hint}" if self.hint else ""


class SettingsOutdated(SettingsError):
    """A change that is based on a revision that is not in force any more."""

    def __init__(self, *, based_on: int, in_force: int) -> None:
        super().__init__(
            "revision",
            expected=f"{in_force}, which is in force",
            got=based_on,
            hint="another user changed the settings meanwhile: look at them again, then change them",
        )


class FoldersMixed(SettingsError):
    """Files of two data folders lie in one; nothing is read or written, for their numbers mean different events."""

    def __init__(self, folder: object, identities: Mapping[str, str]) -> None:
        got = ", ".join(f"{name} of folder {identity}" for name, identity in identities.items())
        hint = f"put files that belong together into {folder}: the set of one backup, with penstock restore"
        super().__init__("data_dir", expected="files of one data folder", got=got, hint=hint)


class LogForked(SettingsError):
    """delivery.db and events.db were both written on after they had been apart: the same numbers mean different events."""

    def __init__(self, seq: int) -> None:
        super().__init__(
            "data_dir",
            expected="the events.db that delivery.db was written beside",
            got=f"another one from event {seq} on",
            hint="put back two files that belong together, or run penstock doctor --repair: it sends what this events.db has"
            " from there on again, which destinations can recognise",
        )


class ViewRefused(SettingsError):
    """A message of a stream that a view cannot take in; the view stays as it was, and nothing is guessed."""


class ViewOutdated(ViewRefused):
    """A newer Penstock wrote what a view cannot take in; it stays as it was, and follows again from there once it is upgraded."""


class SdkError(PenstockError):
    """A request that cannot be accepted. `text` is part of the wire contract: mobile SDKs read it."""

    def __init__(self, status: int, text: str, *, retry_after_s: int = 0) -> None:
        self.status, self.text = status, text
        #: When the same request may be accepted, in seconds; 0 is never.
        self.retry_after_s = retry_after_s
        super().__init__(f"{status} {text}")

    def again(self) -> "SdkError":
        """Return a fresh one that says the same.

        An exception remembers every place it was raised at, with all that was at hand there: one that is raised for many
        requests would keep them all.
        """
        return SdkError(self.status, self.text, retry_after_s=self.retry_after_s)


class BufferUnavailable(PenstockError):
    """The store cannot take events now: disk full or nearly so, or at its limit. Nothing of the request was kept."""

    def __init__(self, reason: str, *, retry_after_s: int = 10) -> None:
        self.reason, self.retry_after_s = reason, retry_after_s
        super().__init__(reason)


class ShareUsedUp(BufferUnavailable):
    """One source has as much in store as it may have. Nothing of the request was kept; other sources go on."""


class StoreDamaged(PenstockError):
    """A file of the store is truncated or damaged. Nothing is changed before a person asks for it."""

    def __init__(self, file: str, detail: str) -> None:
        self.file, self.detail = file, detail
        super().__init__(f"{file} is damaged: {detail}. Stop Penstock and run: penstock doctor --repair")


class WitnessUnreachable(PenstockError):
    """The engine of a cluster did not answer in time, or said that it cannot: whether it did what was asked is not known."""

    def __init__(self, engine: str, reason: str, *, retry_after_s: int = 10) -> None:
        self.engine, self.reason, self.retry_after_s = engine, reason, retry_after_s
        super().__init__(f"{engine} is unreachable: {reason}")


class WitnessDamaged(PenstockError):
    """An engine of a cluster gives back something else than it was given: bytes that differ, or less of them."""

    def __init__(self, what: str, *, expected: str, got: str) -> None:
        self.what, self.expected, self.got = what, expected, got
        super().__init__(f"{what}: expected {expected}, got {got}")


class SnapshotReplaced(PenstockError):
    """A newer snapshot took the place of the one that is being read."""


class TooCostly(PenstockError):
    """A question about events that costs more than one question may; the text says how much."""


class BackupRefused(PenstockError):
    """A backup that cannot be made, or a set that cannot be put back; the sentence says why. Nothing was changed."""


class MoveRefused(PenstockError):
    """Files that cannot be moved into streams, or out of them, as things are; the sentence says why. The next try goes on."""


class LeaseLost(PenstockError):
    """The lease ran out and the event may be under way elsewhere; the verdict was not written."""


class AnotherWasFirst(BufferUnavailable):
    """Another node changed the same file at the same moment; nothing was kept here, and it can be done again at once."""


class SteppedDown(LeaseLost):
    """This node may not own the file any more, and nothing of the transaction was kept here: what the stream says counts."""
