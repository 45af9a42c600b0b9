"""What the routes about privacy take and answer, as types."""

from typing import Any, TypedDict

import msgspec


class WhoRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What the routes about privacy take: every id and address that is known of one person or company."""

    user_id: list[str] = []
    anonymous_id: list[str] = []
    email: list[str] = []
    company_id: list[str] = []


class PrivacyRequestTold(TypedDict):
    """A request to suppress or erase a person, as it may be shown: people by digests alone."""

    number: str
    action: str
    state: str
    asked_at: str
    asked_by: str
    approved_by: str
    deadline_at: str
    ended_at: str
    who: list[dict[str, str]]
    removed: dict[str, int]
    destinations: dict[str, dict[str, Any]]
    left: list[str]
    problem: str


class PrivacyRequestAnswer(TypedDict):
    """One request."""

    request: PrivacyRequestTold


class PrivacyRequestsAnswer(TypedDict):
    """All requests, the newest first, and the key that signs receipts."""

    requests: list[PrivacyRequestTold]
    public_key: str
