"""Which passwords are strong enough, also in a file; an empty file never means an open door."""

import pytest

from penstock.admin.doors.passwords import check_password, password_of_file
from penstock.cli import main
from penstock.errors import SettingsError
from penstock.run.wiring import _password
from penstock.settings import Settings

WEAK = [
    "",
    " \n",
    "ab",
    "short pw",
    "aaaaaaaaaaaa",
    "Password1234",
    "password!!!",
    "1234567890",
    "penstock-2024",
    "x" * 257,
]


@pytest.mark.parametrize("password", WEAK)
def test_a_weak_password_is_refused_wherever_it_stands(tmp_path, password):
    file = tmp_path / "password"
    file.write_text(password)

    with pytest.raises(SettingsError, match="admin_password_file") as refused:
        password_of_file(str(file))
    assert password.strip() not in str(refused.value) or not password.strip()
    with pytest.raises(SettingsError, match="password"):
        check_password(password.strip())


@pytest.mark.parametrize("password", ["correct horse battery", "Xk3-99-plum", "ünïcödé wörds"])
def test_words_and_what_a_manager_makes_are_taken(tmp_path, password):
    file = tmp_path / "password"
    file.write_text(f"{password}\n")

    assert password_of_file(str(file)) == password


@pytest.mark.parametrize("command", ["serve", "validate"])
def test_a_weak_file_keeps_the_server_from_starting(tmp_path, monkeypatch, command):
    (tmp_path / "password").write_text("ab")
    monkeypatch.setenv("PENSTOCK_ADMIN_PASSWORD_FILE", str(tmp_path / "password"))
    monkeypatch.setenv("PENSTOCK_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr("sys.argv", ["penstock", command])

    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 78
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("listen", ["0.0.0.0:8081", "192.0.2.1:8081", "[::]:8081", "127.0.0.1:8081"])
def test_an_empty_file_is_refused_on_every_address(tmp_path, listen):
    (tmp_path / "empty").write_text("")

    with pytest.raises(SettingsError, match="10 to 256 characters"):
        _password(Settings(admin_listen=listen, admin_password_file=str(tmp_path / "empty")))


def test_without_a_file_the_listener_stays_on_this_machine():
    assert _password(Settings()) == ""
    with pytest.raises(SettingsError, match="open to other machines"):
        _password(Settings(admin_listen="0.0.0.0:8081"))
