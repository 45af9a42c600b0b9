"""Unpacks bodies: gzip, deflate and zstd, in slices and never to more than a bound. Pure: it only pauses.

What a body says of itself beats what stands above it: gzip, zlib and zstd are known by their first bytes, and a body that is
JSON already is taken as it is, for proxies unpack without saying so, and some clients name a charset where a coding belongs.
"""

import codecs
import io
import zlib

import zstandard

from penstock.accept.slices import CORRUPT, PLAIN_BYTES_MAX, TOO_LARGE, Slices
from penstock.errors import SdkError

#: How gzip and zstd begin.
GZIP_MAGIC, ZSTD_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
# With the window that everybody uses, at each of its levels.
ZLIB_MAGIC = frozenset({b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"})
GZIP, ZLIB, RAW_DEFLATE = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
# Only a proxy packs once more what the SDK has packed.
CODINGS_MAX = 2
# RFC 8878 asks of every reader to take windows of 8 MB, and of no writer to use larger ones.
WINDOW_BYTES_MAX = 8 * 1024 * 1024
_NAMES = {"gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate", "zstd": "zstd", "identity": ""}
# What may stand before JSON; none of the codings begins so.
_BEFORE_JSON = codecs.BOM_UTF8 + b" \t\r\n"


def coding_of(body: bytes) -> str:
    """Return the coding that a body itself shows to be in; empty for JSON, and for what shows nothing."""
    if body[:2] == GZIP_MAGIC:
        return "gzip"
    if body[:4] == ZSTD_MAGIC:
        return "zstd"
    return "deflate" if body[:2] in ZLIB_MAGIC else ""


def codings_of(header: str, body: bytes) -> list[str]:
    """Return the codings of a Content-Encoding header, the last that was applied first. Raises SdkError (415) by name."""
    if is_json(body):
        return []
    named = [name for each in header.split(",") if (name := each.strip().lower())]
    shown = coding_of(body)
    for name in named:
        if name not in _NAMES:
            if shown:
                return [shown]
            raise SdkError(415, f"content coding {name[:20]} is not supported: send gzip, deflate, zstd or none")
    if len(named) > CODINGS_MAX:
        raise SdkError(415, f"more than {CODINGS_MAX} content codings are not supported")
    return [_NAMES[name] for name in reversed(named) if _NAMES[name]]


def is_json(body: bytes) -> bool:
    """Return whether a body begins as a JSON object does."""
    return body[:1] == b"{" or body[:16].lstrip(_BEFORE_JSON)[:1] == b"{"


def unpacking(body: bytes, codings: list[str], *, bytes_max: int) -> Slices[bytes]:
    """Unpack a body. Raises SdkError when it is corrupt, or larger than `bytes_max` at any step."""
    for named in codings:
        coding = coding_of(body) or named
        if is_json(body):
            break
        if coding == "zstd":
            body = yield from _unzstd(body, bytes_max=bytes_max)
        elif coding == "gzip" and body[:2] == GZIP_MAGIC:
            body = yield from _inflating(body, GZIP, bytes_max=bytes_max)
        elif coding == "deflate":
            body = yield from _inflating(body, ZLIB if _has_zlib_header(body) else RAW_DEFLATE, bytes_max=bytes_max)
        else:
            raise CORRUPT.again()
    return body


def _has_zlib_header(body: bytes) -> bool:
    """Return whether deflate was packed as its RFC has it; some senders send it bare."""
    return len(body) > 1 and body[0] & 0x0F == zlib.DEFLATED and not (body[0] << 8 | body[1]) % 31


def _inflating(body: bytes, window: int, *, bytes_max: int) -> Slices[bytes]:
    """Unpack what zlib can; of gzip all members. What follows the last one, padding mostly, is left, as gzip(1) does."""
    inflater, pieces, size = zlib.decompressobj(window), list[bytes](), 0
    while True:
        try:
            piece = inflater.decompress(body, PLAIN_BYTES_MAX)
        except zlib.error as error:
            raise CORRUPT.again() from error
        pieces.append(piece)
        size, body = size + len(piece), inflater.unconsumed_tail
        if size > bytes_max:
            raise TOO_LARGE.again()
        if inflater.eof:
            body = inflater.unused_data
            if window != GZIP or body[:2] != GZIP_MAGIC:
                return b"".join(pieces) if len(pieces) > 1 else piece
            inflater = zlib.decompressobj(window)
        elif len(piece) < PLAIN_BYTES_MAX:
            # There was room for more, and nothing more came.
            raise CORRUPT.again()
        yield


def _unzstd(body: bytes, *, bytes_max: int) -> Slices[bytes]:
    # A window is memory: it is made when it is this body's turn, so that only one is there at a time.
    yield
    pieces, size = list[bytes](), 0
    unpacker = zstandard.ZstdDecompressor(max_window_size=WINDOW_BYTES_MAX)
    with unpacker.stream_reader(io.BytesIO(body), read_across_frames=True) as reader:
        while True:
            try:
                piece = reader.read(PLAIN_BYTES_MAX)
            except zstandard.ZstdError as error:
                raise CORRUPT.again() from error
            if not piece:
                return b"".join(pieces)
            pieces.append(piece)
            size += len(piece)
            if size > bytes_max:
                raise TOO_LARGE.again()
            yield
