"""What the nodes of a cluster say of themselves, now and then, in one small stream that each of them reads.

Who says nothing any more is on it for as long as it may be missed. A long stream is begun again with the newest word of each.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from penstock.witness.port import NotAppended, Span, Streams

STREAM = "NODES"
# So many words, and the stream is begun again; who was not heard of for a week is not missed any more.
WORDS_KEPT, MISSED_S = 500, 7 * 86_400.0


class NodeWord(msgspec.Struct, frozen=True, kw_only=True):
    """What one process of a node said of it, at a time of its own clock."""

    node: str
    role: str
    at: float
    version: str = ""
    #: What tells the secret keys of its file, in their order, from others.
    secret_keys: Sequence[str] = ()
    #: By file: the schema that this version writes and understands.
    schemas: Mapping[str, int] = {}
    #: By stream: how far its file has come.
    places: Mapping[str, int] = {}


def newest_words(words: Iterable[NodeWord]) -> Sequence[NodeWord]:
    """Return the last word of each process of each node, in the order of their names. Pure."""
    found = dict[tuple[str, str], NodeWord]()
    for word in words:
        known = found.get((word.node, word.role))
        if known is None or known.at <= word.at:
            found[word.node, word.role] = word
    return [found[key] for key in sorted(found)]


class NodeBoard:
    """The stream, as one process reads and writes it."""

    def __init__(self, streams: Streams) -> None:
        self.streams = streams
        self.number, self.words = -1, list[NodeWord]()

    async def say(self, word: NodeWord) -> None:
        """Let the others know. Raises WitnessUnreachable, BufferUnavailable."""
        await self.streams.append(STREAM, msgspec.msgpack.encode([word]), expected=None, id=secrets.token_hex(16))

    async def look(self) -> Sequence[NodeWord]:
        """Return the last word of each process of each node. Raises WitnessUnreachable."""
        if self.number < 0:
            self.number = (await self.streams.span(STREAM)).pruned
        while found := await self.streams.read(STREAM, after=self.number):
            if isinstance(found, Span):
                # What was before is said again in what follows, or the stream was made anew.
                self.number = found.pruned
                continue
            for entry in found:
                self.number = entry.number
                self.words += msgspec.msgpack.decode(entry.message, type=list[NodeWord])
        self.words = list(newest_words(self.words))
        return self.words

    async def shorten(self) -> None:
        """Begin a long stream again, unless another node says something meanwhile. Raises WitnessUnreachable, BufferUnavailable."""
        span = await self.streams.span(STREAM)
        if span.last - span.pruned < WORDS_KEPT:
            return
        words = await self.look()
        newest = max((word.at for word in words), default=0.0)
        kept = [word for word in words if newest - word.at < MISSED_S]
        last, said = self.number, msgspec.msgpack.encode(kept)
        number = await self.streams.append(STREAM, said, expected=last, id=secrets.token_hex(16))
        if not isinstance(number, NotAppended):
            self.words = list(kept)
            await self.streams.prune(STREAM, through=last)
