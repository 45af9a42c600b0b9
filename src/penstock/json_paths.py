"""The single values of a JSON document: where each stands, and the document with one of them changed."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

#: The way to a value: keys of objects, indices of arrays.
Path = tuple[str | int, ...]
MISSING: Any = object()
# As deep as any mapping reads. What is nested deeper is one leaf, so that a hostile event costs no more than its size.
DEPTH_MAX = 64
PLAIN_KEY_EXTRA = frozenset("_-$@ ")


def leaves(document: object) -> Iterator[tuple[Path, object]]:
    """Yield every scalar and every empty object or array, in the document's order."""
    stack: list[tuple[Path, object]] = [((), document)]
    while stack:
        path, value = stack.pop()
        if isinstance(value, dict | list) and value and len(path) < DEPTH_MAX:
            inner = list(value.items() if isinstance(value, dict) else enumerate(value))
            stack.extend(((*path, key), item) for key, item in reversed(inner))
        else:
            yield path, value


def at(document: object, path: Path) -> Any:
    """Return the value at a path, or MISSING."""
    value: Any = document
    for key in path:
        known = range(len(value)) if isinstance(value, list) else value if isinstance(value, dict) else ()
        if key not in known:
            return MISSING
        value = value[key]
    return value


def replaced(document: Any, path: Path, value: object) -> Any:
    """Return the document with another value at a path; shares with the given one all that did not change."""
    if not path:
        return value
    copy = document.copy()
    copy[path[0]] = replaced(document[path[0]], path[1:], value)
    return copy


def with_all(document: Any, values: Mapping[Path, object]) -> Any:
    """Return the document with other values at some of its paths; shares with the given one all that did not change."""
    if () in values:
        return values[()]
    inner: dict[str | int, dict[Path, object]] = {}
    for path, value in values.items():
        inner.setdefault(path[0], {})[path[1:]] = value
    copy = document.copy()
    for key, changed in inner.items():
        copy[key] = with_all(document[key], changed)
    return copy


def pruned(document: object, keep: Iterable[Path]) -> object:
    """Return the document with these leaves only. Left-out items of arrays become null: the others keep their places."""
    kept = {path[:end] for path in keep for end in range(len(path) + 1)}

    def copy(value: object, path: Path) -> object:
        if not isinstance(value, dict | list) or not value or len(path) >= DEPTH_MAX:
            return value
        if isinstance(value, dict):
            return {key: copy(item, (*path, key)) for key, item in value.items() if (*path, key) in kept}
        known = [n for n in range(len(value)) if (*path, n) in kept]
        return [
            copy(value[n], (*path, n)) if (*path, n) in kept else None for n in range(known[-1] + 1 if known else 0)
        ]

    return copy(document, ())


def as_text(path: Path) -> str:
    """Write a path as people do: `traits.company.id`, `tags[0]`, and quoted where a key would be misread."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        elif key and all(char.isalnum() or char in PLAIN_KEY_EXTRA for char in key):
            text += f".{key}" if text else key
        else:
            text += f"[{json.dumps(key)}]"
    return text
