"""Who may ask the sandbox at all: programs and its own page, not the pages of other sites.

Any page on the web can make a browser send requests to loopback, and can give its own name the address of this machine
(DNS rebinding), so that the browser takes the sandbox for a part of that site. A browser says both: the name in Host, and
where the page is from in Origin and Sec-Fetch-Site (Fetch Standard; Fetch Metadata). Programs send no Origin.
"""

import ipaddress
from collections.abc import Collection, Mapping

import msgspec
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Doors:
    """An ASGI application in front of another one, which only sees requests that may pass."""

    def __init__(self, app: ASGIApp, *, hosts: Collection[str] = ()) -> None:
        self.app, self.hosts = app, frozenset(name.lower() for name in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it with a sentence."""
        app: ASGIApp = self.app
        if scope["type"] == "http":
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            if why := refusal(scope["method"], headers, hosts=self.hosts):
                content = msgspec.json.encode({"error": why})
                app = Response(content, 403, media_type="application/json", headers={"cache-control": "no-store"})
        await app(scope, receive, send)


def refusal(method: str, headers: Mapping[str, str], *, hosts: Collection[str]) -> str:
    """Return why a request must not pass; empty when it may. Header names are lower-case."""
    host, origin = headers.get("host", "").lower(), headers.get("origin")
    if not is_of_this_machine(name := name_of(host), hosts):
        return f"not as {name}: ask by address or as localhost, or start the sandbox with --allow-host {name}"
    # `null` is what a sandboxed frame or a file sends.
    if origin is not None and origin.lower().partition("://")[2] != host:
        return "not from another site's page"
    if method not in SAFE_METHODS and headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        return "not from another site's page"
    return ""


def name_of(host: str) -> str:
    """Return the name or address in a Host header, without its port."""
    if host.startswith("["):
        return host.partition("]")[0].lstrip("[")
    return host.partition(":")[0]


def is_of_this_machine(name: str, hosts: Collection[str]) -> bool:
    """Return whether no stranger can have given this name an address: the owner of `example.com` can, for it."""
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        # A name without a dot has no owner on the web; containers call each other by such names.
        return "." not in name or name in hosts
