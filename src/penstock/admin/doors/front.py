"""What stands before every route of the admin listener: how it is seen from outside, and who asks.

A browser says in `Host` which name it asked. One that this listener was not given is refused: a page of a stranger could
lead its own name to this machine (DNS rebinding) and read what is open to this machine alone. With `public_url`, scheme
and host of every request are those of that address, so links, redirects and cookies are right whatever a proxy sends.
"""

import ipaddress
import urllib.parse
from collections.abc import Callable, Iterable

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penstock.admin.doors.guesses import Knock
from penstock.forwarded import client_of, is_trusted
from penstock.settings import Settings, host_and_port

#: A browser sends a cookie with this prefix over TLS alone, to this host alone, and takes it from no other.
PREFIX = "__Host-"
OURS = "penstock_"
DEVICE = f"{OURS}device"
HSTS = (b"strict-transport-security", b"max-age=31536000")
# Says no more than that the process answers, and is asked by whatever knows no name.
LIVENESS = "/livez"
FORWARDING = frozenset({b"x-forwarded-for", b"forwarded", b"x-forwarded-host", b"x-real-ip", b"via"})
EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - nothing listens here

Headers = Iterable[tuple[bytes, bytes]]


class Front:
    """Refuses hosts that are not ours; tells what is behind it scheme, host and sender of a request."""

    def __init__(self, app: ASGIApp, *, settings: Callable[[], Settings]) -> None:
        self.app, self.settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the address that the outside knows."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        settings = self.settings()
        host = _all_of(scope["headers"], b"host")
        if scope["path"] != LIVENESS and not is_ours(host, settings):
            text = f"this is not {host[:100] or 'a named host'}; set public_url or admin_hosts to the name people use\n"
            await PlainTextResponse(text, 421)(scope, receive, send)
            return
        is_tls = settings.public_url.startswith("https://")

        async def as_seen(message: Message) -> None:
            if is_tls and message["type"] == "http.response.start":
                message["headers"] = [HSTS, *map(_guarded, message.get("headers", []))]
            await send(message)

        await self.app(seen(scope, settings, is_tls=is_tls), receive, as_seen)


def is_ours(host: str, settings: Settings) -> bool:
    """Return whether a Host header names this listener: `public_url`, `admin_hosts`, loopback, or where it listens.

    A number cannot be rebound, so one that listens everywhere answers to all numbers.
    """
    name = urllib.parse.urlsplit(f"//{host}").hostname or "" if _is_plain(host) else ""
    public = urllib.parse.urlsplit(settings.public_url).hostname
    listens, _ = host_and_port("admin_listen", settings.admin_listen)
    if not name:
        return False
    if name in {"localhost", public, listens.lower(), *(each.lower() for each in settings.admin_hosts)}:
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or listens in EVERYWHERE


def seen(scope: Scope, settings: Settings, *, is_tls: bool) -> Scope:
    """Return a request as `public_url` and the trusted proxies say it was made."""
    headers = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
    peer = (scope.get("client") or ("",))[0]
    forwarded = _all_of(headers, b"x-forwarded-for")
    state = {
        **scope.get("state", {}),
        "address": client_of(peer, forwarded, settings.trusted_proxies) or peer,
        # No proxy between us and the browser, as far as one can tell.
        "is_direct": not settings.public_url and not any(name in FORWARDING for name, _ in headers),
    }
    if cookies := _all_of(scope["headers"], b"cookie", "; "):
        headers.append((b"cookie", _plain_cookies(cookies, is_tls=is_tls).encode("latin-1")))
    public = urllib.parse.urlsplit(settings.public_url)
    scheme, netloc = public.scheme, public.netloc
    if not netloc and is_trusted(peer, settings.trusted_proxies):
        scheme, netloc = _said_by_proxy(headers, settings)
    if netloc:
        headers = [(b"host", netloc.encode()), *(each for each in headers if each[0] != b"host")]
    return {**scope, "scheme": scheme or scope["scheme"], "headers": headers, "state": state}


def _said_by_proxy(headers: Headers, settings: Settings) -> tuple[str, str]:
    """Return by which scheme and host a trusted proxy was asked, as far as it says so; a host that is not ours is none."""
    proto, host = (_all_of(headers, name).split(",")[0].strip() for name in (b"x-forwarded-proto", b"x-forwarded-host"))
    return proto if proto in {"http", "https"} else "", host if host and is_ours(host, settings) else ""


def knock_of(request: Request) -> Knock:
    """Return where an attempt to come in is made from."""
    return Knock(address=request.state.address, device=request.cookies.get(DEVICE, ""))


def _plain_cookies(cookies: str, *, is_tls: bool) -> str:
    """Return a Cookie header as pages know it. Over TLS, one of ours without the prefix may be anybody's."""
    kept = []
    for each in cookies.split(";"):
        cookie = each.strip()
        if is_tls and cookie.startswith(f"{PREFIX}{OURS}"):
            kept.append(cookie.removeprefix(PREFIX))
        elif not (is_tls and cookie.startswith(OURS)):
            kept.append(cookie)
    return "; ".join(kept)


def _guarded(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Return a header of an answer; a cookie of ours with the prefix, and for TLS alone."""
    name, value = header
    if name.lower() != b"set-cookie" or not value.startswith(OURS.encode()):
        return header
    return name, PREFIX.encode() + value + (b"" if b"; secure" in value.lower() else b"; Secure")


def _is_plain(host: str) -> bool:
    return bool(host) and host.isascii() and host.isprintable() and not set(host) & set("/\\@?#, ")


def _all_of(headers: Headers, wanted: bytes, joined: str = ", ") -> str:
    return joined.join(value.decode("latin-1") for name, value in headers if name.lower() == wanted)
