"""operate's way to single events among millions. Each promise is a test in tests/contract/test_search_promises.py."""

import dataclasses
from collections.abc import Sequence
from typing import Protocol

from penstock.buffer.port.query import Query
from penstock.buffer.port.shelf import Story


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


class Search(Protocol):
    """operate's way to single events among millions: bounded work for every question."""

    def find(self, destination: str, query: Query, *, before_seq: int | None = None, limit: int = 100) -> Found:
        """Return events that fit, the newest first. A page may be short, or empty, and still have a next one."""

    def people(self, prefix: str, *, limit: int = 50) -> Sequence[Seen]:
        """Return ids of people that begin with a text, in order."""

    def companies(self, prefix: str, *, limit: int = 50) -> Sequence[Seen]:
        """Return ids of companies that begin with a text, in order."""
