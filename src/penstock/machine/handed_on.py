"""What a process leaves in memory for the one that the supervisor starts after it; no disk ever sees it, for it holds secrets.

The supervisor makes a piece of memory for each role, and every process of that role inherits it, open.
"""

import hashlib
import os
from collections.abc import Mapping
from typing import Any

import msgspec

#: In a process's environment: where it finds what was left. None of the settings, so not named like one.
VARIABLE = "_PENSTOCK_HANDED_ON"
DIGEST_BYTES = 32


def piece_of_memory() -> int | None:
    """Return a file in memory alone, as its descriptor; None on a system that has none: then nothing is left."""
    return os.memfd_create("penstock") if hasattr(os, "memfd_create") else None


class HandedOn:
    """The end of one process: reads what the one before it left, and leaves its own."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        text = environ.get(VARIABLE, "")
        self.descriptor = int(text) if text else None
        self.left = b""

    def read(self) -> dict[str, Any]:
        """Return what was left; {} when that is nothing, or was left half."""
        if self.descriptor is None:
            return {}
        raw = os.pread(self.descriptor, os.fstat(self.descriptor).st_size, 0)
        digest, facts = raw[:DIGEST_BYTES], raw[DIGEST_BYTES:]
        if digest != hashlib.sha256(facts).digest():
            return {}
        return dict(msgspec.msgpack.decode(facts))

    def leave(self, facts: Mapping[str, Any]) -> None:
        """Leave this instead of what was left before. A process killed meanwhile leaves nothing."""
        raw = msgspec.msgpack.encode(facts)
        if self.descriptor is None or raw == self.left:
            return
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, hashlib.sha256(raw).digest() + raw, 0)
        self.left = raw
