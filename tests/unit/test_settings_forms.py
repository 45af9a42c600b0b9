"""A form that changes settings says all that it shows; what it leaves out, or nobody knows, is refused by name."""

import dataclasses
import typing

import pytest

from dashboard_world import MAPPING, World, form_of
from penstock.errors import SettingsError
from penstock.settings import Destination, Source, forms


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def admin(world):
    return world.set_up()


FORMS = [("/destinations/custify", "/destinations/custify/settings"), ("/sources/web", "/sources/web/settings")]


@pytest.mark.parametrize(("page", "action"), FORMS)
def test_whatever_a_form_leaves_out_changes_nothing_and_is_named(world, admin, page, action):
    whole = form_of(admin.get(page).text, action)
    before = world.desk.document()
    for left_out in whole.keys() - {"base", "api_key"}:
        answer = admin.post(action, **{name: value for name, value in whole.items() if name != left_out})
        assert answer.status_code == 422, left_out
        assert left_out in answer.text
        assert "a form says all that it shows" in answer.text
    assert world.desk.document() == before
    assert admin.post(action, **whole).status_code == 303


@pytest.mark.parametrize(("page", "action"), FORMS)
@pytest.mark.parametrize("name", ["modes", "write_key", "type", "renamed_from", "source", "x:y"])
def test_an_unknown_field_is_refused(world, admin, page, action, name):
    before = world.desk.document()
    answer = admin.post(action, **form_of(admin.get(page).text, action) | {name: "on"})

    assert answer.status_code == 422
    assert "a known setting" in answer.text
    assert world.desk.document() == before


@pytest.mark.parametrize(
    ("name", "value"),
    [("mode", "Live"), ("mode", ""), ("enabled", "true"), ("calls_per_s_max", ""), ("calls_per_s_max", "many"),
     ("nested", "flat"), ("policies", "people.plan"), ("policies", "people.plan = sometimes"), ("consent_provider", "one")],
)  # fmt: skip
def test_a_value_of_another_kind_is_refused(world, admin, name, value):
    before = world.desk.document()
    answer = admin.change("/destinations/custify", **{name: value})

    assert answer.status_code == 422
    assert name in answer.text
    assert world.desk.document() == before


@pytest.mark.parametrize("left_out", MAPPING)
def test_the_switches_of_a_mapping_are_saved_together_or_not_at_all(world, admin, left_out):
    before = world.desk.document()
    answer = admin.post("/mapping/custify", **{name: value for name, value in MAPPING.items() if name != left_out})

    assert answer.status_code == 422
    assert world.desk.document() == before


def test_what_was_chosen_is_what_the_form_shows_then(admin):
    chosen = {
        "mode": "shadow", "page_views": "on", "enabled": "off", "canary_companies": "acme, globex", "reassert_days": "7.5",
        "policies": "people.plan = latest", "attribute_guard": "hold", "consent_provider": "custom",
    }  # fmt: skip
    admin.change("/destinations/custify", **chosen)
    shown = form_of(admin.get("/destinations/custify").text, "/destinations/custify/settings")

    assert {name: shown[name].strip() for name in chosen} == chosen


@pytest.mark.parametrize("kind", [Source, Destination])
def test_each_choice_stands_in_the_table_alone(kind):
    hints = typing.get_type_hints(kind)

    for name, choices in forms.choices(kind).items():
        assert choices == typing.get_args(hints[name])
    assert {*forms.SOURCE} <= {field.name for field in dataclasses.fields(Source)}


def test_what_cannot_be_read_is_named_with_what_was_expected():
    with pytest.raises(SettingsError, match="burst_s: expected a number, got 'x'"):
        forms.read(Source, {"burst_s": "x"}, ["burst_s"], is_whole=True)
