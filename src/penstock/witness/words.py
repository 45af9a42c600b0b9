"""What every engine refuses alike, before it is asked: a caller's mistakes, as ValueError."""

from penstock.witness.port import ID_CHARS_MAX, MESSAGE_BYTES_MAX, NAME_CHARS_MAX, PIECE_BYTES_MAX

TTL_S_MIN, TTL_S_MAX = 1.0, 3_600.0


def checked_name(name: str) -> str:
    """Return a name of a stream, lease, owner or snapshot."""
    if not (0 < len(name) <= NAME_CHARS_MAX and name.isprintable()):
        raise ValueError(f"a name has 1 to {NAME_CHARS_MAX} printable characters, not {name!r}")
    return name


def checked_id(message_id: str) -> str:
    """Return an id of a message: it travels in a header, so no spaces and nothing but ASCII."""
    plain = message_id.isascii() and message_id.isprintable() and " " not in message_id
    if not (0 < len(message_id) <= ID_CHARS_MAX and plain):
        raise ValueError(f"an id has 1 to {ID_CHARS_MAX} visible characters of ASCII, not {message_id!r}")
    return message_id


def checked_message(message: bytes) -> bytes:
    """Return a message that an engine can take."""
    if not 0 < len(message) <= MESSAGE_BYTES_MAX:
        raise ValueError(f"a message has 1 to {MESSAGE_BYTES_MAX} bytes, not {len(message)}")
    return message


def checked_piece(piece: bytes) -> bytes:
    """Return a piece of a snapshot."""
    if not 0 < len(piece) <= PIECE_BYTES_MAX:
        raise ValueError(f"a piece has 1 to {PIECE_BYTES_MAX} bytes, not {len(piece)}")
    return piece


def checked_ttl(ttl_s: float) -> float:
    """Return for how long a lease may be taken, in seconds."""
    if not (TTL_S_MIN <= ttl_s <= TTL_S_MAX and ttl_s == int(ttl_s)):
        raise ValueError(f"a lease lasts {TTL_S_MIN:g} to {TTL_S_MAX:g} whole seconds, not {ttl_s}")
    return ttl_s
