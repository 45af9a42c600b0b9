"""What the ledger decided about an event, as it is kept beside how the event ended: lists of texts, as JSON. Pure.

Each is the path of a call, a field, why, and the value that the ledger put there, where it put one.
"""

from collections.abc import Iterable, Sequence

import msgspec

_decode = msgspec.json.Decoder(list[list[str]]).decode
# In front of the value, in notes that have one.
WITHOUT_VALUE = 3


def as_kept(notes: Iterable[Sequence[str]]) -> str:
    """Return notes as they are kept; empty for none."""
    kept = [[*note[:WITHOUT_VALUE], *filter(None, note[WITHOUT_VALUE:])] for note in notes]
    return msgspec.json.encode(kept).decode() if kept else ""


def read(kept: str) -> list[tuple[str, str, str, str]]:
    """Return notes as path, field, why and value; none of what cannot be read."""
    try:
        found = _decode(kept) if kept else []
    except msgspec.DecodeError:
        return []
    return [(*note, *[""] * (WITHOUT_VALUE + 1 - len(note))) for note in found if len(note) >= WITHOUT_VALUE]  # type: ignore[misc]


def company_given(kept: str) -> str:
    """Return the company that an event got on its way out; empty for one that named its own, or has none."""
    return next((value for _, _, _, value in read(kept) if value), "") if kept else ""
