"""Two write keys of a source are taken while applications change over. Who says when each was used last must not say the keys."""

import hashlib

#: By its name in the settings: how people call it.
NAMES = {"write_key": "key", "old_write_key": "old key"}


def digest_of_key(write_key: str) -> str:
    """Return what a write key is known by in files that hold no secrets."""
    return hashlib.blake2s(write_key.encode(), digest_size=8, person=b"writekey").hexdigest()
