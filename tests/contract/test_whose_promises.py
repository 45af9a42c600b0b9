"""What is found of a person or an account: everything that came under any of their names, or was sent for them."""

import msgspec
import pytest

from contract.worlds import DESTINATION, event
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.port.query import Query
from penstock.buffer.port.selection import Selection
from penstock.buffer.sqlite.connections import connect
from penstock.buffer.sqlite.delivery import found
from penstock.buffer.sqlite.file import DELIVERY
from penstock.destinations.custify.naming import NamedBy
from penstock.destinations.custify.options import Mapping
from penstock.ledger.record import LEFT, MEMBER, Alias, Delta


def said(name: str, user: str = "", **more):
    """Return an event with traits or properties of its own."""
    body = {"messageId": name, "userId": user} | more
    own = {"anonymous": more.pop("anonymousId", "")}
    given = event(name, user, **own)
    return msgspec.structs.replace(given, body=msgspec.json.encode(body), type=more.get("type", "track"))


def names(world, **asked) -> list[str]:
    found_ = world.search.find(DESTINATION, Query(**asked))
    return [story.event.message_id for story in found_.stories]


async def end(world, *, company="", **learned):
    while leases := await world.lease():
        for lease in leases:
            ending = Ending(lease=lease, outcome=Outcome.DELIVERED, company=company, notes=notes_of(company))
            known = {key.replace("_", ":", 1): each.learn for key, each in learned.items()}
            await world.backlog.settle(ending, learned=known)


def notes_of(company: str) -> str:
    return msgspec.json.encode([["/event", "company_id", "why", company]]).decode() if company else ""


@pytest.fixture
async def read_world(world):
    """Return a world whose destination reads whom events are about as Custify's mapping does."""
    world.naming = NamedBy(Mapping())
    return world


ANA_OF_ACME = {"user_ana": Delta(fields={"email": "ana@x.io"}, companies={"acme": MEMBER})}


async def test_an_account_has_the_events_to_which_its_company_was_given(read_world):
    await read_world.append(said("t1", "ana"), said("t2", "bo"))
    [first, second] = await read_world.lease()
    await read_world.backlog.settle(
        Ending(lease=first, outcome=Outcome.DELIVERED, company="acme", notes=notes_of("acme"))
    )
    await read_world.backlog.settle(Ending(lease=second, outcome=Outcome.DELIVERED))

    assert names(read_world, company="acme") == ["t1"]


async def test_an_account_has_what_its_people_did_of_no_company(read_world):
    await read_world.append(said("i1", "ana", type="identify"), said("g1", "bo"))
    await end(read_world, **ANA_OF_ACME)
    await read_world.append(said("t2", "ana"))

    assert names(read_world, company="acme") == ["t2", "i1"]


async def test_what_a_member_did_for_another_company_is_not_the_accounts(read_world):
    await read_world.append(said("t1", "ana", properties={"company_id": "beta"}), said("t2", "ana"))
    await end(read_world, company="gamma", **ANA_OF_ACME)

    assert names(read_world, company="acme") == []
    assert names(read_world, company="beta") == ["t1"]


async def test_what_was_sent_for_an_account_stays_there_when_its_person_moves(read_world):
    await read_world.append(said("t1", "ana"))
    await end(read_world, company="acme", **ANA_OF_ACME)
    await read_world.append(said("t2", "ana"))
    await end(read_world, company="beta", user_ana=Delta(companies={"acme": LEFT, "beta": MEMBER}))

    assert names(read_world, company="acme") == ["t1"]
    assert names(read_world, company="beta") == ["t2"]


async def test_a_person_is_found_by_every_name_with_the_events_of_all_of_them(read_world):
    await read_world.append(
        said("v1", anonymousId="v"),
        said("e1", type="identify", traits={"email": "Ana@X.io"}),
        said("i1", "ana", type="identify", anonymousId="v", traits={"email": "ana@x.io"}),
        said("v2", anonymousId="v"),
        said("o1", "bo"),
    )
    await end(read_world)
    await end(read_world, user_ana=Delta(fields={"email": "ana@x.io"}), **{"email_ana@x.io": Alias("ana")})

    everything = ["v2", "i1", "e1", "v1"]
    for name in ("ana", "ana@x.io", "ANA@x.io", "v"):
        assert names(read_world, person=name) == everything, name


async def test_a_visitor_of_a_computer_that_several_use_is_nobodys(read_world):
    await read_world.append(said("i1", "ana", anonymousId="v"), said("i2", "bo", anonymousId="v"))
    await end(read_world)
    await read_world.append(said("v1", anonymousId="v"))

    assert names(read_world, person="ana") == ["i1"]
    assert names(read_world, person="bo") == ["i2"]
    assert names(read_world, person="v") == ["v1", "i2", "i1"]


async def test_an_account_is_found_by_what_people_known_by_email_alone_did(read_world):
    await read_world.append(said("e1", type="identify", traits={"email": "cy@x.io"}))
    await end(read_world, **{"email_cy@x.io": Delta(companies={"acme": MEMBER})})

    assert names(read_world, company="acme") == ["e1"]


async def test_a_company_whose_id_stands_in_another_ones_is_another_one(read_world):
    await read_world.append(said("t1", "ana"))
    await end(read_world, user_ana=Delta(fields={"plan": "acme"}, companies={'ac"me': MEMBER, "acme corp": MEMBER}))

    assert names(read_world, company="acme") == []
    assert names(read_world, company='ac"me') == ["t1"]


async def test_events_of_before_an_upgrade_are_found_while_their_keys_are_written_and_after(sqlite_world, monkeypatch):
    world, naming = sqlite_world, NamedBy(Mapping())
    world.naming = naming
    await world.append(*(said(f"e{n}", traits={"email": "cy@x.io"}) for n in range(6)))
    await end(world)
    with connect(world.folder / DELIVERY) as older:
        older.execute("DELETE FROM found WHERE key LIKE '%@%'")
        older.execute("UPDATE found_anew SET from_seq = 7")
    monkeypatch.setattr(found, "WRITTEN_AT_ONCE", 2)

    everything = [f"e{n}" for n in reversed(range(6))]
    assert names(world, person="cy@x.io") == everything
    assert await world.store.prune() == 2
    assert names(world, person="cy@x.io") == everything
    while await world.store.prune():
        pass
    assert names(world, person="cy@x.io") == everything
    assert world.store.connection.execute("SELECT from_seq FROM found_anew").fetchone() == (0,)
    assert world.store.connection.execute("SELECT count(*) FROM found WHERE key = 'p:cy@x.io'").fetchone() == (6,)


async def test_a_replay_of_a_person_or_an_account_takes_what_its_page_shows(read_world):
    await read_world.append(
        said("e1", type="identify", traits={"email": "ana@x.io"}), said("t1", "ana"), said("t2", "bo")
    )
    while leases := await read_world.lease():
        for lease in leases:
            await read_world.backlog.settle(
                Ending(lease=lease, outcome=Outcome.DEAD, cause="custify.refused.422", reason="no"),
                learned={"user:ana": ANA_OF_ACME["user_ana"].learn, "email:ana@x.io": Alias("ana").learn},
            )

    for selection in (Selection(person="ana"), Selection(person="ana@x.io"), Selection(company="acme")):
        selected = read_world.dead.select(DESTINATION, selection)
        assert [story.event.message_id for story in selected.stories] == ["e1", "t1"], selection
    assert (await read_world.backlog.replay(Selection(company="acme"), job=1, limit=10)).replayed == 2
