"""The last requests that were refused, for a person who sets up an SDK: the first mistake must be visible.

What was sent is not kept, and of a wrong key only its beginning: it may be the key of something else.
"""

import dataclasses

# Kinds of mistakes remembered; a program that tries a thousand paths pushes the oldest out.
KINDS_MAX, TEXT_CHARS_MAX, KEY_CHARS_MAX = 50, 120, 4


@dataclasses.dataclass(slots=True)
class RefusedRequests:
    """One kind of mistake, and when it was made last."""

    status: int
    #: What the sender was told.
    text: str
    method: str
    path: str
    #: The beginning of the key, if there was one.
    key: str
    #: Which program sent it, as it says itself.
    agent: str
    count: int = 0
    #: Seconds since 1970.
    last_at: float = 0.0


class Refusals:
    """Counts mistakes by their kind."""

    def __init__(self) -> None:
        self.kinds: dict[tuple[object, ...], RefusedRequests] = {}

    def note(self, status: int, text: str, *, method: str, path: str, key: str, agent: str, now: float) -> None:
        """Remember a refusal."""
        hint = f"{key[:KEY_CHARS_MAX]}…" if len(key) > KEY_CHARS_MAX else key
        kind = (
            status,
            text[:TEXT_CHARS_MAX],
            method[:TEXT_CHARS_MAX],
            path[:TEXT_CHARS_MAX],
            hint,
            agent[:TEXT_CHARS_MAX],
        )
        refused = self.kinds.pop(kind, None) or RefusedRequests(*kind)
        refused.count, refused.last_at = refused.count + 1, now
        self.kinds[kind] = refused
        if len(self.kinds) > KINDS_MAX:
            del self.kinds[next(iter(self.kinds))]

    def facts(self) -> list[dict[str, object]]:
        """Return what was refused, the newest first, as JSON values."""
        return [dataclasses.asdict(refused) for refused in reversed(self.kinds.values())]
