"""The demo's sample traffic: three people of two companies, sent by the unmodified RudderStack Python SDK."""

import click

WRITE_KEYS = {"web": "demo-web-write-key", "mobile": "demo-mobile-write-key", "server": "demo-server-write-key"}

PEOPLE = {
    "u-ana": {"name": "Ana Lima", "email": "ana@example.com", "phone": "+351 555 0100", "country": "PT"},
    "u-bo": {"firstName": "Bo", "lastName": "Berg", "email": "bo@example.com", "sessionCount": 3},
    "u-cy": {"name": "Cy Otto", "email": "cy@example.com", "unsubscribedFromEmails": True},
}
COMPANIES = {
    "acme": {"name": "Acme", "industry": "Logistics", "size": 150, "plan": "Pro", "mrr": 1200},
    "globex": {"name": "Globex", "website": "https://globex.example", "churned": False},
}
MEMBERS = {"u-ana": "acme", "u-bo": "acme", "u-cy": "globex"}
TRACKS = (
    ("u-ana", "Order Completed", {"category": "books", "value": 120, "quantity": 0}),
    ("u-bo", "Report Exported", {"format": "csv", "rows": 4096}),
    ("u-cy", "Plan Changed", {"from": "Basic", "to": "Pro"}),
)
#: What the sandbox holds when all of it has arrived.
EXPECTED = {"people": len(PEOPLE), "companies": len(COMPANIES), "events": len(TRACKS)}


def send_sample_traffic(ingest_url: str) -> None:
    """Send it all and wait until the SDK has been told 200 for each batch. Raises click.ClickException."""
    try:
        from rudderstack.analytics.client import Client  # type: ignore[import-untyped]
    except ImportError as error:
        raise click.ClickException("the demo needs the RudderStack SDK: pip install 'penstock[demo]'") from error
    client = Client(WRITE_KEYS["server"], host=ingest_url, max_retries=3)
    for user_id, traits in PEOPLE.items():
        client.identify(user_id, traits)
    for user_id, company_id in MEMBERS.items():
        client.group(user_id, company_id, COMPANIES[company_id])
    for user_id, name, properties in TRACKS:
        client.track(user_id, name, properties)
    client.flush()
    client.shutdown()
