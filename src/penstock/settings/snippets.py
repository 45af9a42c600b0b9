"""What to paste into an application, filled in with a source's key and ingest's address. Pure.

How each SDK is set up is told in docs/sdks.md, with what was run and what was read.
"""

import dataclasses
import urllib.parse
from collections.abc import Callable, Mapping, Sequence

from penstock.settings.check import host_and_port
from penstock.settings.source import Source
from penstock.settings.table import Settings

LOOPBACK = ("127.", "localhost", "::1")


@dataclasses.dataclass(frozen=True, slots=True)
class Snippet:
    """The lines of one SDK."""

    title: str
    text: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ingest:
    """Where SDKs send to: its key, and its address as a whole and in parts."""

    key: str
    url: str
    #: Host, port and path, without the scheme.
    rest: str
    host: str
    port: int
    is_tls: bool


def ingest_of(settings: Settings, host: str) -> str:
    """Return ingest's address for an application: what the operator says it is, else what a browser makes of it."""
    return settings.public_ingest_url or ingest_seen_from(settings.listen, host)


def ingest_seen_from(listen: str, host: str) -> str:
    """Return ingest's address as a browser reaches it: where it listens everywhere, the browser knows the host."""
    at, port = host_and_port("listen", listen)
    if at in {"0.0.0.0", "::"} and host:  # noqa: S104 - nothing listens here
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    return f"http://{listen}"


def doubt_about(settings: Settings, ingest: str) -> str:
    """Return why applications may not reach that address, as a sentence; nothing when it was said by the operator."""
    if settings.public_ingest_url:
        return ""
    host = urllib.parse.urlsplit(ingest).hostname or ""
    if host.startswith(LOOPBACK):
        return (
            "This address is reached from this machine alone: set public_ingest_url to the one that applications reach."
        )
    return "This address is a guess: set public_ingest_url to the one that applications reach, best with https."


def snippets(source: Source, ingest: str, *, shows_key: bool) -> list[Snippet]:
    """Return the lines of each SDK that fits the type of a source; the key for those who may change it."""
    parts = urllib.parse.urlsplit(ingest)
    is_tls = parts.scheme == "https"
    at = Ingest(
        key=source.write_key if shows_key else "WRITE_KEY",
        url=ingest,
        rest=ingest.partition("://")[2],
        host=parts.hostname or "",
        port=parts.port or (443 if is_tls else 80),
        is_tls=is_tls,
    )
    return [Snippet(title, lines(at)) for title, lines in (*BY_TYPE[source.type], ("curl", _curl))]


def _rudder_js(at: Ingest) -> str:
    return (
        'import { RudderAnalytics } from "@rudderstack/analytics-js";\n'
        "const rudderanalytics = new RudderAnalytics();\n"
        f'rudderanalytics.load("{at.key}", "{at.url}", {{ configUrl: "{at.url}" }});\n'
        'rudderanalytics.identify("user-1", { email: "ana@example.com" });'
    )


def _rudder_node(at: Ingest) -> str:
    return (
        'const RudderAnalytics = require("@rudderstack/rudder-sdk-node");\n'
        f'const analytics = new RudderAnalytics("{at.key}", {{ dataPlaneUrl: "{at.url}" }});\n'
        'analytics.identify({ userId: "user-1", traits: { email: "ana@example.com" } });'
    )


def _rudder_python(at: Ingest) -> str:
    return (
        "import rudderstack.analytics as analytics\n"
        f'analytics.write_key, analytics.dataPlaneUrl = "{at.key}", "{at.url}"\n'
        'analytics.identify("user-1", {"email": "ana@example.com"})'
    )


def _rudder_go(at: Ingest) -> str:
    return (
        'import "github.com/rudderlabs/analytics-go/v4"\n\n'
        f'client := analytics.New("{at.key}", "{at.url}")\n'
        "defer client.Close()\n"
        "client.Enqueue(analytics.Identify{\n"
        '    UserId: "user-1",\n'
        '    Traits: analytics.NewTraits().SetEmail("ana@example.com"),\n'
        "})"
    )


def _rudder_java(at: Ingest) -> str:
    return (
        "// com.rudderstack.sdk.java.analytics:analytics\n"
        f'RudderAnalytics analytics = RudderAnalytics.builder("{at.key}").setDataPlaneUrl("{at.url}").build();\n'
        'analytics.enqueue(IdentifyMessage.builder().userId("user-1").traits(Map.of("email", "ana@example.com")));'
    )


def _rudder_ruby(at: Ingest) -> str:
    plain = "" if at.is_tls else ", ssl: false"
    return (
        "require 'rudder-sdk-ruby'\n"
        f"analytics = Rudder::Analytics.new(write_key: '{at.key}', data_plane_url: '{at.url}'{plain})\n"
        "analytics.identify(user_id: 'user-1', traits: { email: 'ana@example.com' })\n"
        "analytics.flush"
    )


def _rudder_php(at: Ingest) -> str:
    plain = "" if at.is_tls else ', "ssl" => false'
    return (
        "use Rudder\\Rudder;\n"
        f'Rudder::init("{at.key}", ["data_plane_url" => "{at.url}"{plain}]);\n'
        'Rudder::identify(["userId" => "user-1", "traits" => ["email" => "ana@example.com"]]);\n'
        "Rudder::flush();"
    )


def _rudder_android(at: Ingest) -> str:
    return (
        f'val client = RudderClient.getInstance(context, "{at.key}", RudderConfig.Builder()\n'
        f'    .withDataPlaneUrl("{at.url}").withControlPlaneUrl("{at.url}").build())\n'
        'client?.identify("user-1")'
    )


def _rudder_ios(at: Ingest) -> str:
    return (
        f'let config = RSConfig(writeKey: "{at.key}").dataPlaneURL("{at.url}").controlPlaneURL("{at.url}")\n'
        "RSClient.sharedInstance().configure(with: config)\n"
        'RSClient.sharedInstance().identify("user-1")'
    )


def _rudder_react_native(at: Ingest) -> str:
    return (
        'import rudderClient from "@rudderstack/rudder-sdk-react-native";\n'
        f'await rudderClient.setup("{at.key}", {{ dataPlaneUrl: "{at.url}", controlPlaneUrl: "{at.url}" }});\n'
        'rudderClient.identify("user-1", { email: "ana@example.com" });'
    )


def _segment_js(at: Ingest) -> str:
    return (
        'import { AnalyticsBrowser } from "@segment/analytics-next";\n'
        f'const analytics = AnalyticsBrowser.load({{ writeKey: "{at.key}", cdnURL: "{at.url}" }});\n'
        'analytics.identify("user-1", { email: "ana@example.com" });'
    )


def _segment_node(at: Ingest) -> str:
    return (
        'const { Analytics } = require("@segment/analytics-node");\n'
        f'const analytics = new Analytics({{ writeKey: "{at.key}", host: "{at.url}" }});\n'
        'analytics.identify({ userId: "user-1", traits: { email: "ana@example.com" } });'
    )


def _segment_python(at: Ingest) -> str:
    return (
        "import segment.analytics as analytics\n"
        f'analytics.write_key, analytics.host = "{at.key}", "{at.url}"\n'
        'analytics.identify("user-1", {"email": "ana@example.com"})'
    )


def _segment_go(at: Ingest) -> str:
    return (
        'import "github.com/segmentio/analytics-go/v3"\n\n'
        f'client, _ := analytics.NewWithConfig("{at.key}", analytics.Config{{Endpoint: "{at.url}"}})\n'
        "defer client.Close()\n"
        "client.Enqueue(analytics.Identify{\n"
        '    UserId: "user-1",\n'
        '    Traits: analytics.NewTraits().SetEmail("ana@example.com"),\n'
        "})"
    )


def _segment_java(at: Ingest) -> str:
    return (
        "// com.segment.analytics.java:analytics\n"
        f'Analytics analytics = Analytics.builder("{at.key}").endpoint("{at.url}").build();\n'
        'analytics.enqueue(IdentifyMessage.builder().userId("user-1").traits(Map.of("email", "ana@example.com")));'
    )


def _segment_ruby(at: Ingest) -> str:
    tls = "true" if at.is_tls else "false"
    return (
        "require 'segment/analytics'\n"
        f"analytics = Segment::Analytics.new(write_key: '{at.key}', host: '{at.host}', port: {at.port}, ssl: {tls})\n"
        "analytics.identify(user_id: 'user-1', traits: { email: 'ana@example.com' })\n"
        "analytics.flush"
    )


def _segment_php(at: Ingest) -> str:
    tls = "true" if at.is_tls else "false"
    return (
        "use Segment\\Segment;\n"
        f'Segment::init("{at.key}", ["host" => "{at.rest}", "ssl" => {tls}]);\n'
        'Segment::identify(["userId" => "user-1", "traits" => ["email" => "ana@example.com"]]);\n'
        "Segment::flush();"
    )


def _segment_kotlin(at: Ingest) -> str:
    return (
        f'val analytics = Analytics("{at.key}", applicationContext) {{\n'
        f'    apiHost = "{at.rest}/v1"; cdnHost = "{at.rest}/v1"  // over https\n'
        "}\n"
        'analytics.identify("user-1")'
    )


def _segment_swift(at: Ingest) -> str:
    return (
        f'let config = Configuration(writeKey: "{at.key}").apiHost("{at.rest}/v1").cdnHost("{at.rest}/v1")  // over https\n'
        "let analytics = Analytics(configuration: config)\n"
        'analytics.identify(userId: "user-1")'
    )


def _segment_react_native(at: Ingest) -> str:
    return (
        'import { createClient } from "@segment/analytics-react-native";\n'
        f'const client = createClient({{ writeKey: "{at.key}", proxy: "{at.url}/v1/b", cdnProxy: "{at.url}/v1/projects" }});\n'
        'client.identify("user-1", { email: "ana@example.com" });'
    )


def _curl(at: Ingest) -> str:
    return (
        f"curl -u {at.key}: {at.url}/v1/identify -H 'Content-Type: application/json' \\\n"
        '  -d \'{"userId": "user-1", "traits": {"email": "ana@example.com"}}\''
    )


Lines = Callable[[Ingest], str]
#: SDKs by the type of a source, RudderStack's before Segment's.
BY_TYPE: Mapping[str, Sequence[tuple[str, Lines]]] = {
    "web": (("RudderStack JavaScript", _rudder_js), ("Segment JavaScript", _segment_js)),
    "mobile": (
        ("RudderStack Android (Kotlin)", _rudder_android), ("RudderStack iOS (Swift)", _rudder_ios),
        ("RudderStack React Native", _rudder_react_native), ("Segment Android (Kotlin)", _segment_kotlin),
        ("Segment iOS (Swift)", _segment_swift), ("Segment React Native", _segment_react_native),
    ),
    "server": (
        ("RudderStack Node", _rudder_node), ("RudderStack Python", _rudder_python), ("RudderStack Go", _rudder_go),
        ("RudderStack Java", _rudder_java), ("RudderStack Ruby", _rudder_ruby), ("RudderStack PHP", _rudder_php),
        ("Segment Node", _segment_node), ("Segment Python", _segment_python), ("Segment Go", _segment_go),
        ("Segment Java", _segment_java), ("Segment Ruby", _segment_ruby), ("Segment PHP", _segment_php),
    ),
}  # fmt: skip
