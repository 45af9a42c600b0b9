"""Work on large bodies in slices of a millisecond, so that others can be answered in between. Pure: it only pauses.

What a stranger sends is small on the wire and large in work: 8 kB of gzip are 4 MB of JSON, or 270 000 events.
"""

import re
from collections.abc import Generator, Iterator
from typing import TypeVar

import msgspec

from penstock.errors import SdkError

Result = TypeVar("Result")
#: Work with pauses: each `yield` is a moment at which something else may be done.
Slices = Generator[None, None, Result]

TOO_LARGE = SdkError(413, "request size exceeds max limit")
CORRUPT = SdkError(400, "failed to uncompress request body")
# SDKs keep their batches below 500 kB (Segment, RudderStack Go and Node) or far smaller. So much is read in one go, if
# there are not more events than take ten milliseconds.
PLAIN_BYTES_MAX, PLAIN_EVENTS_MAX = 524_288, 1_000
# Events of so much JSON are read in one go: at most 140 of the shortest, in half a millisecond.
SLICE_BYTES = 2_048
# Where an event of a list may end; what looks so inside of a text or of another object is found out by trying.
_ENDS = re.compile(rb"\}[ \t\n\r]*,")
_is_json = msgspec.json.Decoder(msgspec.Raw).decode


def lists_of(text: bytes) -> Iterator[bytes | None]:
    """Yield a JSON list as shorter lists with the same objects in their order, and None where a pause is due.

    An object larger than a slice comes alone. Only lists of objects are cut; another one comes in one piece.
    """
    start, wanted = 1, SLICE_BYTES
    while end := _ENDS.search(text, start + wanted):
        piece = b"[%b]" % text[start : end.start() + 1]
        try:
            _is_json(piece)
        except msgspec.DecodeError:
            # Cut in the middle of something. Twice as much is tried, so that all trying together stays in proportion.
            wanted *= 2
            yield None
        else:
            yield piece
            start, wanted = end.end(), SLICE_BYTES
    yield b"[%b" % text[start:]
