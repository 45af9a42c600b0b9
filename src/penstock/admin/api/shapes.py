"""What the routes of the admin API take and answer, as types: bodies are read by them, and the description is made of them."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import msgspec

from penstock.admin.api.replay_shapes import PreviewTold
from penstock.buffer.port.control import Role
from penstock.buffer.port.selection import Selection
from penstock.explain.explain import Line
from penstock.inspect.replays import ProblemTold, Replay
from penstock.inspect.stored_event import StoredEvent
from penstock.ledger.guard import Suspicion
from penstock.ledger.weigh import Note


class Nothing(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What a route takes whose address says it all: `{}`, or an empty body."""


class InviteRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What POST /api/v1/users takes."""

    name: str
    role: Role


class ReplayRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What POST /api/v1/replays takes."""

    destination: str
    selection: Selection = msgspec.field(default_factory=Selection)
    #: Only count, and say what it would do.
    dry_run: bool = False
    #: Tracks get a new id by which the destination tells repeats: what was taken before counts twice.
    fresh_ids: bool = False


class ForgetRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What POST …/ledger/forget takes: one of these."""

    person: str = ""
    email: str = ""
    company: str = ""
    all: bool = False


class ApproveRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What POST …/attributes/approve takes."""

    attribute: str


class NewSettings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What POST /api/v1/settings takes: a whole document. A key or secret that is left out stays as it is."""

    sources: dict[str, dict[str, Any]]
    destinations: dict[str, dict[str, Any]]
    connections: list[dict[str, Any]]
    #: Who is told of problems; left out, that stays as it is.
    alerts: dict[str, dict[str, Any]] | None = None
    #: When alerts speak, by the names of settings; left out, that stays as it is.
    thresholds: dict[str, float] | None = None
    note: str = ""
    #: Only say what would change.
    dry_run: bool = False
    #: The `revision` of the answer this document was made from; `If-Match` says the same.
    base: int | None = None


class ApiErrorFacts(TypedDict):
    """What was expected, what came, what to do."""

    name: str
    expected: str
    got: Any
    hint: str


class ErrorAnswer(TypedDict):
    """What is answered when something is not done."""

    error: ApiErrorFacts


class SourceTold(TypedDict):
    """A source, without its keys."""

    name: str
    type: str
    enabled: bool
    destinations: Sequence[str]
    #: When `write_key` and, while there is one, `old_write_key` were used last, to the minute.
    keys: Mapping[str, str | None]


class SourcesAnswer(TypedDict):
    """All sources."""

    sources: Sequence[SourceTold]


class DestinationTold(TypedDict):
    """A destination, without its key."""

    name: str
    type: str
    base_url: str
    mapping: str
    anonymous_fallback: bool
    enabled: bool
    sources: Sequence[str]


class DestinationsAnswer(TypedDict):
    """All destinations."""

    destinations: Sequence[DestinationTold]


class EventsAnswer(TypedDict):
    """A page of events; `next` is where the next one begins."""

    events: Sequence[StoredEvent]
    next: int | None


class AccountTold(StoredEvent, frozen=True, kw_only=True):
    """An event at one destination, with what became of its values."""

    destination: str
    set_when_accepted: Sequence[str]
    ledger: Sequence[Note]
    explanation: Mapping[str, Any]


class AccountsAnswer(TypedDict):
    """An event at each destination."""

    accounts: Sequence[AccountTold]


class FieldAnswer(TypedDict):
    """Which event a field comes from, as far as was looked."""

    set_by: StoredEvent | None
    lines: Sequence[Line]
    not_held: Sequence[StoredEvent]
    looked_at: int


class ProblemsAnswer(TypedDict):
    """All causes of a destination."""

    problems: Sequence[ProblemTold]


class PauseAnswer(TypedDict):
    """Whether a destination rests now."""

    destination: str
    paused: bool


class ReplaysAnswer(TypedDict):
    """A page of replays."""

    replays: Sequence[Replay]
    next: int | None


class ReplayAnswer(TypedDict):
    """What a replay takes, by cause or else outcome; none is ordered by a dry run, which says what it would do."""

    replay: Replay | None
    counts: Mapping[str, int]
    preview: PreviewTold | None


class ForgetAnswer(TypedDict):
    """The number of an order."""

    order: int


class AttributesAnswer(TypedDict):
    """Attributes that look like mistakes, and those that were let through."""

    attributes: Sequence[Suspicion]
    approved: Sequence[str]


class ApproveAnswer(TypedDict):
    """What was let through."""

    approved: str


class UserTold(TypedDict):
    """A user: who may sign in."""

    name: str
    role: Role
    invited: bool


class UsersAnswer(TypedDict):
    """Everybody."""

    users: Sequence[UserTold]


class LinkAnswer(TypedDict):
    """A link that works once."""

    link: str


class RemovedAnswer(TypedDict):
    """Who was removed."""

    removed: str


class TokenTold(TypedDict):
    """A token, without its secret. Times are seconds since 1970."""

    hash: str
    label: str
    scope: str
    expires_at: float


class CredentialTold(TokenTold):
    """A session, invitation, token or link, without its secret."""

    kind: str
    created_at: float


class CredentialsAnswer(TypedDict):
    """All credentials of a user."""

    credentials: Sequence[CredentialTold]


class TokensAnswer(TypedDict):
    """One's own tokens."""

    tokens: Sequence[TokenTold]


class EndedAnswer(TypedDict):
    """The hash of what was ended."""

    ended: str


class EndedAllAnswer(TypedDict):
    """How many were ended."""

    ended: int


class DeedTold(TypedDict):
    """A line of the journal; `at` is seconds since 1970."""

    at: float
    by: str
    what: str
    times: int


class DeedsAnswer(TypedDict):
    """A page of what people did."""

    deeds: Sequence[DeedTold]
    next: int | None


class AuditAnswer(TypedDict):
    """A page of the audit log."""

    entries: Sequence[DeedTold]
    next: int | None


class PeopleAnswer(TypedDict):
    """Ids of people."""

    people: Sequence[str]


class CompaniesAnswer(TypedDict):
    """Ids of companies."""

    companies: Sequence[str]


class RefusedAnswer(TypedDict):
    """Kinds of requests that were refused."""

    refused: Sequence[Mapping[str, Any]]


class FieldTold(TypedDict):
    """A field of the destination, as it is filled."""

    path: str
    field: str
    sources: Sequence[str]
    filled: int
    calls: int
    example: Any


class UnsentTold(TypedDict):
    """A trait that reaches no field."""

    source: str
    why: str
    count: int


class MappingAnswer(TypedDict):
    """A page of the mapping. `is_whole`: all events of the range are counted; else the next look counts on."""

    fields: Sequence[FieldTold]
    unsent: Sequence[UnsentTold]
    range: str
    looked_at: int
    is_whole: bool
    next: int | None


class TrialAnswer(TypedDict):
    """What a harmless read found."""

    destination: str
    reached: bool
    said: str


class SettingsAnswer(TypedDict):
    """The document in force, without the keys and secrets of destinations."""

    revision: int
    sources: Mapping[str, Mapping[str, Any]]
    destinations: Mapping[str, Mapping[str, Any]]
    connections: Sequence[Mapping[str, Any]]
    alerts: Mapping[str, Mapping[str, Any]]
    thresholds: Mapping[str, float]


class ChangedAnswer(TypedDict):
    """What changed, or would; how many stored events of each connection are sent then."""

    changes: Sequence[str]
    in_force: bool
    revision: int
    stored_events_sent: Mapping[str, int]


class RevisionTold(TypedDict):
    """A revision; `at` is seconds since 1970."""

    number: int
    at: float
    by: str
    note: str
    changes: Sequence[str]


class RevisionsAnswer(TypedDict):
    """All revisions."""

    revisions: Sequence[RevisionTold]


class BackAnswer(TypedDict):
    """Which revision is in force again."""

    back_to: int
