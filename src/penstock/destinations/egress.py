"""The way out: which address a call connects to, looked up and judged here, and never looked up again by the client.

A name that was harmless when it was saved may lead elsewhere later (DNS rebinding): so every address of every answer is
judged, and the client is given the one that was judged. TLS still checks the certificate for the name.

Behind an egress proxy (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY) the proxy looks names up: what they may lead to is
for its rules to say. Addresses and forbidden names are refused here all the same.
"""

import asyncio
import contextlib
import dataclasses
import ipaddress
import socket
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from penstock.clock import Clock
from penstock.origin import Origin, embedded, host_of, is_forbidden_name, is_open_to, is_public, literal, origin_of

# An address that was found good is kept this long. Shorter than most records live, so a move is noticed within a minute.
LOOK_AGAIN_S = 60.0
NOT_OPEN = "leads to an address that is not the internet's; allowed_private_hosts names those that are meant"


class Resolver(Protocol):
    """The door to DNS."""

    async def addresses(self, host: str) -> Sequence[str]:
        """Return all addresses of a name, the best first. Raises OSError when there are none, or none can be had."""


class SystemResolver:
    """The machine's own: its hosts file, its DNS."""

    async def addresses(self, host: str) -> Sequence[str]:
        """Return all addresses of a name, the best first. Raises OSError."""
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return [str(entry[4][0]) for entry in found]


class Shut(Exception):
    """This way must not be taken: nothing was sent."""


@dataclasses.dataclass(frozen=True, slots=True)
class Way:
    """How a call gets to an origin."""

    origin: Origin
    #: Connect to this address of the name; empty when the host is an address itself, or a proxy looks it up.
    address: str = ""
    #: The proxy's URL; empty for none.
    proxy: str = ""


class Egress:
    """The way to one origin, looked up now and then."""

    def __init__(
        self,
        base_url: str,
        *,
        allowed: Collection[str],
        resolver: Resolver,
        clock: Clock,
        look_up_s_max: float,
        environ: Mapping[str, str],
    ) -> None:
        self.base_url, self.allowed = base_url, frozenset(map(host_of, allowed))
        self.resolver, self.clock, self.look_up_s_max = resolver, clock, look_up_s_max
        self.environ = environ
        self.found: Way | None = None
        self.good_until, self.failed_address = float("-inf"), ""
        self.looking = asyncio.Lock()

    @property
    def is_quiet(self) -> bool:
        """Return whether what a connection attempt found would tell strangers about networks of one's own."""
        if self.found and self.found.address:
            return not is_public(embedded(ipaddress.ip_address(self.found.address)))
        with contextlib.suppress(ValueError):
            origin = origin_of(self.base_url)
            return origin.is_this_machine or origin.host in self.allowed
        return True

    async def way(self) -> Way:
        """Return a way that may be taken now. Raises Shut; OSError when the name has no address now."""
        if self.found is not None and self.clock.steady() < self.good_until:
            return self.found
        async with self.looking:
            if self.found is None or self.clock.steady() >= self.good_until:
                self.found = await self._look_again(self.found)
                self.good_until = self.clock.steady() + LOOK_AGAIN_S
            return self.found

    def failed(self, way: Way) -> None:
        """Look again before the next call, and prefer another address than the one that did not answer."""
        if way.address:
            self.good_until, self.failed_address = float("-inf"), way.address

    async def _look_again(self, before: Way | None) -> Way:
        try:
            return await self._look()
        except OSError:
            # DNS that is down says nothing against the address that was judged; delivery goes on.
            if before is None:
                raise
            return before

    async def _look(self) -> Way:
        try:
            origin = origin_of(self.base_url)
        except ValueError as error:
            raise Shut(f"base_url is not an origin: {error}") from error
        own, proxy = literal(origin.host), proxy_of(origin, self.environ)
        if is_forbidden_name(origin, allowed=self.allowed):
            raise Shut(f"{origin.host} {NOT_OPEN}")
        if own is not None:
            self._judge(origin, [str(own)])
            return Way(origin, proxy=proxy)
        return Way(origin, proxy=proxy) if proxy else Way(origin, await self._address(origin))

    async def _address(self, origin: Origin) -> str:
        # TimeoutError is an OSError.
        addresses = await asyncio.wait_for(self.resolver.addresses(origin.host), self.look_up_s_max)
        if not addresses:
            raise OSError("no address")
        self._judge(origin, addresses)
        # While the present one is still good its connections are, too.
        now = self.found.address if self.found else ""
        others = [each for each in addresses if each != self.failed_address] or addresses
        return now if now in others else others[0]

    def _judge(self, origin: Origin, addresses: Sequence[str]) -> None:
        for text in addresses:
            # A zone is where a link-local address is; those are refused whatever it says.
            if not is_open_to(origin, ipaddress.ip_address(text.partition("%")[0]), allowed=self.allowed):
                raise Shut(f"{origin.host} {NOT_OPEN}")


def proxy_of(origin: Origin, environ: Mapping[str, str]) -> str:
    """Return the proxy that the environment names for an origin, as curl and most programs read it; empty for none.

    Small letters win over capitals. Nothing on this machine is ever reached through a proxy.
    """
    if origin.is_this_machine or _goes_around(origin, _variable(environ, "no_proxy")):
        return ""
    proxy = _variable(environ, f"{origin.scheme}_proxy") or _variable(environ, "all_proxy")
    if proxy and "://" not in proxy:
        proxy = f"http://{proxy}"
    # With socks5 the client would look names up itself, past the rule above.
    return proxy.replace("socks5://", "socks5h://", 1) if proxy.startswith("socks5://") else proxy


def _variable(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name) or environ.get(name.upper(), "")


def _goes_around(origin: Origin, no_proxy: str) -> bool:
    address = literal(origin.host)
    for entry in filter(None, (each.strip().lower() for each in no_proxy.split(","))):
        domain = entry.removeprefix("*").lstrip(".")
        if entry == "*" or domain in {origin.host, f"{origin.host}:{origin.port}"}:
            return True
        if address is None and origin.host.endswith(f".{domain}"):
            return True
        if address is not None and address in (_network(entry) or ()):
            return True
    return False


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
