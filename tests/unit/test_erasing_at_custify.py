"""What Custify is asked when somebody is erased, against the sandbox, and what its refusals mean."""

import asyncio

import pytest

from penstock.destinations.answer import Accepted, Barred, Refused, Throttled, Unavailable
from penstock.destinations.custify.erasing import erase
from penstock.destinations.erasure import Erased, NotErased
from privacy_world import SandboxApi


def in_a_sandbox(*people: dict, companies: tuple[dict, ...] = ()) -> SandboxApi:
    async def fill() -> SandboxApi:
        api = SandboxApi()
        for person in people:
            assert (await api.sandbox.post("/people", person)).status == 200
        for company in companies:
            assert (await api.sandbox.post("/company", company)).status == 200
        return api

    return asyncio.run(fill())


def after(api: SandboxApi, *names: str, fallback: bool = False):
    async def run():
        outcome = await erase(api, names, anonymous_fallback=fallback)
        return outcome, await api.sandbox.state()

    outcome, state = asyncio.run(run())
    return outcome, [person.get("user_id") or person["email"] for person in state["people"]], state


@pytest.mark.parametrize("id_", ["a&b", "a#b", "a+b@x", "ä b/c?d=e", "100%"])
def test_an_id_is_encoded_so_that_nobody_else_is_deleted(id_):
    api = in_a_sandbox({"user_id": id_}, {"user_id": "a"}, {"user_id": "100"})

    outcome, left, _ = after(api, f"user:{id_}")

    assert outcome == Erased(1, "Custify was read back 1 times and finds none of them")
    assert left == ["a", "100"]


def test_somebody_known_by_address_alone_is_looked_up_and_deleted_by_custifys_own_id():
    api = in_a_sandbox({"email": "ann@example.com"}, {"user_id": "bob", "email": "bob@example.com"})

    outcome, left, _ = after(api, "email:ann@example.com")

    assert isinstance(outcome, Erased)
    assert outcome.deleted == 1
    assert left == ["bob"]
    assert api.deleted[0].startswith("/people/")


def test_another_person_with_the_same_address_stays():
    api = in_a_sandbox({"user_id": "bob", "email": "team@example.com"})

    outcome, left, _ = after(api, "user:ann", "email:team@example.com")

    assert isinstance(outcome, Erased)
    assert "1 other people with the same address, who stay" in outcome.said
    assert left == ["bob"]


def test_a_visitor_is_deleted_where_visitors_are_people():
    api = in_a_sandbox({"user_id": "f3"})

    assert after(api, "anon:f3")[1] == ["f3"]
    assert after(api, "anon:f3", fallback=True)[1] == []


def test_a_company_is_deleted_by_its_id():
    api = in_a_sandbox(companies=({"company_id": "acme"}, {"company_id": "other"}))

    outcome, _, state = after(api, "company:acme")

    assert isinstance(outcome, Erased)
    assert [company["company_id"] for company in state["companies"]] == ["other"]


def test_nobody_there_is_gone_already():
    assert after(in_a_sandbox(), "user:ann", "email:ann@example.com")[0] == Erased(
        0, "Custify was read back 2 times and finds none of them"
    )


class Saying:
    """A Custify that gives the same answers to every read and every deletion."""

    def __init__(self, read, delete) -> None:
        self.answers = read, delete

    async def read(self, _: str):
        return self.answers[0]

    async def delete(self, _: str):
        return self.answers[1]


GONE = Refused(404, "not found")


@pytest.mark.parametrize(
    ("read", "delete", "why", "retry_s"),
    [
        (GONE, Barred(401, "bad key ann"), "Custify refused the key with 401", None),
        (GONE, Refused(422, "ann cannot go"), "Custify refused to delete, with 422", None),
        (GONE, Throttled(7.0, "slow"), "Custify asks for fewer calls just now (429)", 7.0),
        (Unavailable(503, "ann"), GONE, "Custify gave no usable answer (503)", None),
        (Unavailable(None, "x"), GONE, "Custify gave no usable answer", None),
        (Accepted(200, "<html>ann"), GONE, "Custify answered 200, and what it says cannot be read", None),
        (
            Accepted(200, '[{"people":[{"id":"5e","user_id":"ann"}],"total":1}]'),
            Accepted(200, "{}"),
            "Custify still finds 1 of them after 3 deletions",
            None,
        ),
    ],
)
def test_what_is_not_done_says_why_and_is_shared_placeholder(read, delete, why, retry_s):
    outcome = asyncio.run(erase(Saying(read, delete), ["user:ann"], anonymous_fallback=False))

    assert isinstance(outcome, NotErased)
    assert (outcome.why, outcome.retry_after_s) == (why, retry_s)
