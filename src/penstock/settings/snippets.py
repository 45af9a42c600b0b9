"""What to paste into an application, filled in with a source's key and this host. Pure."""

from penstock.settings import Settings, Source, host_and_port


def ingest_of(settings: Settings, host: str) -> str:
    """Return ingest's address for an application: what the operator says it is, else what a browser makes of it."""
    return settings.public_ingest_url or ingest_seen_from(settings.listen, host)


def ingest_seen_from(listen: str, host: str) -> str:
    """Return ingest's address as a browser reaches it: where it listens everywhere, the browser knows the host."""
    at, port = host_and_port("listen", listen)
    if at in {"0.0.0.0", "::"} and host:  # noqa: S104 - nothing listens here
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    return f"http://{listen}"


def snippets(source: Source, ingest: str, *, shows_key: bool) -> list[tuple[str, str]]:
    """Return title and text of each SDK that fits the type of a source; the key for those who may change it."""
    key = source.write_key if shows_key else "WRITE_KEY"
    web = (
        'import { RudderAnalytics } from "@rudderstack/analytics-js";\n'
        "const rudderanalytics = new RudderAnalytics();\n"
        f'rudderanalytics.load("{key}", "{ingest}", {{ configUrl: "{ingest}" }});\n'
        'rudderanalytics.identify("user-1", { email: "ana@example.com" });'
    )
    android = (
        f'RudderClient.getInstance(context, "{key}",\n'
        f'    RudderConfig.Builder().withDataPlaneUrl("{ingest}").withControlPlaneUrl("{ingest}").build())'
    )
    swift = (
        f'let config = RSConfig(writeKey: "{key}").dataPlaneURL("{ingest}").controlPlaneURL("{ingest}")\n'
        "RSClient.sharedInstance().configure(with: config)"
    )
    python = (
        "import rudderstack.analytics as analytics\n"
        f'analytics.write_key, analytics.dataPlaneUrl = "{key}", "{ingest}"\n'
        'analytics.identify("user-1", {"email": "ana@example.com"})'
    )
    node = (
        'const RudderAnalytics = require("@rudderstack/rudder-sdk-node");\n'
        f'const analytics = new RudderAnalytics("{key}", {{ dataPlaneUrl: "{ingest}" }});\n'
        'analytics.identify({ userId: "user-1", traits: { email: "ana@example.com" } });'
    )
    segment = f'new Analytics({{ writeKey: "{key}", host: "{ingest}" }})'
    curl = (
        f"curl -u {key}: {ingest}/v1/identify -H 'Content-Type: application/json' \\\n"
        '  -d \'{"userId": "user-1", "traits": {"email": "ana@example.com"}}\''
    )
    by_type = {
        "web": [("RudderStack JavaScript", web)],
        "mobile": [("RudderStack Android (Kotlin)", android), ("RudderStack iOS (Swift)", swift)],
        "server": [("RudderStack Python", python), ("RudderStack Node", node), ("Segment Node", segment)],
    }
    return [*by_type[source.type], ("curl", curl)]
