"""Users, tokens and the origin of a field, by the admin API."""

import pytest
from starlette.testclient import TestClient

from dashboard_world import World
from penstock.buffer.port.control import Role, User
from unit.test_dashboard_pages import ANA


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.set_up()
    return world


def client(world, role: Role = Role.ADMIN) -> TestClient:
    user = User(name=f"by-{role}", role=role, password_hash="x")
    world.access.users.put_user(user)
    token = world.access.issue_token(user, "test")
    return TestClient(world.app, headers={"Authorization": f"Bearer {token}"})


def test_a_user_is_invited_listed_and_removed(world):
    admin = client(world)

    link = admin.post("/api/v1/users", json={"name": "bo", "role": "viewer"}).json()["link"]
    assert world.access.accept(link.removeprefix("/welcome/"), "a long enough password").role is Role.VIEWER
    assert {"name": "bo", "role": "viewer", "invited": False} in admin.get("/api/v1/users").json()["users"]

    assert admin.post("/api/v1/users/bo/remove", json={}).status_code == 200
    assert world.access.find("bo") is None
    assert admin.post("/api/v1/users/bo/remove", json={}).status_code == 404


def test_no_user_changes_or_removes_themselves(world):
    admin = client(world)

    assert admin.post("/api/v1/users", json={"name": "by-admin", "role": "cs"}).status_code == 422
    assert admin.post("/api/v1/users/by-admin/remove", json={}).status_code == 404


def test_a_token_is_listed_without_its_secret_and_ended_by_its_owner_alone(world):
    owner, other = client(world, Role.VIEWER), client(world, Role.OPERATOR)
    [token] = owner.get("/api/v1/tokens").json()["tokens"]
    assert set(token) == {"hash", "label", "scope", "expires_at"}

    assert other.post(f"/api/v1/tokens/{token['hash']}/end", json={}).status_code == 404
    assert owner.post(f"/api/v1/tokens/{token['hash']}/end", json={}).status_code == 200
    assert owner.get("/api/v1/tokens").status_code == 401


def test_the_origin_of_a_field_is_named(world):
    world.receive(ANA)
    world.settle()
    admin = client(world)

    answer = admin.get("/api/v1/explain", params={"person": "ana", "field": "plan"}).json()

    assert answer["set_by"]["message_id"] == "m1"
    assert admin.get("/api/v1/explain", params={"person": "ana"}).status_code == 400
    assert admin.get("/api/v1/explain", params={"person": "ana", "field": "x", "destination": "no"}).status_code == 404


def test_what_names_a_person_is_masked_in_the_origin_of_a_field_too(world):
    world.receive(ANA)
    world.settle()
    viewer = client(world, Role.VIEWER)

    answer = viewer.get("/api/v1/explain", params={"person": "ana", "field": "email"})

    assert answer.json()["set_by"]["message_id"] == "m1"
    assert "ana@example.com" not in answer.text
