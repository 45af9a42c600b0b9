"""What the mappings cost: events per second from decoded event to plan, and from bytes to bytes beside JSON alone.

The limit is decoding the event and encoding one body of the same size, which nobody who converts can avoid. All four ways
take turns within every round, so that a noisy machine is noisy for all; the median of the rounds counts.
"""

import os
import statistics
import time
from collections.abc import Callable

import msgspec

from penstock.cli.convert import as_json
from penstock.destinations.custify.convert import convert
from penstock.destinations.custify.options import Mapping

ROUNDS, EVENTS = int(os.environ.get("BENCH_ROUNDS", "5")), int(os.environ.get("BENCH_EVENTS", "20000"))
MAPPINGS = (Mapping(), Mapping(name="rudderstack"))
CONTEXT = {
    "library": {"name": "rudder-sdk-js", "version": "3.7.0"},
    "locale": "en-GB",
    "page": {"path": "/billing", "referrer": "", "title": "Billing", "url": "https://app.example.com/billing"},
    "traits": {"email": "ana@example.com", "name": "Ana Lima", "country": "PT", "sessionCount": 7},
    "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
}
TIMES = {"originalTimestamp": "2024-05-06T07:08:09.123Z", "sentAt": "2024-05-06T07:08:10.123Z"}
# Seven in ten events of a product are tracks; identify and group come with each sign-in.
TRACK = {
    "type": "track",
    "event": "Order Completed",
    "properties": {"category": "books", "label": "spring", "value": 120, "quantity": 0, "company_id": "acme"},
}
IDENTIFY = {"type": "identify", "traits": {"email": "ana@example.com", "firstName": "Ana", "plan": "Pro", "seats": 5}}
GROUP = {"type": "group", "groupId": "acme", "traits": {"name": "Acme", "size": 150, "mrr": 1200, "region": "EU"}}
CALLS = [*[TRACK] * 7, *[IDENTIFY] * 2, GROUP]


def bodies() -> list[bytes]:
    """Return the events as accept stores them."""
    common = {"userId": "u-1029", "anonymousId": "4c1f…", "channel": "web", "context": CONTEXT, **TIMES}
    return [
        msgspec.json.encode(common | CALLS[i % len(CALLS)] | {"messageId": f"m-{i}", "timestamp": TIMES["sentAt"]})
        for i in range(EVENTS)
    ]


def limit(body: bytes) -> bytes:
    """Decode an event and write its larger parts again: JSON alone, no mapping."""
    event = msgspec.json.decode(body)
    return msgspec.json.encode({"traits": event["context"]["traits"], "properties": event.get("properties")})


def events_per_s(work: Callable[[object], object], items: list) -> float:
    """Return how many of the items are worked off in a second."""
    started = time.perf_counter()
    for item in items:
        work(item)
    return len(items) / (time.perf_counter() - started)


def main() -> None:
    stored = bodies()
    decoded = [msgspec.json.decode(body) for body in stored]
    rates: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        rates.setdefault("json alone, the limit", []).append(events_per_s(limit, stored))
        for mapping in MAPPINGS:
            plan = rates.setdefault(f"{mapping.name}, event to plan", [])
            plan.append(events_per_s(lambda event, m=mapping: convert(event, m), decoded))
            line = rates.setdefault(f"{mapping.name}, bytes to bytes", [])
            line.append(
                events_per_s(
                    lambda body, m=mapping: msgspec.json.encode(as_json(convert(msgspec.json.decode(body), m))), stored
                )
            )
    best = statistics.median(rates["json alone, the limit"])
    for name, measured in rates.items():
        middle = statistics.median(measured)
        print(f"{name:<30} events/s {middle:9.0f}   of the limit {middle / best:5.2f}")


if __name__ == "__main__":
    main()
