"""From TOML and the environment to typed values; every error says what was expected, and what was found."""

import codecs
import difflib
import functools
import re
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from penstock.errors import SettingsError
from penstock.settings.mistakes import Mistakes

REFERENCE = re.compile(r"\$\{([^}]*)\}")


def read_bytes(path: Path | None) -> bytes:
    """Return a settings file as it is; none is an empty one. Raises SettingsError."""
    try:
        return path.read_bytes() if path is not None else b""
    except OSError as error:
        raise SettingsError("config", expected="a readable file", got=str(path), hint=str(error.strerror)) from error


@functools.lru_cache(maxsize=1)
def parsed_toml(raw: bytes, path: Path | None) -> dict[str, object]:
    """Return the table of a settings file, which is the same for who asks again: read it only. Raises SettingsError."""
    try:
        # With a byte order mark or without: some editors of Windows write one, and its shell UTF-16 behind it.
        coding = "utf-16" if raw[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE} else "utf-8-sig"
        return tomllib.loads(raw.decode(coding))
    except (ValueError, RecursionError) as error:  # also of numbers with thousands of digits, and of lists in lists
        raise SettingsError("config", expected="TOML", got=str(path), hint=str(error)) from error


class References:
    """Replaces ${VAR} and ${file:path}; remembers which variables were named."""

    def __init__(self, *, environ: Mapping[str, str], base: Path, mistakes: Mistakes) -> None:
        self.environ, self.base, self.mistakes = environ, base, mistakes
        self.variables = set[str]()

    def resolve(self, value: typing.Any, name: str = "") -> typing.Any:
        """Replace the references of every text, however deep; those that lead nowhere are kept as mistakes."""
        if isinstance(value, dict):
            return {k: self.resolve(v, f"{name}.{k}".lstrip(".")) for k, v in value.items()}
        if isinstance(value, list):
            return [self.resolve(v, f"{name}[{i}]") for i, v in enumerate(value)]
        if isinstance(value, str):
            with self.mistakes.kept():
                return REFERENCE.sub(lambda found: self._text(found[1], name), value)
        return value

    def _text(self, reference: str, name: str) -> str:
        if reference.startswith("file:"):
            path = self.base / reference.removeprefix("file:")
            try:
                return path.read_text(encoding="utf-8").strip()
            except (OSError, ValueError) as error:
                raise SettingsError(name, expected="a readable file", got=str(path), hint=str(error)) from error
        self.variables.add(reference)
        if reference not in self.environ:
            raise SettingsError(
                name, expected=f"the environment variable {reference}", got=None, hint="set it, or write the value"
            )
        return self.environ[reference]


def unknown(name: str, key: str, known: Iterable[str], *, what: str = "a known setting") -> SettingsError:
    """Return the error for an unknown key, with a suggestion."""
    close, names = closest(key, known), ", ".join(sorted(known))
    hint = f"did you mean {close}?" if close else f"known are {names}" if names else "there is none here"
    return SettingsError(name, expected=what, got=key, hint=hint)


def closest(key: str, known: Iterable[str]) -> str:
    """Return the known key that was probably meant; empty when none is near."""
    return next(iter(difflib.get_close_matches(key, list(known), n=1)), "")


def typed(name: str, hint: typing.Any, value: object, *, from_text: bool = False) -> typing.Any:
    """Return the value as its type. Text is parsed only where it comes from the environment."""
    if typing.get_origin(hint) is Literal:
        if value not in typing.get_args(hint):
            raise SettingsError(name, expected=" or ".join(map(repr, typing.get_args(hint))), got=value)
        return value
    if hint == tuple[str, ...]:
        return _list(name, value, from_text=from_text)
    if typing.get_origin(hint) is Mapping:
        return _table(name, hint, value)
    if hint is Path and isinstance(value, str) and value:
        return Path(value)
    if from_text and isinstance(value, str):
        value = _parsed(hint, value)
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        quotes = "remove the quotes" if isinstance(value, str) and hint is not str else ""
        raise SettingsError(name, expected=_WORDS.get(hint, str(hint)), got=value, hint=quotes)
    return value


def _list(name: str, value: object, *, from_text: bool) -> tuple[str, ...]:
    if from_text and isinstance(value, str):
        value = [each for each in value.split(",") if each.strip()]
    if not isinstance(value, list) or not all(isinstance(each, str) and each.strip() for each in value):
        raise SettingsError(name, expected="a list of texts", got=value)
    return tuple(each.strip() for each in value)


def _table(name: str, hint: typing.Any, value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise SettingsError(name, expected="a table", got=value)
    kind = typing.get_args(hint)[1]
    return {key: typed(f"{name}.{key}", kind, each) for key, each in value.items()}


def _parsed(hint: typing.Any, text: str) -> object:
    try:
        if hint is bool:
            return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)
        return hint(text)
    except ValueError:
        return text


_WORDS: Mapping[object, str] = types.MappingProxyType(
    {bool: "true or false", int: "a whole number", float: "a number", str: "a text", Path: "a path"}
)
