"""Where a key may be sent: origins as settings name them, and the addresses they may lead to. Pure.

A person who may change settings may name any host, so the rule is a list of what is allowed: addresses that the internet
routes (IANA's special-purpose registries, as `ipaddress` knows them, and a few that it does not), hosts that the setting
`allowed_private_hosts` names, and over http this machine itself, for the sandbox and the demo. Text that one parser reads
as a name and another as an address (`0x7f.1`, `2130706433`, `127.1`) is refused, and never interpreted.
"""

import dataclasses
import ipaddress
import re
from collections.abc import Collection

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

ORIGIN = re.compile(r"(https?)://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?/?", re.ASCII | re.IGNORECASE)
# The path of an address: the letters of RFC 3986 that need no escaping, and escapes.
ADDRESS = re.compile(
    r"(https?://[^/?#@\\\s]+)(/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?", re.ASCII | re.IGNORECASE
)
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
# The URL Standard reads a host that ends in such a label as an IPv4 address, in whatever base.
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
HOST_CHARS_MAX = 253
PORTS = {"http": 80, "https": 443}

LOOPBACK = {"localhost": ("127.0.0.1", "::1"), "127.0.0.1": ("127.0.0.1",), "::1": ("::1",)}
# Where clouds tell a machine its own secrets. By address all but one are link-local, private or shared.
METADATA_NAMES = frozenset({"metadata", "metadata.google.internal", "metadata.goog", "instance-data"})
METADATA = ipaddress.ip_address("168.63.129.16")
NAT64 = ipaddress.ip_network("64:ff9b::/96")
# IPv6 that is routed at all, and what Python 3.11 still takes for global in it and in IPv4 (RFC 6890, RFC 9637).
ROUTED = ipaddress.ip_network("2000::/3")
SPECIAL = (
    ipaddress.ip_network("192.0.0.0/24"),
    ipaddress.ip_network("192.88.99.0/24"),
    ipaddress.ip_network("2001::/23"),
    ipaddress.ip_network("3fff::/20"),
)
# What a name in `allowed_private_hosts` opens: networks of one's own. The rest must be named by address.
PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "::1/128", "fc00::/7")
)


@dataclasses.dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port: a name in lower case, or an address in its one usual spelling, without brackets."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        """Return it as URLs begin, with the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + (f":{self.port}" if self.port != PORTS[self.scheme] else "")

    @property
    def is_this_machine(self) -> bool:
        """Return whether it is loopback as the sandbox and the demo use it."""
        return self.scheme == "http" and self.host in LOOPBACK


def origin_of(text: str) -> Origin:
    """Read an origin; a single `/` at its end is no path. Raises ValueError with what was expected."""
    found = ORIGIN.fullmatch(text)
    if found is None:
        raise ValueError("scheme, host and perhaps a port, such as https://api.custify.com")
    scheme, host = found[1].lower(), host_of(found[2])
    port = int(found[3]) if found[3] else PORTS[scheme]
    if not 0 < port < 65536:
        raise ValueError("a port from 1 to 65535")
    return Origin(scheme, host, port)


@dataclasses.dataclass(frozen=True, slots=True)
class WebAddress:
    """Where at an origin requests go."""

    origin: Origin
    path: str


def address_of(text: str) -> WebAddress:
    """Read an address with a path, without a question mark. Raises ValueError with what was expected."""
    found = ADDRESS.fullmatch(text)
    if found is None:
        raise ValueError("an address such as https://hooks.example.com/penstock, without a question mark")
    return WebAddress(origin_of(found[1]), found[2] or "/")


def host_of(text: str) -> str:
    """Return a host in its one spelling. Raises ValueError with what was expected."""
    host = text.lower()
    try:
        return str(ipaddress.ip_address(host[1:-1] if host.startswith("[") else host))
    except ValueError:
        pass
    labels = host.split(".")
    if host.startswith("[") or NUMBER.fullmatch(labels[-1]):
        raise ValueError("an address as four decimal numbers, or IPv6 in brackets without a zone")
    if len(host) > HOST_CHARS_MAX or not all(map(LABEL.fullmatch, labels)):
        raise ValueError("a host name in ASCII (xn--… for others), without a dot at the end")
    return host


def literal(host: str) -> IpAddress | None:
    """Return the address that a host is; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_open_to(origin: Origin, address: IpAddress, *, allowed: Collection[str]) -> bool:
    """Return whether a connection to this address of the origin may be made."""
    if origin.is_this_machine:
        return str(address) in LOOPBACK[origin.host]
    inner = embedded(address)
    if {str(address), str(inner)} & set(allowed):
        return True
    if origin.host in allowed and any(inner in network for network in PRIVATE):
        return True
    return is_public(inner)


def is_forbidden_name(origin: Origin, *, allowed: Collection[str]) -> bool:
    """Return whether the name alone says that the host must not be asked."""
    return origin.host in METADATA_NAMES and origin.host not in allowed


def is_public(address: IpAddress) -> bool:
    """Return whether an address is one of the internet's, and of one machine."""
    if not address.is_global or address.is_multicast or address == METADATA:
        return False
    if any(address in network for network in SPECIAL):
        return False
    return address.version == 4 or address in ROUTED


def embedded(address: IpAddress) -> IpAddress:
    """Return the IPv4 address inside one that only carries it (mapped, 6to4, NAT64); any other as it is."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address in NAT64:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return inner or address


def without_user(text: str) -> str:
    """Return an address as it was given, but never a password that stands in it."""
    return re.sub(r"//.*@", "//…@", text, flags=re.DOTALL)
