"""Answers requests that bring no event: SDKs' configuration, health, version."""

import dataclasses
import urllib.parse
from collections.abc import Callable
from typing import Any

import msgspec

from penstock.accept import replies
from penstock.accept.keys import basic_user, query_of
from penstock.accept.replies import Reply, json_reply, refusal
from penstock.accept.routes import Route, RouteKind
from penstock.accept.source_config import ingest_address, rudder_source_config, segment_settings
from penstock.accept.sources import Sources
from penstock.forwarded import is_trusted
from penstock.settings import Source

#: Remembers a refusal: the request's scope, the status, the text.
NoteRefusal = Callable[[Any, int, str], None]


class Looks:
    """What can be looked at without sending anything."""

    def __init__(
        self,
        *,
        sources: Sources,
        enabled: Callable[[str], Source],
        note: NoteRefusal,
        public_url: str,
        path_prefix: str,
        trusted_proxies: tuple[str, ...],
        version: str,
        started_at: str,
    ) -> None:
        self.sources, self.enabled, self.note = sources, enabled, note
        self.path_prefix, self.trusted_proxies = path_prefix, trusted_proxies
        self.public_url, self.version, self.started_at = public_url, version, started_at

    def answer(self, route: Route, scope: Any, *, path_key: str, problem: Callable[[], str]) -> Reply:
        """Answer what is not an event. Raises SdkError."""
        match route.kind:
            case RouteKind.SOURCE_CONFIG:
                return self._source_config(scope)
            case RouteKind.SEGMENT_SETTINGS:
                source = self.enabled(urllib.parse.unquote(path_key))
                return self._segment_settings(scope, source)
            case RouteKind.HEALTH:
                return refusal(503, "Cannot connect to db") if problem() else self._health()
            case RouteKind.READY:
                trouble = problem()
                return refusal(503, trouble) if trouble else replies.OK
            case RouteKind.VERSION:
                return self._version()
            case RouteKind.ROBOTS:
                return Reply(200, b"User-agent: * \nDisallow: / \n", (("content-type", replies.TEXT),))
            case RouteKind.SDK_METRICS:
                return replies.SEGMENT_OK if route.is_segments else json_reply(b"{}")
            case RouteKind.CLUSTER:
                return json_reply(b'{"nodeCount":1}')
            case _:
                return replies.OK

    def _source_config(self, scope: Any) -> Reply:
        query = query_of(scope.query_string)
        if scope.method == "HEAD":
            # `view=ad` is how the JS SDK finds out about ad blockers.
            return Reply(204 if query.get("view") == "ad" else 200, b"")
        key = basic_user(scope.headers.get("authorization") or "") or query.get("writeKey", "")
        if not key:
            self.note(scope, 401, "Writekey not found in basic auth")
            return json_reply(b'{"message":"Writekey not found in basic auth"}', 401)
        source = self.sources.find(key)
        if source is None:
            self.note(scope, 400, "Invalid write key")
            return json_reply(b'{"message":"Invalid write key"}', 400)
        return json_reply(rudder_source_config(source))

    def _segment_settings(self, scope: Any, source: Source) -> Reply:
        protocol, host = ingest_address(
            scope.scheme,
            scope.headers,
            public_url=self.public_url,
            is_proxy=is_trusted(scope.client, self.trusted_proxies),
            prefix=self.path_prefix if scope.path.startswith(f"{self.path_prefix}/") else "",
        )
        reply = json_reply(segment_settings(source, protocol=protocol, host=host))
        # What was said to one must not be kept for others.
        return dataclasses.replace(reply, headers=(*reply.headers, ("cache-control", "private")))

    def _health(self) -> Reply:
        facts = {
            "appType": "EMBEDDED",
            "server": "UP",
            "db": "UP",
            "acceptingEvents": "TRUE",
            "routingEvents": "TRUE",
            "mode": "NORMAL",
            "backendConfigMode": "JSON",
            "lastSync": self.started_at,
            "lastRegulationSync": "",
        }
        return json_reply(msgspec.json.encode(facts))

    def _version(self) -> Reply:
        facts = {
            "Version": self.version,
            "Commit": "",
            "BuildDate": "",
            "BuiltBy": "penstock",
            "Features": ["gzip-req-payload"],
        }
        return json_reply(msgspec.json.encode(facts))
