"""Read JSON from one of our own listeners; for commands that look at a running server."""

import urllib.error
import urllib.request
from typing import Any

import msgspec

ANSWER_S_MAX = 5.0


def get_json(url: str) -> Any:
    """Return what `url` answers: JSON decoded, other text as text, None when there is no answer or it is an error."""
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_S_MAX) as answer:  # noqa: S310 - our own listeners
            raw = answer.read()
    except OSError:
        return None
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return raw.decode(errors="replace")
