"""What a source may say of people it cannot prove to be. Pure.

The write key of a web page or an app is public: with it any person may be named. So a source may be believed less than
others: its events are kept as they came, and of their calls only what it may write is sent. See decision 0016.
"""

from penstock import causes
from penstock.destinations.custify.calls import CustifyCall
from penstock.destinations.custify.options import Mapping
from penstock.destinations.plan import Call, Filtered, Meaning, Plan

#: Fields of a person that may be named among the trusted traits. All others say who a person is, where they belong, or what
#: they consented to, and are never taken from such a source.
FIELDS = frozenset({"name", "phone", "session_count"})
#: What an event of a person may say; not another person's e-mail, nor which company it counts for.
EVENT_FIELDS = frozenset({"user_id", "name", "created_at", "deduplication_id", "metadata"})
NOTHING_LEFT = "its source may not write what this event says"


def believed(meaning: Meaning, mapping: Mapping) -> Meaning:
    """Return of a meaning what its source may write."""
    if mapping.trust == "trusted" or not isinstance(meaning, Plan):
        return meaning
    calls = tuple(left for call in meaning.calls if (left := _believed_call(call, mapping)))
    return Plan(calls) if calls else Filtered(NOTHING_LEFT, causes.SOURCE_TRUST)


def _believed_call(call: Call, mapping: Mapping) -> Call | None:
    body = call.body
    # An e-mail address names a person too, but one that anybody may know.
    if call.path == "/company" or body.get("user_id") in {None, ""}:
        return None
    if call.path == "/event":
        return CustifyCall(call.path, {key: value for key, value in body.items() if key in EVENT_FIELDS})
    given = body.get("custom_attributes")
    attributes = given.items() if isinstance(given, dict) else ()
    traits = mapping.trusted_traits if mapping.trust == "traits" else ()
    left = {key: value for key, value in body.items() if key in FIELDS and key in traits}
    custom = {key: value for key, value in attributes if key in traits}
    # A person is not made, or shown as seen, by a call that says nothing.
    return (
        CustifyCall(call.path, {"user_id": body["user_id"], **left, "custom_attributes": custom})
        if left or custom
        else None
    )
