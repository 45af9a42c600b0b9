"""The routes of the admin API: what each does, what it takes, and what it answers."""

import dataclasses
import re
from typing import Any

from penstock.admin.api.alert_shapes import AlertsAnswer
from penstock.admin.api.issue_shapes import DecisionRequest, IssueAnswer, IssuesAnswer, IssueTold
from penstock.admin.api.minimise_shapes import RulesTried, RulesTriedAnswer
from penstock.admin.api.privacy_shapes import PrivacyRequestAnswer, PrivacyRequestsAnswer, WhoRequest
from penstock.admin.api.sent_shapes import SentAnswer
from penstock.admin.api.shapes import (
    AccountsAnswer,
    ApproveAnswer,
    ApproveRequest,
    AttributesAnswer,
    AuditAnswer,
    BackAnswer,
    ChangedAnswer,
    CompaniesAnswer,
    CredentialsAnswer,
    DeedsAnswer,
    DestinationsAnswer,
    EndedAllAnswer,
    EndedAnswer,
    EventsAnswer,
    FieldAnswer,
    ForgetAnswer,
    ForgetRequest,
    InviteRequest,
    LinkAnswer,
    MappingAnswer,
    NewSettings,
    Nothing,
    PauseAnswer,
    PeopleAnswer,
    ProblemsAnswer,
    RefusedAnswer,
    RemovedAnswer,
    ReplayAnswer,
    ReplayRequest,
    ReplaysAnswer,
    RevisionsAnswer,
    SettingsAnswer,
    SourcesAnswer,
    TokensAnswer,
    TrialAnswer,
    UsersAnswer,
)
from penstock.buffer.port.control import Sort
from penstock.buffer.port.query import Query
from penstock.buffer.port.selection import Selection
from penstock.erasing.showing import Preview
from penstock.explain.ranges import RANGES
from penstock.inspect.export import KINDS
from penstock.inspect.ledger import WHO as SUBJECTS
from penstock.inspect.ledger import HeldRecord
from penstock.inspect.replays import Replay
from penstock.inspect.status import Status

Schema = dict[str, Any]

TEXT, NUMBER = {"type": "string"}, {"type": "number"}
PLACE = {"type": "integer", "minimum": 0, "maximum": 999_999_999_999_999}
PAGE_LIMIT = {"limit": PLACE}
#: Where a page begins, and how much is on it.
PART_OF = {"from": PLACE, **PAGE_LIMIT}
WHO = dict.fromkeys(SUBJECTS, TEXT)
FOUND = dict.fromkeys(Query.__struct_fields__, TEXT)
TIMES = frozenset({"since", "until", "ended_before"})
SELECTED = {name: NUMBER if name in TIMES else TEXT for name in Selection.__struct_fields__}
# What every change may be answered because of its body.
OF_A_BODY = (400, 408, 413, 415, 422)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ApiRoute:
    """One route, for programs that are written against it."""

    method: str
    path: str
    summary: str
    #: What it may be asked, by name.
    query: Schema
    #: The type of its body; None for what has none.
    takes: Any
    answers: Any
    #: What it may answer beside 200, 401, 403, 421, 429 and 503.
    statuses: tuple[int, ...]
    #: As what a file may come; empty for JSON.
    files: tuple[str, ...] = ()


def _look(
    path: str, summary: str, answers: Any, *, query: Schema | None = None, statuses: tuple[int, ...] = ()
) -> ApiRoute:
    return ApiRoute(
        method="get", path=path, summary=summary, query=query or {}, takes=None, answers=answers, statuses=statuses
    )


def _act(path: str, summary: str, answers: Any, *, takes: Any = Nothing, statuses: tuple[int, ...] = ()) -> ApiRoute:
    return ApiRoute(
        method="post",
        path=path,
        summary=summary,
        query={},
        takes=takes,
        answers=answers,
        statuses=tuple(sorted({*statuses, *OF_A_BODY})),
    )


ROUTES = (
    _look("/api/v1/status", "Counts per outcome, backlog and state of each destination", Status),
    _look("/api/v1/sources", "Sources, without their keys", SourcesAnswer),
    _act(
        "/api/v1/sources/{name}/minimise/preview",
        "What rules of what is never stored would remove of recent events, before they are saved",
        RulesTriedAnswer,
        takes=RulesTried,
        statuses=(404,),
    ),
    _look("/api/v1/destinations", "Destinations, without their keys", DestinationsAnswer),
    _look(
        "/api/v1/events",
        "Events that fit, the newest first",
        EventsAnswer,
        query={**FOUND, "destination": TEXT, "before": PLACE, **PAGE_LIMIT},
        statuses=(400, 404),
    ),
    dataclasses.replace(
        _look(
            "/api/v1/events/export",
            "All events that fit as a file, the newest first: a table for spreadsheets, or JSON lines",
            str,
            query={**FOUND, "destination": TEXT, "format": {"enum": [*KINDS]}},
            statuses=(400, 404),
        ),
        files=tuple(kind.partition(";")[0] for kind in KINDS.values()),
    ),
    _look(
        "/api/v1/events/{message_id}/explain",
        "What became of the values of an event, page by page: `next` is where the next page begins",
        AccountsAnswer,
        query=PART_OF,
        statuses=(400, 404),
    ),
    _look(
        "/api/v1/events/{message_id}/sent",
        "What each attempt for an event sent, byte for byte, as far as that is known",
        SentAnswer,
        statuses=(404,),
    ),
    _look(
        "/api/v1/destinations/{name}/dead",
        "Dead and rejected events by cause, with advice",
        ProblemsAnswer,
        statuses=(404,),
    ),
    _look(
        "/api/v1/destinations/{name}/dead/events",
        "One page of dead and rejected events",
        EventsAnswer,
        query={**SELECTED, "after": PLACE, **PAGE_LIMIT},
        statuses=(400, 404),
    ),
    _look(
        "/api/v1/issues",
        "Problems as people work on them, the open ones first, page by page",
        IssuesAnswer,
        query=PART_OF,
        statuses=(400,),
    ),
    _look(
        "/api/v1/destinations/{name}/issues/{cause}",
        "One problem: who is affected, what a replay would do, what the last one did",
        IssueAnswer,
        statuses=(404,),
    ),
    _act(
        "/api/v1/destinations/{name}/issues/{cause}/{what}",
        "Decide about a problem: seen, assign to an owner, resolve, dismiss with a reason, or reopen",
        IssueTold,
        takes=DecisionRequest,
        statuses=(404,),
    ),
    _act("/api/v1/destinations/{name}/pause", "Let a destination rest", PauseAnswer, statuses=(404,)),
    _act("/api/v1/destinations/{name}/resume", "Let a destination go on", PauseAnswer, statuses=(404,)),
    _look(
        "/api/v1/destinations/{name}/ledger",
        "What the destination is known to hold of a person or company",
        HeldRecord,
        query=WHO,
        statuses=(400, 404),
    ),
    _act(
        "/api/v1/destinations/{name}/ledger/forget",
        "Forget it, so that everything is sent again",
        ForgetAnswer,
        takes=ForgetRequest,
        statuses=(404,),
    ),
    _look(
        "/api/v1/destinations/{name}/attributes",
        "Attributes that look like mistakes",
        AttributesAnswer,
        statuses=(404,),
    ),
    _act(
        "/api/v1/destinations/{name}/attributes/approve",
        "Let one through that is held",
        ApproveAnswer,
        takes=ApproveRequest,
        statuses=(404,),
    ),
    _look("/api/v1/replays", "Replays, the newest first, page by page", ReplaysAnswer, query=PART_OF, statuses=(400,)),
    _act(
        "/api/v1/replays", "Count a selection, and order its replay", ReplayAnswer, takes=ReplayRequest, statuses=(404,)
    ),
    _look("/api/v1/replays/{job}", "One replay", Replay, statuses=(404,)),
    _act("/api/v1/replays/{job}/stop", "Stop a replay", Replay, statuses=(404,)),
    _act("/api/v1/replays/{job}/resume", "Let a stopped replay go on", Replay, statuses=(404,)),
    _look(
        "/api/v1/explain",
        "The event that a field of a person comes from",
        FieldAnswer,
        query={"destination": TEXT, "person": TEXT, "field": TEXT, "newest": PLACE},
        statuses=(400, 404),
    ),
    _look("/api/v1/users", "Everybody who may sign in", UsersAnswer),
    _act("/api/v1/users", "Invite a user", LinkAnswer, takes=InviteRequest),
    _act("/api/v1/users/{name}/remove", "Remove a user", RemovedAnswer, statuses=(404,)),
    _act(
        "/api/v1/users/{name}/reset",
        "Take a user's password, sessions, tokens and links; the answer has a link for a new password",
        LinkAnswer,
        statuses=(404,),
    ),
    _look(
        "/api/v1/users/{name}/credentials",
        "A user's sessions, tokens and links, no secrets",
        CredentialsAnswer,
        statuses=(404,),
    ),
    _act("/api/v1/users/{name}/credentials/end", "End all of them", EndedAllAnswer, statuses=(404,)),
    _act("/api/v1/users/{name}/credentials/{hash}/end", "End one of them", EndedAnswer, statuses=(404,)),
    _look(
        "/api/v1/audit",
        "Who came in and looked at personal data, who was refused, or what was changed",
        AuditAnswer,
        query={"sort": {"enum": [sort.value for sort in Sort]}, **PART_OF},
        statuses=(400,),
    ),
    _look("/api/v1/tokens", "One's own tokens, without their secrets", TokensAnswer),
    _act("/api/v1/tokens/{hash}/end", "End one of them", EndedAnswer, statuses=(404,)),
    _look("/api/v1/people", "Ids of people that begin with a text", PeopleAnswer, query={"prefix": TEXT}),
    _look("/api/v1/companies", "Ids of companies that begin with a text", CompaniesAnswer, query={"prefix": TEXT}),
    _look(
        "/api/v1/alerts",
        "Problems that go on, and who was told; messages, the newest first, page by page",
        AlertsAnswer,
        query=PART_OF,
        statuses=(400,),
    ),
    _look("/api/v1/refused", "Kinds of requests that ingest refused lately", RefusedAnswer),
    _look(
        "/api/v1/destinations/{name}/mapping",
        "Fields of the destination with source, fill rate and example, and traits that reach none, of the events of a range;"
        " page by page",
        MappingAnswer,
        query={"range": {"enum": [*RANGES]}, **PART_OF},
        statuses=(400, 404),
    ),
    _act(
        "/api/v1/destinations/{name}/test", "Make a harmless read, and say what it found", TrialAnswer, statuses=(404,)
    ),
    _look(
        "/api/v1/settings",
        "What was set up in the dashboard or here; no keys or secrets of destinations",
        SettingsAnswer,
    ),
    _act(
        "/api/v1/settings",
        "Put a whole document in force, or say what it would change",
        ChangedAnswer,
        takes=NewSettings,
        statuses=(409,),
    ),
    _look("/api/v1/revisions", "Revisions of the settings, each with what it changed", RevisionsAnswer),
    _act("/api/v1/revisions/{number}/back", "Put a revision in force again", BackAnswer, statuses=(404, 409)),
    _look(
        "/api/v1/deeds",
        "What people did beside changing settings, page by page",
        DeedsAnswer,
        query=PART_OF,
        statuses=(400,),
    ),
    _look("/api/v1/privacy/requests", "Requests to suppress or erase, the newest first", PrivacyRequestsAnswer),
    _look("/api/v1/privacy/requests/{number}", "One of them", PrivacyRequestAnswer, statuses=(404,)),
    _look(
        "/api/v1/privacy/requests/{number}/receipt",
        "The signed receipt of an erasure",
        dict[str, Any],
        statuses=(404,),
    ),
    _act(
        "/api/v1/privacy/requests/{number}/approve",
        "Agree to what another person asked for",
        PrivacyRequestAnswer,
        statuses=(404,),
    ),
    _act(
        "/api/v1/privacy/requests/{number}/cancel",
        "Take back what no second person agreed to yet, or a suppression",
        PrivacyRequestAnswer,
        statuses=(404,),
    ),
    _act(
        "/api/v1/privacy/preview",
        "What an erasure would take, and which ids are one person's",
        Preview,
        takes=WhoRequest,
    ),
    _act("/api/v1/privacy/suppress", "Drop a person's events from now on", PrivacyRequestAnswer, takes=WhoRequest),
    _act(
        "/api/v1/privacy/erase", "Erase a person here and at every destination", PrivacyRequestAnswer, takes=WhoRequest
    ),
    _act("/api/v1/privacy/person", "All that is held about a person", dict[str, Any], takes=WhoRequest),
    _look("/api/openapi.json", "This description", dict),
)
_BY_ADDRESS = {(route.method, route.path): route for route in ROUTES}


def described(method: str, path: str) -> ApiRoute:
    """Return what is said of a route, by its path with or without converters. Raises KeyError for one that is not here."""
    return _BY_ADDRESS[method.lower(), re.sub(r"{(\w+):\w+}", r"{\1}", path)]
