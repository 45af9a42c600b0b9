"""older.py INGEST_URL WRITE_KEY: the Python SDKs that came before today's, each with a person of its own."""

import sys

import analytics.client
import rudder_analytics.client

url, key = sys.argv[1:]


def tell(client, name: str) -> None:
    client.identify(f"{name}-1", {"name": "Ana Lima", "email": f"ana-{name}@example.com", "country": "PT"})
    client.group(f"{name}-1", f"{name}-acme", {"name": "Acme", "size": 150})
    client.track(f"{name}-1", "Order Completed", {"value": 120, "quantity": 0}, message_id=f"{name}-m1")
    client.shutdown()


tell(analytics.client.Client(key, host=url, gzip=True), "ap")
tell(rudder_analytics.client.Client(key, host=url), "r0")
