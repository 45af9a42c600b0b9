"""What is remembered of problems and of who was told: the alarm's end of the store."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Protocol

#: Rule and subject: what makes a problem the same one.
ProblemKey = tuple[str, str]
#: Longer than anybody waits: a mute that lasts as long as its problem.
FOREVER = 1e18


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """A problem from when it was first seen to when it was gone for long enough. Times are steady seconds, but for `began_at`."""

    rule: str
    subject: str
    #: Tells this time from the next one.
    number: int
    since: float
    #: Seconds since 1970.
    began_at: float
    #: When it was there last.
    seen: float
    #: When it was found to be over; None while it is not.
    ended: float | None = None
    #: How often it came back within a day of its end.
    returns: int = 0
    muted_until: float = 0.0
    #: What is wrong, what to do, and the page that shows more.
    sentence: str
    advice: str
    path: str

    @property
    def key(self) -> ProblemKey:
        """Return what makes it the same problem."""
        return self.rule, self.subject


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """How often a channel was told of an episode, and when last, in steady seconds."""

    channel: str
    rule: str
    subject: str
    times: int
    last: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message to one recipient; every try of it carries the same id."""

    id: str
    channel: str
    recipient: str
    #: "problem", "reminder", "recovery" or "test".
    kind: str
    rule: str = ""
    subject: str = ""
    #: The episode it is about; 0 for none.
    number: int = 0
    title: str
    sentence: str
    advice: str
    #: Addresses of the page that shows more, and of the one that mutes; empty for none.
    link: str
    mute: str
    #: When it was made and when it ended, in seconds since 1970; when it is tried next, in steady seconds.
    made_at: float
    due: float
    ended_at: float | None = None
    tries: int = 0
    #: "waiting", "sent" or "given up".
    state: str = "waiting"
    #: What the last try got.
    answer: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AlertMemory:
    """What the alarm goes on with after a restart."""

    episodes: Mapping[ProblemKey, Episode]
    tellings: Sequence[Telling]
    #: Former looks as JSON, the oldest first.
    looks: Sequence[bytes]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AlertChange:
    """What one look changed, kept in one transaction: a channel that counts as told has a message."""

    episodes: Sequence[Episode] = ()
    forgotten: Sequence[ProblemKey] = ()
    tellings: Sequence[Telling] = ()
    untold: Sequence[Telling] = ()
    messages: Sequence[Message] = ()
    #: A look to be kept, and from when on looks are kept, both in steady seconds.
    look: tuple[float, bytes] | None = None
    looks_since: float = 0.0


class AlertBook(Protocol):
    """What was wrong, and who was told. Every verb raises BufferUnavailable and StoreDamaged."""

    def memory(self) -> AlertMemory:
        """Return what was kept last."""

    def keep(self, change: AlertChange) -> None:
        """Keep a change, synced to disk when this returns."""

    def mute(self, key: ProblemKey, number: int, until: float) -> bool:
        """Let there be no reminders of an episode until then, in steady seconds; return whether it is that one still."""

    def waiting(self) -> Sequence[Message]:
        """Return the oldest message that waits for each recipient of each channel: none overtakes another."""

    def tried(self, message: Message) -> None:
        """Keep how a message stands after a try, synced to disk when this returns."""

    def messages(self, *, limit: int, skip: int = 0) -> Sequence[Message]:
        """Return messages, the newest first, without the `skip` newest."""
