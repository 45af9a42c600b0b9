"""Rules that would make people strangers are refused or warned of when they are set, and told in words."""

import pytest

from penstock.errors import SettingsError
from penstock.settings import load
from penstock.settings.source_warnings import warnings_of


def loaded(tmp_path, rules: str):
    file = tmp_path / "penstock.toml"
    file.write_text(f'[sources.app]\nwrite_key = "k"\n{rules}')
    return load(file, {}).sources["app"]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("userId", "known by it"), ("*", "messageId"), ("**", "messageId"), ("*Id", "messageId"), ("type", "what the event is"),
        ("event", "what happened"), ("USERID", "known by it"), ("request_ip", "ip_addresses"), ("**.userId", "known by it"),
        ("email", "traits.email"), ("traits..email", "separated by dots"), (".", "separated by dots"),
        ("properties.products[0].price", "without numbers"), ("traits.a**", "alone between"), ("traits.a\\nb", "separated"),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_is_refused_and_says_what_to_write(tmp_path, rule, said) -> None:
    for field in ("never_store", "store_hashed"):
        with pytest.raises(SettingsError) as refused:
            loaded(tmp_path, f'{field} = ["{rule}"]')
        assert refused.value.name == f"sources.app.{field}"
        assert said in f"{refused.value.expected} {refused.value.got} {refused.value.hint}"


def test_a_list_of_what_is_stored_speaks_of_traits_properties_and_context_alone(tmp_path) -> None:
    with pytest.raises(SettingsError, match="store_only"):
        loaded(tmp_path, 'store_only = ["userId"]')


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ('never_store = ["traits.email"]', "a person without userId is known by the e-mail address"),
        ('never_store = ["**.email"]', "a person without userId is known by the e-mail address"),
        ('store_hashed = ["traits.*"]', "store_hashed traits.* hashes traits.email"),
        ('never_store = ["traits.company"]', "which company the person belongs to"),
        ('store_only = ["traits.plan"]', "store_only does not name traits.email"),
    ],
)
def test_a_rule_that_takes_what_somebody_is_known_by_is_warned_of(tmp_path, rules, said) -> None:
    assert any(said in warning for warning in warnings_of(loaded(tmp_path, rules)))


def test_rules_that_take_nobody_away_are_not_warned_of(tmp_path) -> None:
    rules = 'never_store = ["traits.phone", "properties.card_*", "context.page.url"]\nstore_only = ["traits.**", "properties.x"]'
    source = loaded(tmp_path, rules)
    assert [each for each in warnings_of(source) if "email" in each or "known" in each] == []


@pytest.mark.parametrize(("type_", "kept"), [("web", "truncate"), ("mobile", "truncate"), ("server", "keep")])
def test_addresses_are_shortened_by_default_where_people_sit(tmp_path, type_, kept) -> None:
    assert loaded(tmp_path, f'type = "{type_}"').ip_kept == kept


def test_a_negative_time_is_refused(tmp_path) -> None:
    (tmp_path / "p.toml").write_text("payload_days = -1\n")
    with pytest.raises(SettingsError, match="payload_days"):
        load(tmp_path / "p.toml", {})
