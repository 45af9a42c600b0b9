"""What an SDK call becomes: the call itself, whole, with who sent it and when it happened. Pure."""

import dataclasses
from typing import ClassVar

from penstock import causes
from penstock.destinations.options import Options
from penstock.destinations.plan import Call, Meaning, Plan, Unmappable
from penstock.destinations.times import happened

#: Calls of a webhook have no path of their own; the address has one.
PATH = "webhook"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Whole(Options):
    """Events are passed on as they came."""

    type: ClassVar[str] = "webhook"
    name: str = "webhook/1"


def convert(call: object, options: Whole) -> Meaning:
    """Return the one call of an event, in the shape that Standard Webhooks recommends: type, timestamp, data."""
    if not isinstance(call, dict):
        return Unmappable("the event is not a JSON object", causes.NOT_AN_OBJECT)
    kind = call.get("type")
    if not isinstance(kind, str) or not kind.strip():
        return Unmappable("the event has no type: it cannot be known which call it was", causes.NO_TYPE)
    body: dict[str, object] = {
        "type": kind.strip().lower(),
        "timestamp": happened(call, options).text,
        "source": options.source,
        # A page in a browser may name any person: the receiver must know how far its source is believed.
        "trust": options.trust,
        "data": call,
    }
    return Plan((Call(PATH, body),))
