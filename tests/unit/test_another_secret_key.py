"""A line above the former secret key, and a start: what the former one sealed is sealed with the new one, wherever it is broken off."""

import dataclasses

import pytest
import structlog
from cryptography.fernet import Fernet

from penstock.buffer.sqlite.control.control import SqliteControl
from penstock.clock import ManualClock
from penstock.errors import SettingsError
from penstock.privacy import requests as files
from penstock.privacy.errands import Errands
from penstock.privacy.requests import Requests
from penstock.run.at_rest import seal_anew
from penstock.settings import Settings
from penstock.settings.revisions import EMPTY, opened, sealed
from penstock.settings.vault import Vault

KEYS = ["key-one", "key-one", "key-two"]
NAMES = [frozenset({"user:ann"}), frozenset({"email:bob@example.com"})]


class Killed(Exception):
    """The process ends here."""


class Folder:
    """A data folder with three revisions, two requests and an errand, sealed with one secret key."""

    def __init__(self, folder) -> None:
        self.settings = dataclasses.replace(Settings(), data_dir=folder / "data", secret_key_file=str(folder / "key"))
        self.settings.data_dir.mkdir()
        self.clock, self.path = ManualClock(), folder / "key"
        for key in KEYS:
            self.control.save(sealed(self.document(key), self.vault), by="ana", note="")
        for names in NAMES:
            self.requests.add("erase", names, by="ana", state="open", stays_suppressed=True, days_max=30.0)
        self.errands.give("accept", "000001", ["work"])
        self.former = self.path.read_bytes().strip()
        self.path.write_bytes(Fernet.generate_key() + b"\n" + self.former + b"\n")

    @staticmethod
    def document(key: str) -> dict:
        alerts = {"ops": {"type": "webhook", "secret": f"whsec-{key}"}}
        return {**EMPTY, "destinations": {"custify": {"api_key": key}}, "alerts": alerts}

    @property
    def vault(self) -> Vault:
        return Vault(self.path)

    @property
    def control(self) -> SqliteControl:
        return SqliteControl(self.settings.data_dir, clock=self.clock)

    @property
    def requests(self) -> Requests:
        return Requests(self.settings.data_dir, vault=self.vault, clock=self.clock)

    @property
    def errands(self) -> Errands:
        return Errands(self.settings.data_dir, vault=self.vault)

    def tells(self) -> list[object]:
        documents = [opened(revision.document, self.vault) for revision in reversed(self.control.revisions())]
        names = [self.requests.opened(request.given) for request in reversed(self.requests.all())]
        return [documents, names, list(self.errands.given("accept", list))]

    def expected(self) -> list[object]:
        return [[self.document(key) for key in KEYS], NAMES, [("000001", ["work"])]]

    def seal_anew(self) -> list[str]:
        with structlog.testing.capture_logs() as said:
            seal_anew(self.settings, self.control)
        return [line["event"] for line in said]

    def leave(self, *keys: bytes) -> None:
        self.path.write_bytes(b"\n".join(keys))


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def test_after_a_start_the_new_key_opens_everything_alone_and_the_former_nothing(folder) -> None:
    assert folder.seal_anew() == ["secrets_sealed_anew", "requests_sealed_anew"]
    assert folder.seal_anew() == []
    folder.leave(folder.path.read_bytes().split()[0])
    assert folder.tells() == folder.expected()
    folder.leave(folder.former)
    with pytest.raises(SettingsError, match="secret_key_file"):
        folder.tells()
    with pytest.raises(SettingsError, match="secret_key_file"):
        folder.requests.opened(folder.requests.all()[0].given)


@pytest.mark.parametrize("steps", range(1, 14, 2))
def test_killed_at_any_step_the_keys_of_the_file_open_everything_and_the_next_start_goes_on(
    folder, monkeypatch, steps: int
) -> None:
    left = [steps]

    def guarded(do):
        def step(*args, **named):
            left[0] -= 1
            if not left[0]:
                raise Killed
            return do(*args, **named)

        return step

    for holder, name in ((Vault, "renewed"), (files, "write_file"), (files.Path, "replace")):
        monkeypatch.setattr(holder, name, guarded(getattr(holder, name)))
    with pytest.raises(Killed):
        folder.seal_anew()
    monkeypatch.undo()

    assert folder.tells() == folder.expected()
    folder.seal_anew()
    folder.leave(folder.path.read_bytes().split()[0])
    assert folder.tells() == folder.expected()


def test_what_a_lost_key_sealed_stays_and_keeps_nothing_from_being_sealed_anew(folder) -> None:
    lost = Vault(folder.path.with_name("lost"))
    folder.control.save(sealed(folder.document("gone"), lost), by="ana", note="")
    folder.control.save(sealed(folder.document("now"), folder.vault), by="ana", note="")

    folder.seal_anew()

    folder.leave(folder.path.read_bytes().split()[0])
    assert opened(folder.control.newest().document, folder.vault) == folder.document("now")
    assert opened(folder.control.revisions()[1].document, lost) == folder.document("gone")


def test_what_cannot_be_sealed_anew_now_is_said_and_keeps_nothing_from_starting(folder) -> None:
    (folder.settings.data_dir / "privacy" / "request-000002.json").write_text("{")

    assert folder.seal_anew() == ["secrets_sealed_anew", "requests_not_sealed_anew"]
    assert len(folder.control.revisions()) == len(KEYS)
