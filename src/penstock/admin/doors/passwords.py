"""Passwords: which are strong enough, how they are kept, and the one of the administrator's file."""

import functools
import secrets
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from penstock.errors import SettingsError

PASSWORD_CHARS_MIN, PASSWORD_CHARS_MAX = 10, 256
# "aaaaaaaaaa" is ten characters, and the second guess.
DIFFERENT_CHARS_MIN = 5
#: What is left of a password without digits and signs, when a guesser tries it first.
FIRST_GUESSES = frozenset(
    {"", "password", "passwort", "passw", "passwrd", "admin", "administrator", "penstock", "custify", "qwerty", "qwertyuiop",
     "letmein", "welcome", "changeme", "secret", "iloveyou", "adminpassword", "adminadmin", "penstockadmin", "changemenow"}
)  # fmt: skip


class Passwords:
    """Hashes passwords with argon2id, and compares."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self.hasher = hasher or PasswordHasher()

    @functools.cached_property
    def hash_of_no_user(self) -> str:
        """What a wrong name is checked against, so that it takes as long as a wrong password."""
        return self.hasher.hash(secrets.token_urlsafe())

    def hash(self, password: str) -> str:
        """Return what is kept of a password."""
        return self.hasher.hash(password)

    def fits(self, known: str, password: str) -> bool:
        """Return whether this is the password of a hash; none has been chosen when the hash is empty."""
        # Made at the first sign-in, of any name: the time it takes must not tell which names are known.
        hash_of_no_user = self.hash_of_no_user
        try:
            return self.hasher.verify(known or hash_of_no_user, password[:PASSWORD_CHARS_MAX])
        except VerificationError:
            return False


def check_password(password: str, *, setting: str = "password") -> None:
    """Refuse a password that is short, easily guessed, or so long that hashing it is an attack. Raises SettingsError."""
    if not PASSWORD_CHARS_MIN <= len(password) <= PASSWORD_CHARS_MAX:
        expected = f"{PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters"
        raise SettingsError(setting, expected=expected, got=f"{len(password)} characters")
    letters = "".join(filter(str.isalpha, password.lower()))
    if len(set(password)) < DIFFERENT_CHARS_MIN or letters in FIRST_GUESSES:
        hint = "several words, or what a password manager makes"
        raise SettingsError(setting, expected="a password that is hard to guess", got="one of the first", hint=hint)


def password_of_file(name: str) -> str:
    """Return the administrator's password from its file; nothing when no file is named. Raises SettingsError."""
    if not name:
        return ""
    try:
        password = Path(name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError("admin_password_file", expected="a readable file", got=name, hint=str(error)) from error
    check_password(password, setting="admin_password_file")
    return password
