"""The admin API's description: OpenAPI 3.1, one entry a route. Pure."""

from typing import Any

Schema = dict[str, Any]

TEXT, NUMBER, WHOLE, FLAG = ({"type": kind} for kind in ("string", "number", "integer", "boolean"))
ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["name", "expected", "got", "hint"],
            "properties": {"name": TEXT, "expected": TEXT, "got": {}, "hint": TEXT},
        }
    },
}
SELECTION: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        **dict.fromkeys(("cause", "source", "person", "company", "event_name", "message_id"), TEXT),
        **{name: {"type": ["number", "null"]} for name in ("since", "until", "ended_before")},
    },
}
REPLAY_REQUEST: Schema = {
    "type": "object",
    "required": ["destination"],
    "additionalProperties": False,
    "properties": {"destination": TEXT, "selection": SELECTION, "dry_run": FLAG},
}
TABLES: Schema = {"type": "object", "additionalProperties": {"type": "object"}}
NEW_SETTINGS: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "sources": TABLES,
        "destinations": TABLES,
        "connections": {"type": "array", "items": {"type": "object"}},
        "note": TEXT,
        "dry_run": FLAG,
        "base": {"type": ["integer", "null"]},
    },
}
WHO = dict.fromkeys(("person", "email", "company"), TEXT)
FORGET: Schema = {"type": "object", "additionalProperties": False, "properties": {**WHO, "all": FLAG}}
INVITE: Schema = {
    "type": "object", "required": ["name", "role"], "additionalProperties": False,
    "properties": {"name": TEXT, "role": {"enum": ["admin", "operator", "viewer", "cs"]}},
}  # fmt: skip
APPROVE: Schema = {
    "type": "object", "required": ["attribute"], "additionalProperties": False, "properties": {"attribute": TEXT},
}  # fmt: skip
# The settings a change is based on are not in force any more.
CHANGED_MEANWHILE = 409
REVISION = {"type": "string", "pattern": '^([*]|"[0-9]{1,15}"|[0-9]{1,15})$'}
REFUSALS = {
    "401": "Sign in",
    "403": "Your role does not allow this",
    "421": "This listener has another name: see public_url and admin_hosts",
    "429": "Too many wrong guesses; Retry-After says how long to wait",
}
PAGE_LIMIT = {"limit": {"type": "integer", "minimum": 0, "maximum": 999_999_999_999_999}}
PLACE = {"type": "integer", "minimum": 0, "maximum": 999_999_999_999_999}
#: Where a page begins, and how much is on it; of the mapping `limit` is how many events are looked at.
PART_OF = {"from": PLACE, **PAGE_LIMIT}
FOUND = dict.fromkeys(("person", "company", "event_name", "message_id", "source", "type", "state"), TEXT)
SELECTED = {
    name: TEXT if name not in {"since", "until", "ended_before"} else NUMBER for name in SELECTION["properties"]
}

#: Method, path, what it does, query parameters, body, and the statuses beside 200, 401, 403 and 503.
ROUTES: tuple[tuple[str, str, str, Schema, Schema | None, tuple[int, ...]], ...] = (
    ("get", "/api/v1/status", "Counts per outcome, backlog and state of each destination", {}, None, ()),
    ("get", "/api/v1/sources", "Sources, without their keys", {}, None, ()),
    ("get", "/api/v1/destinations", "Destinations, without their keys", {}, None, ()),
    (
        "get",
        "/api/v1/events",
        "Events that fit, the newest first",
        {**FOUND, "destination": TEXT, "before": PLACE, **PAGE_LIMIT},
        None,
        (400, 404),
    ),
    (
        "get",
        "/api/v1/events/{message_id}/explain",
        "What became of the values of an event, page by page: `next` is where the next page begins",
        PART_OF,
        None,
        (400, 404),
    ),
    ("get", "/api/v1/destinations/{name}/dead", "Dead and rejected events by cause, with advice", {}, None, (404,)),
    (
        "get",
        "/api/v1/destinations/{name}/dead/events",
        "One page of dead and rejected events",
        {**SELECTED, "after": PLACE, **PAGE_LIMIT},
        None,
        (400, 404),
    ),
    ("post", "/api/v1/destinations/{name}/pause", "Let a destination rest", {}, {}, (404, 413, 415)),
    ("post", "/api/v1/destinations/{name}/resume", "Let a destination go on", {}, {}, (404, 413, 415)),
    ("get", "/api/v1/destinations/{name}/ledger", "What Custify is known to hold of somebody", WHO, None, (400, 404)),
    (
        "post",
        "/api/v1/destinations/{name}/ledger/forget",
        "Forget it, so that everything is sent again",
        {},
        FORGET,
        (400, 404, 413, 415),
    ),
    ("get", "/api/v1/destinations/{name}/attributes", "Attributes that look like mistakes", {}, None, (404,)),
    (
        "post",
        "/api/v1/destinations/{name}/attributes/approve",
        "Let one through that is held",
        {},
        APPROVE,
        (400, 404, 413, 415),
    ),
    ("get", "/api/v1/replays", "Replays, the newest first, page by page", PART_OF, None, (400,)),
    ("post", "/api/v1/replays", "Count a selection, and order its replay", {}, REPLAY_REQUEST, (400, 404, 413, 415)),
    ("get", "/api/v1/replays/{job}", "One replay", {}, None, (404,)),
    ("post", "/api/v1/replays/{job}/stop", "Stop a replay", {}, {}, (404, 413, 415)),
    ("post", "/api/v1/replays/{job}/resume", "Let a stopped replay go on", {}, {}, (404, 413, 415)),
    (
        "get",
        "/api/v1/explain",
        "The event that a field of a person comes from",
        {"destination": TEXT, "person": TEXT, "field": TEXT, "newest": PLACE},
        None,
        (400, 404),
    ),
    ("get", "/api/v1/users", "Everybody who may sign in", {}, None, ()),
    ("post", "/api/v1/users", "Invite somebody", {}, INVITE, (400, 413, 415, 422)),
    ("post", "/api/v1/users/{name}/remove", "Remove somebody", {}, {}, (404, 413, 415, 422)),
    (
        "post",
        "/api/v1/users/{name}/reset",
        "Take somebody's password, sessions, tokens and links; the answer has a link for a new password",
        {},
        {},
        (404, 413, 415, 422),
    ),
    ("get", "/api/v1/users/{name}/credentials", "Somebody's sessions, tokens and links, no secrets", {}, None, (404,)),
    ("post", "/api/v1/users/{name}/credentials/end", "End all of them", {}, {}, (404, 413, 415)),
    ("post", "/api/v1/users/{name}/credentials/{hash}/end", "End one of them", {}, {}, (404, 413, 415)),
    (
        "get",
        "/api/v1/audit",
        "Who came in and looked at personal data, who was refused, or what was changed",
        {"sort": {"enum": ["look", "refusal", "deed"]}, **PART_OF},
        None,
        (400,),
    ),
    ("get", "/api/v1/tokens", "One's own tokens, without their secrets", {}, None, ()),
    ("post", "/api/v1/tokens/{hash}/end", "End one of them", {}, {}, (404, 413, 415)),
    ("get", "/api/v1/people", "Ids of people that begin with a text", {"prefix": TEXT}, None, ()),
    ("get", "/api/v1/companies", "Ids of companies that begin with a text", {"prefix": TEXT}, None, ()),
    ("get", "/api/v1/refused", "Kinds of requests that ingest refused lately", {}, None, ()),
    (
        "get",
        "/api/v1/destinations/{name}/mapping",
        "Fields of Custify with source, fill rate and example; traits that reach none; page by page",
        PART_OF,
        None,
        (400, 404),
    ),
    (
        "post",
        "/api/v1/destinations/{name}/test",
        "Make a harmless read, and say what it found",
        {},
        {},
        (404, 413, 415),
    ),
    ("get", "/api/v1/settings", "What was set up in the dashboard or here; no keys of Custify", {}, None, ()),
    (
        "post",
        "/api/v1/settings",
        "Put a whole document in force, or say what it would change",
        {},
        NEW_SETTINGS,
        (400, 409, 413, 415, 422),
    ),
    ("get", "/api/v1/revisions", "Revisions of the settings, each with what it changed", {}, None, ()),
    (
        "post",
        "/api/v1/revisions/{number}/back",
        "Put a revision in force again",
        {},
        {},
        (400, 404, 409, 413, 415, 422),
    ),
    ("get", "/api/v1/deeds", "What people did beside changing settings, page by page", PART_OF, None, (400,)),
    ("get", "/api/openapi.json", "This description", {}, None, ()),
)


def describe(version: str) -> Schema:
    """Return the OpenAPI document."""
    paths: dict[str, Schema] = {}
    for method, path, summary, query, body, statuses in ROUTES:
        paths.setdefault(path, {})[method] = _operation(path, summary, query, body, statuses)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Penstock admin API", "version": version, "license": {"name": "Apache-2.0"}},
        "security": [{"basic": []}, {"token": []}],
        "paths": paths,
        "components": {
            "schemas": {"Error": ERROR},
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"},
                "token": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _operation(path: str, summary: str, query: Schema, body: Schema | None, statuses: tuple[int, ...]) -> Schema:
    in_path = [part.strip("{}") for part in path.split("/") if part.startswith("{")]
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": PLACE if name in {"job", "number"} else TEXT}
        for name in in_path
    ]
    parameters += [{"name": name, "in": "query", "schema": schema} for name, schema in query.items()]
    if CHANGED_MEANWHILE in statuses:
        parameters.append({"name": "If-Match", "in": "header", "schema": REVISION})
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    answers: Schema = {"200": {"description": "Done", "content": {"application/json": {"schema": {"type": "object"}}}}}
    answers |= {str(status): {"description": "Not done", "content": error} for status in (*statuses, 503)}
    answers |= {status: {"description": why} for status, why in REFUSALS.items()}
    operation = {"summary": summary, "parameters": parameters, "responses": answers}
    if body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": body or {"type": "object"}}},
        }
    return operation
