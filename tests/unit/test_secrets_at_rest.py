"""Another secret key: what was entered in the dashboard is sealed with it from the next start on."""

import dataclasses
import sqlite3

import pytest
from cryptography.fernet import Fernet

from dashboard_world import CUSTIFY, World
from penstock.errors import SettingsError
from penstock.run.at_rest import seal_anew
from penstock.settings.revisions import opened
from penstock.settings.vault import Vault


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.set_up().change("/destinations/custify", api_key="another-api-key")
    return world


def with_key(world, *keys: bytes) -> Vault:
    """Let the file have these keys, and return what they open."""
    world.desk.vault.path.write_bytes(b"\n".join(keys) + b"\n")
    return Vault(world.desk.vault.path)


def test_a_start_with_another_secret_key_leaves_nothing_that_the_former_one_opens(world):
    former, fresh = world.desk.vault.path.read_bytes().strip(), Fernet.generate_key()
    with_key(world, fresh, former)
    settings = dataclasses.replace(world.desk.settings(), data_dir=world.folder)

    seal_anew(settings, world.control)
    text = read(world)
    seal_anew(settings, world.control)
    assert read(world) == text, "what is sealed with the key in use stays as it is"

    keys = [
        opened(revision.document, with_key(world, fresh))["destinations"].get("custify", {}).get("api_key")
        for revision in world.control.revisions()
    ]
    assert keys == ["another-api-key", CUSTIFY["api_key"], None], "also those that were in force before"
    with pytest.raises(SettingsError, match="another key"):
        opened(world.desk.document(), with_key(world, former))


def test_what_no_key_of_the_file_opens_stays_as_it_is(world):
    before = read(world)
    with_key(world, Fernet.generate_key())

    seal_anew(dataclasses.replace(world.reader.settings, data_dir=world.folder), world.control)
    assert read(world) == before


def read(world) -> list[tuple[str]]:
    control = sqlite3.connect(world.folder / "control.db")
    rows = control.execute("SELECT document FROM revision ORDER BY number").fetchall()
    control.close()
    return rows
