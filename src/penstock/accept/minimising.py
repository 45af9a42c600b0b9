"""What sources never store is taken out of their events. A second door to the log, for the sources that have rules.

Who is suppressed is looked for first: whoever is on the list by an e-mail address is known by it, also where it is not stored.
A source without rules does not come by here; of one with rules, most texts cost a search for the names that its rules end with.
"""

import asyncio
import collections
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import msgspec

from penstock.accept.sdk_request import UNREADABLE, call_in, company_of
from penstock.accept.slices import Slices
from penstock.accept.suppressing import Suppressing
from penstock.event import Batch, Head, NotedHead, in_one_go
from penstock.minimise.hashing import PURPOSE
from penstock.minimise.minimiser import NOTHING, Minimiser, Tallied
from penstock.minimise.notes import text_of
from penstock.settings import Source
from penstock.settings.check_minimise import minimiser_of

# What is gone through in one go; more is gone through with pauses.
AT_ONCE_BYTES_MAX = 16_384


class Minimising:
    """A log that keeps of each event what its source may store; see port.Log."""

    def __init__(self, door: Suppressing, derived: Callable[[bytes], bytes]) -> None:
        """`derived` returns a key for a purpose, from the secret key; it is asked when a source hashes. See settings/vault.py."""
        self.door, self._derived = door, derived
        self.by_source: Mapping[str, Minimiser] = {}

    def follow(self, sources: Mapping[str, Source]) -> None:
        """Go by the rules of these sources from now on. Raises SettingsError when values cannot be hashed."""
        self.by_source = {name: self._minimiser(source) for name, source in sources.items() if source.has_rules}

    def _minimiser(self, source: Source) -> Minimiser:
        return minimiser_of(source, key=self._derived(PURPOSE) if source.store_hashed else b"")

    def append(self, batches: Sequence[Batch]) -> Coroutine[Any, Any, int]:
        """Store of batches, which are all of one source, what it may store."""
        rules = self.by_source.get(batches[0].source)
        if rules is None:
            return self.door.append(batches)
        for batch in batches:
            if rules.may_concern(batch.text) or (batch.envelope and rules.may_concern(batch.envelope)):
                break
        else:
            # No coroutine of its own: that would cost more than the look.
            return self.door.append(batches)
        if self.door.people.dropped:
            batches = [self.door.kept_of(batch) for batch in batches]
        if sum(len(batch.text) for batch in batches) <= AT_ONCE_BYTES_MAX:
            return self.door.log.append([in_one_go(kept_of(batch, rules)) for batch in batches])
        return self._append_in_slices(batches, rules)

    async def _append_in_slices(self, batches: Sequence[Batch], rules: Minimiser) -> int:
        kept = []
        for batch in batches:
            steps = kept_of(batch, rules)
            while True:
                try:
                    next(steps)
                except StopIteration as end:
                    kept.append(end.value)
                    break
                await asyncio.sleep(0)
        return await self.door.log.append(kept)


def kept_of(batch: Batch, rules: Minimiser) -> Slices[Batch]:
    """Return what may be stored of a batch, with pauses."""
    shared: Tallied = collections.Counter()
    envelope = yield from rules.steps(batch.envelope, shared)
    heads, bodies, is_same = list[Head](), list[bytes](), envelope == batch.envelope
    for head, body in batch.pairs():
        counts, text = shared.copy(), bytes(body)
        kept = yield from rules.steps(text, counts)
        heads.append(_head(head, kept, counts, rules, is_same=kept is text))
        bodies.append(kept)
        is_same = is_same and kept is text
        yield
    # Where nothing was taken out, the text is what came.
    text = batch.text if is_same else bodies[0] if len(bodies) == 1 else b"[%b]" % b",".join(bodies)
    came = batch.received_at_ms
    return Batch(source=batch.source, received_at_ms=came, heads=heads, text=text, envelope=envelope)


def _head(head: Head, body: bytes, counts: Tallied, rules: Minimiser, *, is_same: bool) -> Head:
    """Return the head of an event as its body is now: without the address, and with the company that is still named."""
    address = rules.address(head.request_ip)
    if is_same and not counts and address == head.request_ip:
        return head
    company = head.company_id
    if company and not is_same:
        company = _company_of(body)
    fields = msgspec.structs.asdict(head) | {"request_ip": address, "company_id": company}
    note = text_of(counts)
    return NotedHead(**fields, minimised=note) if note else Head(**fields)


def _company_of(body: bytes) -> str:
    if body == NOTHING:
        return ""
    try:
        return company_of(call_in(body))
    except UNREADABLE:
        return ""
