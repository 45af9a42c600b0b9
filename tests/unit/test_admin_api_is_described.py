"""The OpenAPI document and the routes are the same, and whatever is sent gets one of the answers it declares."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from dashboard_world import CUSTIFY, World
from penstock.buffer.control_port import Role, User
from penstock.operate.openapi import ROUTES, describe

texts = st.text(max_size=30) | st.sampled_from(["custify", "1", "-1", "nan", "9" * 30, "a/b", "\x00", "..", "%2e%2e"])
values = st.none() | st.booleans() | st.integers() | st.floats() | texts | st.lists(texts, max_size=2)
bodies = st.dictionaries(texts | st.sampled_from(["destination", "selection", "dry_run"]), values, max_size=4)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("api"))
    world.visitor(Role.ADMIN).post("/destinations/new/custify", **CUSTIFY)
    return world


@pytest.fixture(scope="module")
def client(world):
    token = world.access.issue_token(User(name="admin", role=Role.ADMIN), "test")
    return TestClient(world.app, headers={"Authorization": f"Bearer {token}"}, raise_server_exceptions=False)


def plain(path: str) -> str:
    return re.sub(r"{(\w+):\w+}", r"{\1}", path)


def test_every_route_is_described_and_every_description_has_a_route(world):
    routes = {
        (method.lower(), plain(r.path)) for r in world.routes if r.path.startswith("/api") for method in r.methods
    }
    described = {(method, path) for method, path, *_ in ROUTES}

    assert described == {route for route in routes if route[0] != "head"} | {("get", "/api/v1/status")}


def test_the_document_is_what_the_listener_answers(client):
    assert client.get("/api/openapi.json").json() == json.loads(json.dumps(describe("0")))


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route[0]} {route[1]}")
@settings(max_examples=40)
@given(data=st.data())
def test_whatever_is_asked_the_answer_is_declared(client, route, data):
    method, path, _, query, body, statuses = route
    filled = re.sub(r"{\w+}", lambda _: data.draw(texts).replace("/", "%2F").replace("?", "%3F") or "x", path)
    params = data.draw(st.dictionaries(st.sampled_from([*query, "colour"]), texts, max_size=3))
    content = None if body is None else json.dumps(data.draw(bodies)).encode()
    headers = {"Content-Type": "application/json"} if data.draw(st.booleans()) else {}
    try:
        answer = client.request(method, filled, params=params, content=content, headers=headers)
    except Exception as error:
        # The client itself refuses what is no URL.
        if "URL" in type(error).__name__:
            return
        raise

    # A path that was drawn may fit no route, or another one.
    assert answer.status_code in {200, 404, 405, *statuses}, answer.text
    if answer.status_code in statuses and answer.headers["content-type"] == "application/json":
        assert set(answer.json()["error"]) == {"name", "expected", "got", "hint"}
