"""The OpenAPI document and the routes are the same, and whatever schemathesis sends gets one of the answers it declares."""

import json
import re
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.pytest.lazy import get_all_tests
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from dashboard_world import World
from penstock.admin.api.openapi import describe
from penstock.admin.api.table import ROUTES
from penstock.buffer.port.control import Kind, Role, User
from penstock.settings.revisions import opened

# Requests for one route; all routes together stay below half a minute.
EXAMPLES = 10
# A crash, a status, a type or a body that the document does not declare.
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EVENT = {
    "type": "identify",
    "userId": "ana",
    "messageId": "m1",
    "traits": {"email": "ana@example.com", "tags": ["a"]},
}


class Described(World):
    """A dashboard with something to answer with, and somebody who may do everything."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.set_up()
        self.receive(EVENT)
        self.settle()
        token = self.access.issue_token(User(name="admin", role=Role.ADMIN), "test")
        self.headers = {"Authorization": f"Bearer {token}"}
        # With its key in the clear: a kept one does not come back once its destination is gone.
        self.document = opened(self.desk.document(), self.desk.vault)
        self.token = next(c for c in self.access.users.credentials("admin") if c.kind is Kind.TOKEN)


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Described:
    return Described(tmp_path_factory.mktemp("described"))


@pytest.fixture(scope="module")
def schema(world):
    return schemathesis.openapi.from_asgi("/api/openapi.json", world.app, headers=world.headers)


@pytest.fixture(autouse=True)
def _as_it_was(world) -> None:
    """Whatever one route did to the settings, the next one finds them as they were."""
    world.access.users.put_credential(world.token)
    world.reader.settings = world.desk.put(world.document, by="admin", note="as it was")


def plain(path: str) -> str:
    return re.sub(r"{(\w+):\w+}", r"{\1}", path)


def test_every_route_is_described_and_every_description_has_a_route(world):
    routes = {
        (method.lower(), plain(r.path)) for r in world.routes if r.path.startswith("/api") for method in r.methods
    }
    described = {(route.method, route.path) for route in ROUTES}

    assert described == {route for route in routes if route[0] != "head"} | {("get", "/api/v1/status")}


def test_the_document_is_what_the_listener_answers(world):
    answer = TestClient(world.app, headers=world.headers).get("/api/openapi.json")

    assert answer.json() == json.loads(json.dumps(describe("0")))


# Requests are made up when a route's turn comes: for all routes that takes as long as to collect all other tests.
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method.upper()} {route.path}")
def test_schemathesis_finds_no_crash_and_no_answer_that_is_not_declared(world, schema, route):
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    def answers(case):
        # Orders are followed by nobody here, so a hundred replays cost nothing.
        case.call_and_validate(headers=world.headers, checks=CHECKS)

    one = schema.include(path=route.path, method=route.method.upper())
    [made] = get_all_tests(schema=one, test_func=answers, settings=None, given_kwargs=None)
    _operation, told = made.ok()
    told()


@pytest.mark.parametrize("path", ["/api/v1/nowhere", "/api/v1/replays/first", "/api/v1/replays/1/stop"])
def test_an_address_that_is_none_is_answered_as_the_others_are(world, path):
    answer = TestClient(world.app, headers=world.headers).get(path)

    assert answer.status_code in {404, 405}
    assert set(answer.json()["error"]) == {"name", "expected", "got", "hint"}
