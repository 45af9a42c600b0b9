"""IP addresses of which a part is kept: the network, not who was in it. Pure."""

import functools
import ipaddress
import json
from collections.abc import Callable, Mapping

from penstock.forwarded import address_of

#: What is usual: https://support.google.com/analytics/answer/2763052, and /48 is what a site is given.
BITS = {4: 24, 6: 48}
REMEMBERED_MAX = 2_048


@functools.lru_cache(maxsize=REMEMBERED_MAX)
def shortened(address: str) -> str:
    """Return an address without its last part: IPv4 up to /24, IPv6 up to /48; empty for what is no address."""
    plain = address_of(address)
    if not plain:
        return ""
    network = ipaddress.ip_network(f"{plain}/{BITS[ipaddress.ip_address(plain).version]}", strict=False)
    return str(network.network_address)


def dropped(_: str) -> str:
    """Return nothing of an address."""
    return ""


#: What is kept of an address, by the setting `ip_addresses`.
CUT_ADDRESS: Mapping[str, Callable[[str], str]] = {"keep": str, "truncate": shortened, "drop": dropped}


def shortened_json(raw: bytes) -> bytes | None:
    """Return a scalar of JSON as `shortened` returns it; None for what is no address."""
    if not raw.startswith(b'"'):
        return None
    text = json.loads(raw.decode("utf-8", errors="replace"), strict=False)
    short = shortened(text)
    if not short:
        return b'""' if not text.strip() else None
    return raw if short == text else json.dumps(short).encode()
