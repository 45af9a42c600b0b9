"""Who sent a request that came through a proxy. Pure.

Each proxy appends the address it was called from to X-Forwarded-For, so the header is believed from its right end only,
and only for as long as those who wrote it are trusted. What stands further left is the sender's own word.
"""

import functools
import ipaddress
from collections.abc import Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# No installation has more proxies in a row; a longer header is an attempt to cost time.
HOPS_MAX = 20
# The longest address as text, in brackets, with a zone and a port.
ADDRESS_CHARS_MAX = 80
# Proxies and senders seen lately; both caches hold short keys alone.
REMEMBERED_MAX = 2048


def client_of(peer: str, forwarded_for: str, trusted: tuple[str, ...]) -> str:
    """Return the address a request came from: the rightmost that is no trusted proxy.

    `peer` is who opened the connection, with a port or without; `forwarded_for` all X-Forwarded-For headers in their order,
    joined by commas. If everybody in the row is trusted, the one furthest away is returned. An entry that is no address
    ends the row: the address of who wrote it is all that is known.
    """
    client = address_of(peer)
    if not forwarded_for:
        return client
    hops = forwarded_for.rsplit(",", HOPS_MAX)[-HOPS_MAX:]
    while hops and _is_trusted(client, trusted) and (hop := address_of(hops.pop())):
        client = hop
    return client


def is_trusted(peer: str, trusted: tuple[str, ...]) -> bool:
    """Return whether who opened a connection, with a port or without, is a proxy whose word is believed."""
    return _is_trusted(address_of(peer), trusted)


def address_of(text: str) -> str:
    """Return an address as it is usually written, without port, brackets and zone; empty when it is none."""
    return peer_of(text) if len(text) <= ADDRESS_CHARS_MAX else ""


def networks_of(trusted: Sequence[str]) -> tuple[Network, ...]:
    """Return the networks that some texts name; an address is a network of one. Raises ValueError."""
    return tuple(ipaddress.ip_network(text.strip()) for text in trusted)


@functools.lru_cache(maxsize=REMEMBERED_MAX)
def peer_of(text: str) -> str:
    """Return the address of who opened a connection, as `address_of` does; the system's own text, which is never long."""
    address = _parsed(_without_port(text.strip()))
    return str(address) if address else ""


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    # An IPv6 address without brackets has several colons, and no port.
    return text.partition(":")[0] if text.count(":") == 1 else text


def _parsed(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    # A socket that serves both families shows IPv4 senders like this.
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


@functools.lru_cache(maxsize=REMEMBERED_MAX)
def _is_trusted(client: str, trusted: tuple[str, ...]) -> bool:
    address = _parsed(client)
    return address is not None and any(address in network for network in networks_of(trusted))
