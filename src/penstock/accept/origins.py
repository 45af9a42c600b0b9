"""Which pages' browsers may send with a source's key. Pure.

A browser names the page it acts for in `Origin`, and a page cannot lie there. Programs that are no browser can say what
they like, or nothing: this keeps other people's pages out, not other people.
"""

from penstock.errors import SdkError
from penstock.settings import Source

NOT_ALLOWED = SdkError(403, "origin is not allowed")
ANY = "*"
# What a browser leaves out of an origin.
OWN_PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443"}
# The longest host name, a scheme and a port.
ORIGIN_CHARS_MAX = 300


def check_origin(source: Source, origin: str) -> None:
    """Raise SdkError when a browser sent this from a page that may not send with this key."""
    if not is_allowed(origin, source.origins):
        raise NOT_ALLOWED.again()


def is_allowed(origin: str, patterns: tuple[str, ...]) -> bool:
    """Return whether one of the patterns names the origin: scheme, host and port alike, `*.` for any subdomain."""
    if ANY in patterns:
        return True
    if not patterns or len(origin) > ORIGIN_CHARS_MAX:
        return False
    scheme, host, port = _parts(origin)
    return any(_fits((scheme, host, port), _parts(pattern)) for pattern in patterns)


def _fits(origin: tuple[str, str, str], pattern: tuple[str, str, str]) -> bool:
    (scheme, host, port), (scheme_, host_, port_) = origin, pattern
    if (scheme, port) != (scheme_, port_):
        return False
    return host == host_ or (host_.startswith("*.") and host.endswith(host_[1:]) and len(host) >= len(host_))


def _parts(origin: str) -> tuple[str, str, str]:
    """Split an origin into scheme, host and port; one that has no scheme, such as `null`, is all host."""
    scheme, marked, rest = origin.lower().rpartition("://")
    host, colon, port = rest.rpartition(":")
    if not colon or not port.isdigit():
        host, port = rest, ""
    return (scheme if marked else ""), host, port or OWN_PORTS.get(scheme, "")
