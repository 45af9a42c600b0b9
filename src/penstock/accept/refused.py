"""The last requests that were refused, for a person who sets up an SDK: the first mistake must be visible.

What was sent is not kept, and of a wrong key only its beginning: it may be the key of something else.
"""

import dataclasses
import re
from collections.abc import Callable

# Kinds of mistakes remembered; a program that tries a thousand paths pushes the oldest out.
KINDS_MAX, TEXT_CHARS_MAX, KEY_CHARS_MAX = 50, 120, 4
#: Stands in the place of what names a person who is suppressed, such as a path.
SUPPRESSED = "[suppressed]"
ENDS_OF_WORDS = re.compile(r"[/\s?&=]")


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

    def __init__(self, names_suppressed: Callable[[str], bool] = lambda _: False) -> None:
        """`names_suppressed` tells whether a text names a person who is suppressed."""
        self.names_suppressed = names_suppressed
        self.kinds: dict[tuple[object, ...], RefusedRequests] = {}

    def note(self, status: int, text: str, *, method: str, path: str, key: str, agent: str, now: float) -> None:
        """Remember a refusal."""
        hint = f"{key[:KEY_CHARS_MAX]}…" if len(key) > KEY_CHARS_MAX else key
        kind = (status, _cut(text), method[:TEXT_CHARS_MAX], _cut(path), hint, _cut(agent))
        if kind not in self.kinds:
            kind = (status, self._kept(text), kind[2], self._kept(path), hint, self._kept(agent))
        self._put(RefusedRequests(*kind, count=1, last_at=now))
        if len(self.kinds) > KINDS_MAX:
            del self.kinds[next(iter(self.kinds))]

    def forget_suppressed(self) -> None:
        """Forget what names people who have come to be suppressed."""
        before, self.kinds = self.kinds, {}
        for each in before.values():
            text, path, agent = map(self._kept, (each.text, each.path, each.agent))
            self._put(dataclasses.replace(each, text=text, path=path, agent=agent))

    def _put(self, refused: RefusedRequests) -> None:
        kind = (refused.status, refused.text, refused.method, refused.path, refused.key, refused.agent)
        known = self.kinds.pop(kind, None)
        self.kinds[kind] = dataclasses.replace(refused, count=refused.count + known.count) if known else refused

    def _kept(self, text: str) -> str:
        return SUPPRESSED if self.names_suppressed(text) else _cut(text)

    def facts(self) -> list[dict[str, object]]:
        """Return what was refused, the newest first, as JSON values."""
        return [dataclasses.asdict(refused) for refused in reversed(self.kinds.values())]


def _cut(text: str) -> str:
    """Return the beginning of a text, without a word that is there in part: a part of a name could not be found."""
    if len(text) <= TEXT_CHARS_MAX:
        return text
    ends = [match.end() for match in ENDS_OF_WORDS.finditer(text[:TEXT_CHARS_MAX])]
    return f"{text[: ends[-1] if ends else 0]}…"
