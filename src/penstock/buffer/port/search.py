"""operate's way to single events among millions. Each promise is a test in tests/contract/test_search_promises.py."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from penstock.buffer.port.query import Query
from penstock.buffer.port.shelf import Story

#: Of what fits a text, so many of each kind are listed at most; and of an account in a list, so many people are followed.
HITS_MAX, FOLLOWED_MAX = 200, 100


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One page of what was found."""

    stories: Sequence[Story]
    #: Where the next page begins; None when nothing older is left to look at.
    next_seq: int | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A person or a company that events named."""

    id: str
    #: The place in the log of the last event.
    last_seq: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Which people, or accounts, are listed, and in which order."""

    #: Accounts; else people.
    accounts: bool = False
    #: A part of a name, an e-mail address or an id, whatever its case; empty for everybody.
    text: str = ""
    #: By name; else those first whose events came last.
    by_name: bool = False
    #: Where the page begins: a place that the page before named; 0 for the first.
    place: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ListedSubject:
    """A person or an account, with what a list shows."""

    #: As a question asks for it: a user id, an e-mail address or a visitor's id; or a company's.
    id: str
    name: str
    email: str
    #: Companies that a person belongs to.
    companies: Sequence[str]
    #: When the newest event came, and when the newest one that was taken was, in seconds since 1970; None for none.
    seen_at: float | None
    taken_at: float | None
    #: Of the newest events, how many wait; and whether there may be more of them than were looked at.
    waiting: int
    more_wait: bool
    #: How many events came on each of the last days, the oldest first.
    days: Sequence[int]
    #: Of an account: it has more people than those whose events were followed for this.
    more_people: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Identities:
    """Under which names the events of one person come."""

    #: As the ledger names them, `user:…` or `email:…`; empty for a person of which nothing is known.
    subject: str
    user_id: str
    emails: Sequence[str]
    visitors: Sequence[str]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ListedPage:
    """One page of people or accounts."""

    subjects: Sequence[ListedSubject]
    #: Where the next page begins; None when nothing is left to look at.
    next_place: int | None
    #: More fits the text than was looked at.
    is_cut: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """When the events came that fit a question, and how they stand."""

    #: When the first bar begins, in seconds since 1970, and how much time each covers.
    first: float
    step_s: int
    #: How many events of each bar stand how, the oldest bar first: by an outcome's text, "waiting", "retrying" or "parked".
    bars: Sequence[Mapping[str, float]]
    #: How many events were looked at; and when the oldest of them came, where those before were not; None: none was left out.
    looked_at: int
    from_at: float | None = None
    #: Figures are concluded from a few events of each bar.
    is_estimated: bool = False


class Search(Protocol):
    """operate's way to single events among millions: bounded work for every question."""

    def find(self, destination: str, query: Query, *, before_seq: int | None = None, limit: int = 100) -> Found:
        """Return events that fit, the newest first. A page may be short, or empty, and still have a next one."""

    def histogram(self, destination: str, sources: Collection[str], query: Query, *, now: float) -> Histogram:
        """Return when the events of some sources that fit came; bounded work. `now` is in seconds since 1970."""

    def listed(
        self, destination: str, sources: Collection[str], listing: Listing, *, now: float, limit: int = 25
    ) -> ListedPage:
        """Return people, or accounts, as far as events of these sources, or the ledger, know them; bounded work.

        A page may be short, or empty, and still have a next one. `now` is in seconds since 1970.
        """

    def identities(self, destination: str, person: str) -> Identities:
        """Return the names of the person that a user id, an e-mail address or the id of a visitor means."""

    def people(self, prefix: str, *, limit: int = 50) -> Sequence[Seen]:
        """Return ids of people that begin with a text, in order."""

    def companies(self, prefix: str, *, limit: int = 50) -> Sequence[Seen]:
        """Return ids of companies that begin with a text, in order."""
