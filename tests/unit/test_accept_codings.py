"""How bodies are packed: what is named, what is not, and what nobody can unpack."""

import gzip
import json
import random
import zlib

import pytest
import zstandard

from accept_client import AUTH, Client
from penstock.accept import codings
from penstock.errors import SdkError
from penstock.event import in_one_go

EVENT = json.dumps({"userId": "ana", "event": "E"}).encode()
LARGE = b'{"userId":"ana","event":"E","x":"%b"}' % random.Random(1).randbytes(900_000).hex().encode()


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


def members(body: bytes) -> bytes:
    return gzip.compress(body[:9]) + gzip.compress(b"") + gzip.compress(body[9:])


def frames(body: bytes) -> bytes:
    return zstandard.compress(body[:9]) + zstandard.compress(body[9:])


@pytest.mark.parametrize("body", [EVENT, LARGE], ids=["small", "large"])
@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("gzip", gzip.compress),
        ("GZip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("gzip", members),
        ("gzip", lambda body: gzip.compress(body) + b"\0" * 512),
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
        ("zstd", zstandard.compress),
        ("zstd", frames),
        ("identity", bytes),
        ("", bytes),
        ("identity, gzip", gzip.compress),
        ("zstd, gzip", lambda body: gzip.compress(zstandard.compress(body))),
        # Some proxies pack, and some unpack, without saying so.
        (None, gzip.compress),
        ("identity", gzip.compress),
        ("gzip", bytes),
        ("deflate", bytes),
        ("zstd", bytes),
        ("br", bytes),
        (None, zlib.compress),
        (None, zstandard.compress),
        ("gzip", zlib.compress),
        ("deflate", gzip.compress),
        ("zstd", gzip.compress),
        # Some clients name a charset, or something else that is no coding.
        ("utf-8", bytes),
        ("UTF-8", gzip.compress),
        ("none", bytes),
        ("aws-chunked", bytes),
        ("application/json", bytes),
        ("gzip", lambda body: gzip.compress(gzip.compress(body))),
    ],
)
async def test_a_body_is_read_however_it_is_packed(coding, pack, body):
    client = Client()
    packed = pack(body)
    headers = AUTH | {"content-length": str(len(packed))} | ({} if coding is None else {"content-encoding": coding})

    answer = await client("POST", "/v1/track", packed, headers)

    assert (answer.status, [event.body for event in client.events]) == (200, [body])
    assert client.gateway.bodies.known.held_bytes == 0


@pytest.mark.parametrize(
    ("coding", "text"),
    [
        ("br", "content coding br is not supported: send gzip, deflate, zstd or none"),
        ("compress", "content coding compress is not supported: send gzip, deflate, zstd or none"),
        ("gzip, snappy", "content coding snappy is not supported: send gzip, deflate, zstd or none"),
        ("gzip, gzip, gzip", "more than 2 content codings are not supported"),
    ],
)
async def test_what_cannot_be_unpacked_is_refused_by_name(coding, text):
    client = Client()

    answer = await client("POST", "/v1/track", b"\x0b\x02\x80packed", AUTH | {"content-encoding": coding})

    assert (answer.status, answer.body) == (415, f"{text}\n".encode())
    assert client.gateway.bodies.known.held_bytes == 0


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", b"not packed"),
        ("gzip", gzip.compress(EVENT)[:-9]),
        ("deflate", b"\x78\x9cnot packed"),
        ("deflate", zlib.compress(EVENT)[:-5]),
        ("zstd", b"not packed"),
        ("zstd", zstandard.compress(EVENT)[:5]),
    ],
    # By number: gzip writes the time into what it packs, and every worker must call a test the same.
    ids=range(6),
)
async def test_a_corrupt_body_is_the_senders_fault(coding, body):
    client = Client()

    answer = await client("POST", "/v1/track", body, AUTH | {"content-encoding": coding})

    assert (answer.status, client.events) == (400, [])
    assert client.gateway.bodies.known.held_bytes == 0


@pytest.mark.parametrize(
    ("coding", "pack"),
    [("gzip", gzip.compress), (None, gzip.compress), ("deflate", zlib.compress), ("zstd", zstandard.compress)],
)
async def test_a_bomb_is_refused_after_its_bound(coding, pack):
    client = Client(body_bytes_max=600_000)
    headers = AUTH | ({} if coding is None else {"content-encoding": coding})

    answer = await client("POST", "/v1/track", pack(b"0" * 60_000_000), headers)

    assert answer.status == 413
    assert client.gateway.bodies.known.held_bytes == 0


def test_a_window_larger_than_every_reader_has_is_refused():
    far = zstandard.ZstdCompressor(compression_params=zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=1))
    packer = far.compressobj()
    body = packer.compress(EVENT) + packer.flush()
    steps = codings.unpacking(body, ["zstd"], bytes_max=1_000_000)

    with pytest.raises(SdkError, match="400 failed to uncompress"):
        in_one_go(steps)
