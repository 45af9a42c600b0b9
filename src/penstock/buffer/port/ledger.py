"""Where the ledger is kept. The buffer does not look inside a record; ledger/record.py does.

Each promise is a test in tests/contract/.
"""

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol, TypedDict

from penstock.buffer.port.outcomes import Attempt, answered
from penstock.event import Event


class Ledger(Protocol):
    """deliver's end, for one destination. Records are written by `Backlog.settle` and its siblings, with the outcomes."""

    async def known(self, subjects: Collection[str]) -> Mapping[str, bytes]:
        """Return the records there are of these subjects."""

    async def subjects(self, prefix: str, *, limit: int) -> Sequence[str]:
        """Return up to `limit` subjects that begin with a text, in order."""

    async def newer(self, subject: str, *, after_seq: int, limit: int) -> "NewerUpserts":
        """Return what came for a subject behind a place in the log and was taken, also if it is being sent again now.

        Identify and group calls, in the order of the log; looks at up to `limit` events.
        """

    async def forget(self, prefix: str, *, limit: int) -> int:
        """Remove up to `limit` records of subjects that begin with `prefix` (all: an empty one); return how many."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TakenUpsert:
    """An upsert that the destination took, or a part of it."""

    seq: int
    event: Event
    #: What was tried, and may have been acknowledged, before it ended badly; None where all of it was taken.
    attempts: Sequence[Attempt] | None = None


class SaidBy(TypedDict):
    """What the ledger wants to know of such an event."""

    seq: int
    is_group: bool
    paths: frozenset[str] | None


def said_by(taken: TakenUpsert, is_yes: Callable[[int, str], bool]) -> SaidBy:
    """Return what the ledger wants to know of it, beside its plan; `is_yes` says of a status and a text whether they say yes."""
    attempts = taken.attempts
    paths = (
        None
        if attempts is None
        else {each.path for each in answered(attempts) if is_yes(each.status or 0, each.answer)}
    )
    is_group = taken.event.type == "group"
    return {"seq": taken.seq, "is_group": is_group, "paths": None if paths is None else frozenset(paths)}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NewerUpserts:
    """One page of the upserts of a subject, in the order of the log."""

    events: Sequence[TakenUpsert]
    #: All up to here were looked at.
    seen_to: int
    #: There are no others.
    is_all: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CallFigures:
    """Calls of one path since the destination was set up; planned == sent + saved, once nothing is under way."""

    #: What the mapping asked for.
    planned: int
    #: What the destination acknowledged.
    sent: int
    #: What was not needed: the destination held it already, or a later event's call carried it.
    saved: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """People that the destination may take for one, or one id that several share."""

    #: `email`: many ids have it; `emails`: one id has many; `case`: ids that differ in case or spaces alone; `devices`: one
    #: id on very many.
    kind: str
    #: What they have in common.
    name: str
    #: Some of those who have it, and how many do, as far as was looked.
    others: Sequence[str]
    count: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Merges:
    """Who may be taken for one, the largest of each kind first; and whether everybody was looked at."""

    found: Sequence[Merge] = ()
    is_all: bool = True


class LedgerShelf(Protocol):
    """operate's end: look, never change."""

    def record(self, destination: str, subject: str) -> bytes | None:
        """Return what is kept of a subject."""

    def records(self, destination: str, subjects: Collection[str]) -> dict[str, bytes | None]:
        """Return what is kept of each of some subjects, all of one moment."""

    def subjects(self, destination: str, prefix: str, *, limit: int = 50) -> Sequence[str]:
        """Return subjects that begin with a text, in order."""

    def newer(self, destination: str, after: Mapping[str, int], *, limit: int) -> dict[str, NewerUpserts]:
        """Return what came for each of some subjects behind its place in the log, `limit` at most of each; as Ledger.newer."""

    def calls(self, destination: str) -> Mapping[str, CallFigures]:
        """Return the figures by path."""

    def merges(self, destination: str) -> Merges:
        """Return people that the destination may take for one by mistake; what is looked at is bounded."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ForgetOrder:
    """Something a person wants the ledger to forget."""

    id: int
    #: Subjects that begin with this text; empty for all.
    prefix: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What people asked of one destination's ledger."""

    forgets: Sequence[ForgetOrder] = ()
    #: Attributes that may be sent though they looked strange, as `people.NAME` or `company.NAME`.
    approved: frozenset[str] = frozenset()


class LedgerOrders(Protocol):
    """What people ask of the ledger. deliver follows within a second, or when it is started, and each order once."""

    def ask_forget(self, destination: str, prefix: str, *, by: str) -> int:
        """Order that records are forgotten, so that everything is sent again; return the order's number."""

    def approve(self, destination: str, attribute: str, *, by: str) -> None:
        """Let an attribute through that the guard holds."""

    def asked(self, destination: str, *, after: int) -> Asked:
        """Return the orders to forget with a larger number, in order, and all approvals."""

    def followed(self, destination: str, *, up_to: int) -> None:
        """Forget orders up to this number: they name who was to be forgotten. Numbers are never used again."""
