"""The body of a request, read by the type that its route takes: what is unknown, missing or of another kind is named. Pure."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from penstock.admin.api.shapes import Nothing
from penstock.settings.text import unknown

# Of what was sent, no more is repeated.
CHARS_MAX = 100
# What msgspec says of a value that is no such type: "Expected `str`, got `int` - at `$.selection.cause`".
MISTYPED = re.compile(r"Expected `(?P<expected>[^`]*)`, got `(?P<got>[^`]*)`")
MISSING = re.compile(r"missing required field `(?P<name>[^`]*)`")
PLACE = re.compile(r" - at `(?:(?P<key>key) in )?\$\.?(?P<place>.*)`$", re.DOTALL)
WORDS: Mapping[str, str] = MappingProxyType(
    {"str": "a text", "int": "a whole number", "float": "a number", "bool": "true or false", "object": "an object",
     "array": "a list", "null": "null"}
)  # fmt: skip


class ApiError(Exception):
    """A request that cannot be done: what was expected, what came, what to do."""

    def __init__(self, status: int, name: str, *, expected: str, got: object, hint: str = "") -> None:
        self.status = status
        self.facts = {"name": name, "expected": expected, "got": got, "hint": hint}
        super().__init__(f"{name}: expected {expected}, got {got!r}")


def read_as(body: bytes, kind: Any) -> Any:
    """Return a body as a struct. Raises ApiError: 400 for what is no JSON, 422 for what is no such document."""
    given = _decoded(body or (b"{}" if kind is Nothing else b""))
    if not isinstance(given, dict):
        raise ApiError(422, "body", expected="a JSON object", got=_word_of(given))
    _refuse_unknown(given, kind)
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise _refusal(str(error)) from error


def _decoded(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError(400, "body", expected="JSON", got=str(error)) from error


def _refuse_unknown(given: Mapping[str, Any], kind: Any, *, at: str = "") -> None:
    """Refuse an unknown field, also of an object within. Raises ApiError."""
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
    for name, value in given.items():
        if name not in fields:
            error = unknown(f"{at}{name}"[:CHARS_MAX], name[:CHARS_MAX], fields, what="a known field")
            raise ApiError(422, error.name, expected=error.expected, got=error.got, hint=error.hint)
        if isinstance(value, dict) and hasattr(fields[name], "__struct_fields__"):
            _refuse_unknown(value, fields[name], at=f"{at}{name}.")


def _refusal(said: str) -> ApiError:
    """Return the error that names the field which msgspec's sentence is about."""
    place = PLACE.search(said)
    at = place["place"][:CHARS_MAX] if place else ""
    if missing := MISSING.search(said):
        name = f"{at}.{missing['name']}".lstrip(".")
        return ApiError(422, name, expected="a value", got="none", hint="the body says all that the route needs")
    if mistyped := MISTYPED.search(said):
        expected = " or ".join(WORDS.get(each, each) for each in mistyped["expected"].split(" | "))
        return ApiError(422, at or "body", expected=expected, got=WORDS.get(mistyped["got"], mistyped["got"]))
    return ApiError(422, at or "body", expected="one of the values in GET /api/openapi.json", got=said[:CHARS_MAX])


def _word_of(value: object) -> str:
    kinds = {bool: "bool", int: "int", float: "float", str: "str", list: "array"}
    return WORDS[kinds.get(type(value), "null")]
