"""What stands beside a batch's calls and holds for each that has none of its own. Pure.

Segment's API documents `context` and `integrations` there, merged with those of each call; its SDKs send `sentAt`, and
some `context`; people who write their own clients name the person once. A `timestamp` there is the time of the flush
(RudderStack's Node SDK), never that of an event: it is not kept.
"""

from collections.abc import Mapping

import msgspec

NOTHING = msgspec.Raw(b"null")
# A call's own limit at Segment. An envelope is kept with every piece that a large batch is stored in.
ENVELOPE_BYTES_MAX = 32_768
#: Where each name counts for itself: what a call says of one does not take the others away.
MERGED = frozenset({"context", "integrations"})


class Envelope(msgspec.Struct, rename="camel", gc=False, omit_defaults=True):
    """The parts of a batch that its calls share, unread."""

    context: msgspec.Raw = NOTHING
    integrations: msgspec.Raw = NOTHING
    sent_at: msgspec.Raw = NOTHING
    anonymous_id: msgspec.Raw = NOTHING
    user_id: msgspec.Raw = NOTHING


def filled(call: Mapping[str, object], shared: object) -> dict[str, object]:
    """Return a call with what it shares with the others of its batch; what it says itself stands."""
    if not isinstance(shared, dict):
        return dict(call)
    given = {key: _both(key, value, call.get(key)) for key, value in shared.items()}
    return {**call, **given}


def _both(key: str, shared: object, own: object) -> object:
    if own is None or (isinstance(own, str) and not own.strip()):
        return shared
    return shared | own if key in MERGED and isinstance(shared, dict) and isinstance(own, dict) else own
