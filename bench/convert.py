"""What the mappings cost: bytes of an event in, bytes of its calls out, each type, both mappings.

Beside it: msgspec decoding the same event and encoding what it decoded, which nobody who converts can avoid.
"""

import time
from collections.abc import Callable

import msgspec
from rounds import in_turn, median, paired, say, sized
from rows import Row

from penstock.destinations.custify.convert import convert
from penstock.destinations.custify.options import Mapping
from penstock.destinations.plan import Plan

EVENTS = sized(2_000, 500)
MAPPINGS = {"custify/1": (Mapping(page_views=True), ">= 0.4"), "rudderstack": (Mapping(name="rudderstack"), ">= 0.3")}
CONTEXT = {
    "library": {"name": "rudder-sdk-js", "version": "3.7.0"},
    "locale": "en-GB",
    "page": {"path": "/billing", "referrer": "", "title": "Billing", "url": "https://app.example.com/billing"},
    "traits": {"email": "ana@example.com", "name": "Ana Lima", "country": "PT", "sessionCount": 7},
    "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
}
COMMON = {
    "userId": "u-1029",
    "anonymousId": "f0a5d3b0-0000-4000-8000-000000000000",
    "channel": "web",
    "context": CONTEXT,
    "originalTimestamp": "2024-05-06T07:08:09.123Z",
    "sentAt": "2024-05-06T07:08:10.123Z",
    "timestamp": "2024-05-06T07:08:10.123Z",
    "messageId": "9f8a4a3c-0000-4000-8000-000000000000",
}
TYPES = {
    "track": {
        "event": "Order Completed",
        "properties": {"category": "books", "label": "spring", "value": 120, "quantity": 0, "company_id": "acme"},
    },
    "identify": {"traits": {"email": "ana@example.com", "firstName": "Ana", "plan": "Pro", "seats": 5}},
    "group": {"groupId": "acme", "traits": {"name": "Acme", "size": 150, "mrr": 1200, "region": "EU"}},
    "page": {"name": "Billing", "properties": {"path": "/billing", "title": "Billing", "referrer": ""}},
    "screen": {"name": "Billing", "properties": {"variation": "blue"}},
    "alias": {"previousId": "u-0001"},
}


def body_of(type_: str) -> bytes:
    """Return an event as accept stores it."""
    return msgspec.json.encode(COMMON | {"type": type_} | TYPES[type_])


def limit(body: bytes) -> bytes:
    """Decode an event and encode it: JSON alone, no mapping."""
    return msgspec.json.encode(msgspec.json.decode(body))


def converted(body: bytes, options: Mapping) -> list[bytes]:
    """Return the bytes of the calls that an event becomes."""
    meaning = convert(msgspec.json.decode(body), options)
    return [msgspec.json.encode(call.body) for call in meaning.calls] if isinstance(meaning, Plan) else []


def per_s(work: Callable[[], object]) -> float:
    """Return how often something can be done in a second of processor time."""
    began = time.process_time()
    for _ in range(EVENTS):
        work()
    return EVENTS / (time.process_time() - began)


def rows_of(type_: str) -> list[Row]:
    """Measure one type: the limit and both mappings in turn."""
    body = body_of(type_)
    ways = {"JSON": lambda: per_s(lambda: limit(body))}
    for name, (options, _) in MAPPINGS.items():
        ways[name] = lambda options=options: per_s(lambda: converted(body, options))
    found = in_turn(ways)
    return [
        Row(
            name=f"convert: {type_} with {name}",
            unit="/s",
            beside="msgspec's decode and encode",
            target=target,
            cpu_us=1e6 / median(found[name]),
            **paired(found[name], found["JSON"]),
        )
        for name, (_, target) in MAPPINGS.items()
    ]


if __name__ == "__main__":
    say(*(row for type_ in TYPES for row in rows_of(type_)))
