"""Which witness the settings name, before a server is asked."""

import sys

import pytest

from penstock.errors import SettingsError
from penstock.settings.load import load
from penstock.settings.table import Settings
from penstock.witness.opening import open_witness


async def test_one_machine_needs_no_witness():
    assert await open_witness(Settings()) is None


@pytest.mark.parametrize(("engine", "setting"), [("nats", "nats_url"), ("postgres", "postgres_url")])
async def test_an_engine_needs_to_be_told_where_its_servers_are(engine, setting):
    with pytest.raises(SettingsError, match=f"{setting}: expected where the servers"):
        await open_witness(Settings(engine=engine))


@pytest.mark.parametrize(("engine", "library"), [("nats", "nats"), ("postgres", "psycopg")])
async def test_an_engine_needs_its_library_and_nothing_else_does(engine, library, monkeypatch):
    for module in [*sys.modules]:
        if module.startswith(("penstock.witness.jetstream", "penstock.witness.postgres", f"{library}.")):
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, library, None)

    with pytest.raises(SettingsError, match=rf"penstock\[{engine}\] to be installed"):
        await open_witness(
            Settings(engine=engine, nats_url="nats://127.0.0.1:1", postgres_url="postgresql://127.0.0.1:1")
        )


def test_the_refusal_of_an_address_does_not_tell_its_password(tmp_path):
    (tmp_path / "penstock.toml").write_text("")

    with pytest.raises(SettingsError) as refused:
        load(tmp_path / "penstock.toml", {"PENSTOCK_NATS_URL": "nats://ours:secret@nats-1:4222"})

    assert "nats-1" in str(refused.value)
    assert "secret" not in str(refused.value)
