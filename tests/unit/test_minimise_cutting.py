"""What rules take out of an event, against a slow and obvious reading of them; every other byte stays as it came."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.event import in_one_go
from penstock.minimise import fates, notes
from penstock.minimise.addresses import shortened
from penstock.minimise.cutting import Cutting
from penstock.minimise.hashing import Hashing
from penstock.minimise.minimiser import NOTHING, Minimiser
from penstock.minimise.notes import Mark
from penstock.minimise.paths import ANY_DEPTH, ANY_NAME, fits, parsed
from penstock.minimise.quick import InDoubt, Quick

KEY = b"k" * 64
ITEM = object()
NAMES = ["traits", "properties", "context", "email", "Email", "card_no", "a", "b", "a.b", "email.a", "ünï", "", 'q"\\']
RULES = [
    "traits.email", "traits.a", "properties.card_*", "properties.a.b", "**.email", "traits.*.b", "context.a", "properties.*",
    "context.traits.b", "properties.a[*].b", "traits.**.card_no", "traits", "context.**.a",
]  # fmt: skip
LISTABLE = [rule for rule in RULES if not rule.startswith(("**", "context.**"))]


class Pairs(list):
    """An object as it was written, with names that repeat."""


class Raw(str):
    """A number as it was written."""

    __slots__ = ()


def read(text: bytes) -> object:
    return json.loads(text, object_pairs_hook=Pairs, parse_float=Raw, parse_int=Raw)


def written(value: object, blank: str) -> str:
    if isinstance(value, Pairs):
        return (
            "{" + ",".join(f"{blank}{json.dumps(k)}{blank}:{written(v, blank)}{blank}" for k, v in value) + blank + "}"
        )
    if isinstance(value, list):
        return "[" + ",".join(blank + written(item, blank) for item in value) + blank + "]"
    return str(value) if isinstance(value, Raw) else json.dumps(value, ensure_ascii=value != "é")


SCALARS = st.sampled_from(
    [None, True, Raw("1.50"), Raw("12345678901234567890123"), Raw("1e400"), "x@y.z", "é", "\ud800", ",]}\\"]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.lists(st.tuples(st.sampled_from(NAMES), inner), max_size=4).map(Pairs)
    ),
    max_leaves=12,
)
EVENTS = st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=6).map(Pairs)


def takes(names, path, *, any_case=True) -> bool:
    if not names:
        return True
    if names[0] == ANY_DEPTH and takes(names[1:], path, any_case=any_case):
        return True
    if not path:
        return False
    if names[0] == ANY_DEPTH:
        return takes(names, path[1:], any_case=any_case)
    if path[0] is ITEM:
        is_named = names[0] == ANY_NAME and takes(names[1:], path[1:], any_case=any_case)
        return is_named or takes(names, path[1:], any_case=any_case)
    return fits(names[0], path[0], any_case=any_case) and takes(names[1:], path[1:], any_case=any_case)


def may_lead_to(names, path) -> bool:
    if not path:
        return bool(names)
    if not names:
        return False
    if names[0] == ANY_DEPTH:
        return may_lead_to(names, path[1:]) or may_lead_to(names[1:], path)
    if path[0] is ITEM:
        return may_lead_to(names, path[1:]) or (names[0] == ANY_NAME and may_lead_to(names[1:], path[1:]))
    return fits(names[0], path[0], any_case=False) and may_lead_to(names[1:], path[1:])


def places(texts):
    return [place for text in texts for place in parsed(text).places()]


def reference(value, path, decide):
    """Return what stays of a value; `decide` says `cut`, or what stands for a scalar."""
    if isinstance(value, Pairs):
        inner = [(key, item, (*path, *key.split("."))) for key, item in value]
        return Pairs([(k, reference(v, p, decide)) for k, v, p in inner if decide(p, v) is not CUT])
    if isinstance(value, list):
        return [reference(item, (*path, ITEM), decide) for item in value if decide((*path, ITEM), item) is not CUT]
    return decide(path, value)


CUT = object()


@given(
    event=EVENTS,
    rules=st.lists(st.sampled_from(RULES), min_size=1, max_size=3),
    blank=st.sampled_from(["", " ", "\n\t"]),
)
def test_what_is_never_stored_is_gone_and_all_else_stays_to_the_digit(event, rules, blank) -> None:
    text, named = written(event, blank).encode(), places(rules)

    def decide(path, value):
        return CUT if any(takes(names, path) for names in named) else value

    kept, counts = Minimiser(never_store=rules).kept(text)
    expected = reference(read(text), (), decide)
    assert read(kept) == expected
    assert bool(counts) == (expected != read(text)) == (kept != text)


@given(event=EVENTS, rules=st.lists(st.sampled_from(RULES), min_size=1, max_size=3))
def test_what_is_hashed_is_the_same_for_the_same_value(event, rules) -> None:
    text, named, hashing = written(event, "").encode(), places(rules), Hashing(KEY)

    def decide(path, value):
        if value is None or isinstance(value, list) or not any(takes(names, path) for names in named):
            return value
        return hashing.of(value if isinstance(value, str) else "true")

    kept, _ = Minimiser(store_hashed=rules, key=KEY).kept(text)
    assert read(kept) == reference(read(text), (), decide)


@given(event=EVENTS, rules=st.lists(st.sampled_from(LISTABLE), min_size=1, max_size=3))
def test_only_what_is_listed_stays_of_what_the_list_speaks_of(event, rules) -> None:
    text, named = written(event, "").encode(), places(rules)
    spoken = [("traits",), ("properties",), ("context", "traits")]
    spoken += [("context",)] if "context.a" in rules else []

    def decide(path, value):
        # A name with dots is as many names; the first that nothing listed is in ends it.
        for here in (path[:end] for end in range(1, len(path) + 1)):
            is_listed = any(takes(names, here, any_case=False) for names in named)
            if is_listed or not any(takes(names, here, any_case=False) for names in spoken):
                continue
            holds = any(may_lead_to(names, here) for names in named)
            if not holds or (here == path and not isinstance(value, list)):
                return CUT
        return value

    kept, _ = Minimiser(store_only=rules).kept(text)
    assert read(kept) == reference(read(text), (), decide)


@given(event=EVENTS, rules=st.lists(st.sampled_from(RULES), min_size=1, max_size=3))
def test_json_as_sdks_write_it_is_read_quickly_and_comes_to_the_same(event, rules) -> None:
    text = json.dumps(json.loads(written(event, "")), separators=(",", ":"), ensure_ascii=False).encode(
        errors="replace"
    )
    minimiser = Minimiser(never_store=rules[:1], store_hashed=rules[1:], key=KEY)
    quick = Quick(minimiser.fates, minimiser.replacing)
    cutting = Cutting(text, minimiser.fates, minimiser.replacing)

    try:
        kept = quick.kept(text)
    except InDoubt:
        return  # numbers that are infinite here
    assert kept == in_one_go(cutting.steps())
    assert quick.counts == cutting.counts


@pytest.mark.parametrize(
    "text",
    [b'{"a" :1}', b'{"a":1,"a":2}', b'{"\\u0061":1}', b'{"a":' + b"[" * 40 + b"]" * 40 + b"}", b"[]", b'{"a":1} '],
)
def test_what_sdks_do_not_write_is_left_to_the_careful_way(text) -> None:
    minimiser = Minimiser(never_store=["**.x"])
    with pytest.raises(InDoubt):
        Quick(minimiser.fates, minimiser.replacing).kept(text)


@pytest.mark.parametrize(
    "text",
    [
        b'{"traits":{"email":"ann@example.com"},"traits":{"plan":1}}',
        b'{"traits":{"e\\u006dail":"ann@example.com"}}',
        b'{"traits":{"EMAIL":"ann@example.com"}}',
        b'{"context":{"traits":{"email":"ann@example.com"}}}',
        b'{"traits":[[{"email":"ann@example.com"}]]}',
        b'{"traits":{"email":{"deep":["ann@example.com"]}}}',
        b'{"traits.email":"ann@example.com"}',
        b'{"traits":{"email":"ann@example.com\\ud800","x":"\xff"}}',
        b'{"a":' + b"[" * 20_000 + b"]" * 20_000 + b',"traits":{"email":"ann@example.com"}}',
        b'{"traits":' + b'{"a":' * 9_000 + b'{"email":1}' + b"}" * 9_000 + b',"traits":{"email":"ann@example.com"}}',
        b'"{\\"traits\\":{\\"email\\":\\"ann@example.com\\"}}"',
        b'{"traits":{"email":"ann@example.com"',
        b'{"traits":{"email" "ann@example.com"}}',
        b'[{"traits":{"email":"ann@example.com"}}]',
    ],
)
def test_nothing_that_is_odd_leaks(text) -> None:
    kept, counts = Minimiser(never_store=["traits.email"]).kept(text)
    assert b"ann@" not in kept
    assert counts


def test_a_body_that_cannot_be_taken_apart_is_not_stored_and_says_so() -> None:
    kept, counts = Minimiser(never_store=["traits.email"]).kept(b'{"traits":{"email":1')
    assert kept == NOTHING
    assert [each.sentence() for each in notes.read(notes.text_of(counts))] == [
        "the body was removed before the event was stored: it cannot be taken apart, and the source has rules"
    ]


def test_addresses_are_shortened_where_sdks_write_them() -> None:
    text = b'{"request_ip":"203.0.113.77","context":{"ip":"2001:db8:12:3456::9","page":{"ip":"203.0.113.77"}},"ip":["1.2.3.4",7]}'
    kept, counts = Minimiser(ip="truncate").kept(text)
    assert (
        kept
        == b'{"request_ip":"203.0.113.0","context":{"ip":"2001:db8:12::","page":{"ip":"203.0.113.77"}},"ip":["1.2.3.0"]}'
    )
    assert counts == {Mark("ip_addresses", "truncate"): 4}
    assert Minimiser(ip="truncate").kept(kept) == (kept, {})
    kept, _ = Minimiser(ip="drop").kept(text)
    assert kept == b'{"context":{"page":{"ip":"203.0.113.77"}}}'


@pytest.mark.parametrize(
    ("address", "short"),
    [("203.0.113.77", "203.0.113.0"), ("::ffff:203.0.113.77", "203.0.113.0"), ("203.0.113.77:443", "203.0.113.0"),
     ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"), ("[2001:db8:1:2::9]:80", "2001:db8:1::"), ("fe80::1%eth0", "fe80::"),
     ("localhost", ""), ("", ""), ("203.0.113.77, 10.0.0.1", "")],
)  # fmt: skip
def test_of_an_address_its_network_stays(address, short) -> None:
    assert shortened(address) == short


def test_a_number_and_its_digits_hash_alike_and_another_key_makes_another_hash() -> None:
    hashing = Hashing(KEY)
    assert hashing.of_json(b"42") == hashing.of_json(b'"42"') != hashing.of_json(b"43")
    assert Hashing(b"l" * 64).of("42") != hashing.of("42")


def test_a_strangers_names_are_remembered_up_to_a_bound(monkeypatch) -> None:
    monkeypatch.setattr(fates, "REMEMBERED_MAX", 10)
    minimiser = Minimiser(never_store=["traits.email", "**.secret"])
    for number in range(50):
        text = b'{"traits":{"n%d":{"secret":1},"email":2}}' % number
        assert minimiser.kept(text)[0] == b'{"traits":{"n%d":{}}}' % number
    assert minimiser.fates.remembered <= 10


def test_a_note_says_how_often_by_which_rule_and_survives_being_added_to() -> None:
    minimiser = Minimiser(never_store=["**.secret"], store_hashed=["traits.phone"], key=KEY)
    _, counts = minimiser.kept(b'{"traits":{"secret":1,"x":{"secret":2},"phone":"+1"}}')
    text = notes.text_of(counts)
    assert text == "02 **.secret\n11 traits.phone"
    counts[Mark("never_store", "**.secret")] -= 1
    assert [each.times for each in notes.read(notes.text_of(counts, text))] == [3, 2]
