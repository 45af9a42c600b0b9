"""The admin API's description: OpenAPI 3.1, made of the routes and their types. Pure."""

import functools
from typing import Any

import msgspec

from penstock.admin.api.shapes import ErrorAnswer
from penstock.admin.api.table import PLACE, ROUTES, TEXT, ApiRoute, Schema

# The settings a change is based on are not in force any more.
CHANGED_MEANWHILE = 409
REVISION = {"type": "string", "pattern": '^([*]|"[0-9]{1,15}"|[0-9]{1,15})$'}
REFUSALS = {
    "401": "Sign in",
    "403": "Your role does not allow this",
    "421": "This listener has another name: see public_url and admin_hosts",
    "429": "Too many wrong guesses; Retry-After says how long to wait",
}
REF = "#/components/schemas/{name}"


def describe(version: str) -> Schema:
    """Return the OpenAPI document."""
    paths: dict[str, Schema] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Penstock admin API", "version": version, "license": {"name": "Apache-2.0"}},
        "security": [{"basic": []}, {"token": []}],
        "paths": paths,
        "components": {
            "schemas": _types()[1],
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"},
                "token": {"type": "http", "scheme": "bearer"},
            },
        },
    }


@functools.cache
def _types() -> tuple[dict[Any, Schema], Schema]:
    """Return the schema of every type that a route takes or answers, and those that they refer to, by name."""
    types = {kind: None for route in ROUTES for kind in (route.takes, route.answers) if kind is not None} | {
        ErrorAnswer: None
    }
    schemas, components = msgspec.json.schema_components(types, ref_template=REF, schema_hook=_anything)
    return dict(zip(types, schemas, strict=True)), components


def _anything(kind: Any) -> Schema:
    """Return the schema of a value of an event, which may be anything. Raises NotImplementedError for any other type."""
    if kind is not object:
        raise NotImplementedError(kind)
    return {"description": "any value"}


def _operation(route: ApiRoute) -> Schema:
    in_path = [part.strip("{}") for part in route.path.split("/") if part.startswith("{")]
    parameters: list[Schema] = [
        {"name": name, "in": "path", "required": True, "schema": PLACE if name in {"job", "number"} else TEXT}
        for name in in_path
    ]
    parameters += [{"name": name, "in": "query", "schema": schema} for name, schema in route.query.items()]
    if CHANGED_MEANWHILE in route.statuses:
        parameters.append({"name": "If-Match", "in": "header", "schema": REVISION})
    answers: Schema = {"200": {"description": "Done", "content": _file(route) or _json(route.answers)}}
    answers |= {
        str(status): {"description": "Not done", "content": _json(ErrorAnswer)} for status in (*route.statuses, 503)
    }
    answers |= {status: {"description": why} for status, why in REFUSALS.items()}
    operation: Schema = {"summary": route.summary, "parameters": parameters, "responses": answers}
    if route.takes is not None:
        operation["requestBody"] = {"required": True, "content": _json(route.takes)}
    return operation


def _file(route: ApiRoute) -> Schema:
    return {media: {"schema": {"type": "string"}} for media in route.files}


def _json(kind: Any) -> Schema:
    return {"application/json": {"schema": _types()[0][kind]}}
