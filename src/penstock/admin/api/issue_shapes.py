"""What the admin API takes and answers about problems as people work on them, as types."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

import msgspec

from penstock.admin.api.replay_shapes import PreviewTold
from penstock.inspect.eyes import Eyes
from penstock.inspect.issues import Affected, IssueRow
from penstock.inspect.replays import Replay


class DecisionRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What POST …/issues/{cause}/assign and /dismiss take; nothing for the others."""

    #: The user who sees to it.
    owner: str = ""
    #: Why it is not mended.
    reason: str = ""


class IssueTold(TypedDict):
    """The events of one destination that ended badly for one cause, and how people stand with them. Times: seconds since 1970."""

    destination: str
    cause: str
    outcome: str
    count: int
    first_at: float
    last_at: float
    meaning: str
    advice: str
    #: new, seen, assigned, resolved or dismissed; and whether it waits for people.
    state: str
    is_open: bool
    #: It was closed, and happened again since.
    is_back: bool
    owner: str
    reason: str
    decided_by: str
    decided_at: float | None


class IssuesAnswer(TypedDict):
    """A page of problems, the open ones first; `next` is where the next one begins."""

    issues: Sequence[IssueTold]
    next: int | None


class AffectedTold(TypedDict):
    """Who is affected, and how many events ended so by day since 1970; of all events, or of the first that were looked at."""

    people: int
    accounts: int
    days: Mapping[str, int]
    is_all: bool


class IssueAnswer(TypedDict):
    """One problem, with who is affected, what a replay would do, and what the last one did."""

    issue: IssueTold
    affected: AffectedTold
    #: Null when reading its events takes longer than a request may.
    preview: PreviewTold | None
    last_replay: Replay | None


def issue_told(row: IssueRow, eyes: Eyes) -> IssueTold:
    """Return a problem as JSON, as the caller may see it."""
    return {
        "destination": row.destination,
        "cause": row.problem.cause,
        "outcome": row.problem.outcome.value,
        "count": row.problem.count,
        "first_at": row.problem.first_at,
        "last_at": row.problem.last_at,
        "meaning": row.cause.meaning,
        "advice": row.cause.advice,
        "state": row.state.value,
        "is_open": row.is_open,
        "is_back": row.is_back,
        "owner": row.owner,
        "reason": eyes.text(row.reason),
        "decided_by": row.by,
        "decided_at": row.at,
    }


def affected_told(found: Affected) -> AffectedTold:
    """Return who is affected as JSON."""
    days = {str(day): count for day, count in found.days.items()}
    return {"people": found.people, "accounts": found.companies, "days": days, "is_all": found.is_all}
