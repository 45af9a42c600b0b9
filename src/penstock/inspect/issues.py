"""Problems as people work on them: what is open, who sees to it, and whether it happened again. Pure but for what it reads."""

import collections
import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from penstock import causes
from penstock.buffer.port.dead_letters import DeadLetters, Problem
from penstock.buffer.port.issues import Issue, Issues, IssueState
from penstock.buffer.port.selection import companies_of
from penstock.buffer.port.shelf import Story
from penstock.causes import Cause
from penstock.destinations.kinds import explained
from penstock.errors import SettingsError
from penstock.event import enriched

#: What a user may do with a problem, and what it is then.
DECISIONS = {
    "seen": IssueState.SEEN,
    "assign": IssueState.ASSIGNED,
    "resolve": IssueState.RESOLVED,
    "dismiss": IssueState.DISMISSED,
    "reopen": IssueState.SEEN,
}
REASON_CHARS_MAX = 300
CLOSED = frozenset({IssueState.RESOLVED, IssueState.DISMISSED})
DAY_S, TREND_DAYS = 86_400.0, 14
#: Events looked at for who is affected, and for the trend.
LOOKED_AT = 500


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class IssueRow:
    """One problem with what was decided about it."""

    destination: str
    problem: Problem
    cause: Cause
    state: IssueState
    owner: str = ""
    reason: str = ""
    by: str = ""
    at: float | None = None
    #: It was closed, and happened again since.
    is_back: bool = False

    @property
    def is_closed(self) -> bool:
        """Return whether people are done with it."""
        return self.state in CLOSED

    @property
    def is_open(self) -> bool:
        """Return whether it waits for people. What is only kept back in shadow mode is as it was meant."""
        return not self.is_closed and self.problem.cause != causes.SHADOW


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """Who is affected by a problem, and when its events ended, as far as was looked at."""

    people: int
    companies: int
    #: Events that ended badly by day since 1970, of the last TREND_DAYS.
    days: Mapping[int, int]
    #: All events of the problem were looked at.
    is_all: bool


def issue_rows(destinations: Iterable[str], dead: DeadLetters, issues: Issues) -> Sequence[IssueRow]:
    """Return every problem there is, the open ones first, of each kind the most frequent."""
    known = issues.decided()
    rows = [
        row_of(name, problem, known.get((name, problem.cause)))
        for name in destinations
        for problem in dead.problems(name)
    ]
    return sorted(rows, key=lambda row: (not row.is_open, -row.problem.count))


def row_of(destination: str, problem: Problem, last: Issue | None) -> IssueRow:
    """Return how a problem stands: one that was closed is new when it happened again."""
    row = IssueRow(destination=destination, problem=problem, cause=explained(problem.cause), state=IssueState.NEW)
    if last is None:
        return row
    if last.state in CLOSED and has_happened_again(problem, last):
        return dataclasses.replace(row, owner=last.owner, is_back=True)
    return dataclasses.replace(row, state=last.state, owner=last.owner, reason=last.reason, by=last.by, at=last.at)


def has_happened_again(problem: Problem, last: Issue) -> bool:
    """Return whether an event came to this end since: a new one, or an old one that was sent again."""
    return problem.last_seq > last.last_seq or problem.last_at > last.at


def decided(
    rows: Sequence[IssueRow], what: str, said: Mapping[str, str], *, by: str, actors: Sequence[str], now: float
) -> Issue:
    """Return a decision about the problem that these rows are of, one for each outcome. Raises SettingsError."""
    if what not in DECISIONS:
        raise SettingsError("action", expected=", ".join(DECISIONS), got=what[:REASON_CHARS_MAX])
    owner, reason = said.get("owner", rows[0].owner).strip(), said.get("reason", "").strip()
    if what == "assign" and owner not in actors:
        raise SettingsError("owner", expected=" or ".join(actors), got=owner[:REASON_CHARS_MAX])
    if what == "dismiss" and not 0 < len(reason) <= REASON_CHARS_MAX:
        raise SettingsError(
            "reason", expected=f"why it is not mended, {REASON_CHARS_MAX} letters at most", got=reason[:50]
        )
    return Issue(
        destination=rows[0].destination,
        cause=rows[0].problem.cause,
        state=DECISIONS[what],
        owner=owner if what == "assign" else rows[0].owner,
        reason=reason if what == "dismiss" else "",
        at=now,
        by=by,
        last_seq=max(row.problem.last_seq for row in rows),
    )


def affected(stories: Sequence[Story], *, is_all: bool, now: float) -> Affected:
    """Return who the events of a problem are about, and on which days they ended."""
    first_day = int(now // DAY_S) - TREND_DAYS + 1
    days = collections.Counter(int(s.ended_at // DAY_S) for s in stories if s.ended_at is not None)
    return Affected(
        people=len({who for s in stories if (who := s.event.user_id or s.event.anonymous_id)}),
        companies=len({company for s in stories for company in companies_of(enriched(s.event)) if company}),
        days={day: days.get(day, 0) for day in range(first_day, first_day + TREND_DAYS)},
        is_all=is_all,
    )
