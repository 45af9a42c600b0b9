"""An event that names more than anybody means is rejected before a mapping reads it, and every view says the same."""

import dataclasses
import json

import pytest
from click.testing import CliRunner

from penstock import causes
from penstock.cli import penstock
from penstock.destinations.custify.convert import convert
from penstock.destinations.custify.convert.limits import beyond_limits
from penstock.destinations.custify.options import Mapping
from penstock.destinations.plan import Plan, Unmappable
from penstock.destinations.reading import options_of
from penstock.explain.explain import explain
from penstock.settings import Destination, Settings

MAPPINGS = [Mapping(), Mapping(nested="flatten"), Mapping(nested="json"), Mapping(name="rudderstack")]
FEW = Mapping(names_max=10, name_chars_max=20)


class Counted(dict):
    """An object that counts which of its items were looked at."""

    looked_at = 0

    def items(self):
        for item in super().items():
            type(self).looked_at += 1
            yield item


def identify(traits: object, **rest) -> dict:
    return {"type": "identify", "userId": "ana", "traits": traits, **rest}


def many(count: int) -> dict:
    return {f"trait{n}": n for n in range(count)}


def cause_of(event: object, mapping: Mapping = FEW) -> str | None:
    refusal = beyond_limits(event, mapping)
    return refusal.cause if refusal else None


@pytest.mark.parametrize("mapping", MAPPINGS, ids=repr)
@pytest.mark.parametrize("kind", ["identify", "track", "group", "page", "alias"])
@pytest.mark.parametrize("place", ["traits", "properties"])
def test_thirty_thousand_names_are_rejected_by_every_mapping(mapping, kind, place):
    event = {"type": kind, "userId": "ana", "groupId": "acme", "event": "Used", place: many(30_000)}

    meaning = convert(event, mapping)

    assert meaning == Unmappable(
        "the event has more than 10000 names among its traits and properties", causes.TOO_MANY_NAMES
    )
    assert explain(event, mapping).meaning == meaning


@pytest.mark.parametrize("mapping", MAPPINGS, ids=repr)
def test_what_an_honest_product_sends_is_not(mapping):
    order = {f"item{n}": {"sku": "a", "price": 1, "tags": ["x", "y"]} for n in range(1_000)}

    assert isinstance(convert(identify(many(2_000) | order), mapping), Plan)


@pytest.mark.parametrize(
    "event",
    [
        identify(many(11)),
        identify(many(6), context={"traits": many(5)}),
        identify({}, properties=many(11)),
        identify({"list": list(range(10))}),
        identify({"one": {"two": many(9)}}),
        identify({"lists": [[], [], [], [], [], [], [], [], [], []]}),
        identify({"l": [[[[[[[[[[[1]]]]]]]]]]]}),
        identify([1] * 11),
        {"type": "identify", "userId": "ana", "context.traits": many(11)},
    ],
    ids=lambda event: str(event)[40:90],
)
def test_names_count_wherever_they_stand_and_however_deep(event):
    assert cause_of(event) == causes.TOO_MANY_NAMES


@pytest.mark.parametrize("event", [identify(many(10)), identify({"list": list(range(9))}), {}, None, 5, [], "text",
                                   identify(None), identify("x" * 100), identify({}, context=[]), identify({"a": "x" * 100})])  # fmt: skip
def test_what_is_within_the_limits_is_left_to_the_mapping(event):
    assert cause_of(event) is None


@pytest.mark.parametrize(
    "traits",
    [
        {"x" * 21: 1},
        {"ten_chars_": {"ten_chars_": 1}},
        {"ten_chars_": [{"eight_ch": 1}]},
        {"a": {"x" * 21: {}}},
    ],
)
def test_a_name_is_as_long_as_its_whole_path(traits):
    assert cause_of(identify(traits)) == causes.NAME_TOO_LONG


@pytest.mark.parametrize("traits", [{"x" * 20: 1}, {"ten_chars_": {"nine_char": 1}}, {"ten_chars_": [{"seven_c": 1}]}])
def test_a_name_just_as_long_as_the_limit_passes(traits):
    assert cause_of(identify(traits)) is None


def test_long_keys_around_many_short_ones_cannot_become_a_flood_of_text():
    value: object = many(9_000)
    for _ in range(7):
        value = {"k" * 900: value}

    assert cause_of(identify(value), Mapping(nested="flatten")) == causes.NAME_TOO_LONG


@pytest.mark.parametrize("levels", [1_000, 100_000])
@pytest.mark.parametrize("mapping", MAPPINGS, ids=repr)
def test_deep_nesting_is_counted_as_deep_as_anybody_reads(levels, mapping):
    deep: object = {"a": 1}
    for _ in range(levels):
        deep = {"a": deep}

    assert cause_of(identify({"deep": deep}), dataclasses.replace(mapping, names_max=60)) == causes.TOO_MANY_NAMES
    assert isinstance(convert(identify({"deep": deep}), mapping), Plan)


def test_counting_stops_at_the_limit():
    Counted.looked_at = 0
    event = identify({f"part{n}": Counted(many(5)) for n in range(9)} | {"last": Counted(many(100_000))})

    assert cause_of(event, Mapping(names_max=40)) == causes.TOO_MANY_NAMES
    assert Counted.looked_at <= 40


def test_the_limits_are_settings_that_every_destination_shares():
    settings = Settings(event_names_max=50_000, event_name_chars_max=7)
    to = Destination(name="custify", api_key="k", nested="flatten")

    mapping = options_of(to, settings)

    assert (mapping.names_max, mapping.name_chars_max, mapping.nested) == (50_000, 7, "flatten")
    assert options_of(to, Settings()) == Mapping(nested="flatten")


def test_the_convert_command_says_the_same():
    lines = [json.dumps(identify(many(30_000))), json.dumps(identify({"n" * 1_001: 1})), json.dumps(identify(many(3)))]

    told = [
        json.loads(line)
        for line in CliRunner().invoke(penstock, ["convert"], input="\n".join(lines)).stdout.splitlines()
    ]

    assert told[0] == {"unmappable": "the event has more than 10000 names among its traits and properties"}
    assert told[1] == {"unmappable": "a trait or property has a name of more than 1000 characters"}
    assert len(told[2]["calls"][0]["body"]["custom_attributes"]) == 3
