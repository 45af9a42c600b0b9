"""What stands in a stream: what a file's transaction changed, or what accept took; each message chained to those before it. Pure.

A chain goes over the digests of bodies: a body may be taken out, and the chain stands. Who follows reckons it too, so a stream
that was shortened, changed or made anew is noticed at the first message that does not fit.
"""

import enum
import hashlib

import msgspec

from penstock.errors import ViewOutdated, ViewRefused

DIGEST_BYTES = 16
#: Before the first message.
NO_CHAIN = b""


class What(enum.StrEnum):
    """What a message does to a view."""

    #: Rows of a file change: the body is a changeset of SQLite.
    CHANGES = "changes"
    #: Another node writes from here on; the body is its name.
    OWNER = "owner"
    #: Events were accepted: the body is parts of segments, see events.py.
    EVENTS = "events"
    #: Events below a number are removed at every node.
    PRUNED = "pruned"
    #: People are taken out at every node, and what is left of them between rows is overwritten. Of EVENTS the body is numbers of
    #: events (ErasedNumbers); elsewhere rows change, as by CHANGES.
    ERASED = "erased"
    #: Rows have the tables of this message's schema from here on: each view brings its file to it at this very place.
    SCHEMA = "schema"
    #: The stream was made of a file, which a snapshot of this number has; what came before counts no more. See moves.py.
    BEGUN = "begun"


class ViewPlace(msgspec.Struct, frozen=True, kw_only=True):
    """How far a view has come: the number of its last message, the chain up to that, and who wrote last."""

    number: int = 0
    chain: bytes = NO_CHAIN
    epoch: int = 0


class StreamMessage(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A message as it is appended."""

    what: What
    #: Of the file whose rows change: another schema may understand them otherwise.
    schema: int
    #: Of the lease of who wrote it; 0 where anybody may.
    epoch: int
    digest: bytes
    #: Empty where many append at once: no node knows what will stand before it, and every view reckons for itself.
    chain: bytes
    body: bytes
    #: By table: the last number that it gave. No changeset has these.
    sequences: dict[str, int] = {}

    @property
    def is_erased(self) -> bool:
        """Return whether the body was taken out, after snapshots had what it changed."""
        return not self.body and self.digest != digest_of(b"")


def message_of(what: What, body: bytes, *, schema: int, sequences: dict[str, int] | None = None) -> StreamMessage:
    """Return a message that anybody may append, wherever the stream ends."""
    return StreamMessage(
        what=what,
        schema=schema,
        epoch=0,
        digest=digest_of(body),
        chain=NO_CHAIN,
        body=body,
        sequences=sequences or {},
    )


def chained(message: StreamMessage, place: ViewPlace, *, epoch: int) -> StreamMessage:
    """Return a message as it stands behind a place, written by who holds the lease in an epoch."""
    owned = msgspec.structs.replace(message, epoch=epoch)
    return msgspec.structs.replace(owned, chain=chain_behind(place, owned))


def chain_behind(place: ViewPlace, message: StreamMessage) -> bytes:
    """Return the chain up to a message that follows a place."""
    said = msgspec.msgpack.encode([message.what, message.schema, message.epoch, message.digest, message.sequences])
    return digest_of(place.chain + said)


def place_behind(place: ViewPlace, message: StreamMessage, number: int) -> ViewPlace:
    """Return the place of a view once it has taken a message in."""
    return ViewPlace(
        number=number,
        chain=message.chain or chain_behind(place, message),
        epoch=max(place.epoch, message.epoch),
    )


def encoded(message: StreamMessage) -> bytes:
    """Return a message as it is appended."""
    return msgspec.msgpack.encode(message)


def read(stream: str, raw: bytes, *, number: int) -> StreamMessage:
    """Return a message of a stream. Raises ViewRefused for one that is none, or whose body is not what was appended."""
    try:
        message = msgspec.msgpack.decode(raw, type=StreamMessage)
    except msgspec.DecodeError as error:
        raise _refused(stream, number, "a message of Penstock", str(error)) from error
    if not message.is_erased and message.digest != digest_of(message.body):
        raise _refused(stream, number, "the message that was appended", "other bytes", hint=RESEED)
    return message


def check(
    stream: str, message: StreamMessage, place: ViewPlace, *, number: int, schema: int, known: int = 0, oldest: int = 0
) -> None:
    """Raise ViewRefused where a message does not follow a place, or is of another schema than the view's file.

    `known` is the newest that this Penstock knows: a newer one is ViewOutdated. Messages from `oldest` on can be taken in. Both are
    the file's, unless they are told.
    """
    known, oldest = known or schema, oldest or schema
    if message.schema > known:
        hint = "it was written by a newer Penstock: upgrade this node, and it follows again from here"
        raise ViewOutdated(f"{stream} {number}", expected=f"schema {known} or older", got=message.schema, hint=hint)
    is_step = message.what is What.SCHEMA and message.schema >= schema
    if not (oldest <= message.schema <= schema or is_step):
        hint = "an older Penstock wrote it: this node begins once a snapshot is there, or a node of its version has the lease"
        raise _refused(stream, number, f"schema {schema}", message.schema, hint=hint)
    if message.chain and message.chain != chain_behind(place, message):
        raise _refused(stream, number, "the message that follows what this node has seen", "another one", hint=RESEED)
    if message.epoch and message.epoch < place.epoch:
        raise _refused(stream, number, f"epoch {place.epoch} or later", message.epoch, hint=RESEED)


def digest_of(body: bytes) -> bytes:
    """Return what tells bytes from all others."""
    return hashlib.blake2b(body, digest_size=DIGEST_BYTES).digest()


RESEED = "the stream was shortened or changed: keep the files of all nodes, one of which has what it lacks"


def _refused(stream: str, number: int, expected: str, got: object, *, hint: str = "") -> ViewRefused:
    return ViewRefused(f"{stream} {number}", expected=expected, got=got, hint=hint)
