"""What the admin API answers about what was sent, as types."""

from collections.abc import Sequence
from typing import Any, TypedDict


class AddedField(TypedDict):
    """A field that the ledger put into a call."""

    field: str
    value: Any
    why: str


class SentTold(TypedDict):
    """What one attempt sent: `body` is the text byte for byte; null, with `why`, when that is not known any more."""

    destination: str
    attempt: int
    method: str
    path: str
    status: int | None
    body: str | None
    why: str
    added: Sequence[AddedField]


class SentAnswer(TypedDict):
    """What each attempt for an event sent."""

    sent: Sequence[SentTold]
