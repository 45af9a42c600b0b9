"""The attribute guard at work: reads Custify's attributes now and then, and looks at each new one before its first send."""

from collections.abc import Awaitable, Callable, Sequence

from penstock.clock import Clock
from penstock.convert.plan import Call
from penstock.deliver.answer import Accepted, Answer
from penstock.ledger.guard import READS, Attributes, Suspicion, attributes_of, read_attributes, suspicion, type_of

# How long Custify's list of attributes is believed; and how soon it is asked again when it gave no answer.
CACHED_S, ASK_AGAIN_S = 3_600.0, 60.0
# More attributes than any workspace can show; beyond, they are looked at again.
CLEARED_MAX = 10_000


Step = Callable[..., Awaitable[list[Suspicion]]]


def looked_at(new: Sequence[tuple[str, object]], known: Attributes, message_id: str) -> list[Suspicion]:
    """Return what is strange about new attributes, each looked at beside the known ones and those before it."""
    seen, found = Attributes(dict(known.types)), []
    for name, value in new:
        if strange := suspicion(name, value, seen, message_id=message_id):
            found.append(strange)
        else:
            seen.types.setdefault(name.partition(".")[2], type_of(value))
    return found


async def _at_once(function: Callable[..., list[Suspicion]], *args: object) -> list[Suspicion]:
    return function(*args)


class Watch:
    """What is known of one destination's attributes."""

    def __init__(self, *, clock: Clock) -> None:
        self.clock = clock
        #: By path of upserts: what Custify has, and until when that is believed.
        self.known: dict[str, tuple[Attributes, float]] = {}
        #: Attributes with their types that were looked at, and that a person approved.
        self.cleared: set[tuple[str, str]] = set()
        self.approved: frozenset[str] = frozenset()

    async def suspicions(
        self, calls: Sequence[Call], message_id: str, read: Callable[[str], Awaitable[Answer]], step: Step | None = None
    ) -> list[Suspicion]:
        """Return what is strange about the attributes of calls; each is looked at once, unless it stays strange.

        `step` does the looking, wherever it is done.
        """
        found = []
        for call in calls:
            new = [(name, value) for name, value in attributes_of(call) if not self._is_cleared(name, value)]
            if not new:
                continue
            known = await self._attributes(call.path, read)
            if known is None:
                continue
            strange = await (step or _at_once)(looked_at, new, known, message_id)
            found += strange
            named = {each.attribute for each in strange}
            for name, value in new:
                if name not in named:
                    self._clear(name, value)
                    # It will exist from now on: the next that nearly repeats it is seen.
                    known.types.setdefault(name.partition(".")[2], type_of(value))
        return found

    def heed(self, suspicions: Sequence[Suspicion]) -> None:
        """Say each only once: it was written down, and is sent all the same."""
        self.cleared |= {(strange.attribute, strange.type) for strange in suspicions}

    def _is_cleared(self, name: str, value: object) -> bool:
        return name in self.approved or (name, type_of(value)) in self.cleared

    def _clear(self, name: str, value: object) -> None:
        if len(self.cleared) >= CLEARED_MAX:
            self.cleared.clear()
        self.cleared.add((name, type_of(value)))

    async def _attributes(self, path: str, read: Callable[[str], Awaitable[Answer]]) -> Attributes | None:
        """Return Custify's attributes; None while it does not tell."""
        now = self.clock.now()
        known, until = self.known.get(path, (Attributes({}), 0.0))
        if now < until:
            return known if known.types else None
        answer = await read(READS[path])
        known = read_attributes(answer.text) if isinstance(answer, Accepted) else known
        self.known[path] = known, now + (CACHED_S if isinstance(answer, Accepted) else ASK_AGAIN_S)
        return known if known.types else None
