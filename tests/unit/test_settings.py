"""What may be set, and what a wrong setting is told."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from penstock.cli import penstock
from penstock.errors import SettingsError
from penstock.settings import Settings, load

WHOLE = """
listen = "127.0.0.1:9000"
retention_days = 7
[sources.web]
type = "web"
write_key = "${WEB_WRITE_KEY}"
[destinations.custify]
type = "custify"
api_key = "${file:key.txt}"
anonymous_fallback = true
mapping = "rudderstack"
[[connections]]
from = "web"
to = "custify"
"""


@pytest.fixture
def file(tmp_path: Path):
    (tmp_path / "key.txt").write_text("secret-key\n")

    def write(text: str) -> Path:
        path = tmp_path / "penstock.toml"
        path.write_text(text)
        return path

    return write


def refusal(path: Path | None, environ: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as error:
        load(path, environ)
    return str(error.value)


def test_without_a_file_the_defaults_hold():
    assert load(None, {}) == Settings()


def test_a_whole_file_is_read(file):
    settings = load(file(WHOLE), {"WEB_WRITE_KEY": "wk"})

    assert settings.listen == "127.0.0.1:9000"
    assert settings.retention_days == 7.0
    assert settings.sources["web"].write_key == "wk"
    assert settings.destinations["custify"].api_key == "secret-key"
    assert settings.destinations["custify"].mapping == "rudderstack"
    assert settings.sources_of("custify") == ("web",)


def test_a_file_that_begins_with_a_byte_order_mark_is_read(file):
    path = file("\ufeff" + WHOLE)

    assert load(path, {"WEB_WRITE_KEY": "web-key"}).listen == "127.0.0.1:9000"


def test_a_file_in_utf_16_is_read_as_windows_shell_writes_it(file):
    path = file("")
    path.write_bytes(WHOLE.encode("utf-16"))

    assert load(path, {"WEB_WRITE_KEY": "web-key"}).listen == "127.0.0.1:9000"


def test_what_else_is_wrong_beside_a_key_that_is_missing_is_told_too(file):
    text = """
[sources.a]
burst_s = 1
[sources.b]
[destinations.custify]
base_url = "custify"
"""

    assert [each.partition(":")[0] for each in mistakes(file(text), {})] == [
        "sources.a.write_key",
        "sources.b.write_key",
        "destinations.custify.api_key",
        "sources.a.burst_s",
        "destinations.custify.base_url",
    ]


@pytest.mark.parametrize(("said", "meant"), [("statu", "status"), ("valdate", "validate"), ("xyzzy", None)])
def test_a_command_that_is_nearly_one_is_suggested(said, meant):
    told = CliRunner().invoke(penstock, [said])

    assert (told.exit_code, f"No such command '{said}'." in told.output) == (2, True)
    assert (f"Did you mean {meant}?" if meant else "Did you mean") in told.output or meant is None


def test_the_environment_wins_over_the_file(file):
    settings = load(
        file(WHOLE), {"WEB_WRITE_KEY": "wk", "PENSTOCK_LISTEN": "127.0.0.1:1", "PENSTOCK_RETENTION_DAYS": "2"}
    )

    assert settings.listen == "127.0.0.1:1"
    assert settings.retention_days == 2.0


def test_keys_are_not_shown_when_settings_are_printed(file):
    assert "secret-key" not in repr(load(file(WHOLE), {"WEB_WRITE_KEY": "wk"}))


def test_an_unknown_key_is_an_error_with_a_suggestion(file):
    assert (
        refusal(file('listn = "x"'), {}) == "listn: expected a known setting, got 'listn'. Hint: did you mean listen?"
    )


def test_an_unknown_key_of_a_destination_is_an_error_with_a_suggestion(file):
    text = refusal(file('[destinations.c]\napi_key = "k"\nbase_ur = "x"'), {})

    assert text.startswith("destinations.c.base_ur: ")
    assert "did you mean base_url?" in text


@pytest.mark.parametrize(
    ("toml", "start"),
    [
        ('listen = "8080"', "listen: expected host:port"),
        ('listen = "127.0.0.1:99999"', "listen: expected host:port"),
        ("listen = 8080", "listen: expected a text, got 8080"),
        ('retention_days = "7"', "retention_days: expected a number, got '7'. Hint: remove the quotes"),
        ("retention_days = -1", "retention_days: expected a number above 0"),
        ('engine = "nats"', "nats_url: expected where the servers of nats are, got 'nothing'. Hint: see docs/scale.md"),
        ('nats_url = "nats://a:4222"', "nats_url: expected nothing, got 'nats://a:4222'. Hint: engine is sqlite"),
        (
            'engine = "nats"\nnats_url = "a:4222"\nsecret_key_file = "k"',
            "nats_url: expected nats://… or tls://…, got 'a:4222'",
        ),
        (
            'engine = "postgres"\npostgres_url = "postgresql://a/p"',
            "secret_key_file: expected a file, got 'nothing'. Hint: every node",
        ),
        ('node = "a b"', "node: expected letters, digits, dots, dashes, got 'a b'"),
        ("engine = 3", "engine: expected 'sqlite' or 'nats' or 'postgres', got 3"),
        ('path_prefix = "in/"', "path_prefix: expected a path"),
        ("body_bytes_max = true", "body_bytes_max: expected a whole number, got True"),
        ("listen = [", "config: expected TOML"),
        ("sources = 3", "sources: expected tables"),
        ("[sources.web]\ntype = 'web'", "sources.web.write_key: expected a value"),
        ("[sources.web]\nwrite_key = ''", "sources.web.write_key: expected a key"),
        ("[sources.a]\nwrite_key='k'\n[sources.b]\nwrite_key='k'", "sources.b.write_key: expected a key of its own"),
        ("[destinations.c]\napi_key = ''", "destinations.c.api_key: expected Custify's API key"),
        ('[destinations.c]\napi_key = "a\\nb"', "destinations.c.api_key: expected printable ASCII"),
        ("[destinations.c]\napi_key='k'\nbase_url='http://custify.example'", "destinations.c.base_url: expected https"),
        ("[destinations.c]\napi_key='k'\ncalls_in_flight_max=0", "destinations.c.calls_in_flight_max: expected 1"),
        ("[[connections]]\nfrom='web'\nto='c'", "connections[0].from: expected one of []"),
        ("[[connections]]\nfrom='web'", "connections[0].to: expected one of []"),
        ("data_dir = ''", "data_dir: expected a path"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_with_what_was_expected(file, toml, start):
    assert refusal(file(toml), {}).startswith(start)


def test_a_missing_variable_is_named(file):
    assert refusal(file(WHOLE), {}).startswith("sources.web.write_key: expected the environment variable WEB_WRITE_KEY")


def test_a_missing_secret_file_is_named(file, tmp_path):
    path = file(WHOLE)
    (tmp_path / "key.txt").unlink()

    assert refusal(path, {"WEB_WRITE_KEY": "wk"}).startswith("destinations.custify.api_key: expected a readable file")


def test_a_missing_settings_file_is_an_error(tmp_path):
    assert refusal(tmp_path / "none.toml", {}).startswith("config: expected a readable file")


def test_a_number_in_the_environment_is_read_and_a_wrong_one_named():
    assert load(None, {"PENSTOCK_BODY_BYTES_MAX": "1000"}).body_bytes_max == 1000
    assert refusal(None, {"PENSTOCK_BODY_BYTES_MAX": "lots"}).startswith(
        "PENSTOCK_BODY_BYTES_MAX: expected a whole number"
    )


def test_a_loopback_destination_may_be_plain_http(file):
    settings = load(file("[destinations.c]\napi_key='k'\nbase_url='http://127.0.0.1:8090'"), {})

    assert settings.destinations["c"].base_url == "http://127.0.0.1:8090"


def test_people_cannot_be_forgotten_before_they_were_seen():
    assert "ledger_days: expected 0 or more" in refusal(None, {"PENSTOCK_LEDGER_DAYS": "-1"})


def test_proxies_are_networks_and_a_wrong_one_is_refused(tmp_path):
    file = tmp_path / "penstock.toml"
    file.write_text('trusted_proxies = ["10.0.0.1/8"]')

    with pytest.raises(SettingsError, match="host bits"):
        load(file, {})


def test_a_list_comes_from_the_environment_with_commas():
    assert load(None, {"PENSTOCK_TRUSTED_PROXIES": "10.0.0.0/8, ::1"}).trusted_proxies == ("10.0.0.0/8", "::1")


def mistakes(path: Path | None, environ: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as error:
        load(path, environ)
    return [str(each) for each in (error.value, *error.value.others)]


def test_all_mistakes_are_told_at_once_and_none_twice(file):
    text = """
listn = "x"
retention_days = "7"
retry_hours = -1
listen = "8080"
[sources.web]
type = "site"
write_key = "${NOBODY_SET_IT}"
[sources.app]
write_kee = "k"
burst_s = 1
[destinations.custify]
api_key = "${file:nowhere.txt}"
base_url = "ftp://custify"
calls_in_flight_max = 0
[[connections]]
from = "web"
to = "custfy"
[[connections]]
from = "app"
to = "custify"
events_allow = "all"
"""

    found = mistakes(file(text), {"PENSTOCK_LISTN": "x", "PENSTOCK_AUDIT_DAYS": "many"})

    names = [each.partition(":")[0] for each in found]
    assert sorted(names) == sorted(
        {
            "sources.web.write_key",
            "destinations.custify.api_key",
            "PENSTOCK_LISTN",
            "listn",
            "retention_days",
            "PENSTOCK_AUDIT_DAYS",
            "sources.web.type",
            "sources.app.write_kee",
            "sources.app.burst_s",
            "connections[0].to",
            "connections[1].events_allow",
            "retry_hours",
            "listen",
            "destinations.custify.base_url",
            "destinations.custify.calls_in_flight_max",
        }
    )


def test_an_unknown_variable_of_ours_is_an_error_with_a_suggestion():
    assert refusal(None, {"PENSTOCK_LISTN": "127.0.0.1:1"}) == (
        "PENSTOCK_LISTN: expected a known setting, got 'PENSTOCK_LISTN'. Hint: did you mean PENSTOCK_LISTEN?"
    )


def test_a_variable_that_the_file_names_is_its_own(file):
    path = file('[sources.web]\nwrite_key = "${PENSTOCK_WEB_KEY}"')

    assert load(path, {"PENSTOCK_WEB_KEY": "wk"}).sources["web"].write_key == "wk"


def test_what_kubernetes_tells_of_a_service_called_penstock_is_no_mistake():
    told = {
        "PENSTOCK_SERVICE_HOST": "10.0.0.1",
        "PENSTOCK_SERVICE_PORT": "8080",
        "PENSTOCK_SERVICE_PORT_HTTP": "8080",
        "PENSTOCK_PORT": "tcp://10.0.0.1:8080",
        "PENSTOCK_PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "PENSTOCK_PORT_8080_TCP_PROTO": "tcp",
        "PENSTOCK_PORT_8080_TCP_ADDR": "10.0.0.1",
        "PENSTOCK_ADMIN_SERVICE_HOST": "10.0.0.2",
        "PENSTOCK_ADMIN_PORT": "tcp://10.0.0.2:80",
    }

    assert load(None, told) == Settings()
    assert "PENSTOCK_PORT: expected a known setting" in refusal(None, {"PENSTOCK_PORT": "8080"})


def test_what_says_that_events_wait_in_sqlite_stops_no_upgrade(file):
    load(file('engine = "sqlite"\nnats_url = ""'), {"PENSTOCK_ENGINE": "sqlite", "PENSTOCK_NATS_URL": ""})


def test_a_document_of_the_dashboard_has_no_place_for_them(file):
    settings = load(file(""), {}, dashboard={"engine": "nats", "nats_url": "nats://a:4222"})

    assert settings == load(file(""), {})
