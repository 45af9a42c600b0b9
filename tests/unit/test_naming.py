"""A destination under another name goes on where it was; where nobody said whether it is the same one, somebody is asked."""

import pytest

from penstock.admin.pages.names import renamed
from penstock.buffer.port.names import Known
from penstock.deliver.naming import Ask, Rename, Serve, naming_of
from penstock.errors import SettingsError
from penstock.settings import NEW, Connection, Destination, Settings, account_of, load, refuse_unsaid

KEY, ORIGIN = "a-secret-api-key", "https://api.custify.com"


def destination(name="crm", **facts) -> Destination:
    return Destination(name=name, **{"api_key": KEY, "base_url": ORIGIN} | facts)


def known(*, key=KEY, sources=("web",), origin=ORIGIN) -> Known:
    return Known(origin=origin, account=account_of(origin, key) if key else "", sources=frozenset(sources))


def naming(store, *others, given_up=(), **facts):
    wanted = {each.name: each for each in (destination(**facts), *others)}
    settings = Settings(destinations=wanted, connections=(Connection(from_="web", to="crm"),))
    return naming_of("crm", settings, store, given_up)


@pytest.mark.parametrize(
    ("store", "facts", "expected"),
    [
        ({}, {}, Serve()),
        ({"crm": known()}, {}, Serve()),
        ({"crm": known(), "custify": known()}, {"renamed_from": ("custify",)}, Serve()),
        ({"custify": known()}, {"renamed_from": ("custify",)}, Rename("custify")),
        ({"custify": known()}, {"renamed_from": ("between", "custify")}, Rename("custify")),
        ({"custify": known(), "between": known()}, {"renamed_from": ("between", "custify")}, Rename("between")),
        ({"custify": known(key="another")}, {"renamed_from": ("custify",)}, Rename("custify")),
        ({"other": known(key="another")}, {"renamed_from": ("custify",)}, Serve()),
        ({"custify": known()}, {}, Ask("custify")),
        ({"custify": known()}, {"renamed_from": (NEW,)}, Serve()),
        ({"custify": known(key="another")}, {}, Serve()),
        ({"custify": known(key="")}, {}, Ask("custify")),
        ({"custify": known(key="", sources=["app"])}, {}, Serve()),
        ({"custify": known(key="", origin="https://eu.custify.com")}, {}, Serve()),
    ],
    ids=[
        "the first of all",
        "served before",
        "has a history of its own",
        "renamed",
        "renamed twice while nothing ran",
        "renamed twice, one after the other",
        "renamed, with another key",
        "on a folder that knows nothing of it",
        "nobody said",
        "said to be new",
        "another account",
        "of an older version, at the same place",
        "of an older version, with other sources",
        "of an older version, elsewhere",
    ],
)
def test_what_a_destination_is(store, facts, expected):
    assert naming(store, **facts) == expected


def test_one_that_is_still_there_is_no_other_ones_past():
    assert naming({"custify": known()}, destination("custify")) == Serve()
    assert naming({"custify": known()}, destination("custify"), renamed_from=("custify",)) == Serve()


def test_nor_is_one_whose_backlog_was_given_up():
    assert naming({"custify": known()}, given_up=["custify"]) == Serve()


def test_an_account_does_not_tell_its_key():
    assert KEY not in account_of(ORIGIN, KEY)
    assert len({account_of(ORIGIN, KEY), account_of(ORIGIN, "x"), account_of("https://eu.custify.com", KEY)}) == 3


def blocks(**named):
    return {name: {"api_key": KEY} | facts for name, facts in named.items()}


def test_settings_that_rename_without_a_word_are_refused_with_both_answers():
    with pytest.raises(SettingsError) as refused:
        refuse_unsaid(blocks(custify={}), blocks(crm={"base_url": ORIGIN}))

    assert 'renamed_from = ["custify"] keeps its backlog' in str(refused.value)
    assert '["none"] makes it a new one' in str(refused.value)


@pytest.mark.parametrize(
    "after",
    [
        blocks(crm={"renamed_from": ["custify"]}),
        blocks(crm={"renamed_from": [NEW]}),
        blocks(custify={}, crm={}),
        blocks(crm={"api_key": "another"}),
        blocks(crm={"base_url": "https://eu.custify.com"}),
        blocks(),
    ],
)
def test_others_are_not(after):
    refuse_unsaid(blocks(custify={}), after)


def exchanged(a_was=(), b_was=(), a_had=()):
    """Return two names before and after they exchanged their keys, and what was said of it."""
    before = {"a": {"api_key": "north", "renamed_from": list(a_had)}, "b": {"api_key": "south"}}
    return before, {
        "a": {"api_key": "south", "renamed_from": [*a_was]},
        "b": {"api_key": "north", "renamed_from": [*b_was]},
    }


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (exchanged(), "a"),
        (exchanged(a_was=["b"]), "b"),
        (exchanged(a_was=["elsewhere"], b_was=["a"]), "a"),
        (exchanged(a_was=[NEW], a_had=[NEW], b_was=["a"]), "a"),
    ],
    ids=["nobody said", "said of one", "said of another name", "said of something else, before"],
)
def test_names_that_are_exchanged_without_a_word_are_refused_before_anything_is_sent(said, name):
    with pytest.raises(SettingsError, match="has another one now") as refused:
        refuse_unsaid(*said)

    assert refused.value.name == f"destinations.{name}.renamed_from"


@pytest.mark.parametrize(
    "said", [exchanged(a_was=["b"], b_was=["a"]), exchanged(a_was=[NEW], b_was=["a"])], ids=["the same", "one is new"]
)
def test_those_of_which_it_is_said_are_not(said):
    refuse_unsaid(*said)


def test_names_and_keys_that_change_at_once_cannot_be_told_apart():
    before, after = exchanged(a_was=["b"], b_was=["a"])
    after["a"]["api_key"] = "south, rotated"

    with pytest.raises(SettingsError, match="change the names first"):
        refuse_unsaid(before, after)


def test_what_was_said_of_an_exchange_means_nothing_when_a_key_is_rotated_later():
    _, before = exchanged(a_was=["b"], b_was=["a"])
    refuse_unsaid(before, before | {"a": before["a"] | {"api_key": "south, rotated"}})


def test_a_destination_is_not_its_own_past():
    environ = {"PENSTOCK_ADMIN_HOSTS": ""}
    with pytest.raises(SettingsError, match="names that it had before"):
        load(None, environ, dashboard={"destinations": {"crm": {"api_key": "k", "renamed_from": ["crm"]}}})


def test_a_name_that_is_changed_again_and_back_remembers_the_others_once():
    document = {"destinations": {"a": {}, "z": {}}, "connections": [{"from": "web", "to": "a"}], "sources": {}}
    for old, new in (("a", "b"), ("b", "c"), ("c", "a")):
        renamed(document, old, new)

    assert document["destinations"] == {"a": {"renamed_from": ["c", "b"]}, "z": {}}
    assert document["connections"] == [{"from": "web", "to": "a"}]
