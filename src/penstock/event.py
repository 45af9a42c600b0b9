"""The value that travels: one SDK call, stored exactly as it was accepted."""

import concurrent.futures
import functools
import json
import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import NewType, Protocol, TypeVar

import msgspec

from penstock.envelope import filled
from penstock.timestamps import from_ms, to_text

MessageId = NewType("MessageId", str)
Result = TypeVar("Result")

#: Types of events that say how things are, not what happened: those that follow one another may become one call.
UPSERTS = frozenset({"identify", "group"})

# An escape of JSON, a pair of surrogates at a time; the group is half of a pair, alone.
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
# What is looked at in one go: some milliseconds of work.
ESCAPES_OF_A_SLICE = 4_000
# Longer numbers are infinite, and Python reads none of more than 4 300 digits.
WHOLE_DIGITS_MAX = 400

#: The order an event belongs to, as a text such as "user:42", "anon:f3…" or "company:acme".
Lane = NewType("Lane", str)


class Head(msgspec.Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    """What accept reads of an event, as text; the events of a batch differ in it.

    The order of the fields is how they are stored: a new one comes last, with a default.
    """

    #: Chosen by the SDK, else by us; within one source the same id is stored once, however often it is sent.
    message_id: MessageId
    #: identify, track, group, page, screen, alias or whatever the sender wrote; the path's type wins over the body's.
    type: str
    #: `userId` as text, trimmed; empty when the event names none.
    user_id: str
    #: `anonymousId` as text, trimmed; empty when the event names none.
    anonymous_id: str
    #: The company a group call writes, as text; empty for every other call.
    company_id: str
    #: The sender's address, or the `request_ip` that the event brought itself, as far as its source stores it.
    request_ip: str


class NotedHead(Head, frozen=True, kw_only=True, gc=False, array_like=True):
    """A head with a note; most events have none, and are stored without the place for it."""

    #: What was removed before it was stored, and later, by which rule: a line a rule. See minimise/notes.py.
    minimised: str = ""


class Event(NotedHead, frozen=True, kw_only=True, gc=False, array_like=False):
    """One SDK call. `body` is what came; the other fields stand beside it and never change it."""

    #: Name of the source whose write key the request carried.
    source: str
    #: When the request came, in milliseconds since 1970, UTC.
    received_at_ms: int
    #: The call's JSON, byte for byte as it came, so that a corrected mapping can be applied later.
    body: bytes
    #: What the event shares with the others of its batch, as JSON; empty when it came alone or shares nothing.
    envelope: bytes = b""
    #: Of a visitor's event at a destination: the lane of the person the visitor became; not part of what is stored.
    became: str = ""


class Named(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The person and companies an event is about, as a destination reads it; its lanes are named after that."""

    #: The person, by id and by e-mail address; empty for what the event does not say.
    user_id: str = ""
    email: str = ""
    #: The lane of the visitor: by the anonymous id, and of the person by that name where the destination makes one.
    visitor: str = ""
    #: The companies that the event writes.
    companies: tuple[str, ...] = ()


class Naming(Protocol):
    """How a destination reads who an event is about."""

    @property
    def key(self) -> str:
        """Return a text that is another one whenever the same event may be about another person."""

    def __call__(self, event: Event) -> Named:
        """Return who an event is about. Never raises."""


class Batch(msgspec.Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    """The events of one request, together as they came; stored so, and taken apart when one of them is asked for.

    The order of the fields is how it is stored: a new one comes last, with a default.
    """

    source: str
    received_at_ms: int
    #: One for each event, in their order; never empty.
    heads: Sequence[Head]
    #: The body of the one event; of several, the JSON list that they came in.
    text: bytes
    #: What stood beside the events and holds for each without its own, as JSON; see envelope.py. Mostly empty.
    envelope: bytes = b""

    @classmethod
    def of(cls, *events: Event) -> "Batch":
        """Return events of one request as a batch; one at least."""
        heads = [own_head(event) for event in events]
        bodies = [event.body for event in events]
        text = bodies[0] if len(events) == 1 else b"[%b]" % b",".join(bodies)
        first = events[0]
        return cls(
            source=first.source,
            received_at_ms=first.received_at_ms,
            heads=heads,
            text=text,
            envelope=first.envelope,
        )

    def events(self) -> list[Event]:
        """Return the events. Raises ValueError and msgspec.DecodeError when heads and text do not fit together."""
        return [self.event(head, body) for head, body in self.pairs()]

    def pairs(self) -> Iterator[tuple[Head, bytes | msgspec.Raw]]:
        """Return the parts of each event. Raises ValueError and msgspec.DecodeError, as `events` does."""
        return zip(self.heads, self.bodies(), strict=True)

    def cut(
        self, pairs: Iterable[tuple[Head, bytes | msgspec.Raw]], *, events_max: int, bytes_max: int
    ) -> Iterator["Batch"]:
        """Yield some of its events as smaller batches; one larger than `bytes_max` comes alone."""
        heads, bodies, size_bytes = list[Head](), list[bytes | msgspec.Raw](), 0
        for head, body in pairs:
            size_bytes += len(body) + 1
            if heads and (len(heads) == events_max or size_bytes > bytes_max):
                yield self._with(heads, bodies)
                heads, bodies, size_bytes = [], [], len(body) + 1
            heads.append(head)
            bodies.append(body)
        if heads:
            yield self._with(heads, bodies)

    def _with(self, heads: list[Head], bodies: Sequence[bytes | msgspec.Raw]) -> "Batch":
        text = bytes(bodies[0]) if len(heads) == 1 else b"[%b]" % b",".join(bodies)
        return Batch(
            source=self.source, received_at_ms=self.received_at_ms, heads=heads, text=text, envelope=self.envelope
        )

    def bodies(self) -> Sequence[bytes | msgspec.Raw]:
        """Return the JSON of each event. Raises msgspec.DecodeError."""
        return [self.text] if len(self.heads) == 1 else items_of(self.text)

    def event(self, head: Head, body: bytes | msgspec.Raw) -> Event:
        """Return one event, given its own parts."""
        return Event(
            source=self.source,
            message_id=head.message_id,
            type=head.type,
            user_id=head.user_id,
            anonymous_id=head.anonymous_id,
            company_id=head.company_id,
            received_at_ms=self.received_at_ms,
            request_ip=head.request_ip,
            minimised=getattr(head, "minimised", ""),
            body=bytes(body),
            envelope=self.envelope,
        )


class StoredBatch(Batch, frozen=True, kw_only=True, gc=False, array_like=True):
    """A batch as it is read from the store, where some heads have a note."""

    heads: Sequence[NotedHead]


def own_head(event: Event) -> Head:
    """Return the head of an event, with its note if it has one."""
    kind = NotedHead if event.minimised else Head
    return kind(**{field: getattr(event, field) for field in kind.__struct_fields__})


_raws_of = msgspec.json.Decoder(list[msgspec.Raw]).decode


def items_of(text: bytes | msgspec.Raw) -> Sequence[bytes | msgspec.Raw]:
    """Return the JSON of each item of a JSON list, byte for byte. Raises msgspec.DecodeError."""
    try:
        return _raws_of(text)
    except RecursionError:
        # How deep JSON may be nested depends on how deep the caller is; what accept could read, every process must. No
        # caller is less deep than a thread that has just begun.
        with concurrent.futures.ThreadPoolExecutor(1) as fresh:
            return fresh.submit(_raws_of, text).result()


def enriched(event: Event, *, alone: bool = False) -> dict[str, object]:
    """Return the call as a mapping reads it: the body, with what accept knew. Never raises.

    What the batch says for all its calls is filled in, unless the call is to be read `alone`. Its times stay as they came:
    what they mean is each mapping's own reading of them, and of `receivedAt`, which is ours.
    """
    body = _decoded(event.body)
    call: dict[str, object] = body if isinstance(body, dict) else {}
    if event.envelope and not alone:
        call = filled(call, _decoded(event.envelope))
    if event.became and not alone:
        call = _by_name(call, event.became)
    return call | {
        "type": event.type,
        "messageId": event.message_id,
        "request_ip": event.request_ip,
        "receivedAt": _arrived(event.received_at_ms),
    }


@functools.lru_cache(maxsize=64)
def _arrived(received_at_ms: int) -> str:
    """Return when a request came, as text: its events ask one after the other, and at each destination."""
    return to_text(from_ms(received_at_ms))


def as_became(event: Event, became: str) -> Event:
    """Return a visitor's event as that of the person the visitor became; any other as it is."""
    return msgspec.structs.replace(event, became=became) if became else event


def _by_name(call: dict[str, object], became: str) -> dict[str, object]:
    """Return a visitor's call as one of the person the visitor became."""
    kind, _, id_ = became.partition(":")
    if kind == "user":
        return call | {"userId": id_}
    traits = call.get("traits")
    return call | {"traits": {**(traits if isinstance(traits, dict) else {}), "email": id_}}


def mended(body: bytes) -> bytes:
    """Replace what is not valid Unicode. SDKs cut texts in the middle of a character; the event is still an event."""
    return in_one_go(mending(body))


def mending(body: bytes) -> Generator[None, None, bytes]:
    """Do what `mended` does, with a pause after every few milliseconds."""
    text = body.decode("utf-8", errors="replace")
    if "\\ud" not in text and "\\uD" not in text:
        return text.encode()
    pieces, end = [], 0
    for number, escape in enumerate(_ESCAPE.finditer(text), 1):
        if escape[1]:
            pieces += [text[end : escape.start()], "\\ufffd"]
            end = escape.end()
        if not number % ESCAPES_OF_A_SLICE:
            yield
    return "".join([*pieces, text[end:]]).encode()


def in_one_go(work: Generator[None, None, Result]) -> Result:
    """Return what work in slices comes to, without a pause."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: Result = end.value
            return result


def value_of(text: bytes) -> object:
    """Read JSON. A number that is too large for one is infinite, as in JavaScript. Raises msgspec.DecodeError."""
    try:
        return msgspec.json.decode(text)
    except msgspec.ValidationError:
        try:
            return json.loads(text, parse_int=_whole)
        except ValueError as error:
            raise msgspec.DecodeError(str(error)) from error


def _whole(digits: str) -> float:
    return int(digits) if len(digits) < WHOLE_DIGITS_MAX else float(digits)


def _decoded(body: bytes) -> object:
    for read in (bytes, mended):
        try:
            return value_of(read(body))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
    return None
