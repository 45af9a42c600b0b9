"""Events of people who are suppressed: nothing is kept of them but that they came. Stands between the gateway and the log.

With an empty list a batch costs one look at an empty table, else a look-up for each id of each event. An e-mail address stands in
bodies alone, which accept does not read: of those only texts around an @ are looked at, and only while a person is suppressed by e-mail;
and ids that stand among traits.
What may be on the list is read as a whole, and decided by identity.py.
"""

import asyncio
import re
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any, TypeVar

from penstock.buffer.port.log import Log
from penstock.event import Batch, Event, Head, own_head
from penstock.identity import (
    COMPANY,
    EMAIL,
    ID_CHARS_MAX,
    NOTHING_LEFT,
    SUPPRESSED,
    USER,
    VISITOR,
    id_of_number,
    left_of,
    name_of,
    names_in,
    names_quoted,
    names_shared,
    without_person,
)
from penstock.placeholders import PLACEHOLDER_IDS
from penstock.privacy.suppressed import KNOWN_MAX, SuppressedList

Text = TypeVar("Text", str, bytes)

AT, ESCAPE, ESCAPED_AT, QUOTE = b"@", b"\\", b"u0040", b'"'
# An address is shorter; what stands between quotes around an @ and is longer is a text.
EMAIL_BYTES_MAX = 640
# A call may name its person beside its own ids: who was renamed, and among traits. A letter of a name may be escaped.
# Ends of names, for so few bytes are found in a fraction of the time; all names of ids end with d.
TRAITS, PREVIOUS, ESCAPED_LETTER = b'aits"', b"iousI", re.compile(rb"\\u00[2-7]")
IDS_BESIDE = re.compile(rb'd"\s*:\s*(?:"([^"\\]*["\\])|(-?\d[\d.eE+-]*))')
BEGIN, END = b"{", b"}"
#: Calls of which more than the ids has to be looked at: a group names a company.
NAMES_ALWAYS = frozenset({"alias", "group"})


class Suppressing:
    """A log that keeps nothing of people who are suppressed; see port.Log."""

    def __init__(self, log: Log, people: SuppressedList, *, placeholders: Sequence[str] = PLACEHOLDER_IDS) -> None:
        """`placeholders` are the ids that are none, of the settings."""
        self.log, self.people, self.placeholders = log, people, _with_known(placeholders)
        self._forget()

    def go_by(self, placeholders: Sequence[str]) -> None:
        """Take other ids for none from now on."""
        if (placeholders := _with_known(placeholders)) != self.placeholders:
            self.placeholders = placeholders
            self._forget()

    def _forget(self) -> None:
        #: Ids, and texts around an @, that were looked up on the list as it is and are not on it.
        self.clean_users, self.clean_visitors, self.clean_texts = {""}, {""}, set[bytes]()
        #: The same, of ids as they stand among traits.
        self.clean_ids = set[bytes]()

    def append(self, batches: Sequence[Batch]) -> Coroutine[Any, Any, int]:
        """Store batches, and of suppressed people's events that they came."""
        # No coroutine of its own: one more for each request would cost more than the look at its ids.
        return self.log.append([self.kept_of(batch) for batch in batches] if self.people.dropped else batches)

    async def follow(self) -> int:
        """Learn who was suppressed since the last look. Raises SettingsError when the list cannot be read."""
        if self.people.is_changed():
            await asyncio.to_thread(self.people.look)
            self._forget()
        return 0

    def names_suppressed(self, text: str) -> bool:
        """Return whether a word of a text is a name on the list."""
        return bool(self.people.dropped) and any(map(self.people.has, names_quoted(text)))

    def kept_of(self, batch: Batch) -> Batch:
        """Return what may be stored of a batch; mostly all of it, as it came."""
        heads, text = batch.heads, batch.text
        if not (self._may_be_alone(heads[0], batch) if len(heads) == 1 else self._may_be_named(batch)):
            # A single byte is found in a fraction of the time that a word takes.
            has_at = AT in text or ESCAPE in text or batch.envelope
            has_email = has_at and "email" in self.people.dropped and self._may_have_email(batch)
            if not (
                has_email or self._may_name_beside(text) or (batch.envelope and self._may_name_beside(batch.envelope))
            ):
                return batch
        events = batch.events()
        is_gone = [any(map(self.people.has, names_in(event, self.placeholders))) for event in events]
        if not any(is_gone):
            return batch
        heads = [self._head(batch.source, event, is_gone=gone) for event, gone in zip(events, is_gone, strict=True)]
        bodies = [NOTHING_LEFT if gone else event.body for event, gone in zip(events, is_gone, strict=True)]
        return Batch(
            source=batch.source,
            received_at_ms=batch.received_at_ms,
            heads=heads,
            text=bodies[0] if len(bodies) == 1 else b"[%b]" % b",".join(bodies),
            envelope=b"" if all(is_gone) else self._envelope(batch),
        )

    def _may_be_alone(self, head: Head, batch: Batch) -> bool:
        """Return the same as `_may_be_named`, of an event that came alone, as most do."""
        user_id, type_ = head.user_id, head.type
        if user_id in self.clean_users and head.anonymous_id in self.clean_visitors and type_ not in NAMES_ALWAYS:
            return False
        return self._may_be_named(batch)

    def _may_be_named(self, batch: Batch) -> bool:
        """Return whether a head names a person on the list, or a body may that names people otherwise."""
        heads = batch.heads
        user_ids, visitors = [head.user_id for head in heads], [head.anonymous_id for head in heads]
        if not self.clean_users.issuperset(user_ids) and any(map(self._is_user, user_ids)):
            return True
        if not self.clean_visitors.issuperset(visitors) and any(map(self._is_visitor, visitors)):
            return True
        if "alias" in [head.type for head in heads]:
            return True
        is_company = "company" in self.people.dropped
        return is_company and any(self.people.has(COMPANY + head.company_id) for head in heads if head.company_id)

    def _is_user(self, user_id: str) -> bool:
        """Return whether a user id is on the list, also as an address; one that is not is known from then on."""
        if user_id in self.clean_users:
            return False
        if self._has(USER, user_id) or ("@" in user_id and self.people.has(name_of(EMAIL, user_id))):
            return True
        _remember(self.clean_users, user_id)
        return False

    def _may_name_beside(self, text: bytes) -> bool:
        """Return whether a text may name a person on the list beside the ids of its calls."""
        if ESCAPE in text and ESCAPED_LETTER.search(text):
            return True
        if PREVIOUS in text:
            return self._may_have_id(text)
        at = text.find(TRAITS)
        while at >= 0:
            end = text.find(END, at)
            part = text[at:end]
            # A brace within a text, or an object within the traits, is not where they end.
            if part.count(BEGIN) != 1 or not part.count(QUOTE) % 2 or ESCAPE in part:
                return self._may_have_id(text[at:])
            if self._may_have_id(part):
                return True
            at = text.find(TRAITS, end)
        return False

    def _may_have_id(self, text: bytes) -> bool:
        for quoted, number in IDS_BESIDE.findall(text):
            if quoted not in self.clean_ids and self._is_beside(quoted, number):
                return True
        return False

    def _is_beside(self, quoted: bytes, number: bytes) -> bool:
        if quoted.endswith(ESCAPE):
            return True
        id_ = (quoted[:-1] or number).decode(errors="replace").strip()[:ID_CHARS_MAX]
        if self._has(USER, id_) or self._has(VISITOR, id_):
            return True
        if quoted:
            _remember(self.clean_ids, quoted)
        return False

    def _is_visitor(self, anonymous_id: str) -> bool:
        if anonymous_id in self.clean_visitors:
            return False
        if self._has(VISITOR, anonymous_id):
            return True
        _remember(self.clean_visitors, anonymous_id)
        return False

    def _has(self, kind: str, id_: str) -> bool:
        """Return whether an id is on the list, also one that was written as a number such as 101.0."""
        return self.people.has(kind + id_) or ((other := id_of_number(id_)) != "" and self.people.has(kind + other))

    def _may_have_email(self, batch: Batch) -> bool:
        return any(map(self._may_be_in, (batch.text, batch.envelope)))

    def _may_be_in(self, text: bytes) -> bool:
        """Return whether a text may hold the address of a person on the list."""
        if ESCAPE in text and ESCAPED_AT in text:
            return True
        clean = self.clean_texts
        return any(self._is_email(each) for each in _around_at(text) if each not in clean)

    def _is_email(self, text: bytes) -> bool:
        if self.people.has(name_of(EMAIL, text.decode(errors="replace"))):
            return True
        _remember(self.clean_texts, text)
        return False

    def _head(self, source: str, event: Event, *, is_gone: bool) -> Head:
        if not is_gone:
            return own_head(event)
        # An event that is sent again is known by it; whose it was, it does not tell.
        return left_of(
            event, type_=SUPPRESSED, message_id=self.people.digest_of(f"message:{source}:{event.message_id}")
        )

    def _envelope(self, batch: Batch) -> bytes:
        """Return what the events of a batch share, without the person it is about, if that one is suppressed."""
        is_named = batch.envelope and any(map(self.people.has, names_shared(batch.envelope, self.placeholders)))
        return without_person(batch.envelope) if is_named else batch.envelope


def _with_known(placeholders: Sequence[str]) -> Sequence[str]:
    """Return placeholders with those that are so by default, which tie no people together wherever people are looked for."""
    more = sorted({*placeholders} - {*PLACEHOLDER_IDS})
    return (*PLACEHOLDER_IDS, *more) if more else PLACEHOLDER_IDS


def _around_at(text: bytes) -> Iterator[bytes]:
    """Yield the strings of a JSON text in which an @ stands."""
    at = text.find(AT)
    while at >= 0:
        start, end = text.rfind(QUOTE, 0, at), text.find(QUOTE, at)
        if start >= 0 and 0 < end - start <= EMAIL_BYTES_MAX:
            yield text[start + 1 : end]
        at = text.find(AT, max(at + 1, end))


def _remember(clean: set[Text], text: Text) -> None:
    if len(clean) >= KNOWN_MAX:
        clean.clear()
    clean.add(text)
